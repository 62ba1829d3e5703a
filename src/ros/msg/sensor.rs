//! `sensor_msgs`.

use super::Header;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// `sensor_msgs/Image`: an uncompressed image.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Image {
    /// Exposure time and optical frame.
    pub header: Header,
    /// Rows.
    pub height: u32,
    /// Columns.
    pub width: u32,
    /// Pixel format, such as `rgb8` or `16UC1`.
    pub encoding: String,
    /// Whether samples wider than a byte are big-endian; 0 or 1.
    pub is_bigendian: u8,
    /// Bytes from one row to the next.
    pub step: u32,
    /// The rows, `step * height` bytes.
    pub data: ByteBuf,
}

/// `sensor_msgs/CompressedImage`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CompressedImage {
    /// Exposure time and optical frame.
    pub header: Header,
    /// Codec, such as `jpeg` or `16UC1; compressedDepth png`.
    pub format: String,
    /// The compressed bytes.
    pub data: ByteBuf,
}

/// `sensor_msgs/RegionOfInterest`, pixels; all zero means the whole image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegionOfInterest {
    /// Leftmost column.
    pub x_offset: u32,
    /// Topmost row.
    pub y_offset: u32,
    /// Rows.
    pub height: u32,
    /// Columns.
    pub width: u32,
    /// Whether the window is rectified.
    pub do_rectify: bool,
}

/// `sensor_msgs/CameraInfo`: calibration of a camera.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CameraInfo {
    /// Stamp and optical frame.
    pub header: Header,
    /// Rows of the full sensor image.
    pub height: u32,
    /// Columns of the full sensor image.
    pub width: u32,
    /// Name of the distortion model.
    pub distortion_model: String,
    /// Distortion coefficients.
    pub d: Vec<f64>,
    /// Intrinsic matrix, row-major 3×3.
    pub k: [f64; 9],
    /// Rectification matrix, row-major 3×3.
    pub r: [f64; 9],
    /// Projection matrix, row-major 3×4.
    pub p: [f64; 12],
    /// Horizontal binning; 0 means 1.
    pub binning_x: u32,
    /// Vertical binning; 0 means 1.
    pub binning_y: u32,
    /// Region of interest.
    pub roi: RegionOfInterest,
}

/// `sensor_msgs/PointField`: one number of each point of a [`PointCloud2`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointField {
    /// Name, such as `x` or `rgb`.
    pub name: String,
    /// Byte at which it begins in a point.
    pub offset: u32,
    /// Type of the number; see the constants.
    pub datatype: u8,
    /// Numbers of that type.
    pub count: u32,
}

impl PointField {
    /// `datatype` of a 32-bit integer.
    pub const INT32: u8 = 5;
    /// `datatype` of a 32-bit unsigned integer.
    pub const UINT32: u8 = 6;
    /// `datatype` of a 32-bit float.
    pub const FLOAT32: u8 = 7;
}

/// `sensor_msgs/PointCloud2`: points of `point_step` bytes each.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PointCloud2 {
    /// Time and frame of the points.
    pub header: Header,
    /// Rows; 1 for points in no order.
    pub height: u32,
    /// Points in a row.
    pub width: u32,
    /// The numbers of a point.
    pub fields: Vec<PointField>,
    /// Whether the numbers are big-endian.
    pub is_bigendian: bool,
    /// Bytes of a point.
    pub point_step: u32,
    /// Bytes of a row.
    pub row_step: u32,
    /// `row_step * height` bytes.
    pub data: ByteBuf,
    /// Whether no point is invalid.
    pub is_dense: bool,
}
