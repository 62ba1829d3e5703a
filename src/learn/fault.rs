//! The configuration of a training: read from its file, and what is wrong with its numbers, in words
//! that name the field.

use super::LearnError;
use serde::de::DeserializeOwned;
use std::path::Path;

/// The configuration in the YAML file at `path`, of which `fault` says what is wrong.
///
/// # Errors
///
/// When the file cannot be read, is none of this form, or has a fault.
pub fn read_config<T: DeserializeOwned>(
    path: &Path,
    fault: impl FnOnce(&T) -> Option<String>,
) -> Result<T, LearnError> {
    let text = std::fs::read_to_string(path).map_err(LearnError::file(path))?;
    let config: T =
        serde_yaml::from_str(&text).map_err(|error| LearnError::invalid(path, error))?;
    match fault(&config) {
        Some(reason) => Err(LearnError::invalid(path, reason)),
        None => Ok(config),
    }
}

/// Of shares and probabilities, each behind the name of its field, the first that is none.
pub fn share_fault(shares: &[(&str, f64)]) -> Option<String> {
    let (name, share) = shares.iter().find(|(_, share)| !(0.0..=1.0).contains(share))?;
    Some(format!("{name} is {share}, must be 0 to 1"))
}

/// Of the probability that an activation is dropped, which leaves some: they stand for all.
pub fn dropout_fault(dropout: f32) -> Option<String> {
    let is_sound = (0.0..1.0).contains(&dropout);
    (!is_sound).then(|| format!("dropout is {dropout}, must be 0 or more and below 1"))
}
