//! The services of `rcl_interfaces`.

use super::ParameterStore;
use crate::ros::NodeNames;
use crate::ros::msg::{ListParametersResult, ParameterValue, SetParametersResult};
use crate::ros::node::NodeError;
use crate::ros::node::services::serve;
use crate::ros::srv::{
    DescribeParameters, DescribeParametersResponse, GetParameterTypes, GetParameterTypesResponse,
    GetParameters, GetParametersResponse, ListParameters, ListParametersRequest,
    ListParametersResponse, SetParameters, SetParametersAtomically,
    SetParametersAtomicallyResponse, SetParametersResponse,
};
use crate::ros::transport::{Opened, Transport};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Offers all of them over `store`.
pub fn offer(
    transport: &dyn Transport,
    names: &NodeNames,
    store: &Arc<ParameterStore>,
) -> Result<Vec<Opened>, NodeError> {
    let of = Arc::clone(store);
    let list = serve::<ListParameters>(transport, names, "~/list_parameters", move |request| {
        let result = list(&request, of.values().into_keys());
        Some(ListParametersResponse { result })
    })?;
    let of = Arc::clone(store);
    let get = serve::<GetParameters>(transport, names, "~/get_parameters", move |request| {
        Some(GetParametersResponse { values: named(&of, &request.names).collect() })
    })?;
    let of = Arc::clone(store);
    let name = "~/get_parameter_types";
    let types = serve::<GetParameterTypes>(transport, names, name, move |request| {
        let types: Vec<_> = named(&of, &request.names).map(|value| value.kind).collect();
        Some(GetParameterTypesResponse { types: types.into() })
    })?;
    let of = Arc::clone(store);
    let name = "~/describe_parameters";
    let describe = serve::<DescribeParameters>(transport, names, name, move |request| {
        let kinds = named(&of, &request.names).map(|value| value.kind);
        let descriptors =
            request.names.iter().zip(kinds).map(|(name, kind)| of.describe(name, kind));
        Some(DescribeParametersResponse { descriptors: descriptors.collect() })
    })?;
    let of = Arc::clone(store);
    let set = serve::<SetParameters>(transport, names, "~/set_parameters", move |request| {
        let parameters = request.parameters.iter();
        let results = parameters.map(|one| told(of.set(std::slice::from_ref(one))));
        Some(SetParametersResponse { results: results.collect() })
    })?;
    let of = Arc::clone(store);
    let name = "~/set_parameters_atomically";
    let atomically = serve::<SetParametersAtomically>(transport, names, name, move |request| {
        Some(SetParametersAtomicallyResponse { result: told(of.set(&request.parameters)) })
    })?;
    Ok(vec![list, get, types, describe, set, atomically])
}

/// The values of `names`; of unknown ones no value, as ROS 2 has it.
fn named(store: &ParameterStore, names: &[String]) -> impl Iterator<Item = ParameterValue> {
    let values = store.values();
    names.iter().map(move |name| values.get(name).cloned().unwrap_or_default())
}

fn told(done: Result<(), String>) -> SetParametersResult {
    match done {
        Ok(()) => SetParametersResult { successful: true, reason: String::new() },
        Err(reason) => SetParametersResult { successful: false, reason },
    }
}

fn list(
    request: &ListParametersRequest,
    names: impl Iterator<Item = String>,
) -> ListParametersResult {
    let is_shallow =
        |rest: &str| request.depth == 0 || (rest.matches('.').count() as u64) < request.depth;
    let is_listed = |name: &String| {
        let behind = |prefix: &String| {
            let rest = name.strip_prefix(prefix.as_str())?;
            if rest.is_empty() { Some("") } else { rest.strip_prefix('.') }
        };
        match &request.prefixes[..] {
            [] => is_shallow(name),
            prefixes => prefixes.iter().filter_map(behind).any(is_shallow),
        }
    };
    let names: Vec<_> = names.filter(is_listed).collect();
    let prefixes: BTreeSet<_> =
        names.iter().filter_map(|name| Some(name.rsplit_once('.')?.0.to_owned())).collect();
    ListParametersResult { names, prefixes: prefixes.into_iter().collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_by_prefix_and_depth() {
        let listed = |prefixes: &[&str], depth| {
            let prefixes = prefixes.iter().map(|prefix| prefix.to_string()).collect();
            let names = ["map.removal.hit", "map.max_bytes", "mapping", "use_sim_time"];
            let request = ListParametersRequest { prefixes, depth };
            list(&request, names.into_iter().map(str::to_owned))
        };
        assert_eq!(listed(&[], 0).names.len(), 4);
        assert_eq!(listed(&[], 0).prefixes, ["map", "map.removal"]);
        assert_eq!(listed(&[], 1).names, ["mapping", "use_sim_time"]);
        assert_eq!(listed(&["map"], 0).names, ["map.removal.hit", "map.max_bytes"]);
        assert_eq!(listed(&["map"], 1).names, ["map.max_bytes"]);
        assert_eq!(listed(&["use_sim_time"], 0).names, ["use_sim_time"]);
    }
}
