//! Tensors that a loader asks for, held against those that a file has.

use std::collections::{HashMap, HashSet};

/// Name and shape of a tensor.
pub type TensorShape = (String, Vec<usize>);

/// What of `wanted` is missing in `found` or has another shape there, and which tensors nobody asks
/// for and so belong to another kind of `model`; of those, any that begin or end with a word of
/// `unused` do not count.
pub(crate) fn tensor_faults(
    wanted: &[TensorShape],
    found: &HashMap<&str, &[usize]>,
    unused: &[&str],
    model: &str,
) -> Vec<String> {
    let mut faults: Vec<String> = wanted
        .iter()
        .filter_map(|(name, expected)| match found.get(name.as_str()) {
            None => Some(format!("no tensor `{name}`; expected one of shape {expected:?}")),
            Some(found) if found == expected => None,
            Some(found) => Some(format!("tensor `{name}`: expected {expected:?}, found {found:?}")),
        })
        .collect();
    let known: HashSet<&str> = wanted.iter().map(|(name, _)| name.as_str()).collect();
    let spare = |name: &&str| {
        let known = known.contains(name);
        known || unused.iter().any(|part| name.starts_with(part) || name.ends_with(part))
    };
    let mut strange: Vec<&str> = found.keys().copied().filter(|name| !spare(name)).collect();
    strange.sort_unstable();
    let told = |name: &str| format!("tensor `{name}` belongs to another kind of {model}");
    faults.extend(strange.into_iter().map(told));
    faults
}
