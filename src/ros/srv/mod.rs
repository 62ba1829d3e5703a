//! ROS 2 services, field for field as the `.srv` texts say; a test holds them against the texts.

mod action;
mod lifecycle;
mod map;
mod parameter;
mod scene;

pub use action::{CancelGoal, CancelGoalRequest, CancelGoalResponse};
pub use lifecycle::{
    ChangeState, ChangeStateRequest, ChangeStateResponse, GetAvailableStates,
    GetAvailableStatesResponse, GetAvailableTransitions, GetAvailableTransitionsResponse, GetState,
    GetStateResponse,
};
pub use map::{
    ExportMap, FileRequest, LoadMap, MapFileResponse, ResetMap, ResetMapResponse, SaveMap,
};
pub use parameter::{
    DescribeParameters, DescribeParametersResponse, GetParameterTypes, GetParameterTypesResponse,
    GetParameters, GetParametersResponse, ListParameters, ListParametersRequest,
    ListParametersResponse, NamesRequest, SetParameters, SetParametersAtomically,
    SetParametersAtomicallyResponse, SetParametersRequest, SetParametersResponse,
};
pub use scene::{
    Ask, AskRequest, AskResponse, DescribeScene, DescribeSceneRequest, DescribeSceneResponse,
};

use super::cdr::CdrError;
use super::msg::recode;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// A ROS 2 service type.
pub trait Service {
    /// What is asked.
    type Request: Serialize + DeserializeOwned;
    /// What is answered.
    type Response: Serialize + DeserializeOwned;
    /// Full type name, such as `scenellm/srv/Ask`.
    const TYPE: &'static str;
    /// The `.srv` text.
    const DEFINITION: &'static str;
}

/// A request without fields: DDS knows no empty types, so ROS 2 puts this byte there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Empty {
    /// Means nothing.
    pub structure_needs_at_least_one_member: u8,
}

/// `error_code` of a service that did what was asked.
pub const ERROR_NONE: u16 = 0;

/// One service type, for those who go through all of them.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// [`Service::TYPE`].
    pub type_name: &'static str,
    /// [`Service::DEFINITION`].
    pub definition: &'static str,
    /// Reads the CDR bytes of a request and writes them again.
    pub recode_request: fn(&[u8]) -> Result<Vec<u8>, CdrError>,
    /// Reads the CDR bytes of a response and writes them again.
    pub recode_response: fn(&[u8]) -> Result<Vec<u8>, CdrError>,
}

/// Ties each service to its structs, type name and text.
macro_rules! services {
    ($($package:literal in $folder:literal { $($name:ident: $request:ty => $response:ty;)* })*) => {
        $($(impl Service for $name {
            type Request = $request;
            type Response = $response;
            const TYPE: &'static str = concat!($package, "/srv/", stringify!($name));
            const DEFINITION: &'static str = include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"), "/", $folder, "/", stringify!($name), ".srv"
            ));
        })*)*

        /// Type and text of every service known here, and how the bytes of its requests and
        /// responses are read and written again.
        pub const CATALOGUE: &[Entry] = &[$($(Entry {
            type_name: <$name as Service>::TYPE,
            definition: <$name as Service>::DEFINITION,
            recode_request: recode::<<$name as Service>::Request>,
            recode_response: recode::<<$name as Service>::Response>,
        },)*)*];

        #[cfg(test)]
        mod shape_tests {
            use crate::ros::definition::tests::assert_service_shape;
            $($(#[test]
            #[allow(non_snake_case)]
            fn $name() {
                assert_service_shape::<super::$name>();
            })*)*
        }
    };
}

services! {
    "scenellm" in "srv" {
        Ask: AskRequest => AskResponse;
        DescribeScene: DescribeSceneRequest => DescribeSceneResponse;
        ResetMap: Empty => ResetMapResponse;
        SaveMap: FileRequest => MapFileResponse;
        LoadMap: FileRequest => MapFileResponse;
        ExportMap: FileRequest => MapFileResponse;
    }
    "action_msgs" in "src/ros/definitions/action_msgs" {
        CancelGoal: CancelGoalRequest => CancelGoalResponse;
    }
    "lifecycle_msgs" in "src/ros/definitions/lifecycle_msgs" {
        ChangeState: ChangeStateRequest => ChangeStateResponse;
        GetState: Empty => GetStateResponse;
        GetAvailableStates: Empty => GetAvailableStatesResponse;
        GetAvailableTransitions: Empty => GetAvailableTransitionsResponse;
    }
    "rcl_interfaces" in "src/ros/definitions/rcl_interfaces" {
        ListParameters: ListParametersRequest => ListParametersResponse;
        GetParameters: NamesRequest => GetParametersResponse;
        GetParameterTypes: NamesRequest => GetParameterTypesResponse;
        DescribeParameters: NamesRequest => DescribeParametersResponse;
        SetParameters: SetParametersRequest => SetParametersResponse;
        SetParametersAtomically: SetParametersRequest => SetParametersAtomicallyResponse;
    }
}
