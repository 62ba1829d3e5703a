//! ROS 2 message structs, field for field as the `.msg` texts say.
//!
//! Fields keep the names and units of their packages. The texts stand in `src/ros/definitions` and,
//! for this package's own messages, in `msg`; a test holds every struct against its text.

mod action;
mod common;
mod diagnostic;
mod geometry;
mod lifecycle;
mod marker;
mod object;
mod parameter;
mod plan;
mod relation;
mod sensor;
mod vision;
mod vln;

pub use action::{GoalInfo, GoalStatus, GoalStatusArray, Uuid};
pub use common::{Clock, ColorRGBA, Duration, Header, StringMsg, Time};
pub use diagnostic::{DiagnosticArray, DiagnosticStatus, KeyValue, Log};
pub use geometry::{
    Path, Point, Pose, PoseStamped, PoseWithCovariance, Quaternion, TFMessage, Transform,
    TransformStamped, Vector3,
};
pub use lifecycle::{State, Transition, TransitionDescription, TransitionEvent};
pub use marker::{Marker, MarkerArray, MeshFile, UVCoordinate};
pub use object::{SceneObject, SceneObjects};
pub use parameter::{
    FloatingPointRange, IntegerRange, ListParametersResult, Parameter, ParameterDescriptor,
    ParameterEvent, ParameterValue, SetParametersResult,
};
pub use plan::{Plan, PlanArgument, PlanStep, StepFeedback, StreamingText};
pub use relation::{ObjectRelation, ObjectRelations};
pub use sensor::{CameraInfo, CompressedImage, Image, PointCloud2, PointField, RegionOfInterest};
pub use vision::{
    BoundingBox3D, Detection3D, Detection3DArray, LabelInfo, ObjectHypothesis,
    ObjectHypothesisWithPose, VisionClass,
};
pub use vln::VlnAction;

use super::cdr::{CdrError, from_cdr, to_cdr};
use serde::{Serialize, de::DeserializeOwned};

/// A ROS 2 message type.
pub trait Message: Serialize + DeserializeOwned {
    /// Full type name, such as `sensor_msgs/msg/Image`.
    const TYPE: &'static str;
    /// Hash of the type as ROS 2 computes it (REP 2011), `RIHS01_` and 64 hexadecimal digits.
    const TYPE_HASH: &'static str;

    /// The text of the type followed by the texts of all types it needs, as MCAP's `ros2msg`
    /// schemas want it.
    fn definition() -> String {
        super::definition::definition_of(Self::TYPE)
    }
}

/// One message type, for those who go through all of them.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// [`Message::TYPE`].
    pub type_name: &'static str,
    /// [`Message::TYPE_HASH`].
    pub type_hash: &'static str,
    /// [`Message::definition`].
    pub definition: fn() -> String,
    /// Reads CDR bytes into the struct and writes them again.
    pub recode: fn(&[u8]) -> Result<Vec<u8>, CdrError>,
}

/// Reads CDR bytes into `T` and writes them again.
pub(super) fn recode<T: Serialize + DeserializeOwned>(cdr: &[u8]) -> Result<Vec<u8>, CdrError> {
    from_cdr::<T>(cdr).map(|message| to_cdr(&message))
}

/// Ties each struct to its type name, hash and text.
macro_rules! messages {
    ($($name:ident: $package:literal / $text:literal in $folder:literal, $hash:literal;)*) => {
        $(impl Message for $name {
            const TYPE: &'static str = concat!($package, "/msg/", $text);
            const TYPE_HASH: &'static str = concat!("RIHS01_", $hash);
        })*

        /// Type, hash and text of every message type known here, and how its bytes are read and
        /// written again.
        pub const CATALOGUE: &[Entry] = &[$(Entry {
            type_name: <$name as Message>::TYPE,
            type_hash: <$name as Message>::TYPE_HASH,
            definition: <$name as Message>::definition,
            recode: recode::<$name>,
        }),*];

        /// Package, name and text of every message type known here.
        pub(super) const TEXTS: &[(&str, &str, &str)] = &[$((
            $package,
            $text,
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $folder, "/", $text, ".msg")),
        )),*];

        #[cfg(test)]
        mod shape_tests {
            use crate::ros::definition::tests::assert_shape;
            $(#[test]
            #[allow(non_snake_case)]
            fn $name() {
                assert_shape::<super::$name>();
            })*
        }
    };
}

