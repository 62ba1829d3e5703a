//! Services of every ROS 2 node over its parameters (`rcl_interfaces`).

use crate::ros::msg::{
    ListParametersResult, Parameter, ParameterDescriptor, ParameterValue, SetParametersResult,
};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// `rcl_interfaces/ListParameters`.
#[derive(Debug)]
pub struct ListParameters;
/// `rcl_interfaces/GetParameters`.
#[derive(Debug)]
pub struct GetParameters;
/// `rcl_interfaces/GetParameterTypes`.
#[derive(Debug)]
pub struct GetParameterTypes;
/// `rcl_interfaces/DescribeParameters`.
#[derive(Debug)]
pub struct DescribeParameters;
/// `rcl_interfaces/SetParameters`.
#[derive(Debug)]
pub struct SetParameters;
/// `rcl_interfaces/SetParametersAtomically`.
#[derive(Debug)]
pub struct SetParametersAtomically;

/// Which parameters to list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListParametersRequest {
    /// Those whose names begin so; all when empty.
    pub prefixes: Vec<String>,
    /// Most dots behind the prefix, plus one; 0 for any.
    pub depth: u64,
}

/// The list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListParametersResponse {
    /// The list.
    pub result: ListParametersResult,
}

/// Names of parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamesRequest {
    /// The names.
    pub names: Vec<String>,
}

/// Values, in the order of the names.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct GetParametersResponse {
    /// The values.
    pub values: Vec<ParameterValue>,
}

/// Types, in the order of the names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetParameterTypesResponse {
    /// The types, as in [`ParameterValue`].
    pub types: ByteBuf,
}

/// Descriptors, in the order of the names.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DescribeParametersResponse {
    /// The descriptors.
    pub descriptors: Vec<ParameterDescriptor>,
}

/// Parameters to set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SetParametersRequest {
    /// The parameters.
    pub parameters: Vec<Parameter>,
}

/// What became of each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetParametersResponse {
    /// In the order of the parameters.
    pub results: Vec<SetParametersResult>,
}

/// What became of all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetParametersAtomicallyResponse {
    /// All were set, or none.
    pub result: SetParametersResult,
}
