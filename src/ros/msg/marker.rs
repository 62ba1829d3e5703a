//! `visualization_msgs`: shapes and words for RViz and Foxglove.

use super::{ColorRGBA, CompressedImage, Duration, Header, Point, Pose, Vector3};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// `visualization_msgs/UVCoordinate`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct UVCoordinate {
    /// Place in the texture, 0..=1.
    pub u: f32,
    /// Place in the texture, 0..=1.
    pub v: f32,
}

/// `visualization_msgs/MeshFile`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeshFile {
    /// Its name, which tells the format.
    pub filename: String,
    /// Its bytes.
    pub data: ByteBuf,
}

/// `visualization_msgs/Marker`: one shape.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Marker {
    /// Stamp and frame.
    pub header: Header,
    /// Namespace of the id.
    pub ns: String,
    /// With the namespace the marker's identity.
    pub id: i32,
    /// One of the shapes.
    #[serde(rename = "type")]
    pub kind: i32,
    /// One of the actions.
    pub action: i32,
    /// Where it stands.
    pub pose: Pose,
    /// Edge lengths, metres; of text the height of a letter in z.
    pub scale: Vector3,
    /// Its colour.
    pub color: ColorRGBA,
    /// How long it stays; zero means for good.
    pub lifetime: Duration,
    /// Whether it moves with its frame.
    pub frame_locked: bool,
    /// Points of lines, lists and arrows, metres.
    pub points: Vec<Point>,
    /// A colour for each point, or none.
    pub colors: Vec<ColorRGBA>,
    /// Where the texture is.
    pub texture_resource: String,
    /// The texture itself.
    pub texture: CompressedImage,
    /// Where the points lie in the texture.
    pub uv_coordinates: Vec<UVCoordinate>,
    /// Words of a text.
    pub text: String,
    /// Where the mesh is.
    pub mesh_resource: String,
    /// The mesh itself.
    pub mesh_file: MeshFile,
    /// Whether the mesh has its own colours.
    pub mesh_use_embedded_materials: bool,
}

impl Marker {
    /// From one point to another, or along the pose.
    pub const ARROW: i32 = 0;
    /// A ball.
    pub const SPHERE: i32 = 2;
    /// Words that face the viewer.
    pub const TEXT_VIEW_FACING: i32 = 9;
    /// Adds the marker, or changes it.
    pub const ADD: i32 = 0;
    /// Takes all markers away.
    pub const DELETEALL: i32 = 3;
}

/// `visualization_msgs/MarkerArray`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MarkerArray {
    /// In the order in which they are to be carried out.
    pub markers: Vec<Marker>,
}
