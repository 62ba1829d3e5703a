//! `rcl_interfaces`: parameters of nodes.

use super::Time;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// `rcl_interfaces/ParameterValue`: one value; `type` says which field holds it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ParameterValue {
    /// One of the constants.
    #[serde(rename = "type")]
    pub kind: u8,
    /// For [`Self::BOOL`].
    pub bool_value: bool,
    /// For [`Self::INTEGER`].
    pub integer_value: i64,
    /// For [`Self::DOUBLE`].
    pub double_value: f64,
    /// For [`Self::STRING`].
    pub string_value: String,
    /// For an array of bytes.
    pub byte_array_value: ByteBuf,
    /// For an array of booleans.
    pub bool_array_value: Vec<bool>,
    /// For an array of integers.
    pub integer_array_value: Vec<i64>,
    /// For an array of numbers.
    pub double_array_value: Vec<f64>,
    /// For an array of texts.
    pub string_array_value: Vec<String>,
}

impl ParameterValue {
    /// `type` of a parameter that has no value.
    pub const NOT_SET: u8 = 0;
    /// `type` of a boolean.
    pub const BOOL: u8 = 1;
    /// `type` of an integer.
    pub const INTEGER: u8 = 2;
    /// `type` of a number.
    pub const DOUBLE: u8 = 3;
    /// `type` of a text.
    pub const STRING: u8 = 4;
    /// `type` of an array of texts.
    pub const STRING_ARRAY: u8 = 9;
}

/// `rcl_interfaces/Parameter`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its name, parts joined by dots.
    pub name: String,
    /// Its value.
    pub value: ParameterValue,
}

/// `rcl_interfaces/FloatingPointRange`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct FloatingPointRange {
    /// Least value.
    pub from_value: f64,
    /// Greatest value.
    pub to_value: f64,
    /// Between two values; 0 for any.
    pub step: f64,
}

/// `rcl_interfaces/IntegerRange`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntegerRange {
    /// Least value.
    pub from_value: i64,
    /// Greatest value.
    pub to_value: i64,
    /// Between two values; 0 for any.
    pub step: u64,
}

/// `rcl_interfaces/ParameterDescriptor`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ParameterDescriptor {
    /// Its name.
    pub name: String,
    /// Type of its value.
    #[serde(rename = "type")]
    pub kind: u8,
    /// What it is, with its unit.
    pub description: String,
    /// In words.
    pub additional_constraints: String,
    /// Whether it cannot be set while the node runs.
    pub read_only: bool,
    /// Whether its type may change.
    pub dynamic_typing: bool,
    /// Of numbers, one or none.
    pub floating_point_range: Vec<FloatingPointRange>,
    /// Of integers, one or none.
    pub integer_range: Vec<IntegerRange>,
}

/// `rcl_interfaces/SetParametersResult`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetParametersResult {
    /// Whether it was set.
    pub successful: bool,
    /// Why not; empty when it was.
    pub reason: String,
}

/// `rcl_interfaces/ListParametersResult`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListParametersResult {
    /// Names of parameters.
    pub names: Vec<String>,
    /// What stands before the last dot in them.
    pub prefixes: Vec<String>,
}

/// `rcl_interfaces/ParameterEvent`: what changed at once.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ParameterEvent {
    /// When.
    pub stamp: Time,
    /// Full name of the node.
    pub node: String,
    /// Parameters that had no value before.
    pub new_parameters: Vec<Parameter>,
    /// Parameters that had another value before.
    pub changed_parameters: Vec<Parameter>,
    /// Parameters that have no value any more.
    pub deleted_parameters: Vec<Parameter>,
}
