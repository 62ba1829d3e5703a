//! Unconfigured, inactive, active, and back, by the services that `ros2 lifecycle` calls.

use crate::graph::{Node, Peer, settings, wait_for};
use crate::robot::{Robot, alone, now_ns, number, until};
use scenellm::ros::msg::{
    DiagnosticArray, Log, Parameter, ParameterEvent, ParameterValue, Transition, TransitionEvent,
};
use scenellm::ros::qos;
use scenellm::ros::srv::{
    ChangeState, ChangeStateRequest, Empty, GetAvailableStates, GetAvailableTransitions, GetState,
    SetParameters, SetParametersRequest,
};
use std::time::Duration;

const NODE: &str = "/scenellm_planner";

fn state(peer: &Peer) -> String {
    peer.call::<GetState>(&format!("{NODE}/get_state"), &Empty::default()).current_state.label
}

fn change(peer: &Peer, id: u8, label: &str) -> bool {
    let transition = Transition { id, label: label.into() };
    let request = ChangeStateRequest { transition };
    peer.call::<ChangeState>(&format!("{NODE}/change_state"), &request).success
}

fn set(peer: &Peer, name: &str, string_value: &str) -> Result<(), String> {
    let kind = ParameterValue::STRING;
    let string_value = string_value.into();
    let value = ParameterValue { kind, string_value, ..ParameterValue::default() };
    let request = SetParametersRequest { parameters: vec![Parameter { name: name.into(), value }] };
    let service = format!("{NODE}/set_parameters");
    let result = peer.call::<SetParameters>(&service, &request).results.remove(0);
    if result.successful { Ok(()) } else { Err(result.reason) }
}

#[test]
fn a_node_is_configured_activated_and_taken_down_again() {
    let Some(_alone) = alone() else { return };
    let settings = settings();
    let peer = Peer::join(settings);
    let log = peer.hear::<Log>("/rosout", qos::ROSOUT);
    let health = peer.hear::<DiagnosticArray>("/diagnostics", qos::EVENT);
    let changes = peer.hear::<ParameterEvent>("/parameter_events", qos::PARAMETER_EVENTS);
    let events = peer.hear::<TransitionEvent>(&format!("{NODE}/transition_event"), qos::EVENT);
    let mut node = Node::start(settings, &["-p", "autostart:=false", "-p", "plan.model:=/no/such"]);

    assert_eq!(state(&peer), "unconfigured");
    let transitions = |service: &str| {
        let service = format!("{NODE}/{service}");
        let found = peer.call::<GetAvailableTransitions>(&service, &Empty::default());
        found.available_transitions
    };
    let available = transitions("get_available_transitions");
    let labels: Vec<_> = available.iter().map(|one| one.transition.label.as_str()).collect();
    assert_eq!(labels, ["configure", "shutdown"]);
    assert_eq!(transitions("get_transition_graph").len(), 25);
    let states = format!("{NODE}/get_available_states");
    let states = peer.call::<GetAvailableStates>(&states, &Empty::default()).available_states;
    assert_eq!((states.len(), states[3].label.as_str()), (11, "active"));

    // Without weights it stays where it is, says why, and what to do; and that can be done.
    assert!(!change(&peer, 1, ""), "there is no such model");
    assert_eq!(state(&peer), "unconfigured");
    let is_error = |log: &Log| log.level == Log::ERROR;
    let told = wait_for(|| log.all::<Log>().into_iter().find(is_error));
    let told = told.expect("the reason on /rosout").msg;
    assert!(told.contains("/no/such") && told.contains("plan.model:="), "{told}");
    assert!(!change(&peer, 3, ""), "not active before it is configured");
    assert_eq!(set(&peer, "plan.model", "models/nano"), Ok(()));
    let told = wait_for(|| {
        changes.newest::<ParameterEvent>().filter(|event| !event.changed_parameters.is_empty())
    })
    .expect("an event");
    assert_eq!((told.node.as_str(), told.changed_parameters.len()), (NODE, 1));
    assert_eq!(told.changed_parameters[0].value.string_value, "models/nano");

    assert!(change(&peer, 0, "configure"));
    assert_eq!(state(&peer), "inactive");
    let refused = set(&peer, "plan.model", "models/other").unwrap_err();
    assert!(refused.contains("read-only while the node is configured"), "{refused}");
    assert_eq!(health.count(), 0, "an inactive node publishes nothing");

    assert!(change(&peer, 3, ""));
    let last = wait_for(|| {
        events.newest::<TransitionEvent>().filter(|event| event.goal_state.label == "active")
    });
    assert_eq!(last.expect("an event").start_state.label, "activating");
    let robot = Robot { peer: &peer };
    let frames = || number(&health, "map", "frames");
    assert!(until(|| robot.see(now_ns()), || frames() >= 3), "{:?}", log.newest::<Log>());
    let voxels = number(&health, "map", "voxels");
    assert!(voxels > 50, "{voxels} voxels");

    // Inactive again it is silent, as soon as what was under way has come, and keeps the map.
    assert!(change(&peer, 0, "deactivate"));
    let silent = wait_for(|| {
        let said = health.count();
        std::thread::sleep(Duration::from_secs(3));
        (health.count() == said).then_some(said)
    });
    let said = silent.expect("an inactive node is silent");
    assert_eq!(state(&peer), "inactive");
    assert!(change(&peer, 0, "activate"));
    let is_kept = || health.count() > said && number(&health, "map", "voxels") == voxels;
    assert!(until(|| (), is_kept), "{} voxels", number(&health, "map", "voxels"));
    assert_eq!(frames(), 0, "another session");

    // Cleaned up it has no map any more.
    assert!(change(&peer, 0, "deactivate") && change(&peer, 0, "cleanup"));
    assert_eq!(state(&peer), "unconfigured");
    let said = health.count();
    assert!(change(&peer, 0, "configure") && change(&peer, 0, "activate"));
    assert!(until(|| (), || health.count() > said + 2));
    assert_eq!(number(&health, "map", "voxels"), 0);

    assert!(change(&peer, 7, ""));
    assert_eq!(state(&peer), "finalized");
    assert!(transitions("get_available_transitions").is_empty());
    node.signal("TERM");
    let ended = node.end().expect("the node ends");
    assert_eq!(ended.code(), Some(0), "{ended:?}");
}