messages! {
    GoalInfo: "action_msgs" / "GoalInfo" in "src/ros/definitions/action_msgs",
        "6398fe763154554353930716b225947f93b672f0fb2e49fdd01bb7a7e37933e9";
    GoalStatus: "action_msgs" / "GoalStatus" in "src/ros/definitions/action_msgs",
        "32f4cfd717735d17657e1178f24431c1ce996c878c515230f6c5b3476819dbb9";
    GoalStatusArray: "action_msgs" / "GoalStatusArray" in "src/ros/definitions/action_msgs",
        "6c1684b00f177d37438febe6e709fc4e2b0d4248dca4854946f9ed8b30cda83e";
    Time: "builtin_interfaces" / "Time" in "src/ros/definitions/builtin_interfaces",
        "b106235e25a4c5ed35098aa0a61a3ee9c9b18d197f398b0e4206cea9acf9c197";
    Duration: "builtin_interfaces" / "Duration" in "src/ros/definitions/builtin_interfaces",
        "e8d009f659816f758b75334ee1a9ca5b5c0b859843261f14c7f937349599d93b";
    DiagnosticArray: "diagnostic_msgs" / "DiagnosticArray" in "src/ros/definitions/diagnostic_msgs",
        "5a8a36efb05fb25070fa0fb3810290c0e6cd4862b54a8fb975a1ee8dc55a333e";
    DiagnosticStatus: "diagnostic_msgs" / "DiagnosticStatus" in "src/ros/definitions/diagnostic_msgs",
        "b0e3e692ea2d54a8af2f4ef1930e81556a2db55216b771f8a7d2724ed47bf0e4";
    KeyValue: "diagnostic_msgs" / "KeyValue" in "src/ros/definitions/diagnostic_msgs",
        "d68081eaa540288c5440753baecef0c4e16e81a5f78ad68902ded5100413bb42";
    Point: "geometry_msgs" / "Point" in "src/ros/definitions/geometry_msgs",
        "6963084842a9b04494d6b2941d11444708d892da2f4b09843b9c43f42a7f6881";
    Pose: "geometry_msgs" / "Pose" in "src/ros/definitions/geometry_msgs",
        "d501954e9476cea2996984e812054b68026ae0bfae789d9a10b23daf35cc90fa";
    PoseStamped: "geometry_msgs" / "PoseStamped" in "src/ros/definitions/geometry_msgs",
        "10f3786d7d40fd2b54367835614bff85d4ad3b5dab62bf8bca0cc232d73b4cd8";
    PoseWithCovariance: "geometry_msgs" / "PoseWithCovariance" in "src/ros/definitions/geometry_msgs",
        "9a7c0fd234b7f45c6098745ecccd773ca1085670e64107135397aee31c02e1bb";
    Quaternion: "geometry_msgs" / "Quaternion" in "src/ros/definitions/geometry_msgs",
        "8a765f66778c8ff7c8ab94afcc590a2ed5325a1d9a076ffff38fbce36f458684";
    Transform: "geometry_msgs" / "Transform" in "src/ros/definitions/geometry_msgs",
        "beb83fbe698636351461f6f35d1abb20010c43d55374d81bd041f1ba2581fddc";
    TransformStamped: "geometry_msgs" / "TransformStamped" in "src/ros/definitions/geometry_msgs",
        "0a241f87d04668d94099cbb5ba11691d5ad32c2f29682e4eb5653424bd275206";
    Vector3: "geometry_msgs" / "Vector3" in "src/ros/definitions/geometry_msgs",
        "cc12fe83e4c02719f1ce8070bfd14aecd40f75a96696a67a2a1f37f7dbb0765d";
    State: "lifecycle_msgs" / "State" in "src/ros/definitions/lifecycle_msgs",
        "dd2d02b82f3ebc858e53c431b1e6e91f3ffc71436fc81d0715214ac6ee2107a0";
    Transition: "lifecycle_msgs" / "Transition" in "src/ros/definitions/lifecycle_msgs",
        "c65d7b31ea134cba4f54fc867b817979be799f7452035cd35fac9b7421fb3424";
    TransitionDescription: "lifecycle_msgs" / "TransitionDescription" in "src/ros/definitions/lifecycle_msgs",
        "c5f1cd4bb1ad2ba0e3329d4ac7015c52a674a72c1faf7974c37a33f4f6048b28";
    TransitionEvent: "lifecycle_msgs" / "TransitionEvent" in "src/ros/definitions/lifecycle_msgs",
        "d5f8873a2f0146498f812d7885c7327ce27e463d36811d8792f35ee38c0d6c38";
    Path: "nav_msgs" / "Path" in "src/ros/definitions/nav_msgs",
        "1957a5bb3cee5da65c4e52e52b65a93df227efce4c20f8458b36e73066ca334b";
    FloatingPointRange: "rcl_interfaces" / "FloatingPointRange" in "src/ros/definitions/rcl_interfaces",
        "e6af23a23c177fee5f3075c8b1e435162a9b63c863d78c06017460b49684262d";
    IntegerRange: "rcl_interfaces" / "IntegerRange" in "src/ros/definitions/rcl_interfaces",
        "f7b7fdc0f65f07702e099218e13288c3963bcb9345bde78b560e6cd19800fc5a";
    ListParametersResult: "rcl_interfaces" / "ListParametersResult" in "src/ros/definitions/rcl_interfaces",
        "237ae3428413dcbcfb452b510c42355f3a2b021dc091afa3e18526d57022f1cd";
    Log: "rcl_interfaces" / "Log" in "src/ros/definitions/rcl_interfaces",
        "e28ce254ca8abc06abf92773b74602cdbf116ed34fbaf294fb9f81da9f318eac";
    Parameter: "rcl_interfaces" / "Parameter" in "src/ros/definitions/rcl_interfaces",
        "ddfe6442cffc462317adb5c92536a7b6dd55858c5c3e1e328165a6b73c2831af";
    ParameterDescriptor: "rcl_interfaces" / "ParameterDescriptor" in "src/ros/definitions/rcl_interfaces",
        "52175dbfda6c51153101d33d2a9da05743f66f02d5ab2ca9ec4709b46b73d704";
    ParameterEvent: "rcl_interfaces" / "ParameterEvent" in "src/ros/definitions/rcl_interfaces",
        "043e627780fcad87a22d225bc2a037361dba713fca6a6b9f4b869a5aa0393204";
    ParameterValue: "rcl_interfaces" / "ParameterValue" in "src/ros/definitions/rcl_interfaces",
        "115fc089a387e23c7ecd3525c9189c379109119d6ab82e8dfbde0fdf6a7f9b68";
    SetParametersResult: "rcl_interfaces" / "SetParametersResult" in "src/ros/definitions/rcl_interfaces",
        "cfcc0fb0371ee5159b403960ef4300f8f9d2f1fd6117c8666b7f9654d528a9b1";
    Clock: "rosgraph_msgs" / "Clock" in "src/ros/definitions/rosgraph_msgs",
        "692f7a66e93a3c83e71765d033b60349ba68023a8c689a79e48078bcb5c58564";
    CameraInfo: "sensor_msgs" / "CameraInfo" in "src/ros/definitions/sensor_msgs",
        "b3dfd68ff46c9d56c80fd3bd4ed22c7a4ddce8c8348f2f59c299e73118e7e275";
    CompressedImage: "sensor_msgs" / "CompressedImage" in "src/ros/definitions/sensor_msgs",
        "15640771531571185e2efc8a100baf923961a4d15d5569652e6cb6691e8e371a";
    Image: "sensor_msgs" / "Image" in "src/ros/definitions/sensor_msgs",
        "d31d41a9a4c4bc8eae9be757b0beed306564f7526c88ea6a4588fb9582527d47";
    PointCloud2: "sensor_msgs" / "PointCloud2" in "src/ros/definitions/sensor_msgs",
        "9198cabf7da3796ae6fe19c4cb3bdd3525492988c70522628af5daa124bae2b5";
    PointField: "sensor_msgs" / "PointField" in "src/ros/definitions/sensor_msgs",
        "5c6a4750728c2bcfbbf7037225b20b02d4429634732146b742dee1726637ef01";
    RegionOfInterest: "sensor_msgs" / "RegionOfInterest" in "src/ros/definitions/sensor_msgs",
        "ad16bcba5f9131dcdba6fbded19f726f5440e3c513b4fb586dd3027eeed8abb1";
    ColorRGBA: "std_msgs" / "ColorRGBA" in "src/ros/definitions/std_msgs",
        "77a7a5b9ae477306097665106e0413ba74440245b1f3d0c6d6405fe5c7813fe8";
    Header: "std_msgs" / "Header" in "src/ros/definitions/std_msgs",
        "f49fb3ae2cf070f793645ff749683ac6b06203e41c891e17701b1cb597ce6a01";
    StringMsg: "std_msgs" / "String" in "src/ros/definitions/std_msgs",
        "df668c740482bbd48fb39d76a70dfd4bd59db1288021743503259e948f6b1a18";
    TFMessage: "tf2_msgs" / "TFMessage" in "src/ros/definitions/tf2_msgs",
        "e369d0f05a23ae52508854b66f6aa0437f3449d652e8cbf22d5abe85d020f087";
    Uuid: "unique_identifier_msgs" / "UUID" in "src/ros/definitions/unique_identifier_msgs",
        "1b8e8aca958cbea28fe6ef60bf6c19b683c97a9ef60bb34752067d0f2f7ab437";
    BoundingBox3D: "vision_msgs" / "BoundingBox3D" in "src/ros/definitions/vision_msgs",
        "bbb73a65c163d7f9bb29009c7bde9f7faa576bd2d23299c4511d19230dab4698";
    Detection3D: "vision_msgs" / "Detection3D" in "src/ros/definitions/vision_msgs",
        "ddd703be132ab0b69d33121f1bb034132bfbb3b0ac5f9fb1516005ba1c8a265b";
    Detection3DArray: "vision_msgs" / "Detection3DArray" in "src/ros/definitions/vision_msgs",
        "793f5eab9595ac1c0da07873cc859db42eae51f0ee76056db8562515d830e018";
    LabelInfo: "vision_msgs" / "LabelInfo" in "src/ros/definitions/vision_msgs",
        "3d37df4015cdf660cc851c51897f2acd957e1ca6205ba0a99aebffb9406b0783";
    ObjectHypothesis: "vision_msgs" / "ObjectHypothesis" in "src/ros/definitions/vision_msgs",
        "51da43cec11c01957a64d1e05a24acd18aae7745ec30b74348ad5f6d634f7f90";
    ObjectHypothesisWithPose: "vision_msgs" / "ObjectHypothesisWithPose" in "src/ros/definitions/vision_msgs",
        "41c12344c0396c48b81df12467c192d99b2a0eb1463c5c37194e4223251c80bc";
    VisionClass: "vision_msgs" / "VisionClass" in "src/ros/definitions/vision_msgs",
        "1e4a11f0fed50b5623cb8ff26ca0e37952a48a9c074d16f804b44e9164c2037a";
    Marker: "visualization_msgs" / "Marker" in "src/ros/definitions/visualization_msgs",
        "45b13ccf791f225962bf74e746f9644518855d783a6f42ba0cc14fde2b4f3ce0";
    MarkerArray: "visualization_msgs" / "MarkerArray" in "src/ros/definitions/visualization_msgs",
        "86cb8800b6fb05b5eff1abd7a56f62a5641d3ae9a1c29e78e67e704f1d067dcf";
    MeshFile: "visualization_msgs" / "MeshFile" in "src/ros/definitions/visualization_msgs",
        "7710ece15a148fb7c9b546364cfb215bb06098087bd6394fe5b73a493508f8c4";
    UVCoordinate: "visualization_msgs" / "UVCoordinate" in "src/ros/definitions/visualization_msgs",
        "f27f7ed21fe360c6066944f856b801a0c0d1e94e815b6886444b42d90b196a26";
    Plan: "scenellm" / "Plan" in "msg",
        "6eb23a96b90f989611b25e8b2dfe2826b913b678932a554ca6c83c8b79688271";
    PlanArgument: "scenellm" / "PlanArgument" in "msg",
        "594920c8cd434c8236e8535b78a3dcb151cdc5f88c436ea7bcdbe440dd6de095";
    PlanStep: "scenellm" / "PlanStep" in "msg",
        "88659ce47b2722452337891416e1b5cd5a7c0cabf025da25b2c51559fe08d937";
    StepFeedback: "scenellm" / "StepFeedback" in "msg",
        "5233fb05d09c2b7acb1a81013adecf3ac3e470a54d697c3743a870a5a4ffc3b1";
    VlnAction: "scenellm" / "VlnAction" in "msg",
        "aa08238b18e2c27af76529c808c50ba5d2ca3118a77abe718b8515eb64550c35";
    StreamingText: "scenellm" / "StreamingText" in "msg",
        "cabb66d8a7010449692e115692d6cdce03ef9c544ad9e820760d31776102ff7b";
    ObjectRelation: "scenellm" / "ObjectRelation" in "msg",
        "12cc3bfd00492eb78db54e9a1bd75eadaabd018fda1fbf07901665cdda49d97c";
    ObjectRelations: "scenellm" / "ObjectRelations" in "msg",
        "db525e0286eaa222390b850d3f0aafe04f7fb83829afacb37e4f92b79710de4a";
    SceneObject: "scenellm" / "SceneObject" in "msg",
        "3537526804516a18226ce90cca2e10166b1e8786c90897a7cd28d0902f9d1b2f";
    SceneObjects: "scenellm" / "SceneObjects" in "msg",
        "ef4de92e86c89155530ccfb0dea4ceded13eb6f4faf6e691e52a0fdd09d7881d";
}
