//! The actions of the built node on a real graph: goals go in over the wire; feedback, results and
//! motions come out.

#![cfg(feature = "dds")]
#![allow(
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests stop and speak where they fail"
)]

mod graph;

use graph::action::ActionClient;
use graph::base::Base;
use graph::{Again, Ear, Node, Peer, loopback_works, settings, wait_for};
use nalgebra::Isometry3;
use scenellm::ros::action::{
    FollowInstruction, FollowInstructionGoal, FollowInstructionResult, PlanTask, PlanTaskFeedback,
    PlanTaskGoal, PlanTaskResult,
};
use scenellm::ros::msg::{
    DiagnosticArray, GoalStatus, Log, Plan, PlanStep, StepFeedback, StringMsg, Uuid, VlnAction,
};
use scenellm::ros::srv::CancelGoalResponse;
use scenellm::ros::{detections_message, qos};
use scenellm::sensing::{Detection, DetectionsEvent};
use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

const NODE: &str = "/scenellm_planner";

fn say(text: &str) -> StringMsg {
    StringMsg { data: text.into() }
}

fn task(goal: &str) -> PlanTaskGoal {
    PlanTaskGoal { goal: goal.into(), plan_only: false }
}

fn words(instruction: &str) -> FollowInstructionGoal {
    FollowInstructionGoal { instruction: instruction.into() }
}

/// A node that has started, and a peer that hears it; `None` where the machine has no loopback.
fn start(arguments: &[&str]) -> Option<(Peer, Node, Ear)> {
    if !loopback_works() {
        eprintln!("skipped: two participants do not hear each other on this machine's loopback");
        return None;
    }
    let settings = settings();
    let peer = Peer::join(settings);
    let health = peer.hear::<DiagnosticArray>("/diagnostics", qos::EVENT);
    let node = Node::start(settings, arguments);
    assert!(wait_for(|| health.newest::<DiagnosticArray>()).is_some(), "the node starts");
    Some((peer, node, health))
}

#[test]
fn tasks_are_followed_through_and_end_with_the_node() {
    let Some((peer, mut node, _company)) = start(&["--log-level", "debug"]) else { return };
    let tasks = ActionClient::<PlanTask>::new(&peer, &format!("{NODE}/plan_task"));
    let steps = peer.hear::<PlanStep>(&format!("{NODE}/plan/steps"), qos::LATCHED);
    let log = peer.hear::<Log>("/rosout", qos::ROSOUT);
    tasks_end_as_the_action_says(&peer, &tasks, &steps);

    // Who waits for a result hears that the node ends.
    let before = steps.count();
    let last = tasks.send(&task("rinse the mug"));
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| tasks.result(last));
        wait_for(|| (steps.count() > before).then_some(())).expect("a step");
        let asked = format!("the result of {last:?}");
        let is_asked = || log.all::<Log>().iter().any(|log| log.msg.contains(&asked));
        wait_for(|| is_asked().then_some(())).expect("the node has been asked for the result");
        node.signal("INT");
        let ended = waits.join().unwrap();
        assert_eq!(ended.status, GoalStatus::CANCELED, "{ended:?}");
        assert_eq!(ended.result.error_code, PlanTaskResult::ERROR_SHUTDOWN);
    });
    let ended = node.end().expect("the node ends");
    assert_eq!(ended.code(), Some(0), "{ended:?}");
}

#[test]
fn instructions_move_the_base_by_its_pose() {
    let arguments = ["-p", "follow.pose_stale_s:=1.0"];
    let Some((peer, _node, _company)) = start(&arguments) else { return };
    let course = ActionClient::new(&peer, &format!("{NODE}/follow_instruction"));
    let motions = peer.hear::<VlnAction>(&format!("{NODE}/vln_action"), qos::EVENT);
    let base = Base::default();
    std::thread::scope(|scope| {
        scope.spawn(|| base.run(&peer, &motions));
        // Over whatever happens, so that a failure is not waited for.
        let _over = Over(&base);
        instructions_move_the_base(&peer, &course, &motions, &base);
    });
}

/// Ends the base when it is dropped.
struct Over<'a>(&'a Base);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }
}

fn tasks_end_as_the_action_says(peer: &Peer, tasks: &ActionClient<'_, PlanTask>, steps: &Ear) {
    // Services answer before feedback is heard: each finds its other end by itself.
    let only = |goal| PlanTaskGoal { plan_only: true, ..task(goal) };
    let hears = wait_for(|| {
        let id = tasks.send(&only("rinse the mug"));
        tasks.result(id);
        (!tasks.all_feedback(id).is_empty()).then_some(())
    });
    assert!(hears.is_some(), "feedback is heard");

    // Step by step to the end, while the result is waited for.
    let before = steps.count();
    let id = tasks.send(&task("rinse the mug"));
    let done = std::thread::scope(|scope| {
        let waits = scope.spawn(|| tasks.result(id));
        let mut seen = 0;
        wait_for(|| {
            if let Some(feedback) = tasks.feedback(id).filter(|feedback| feedback.step.id > 0) {
                assert_eq!(feedback.partial_text.lines().count(), feedback.steps as usize);
                assert!(feedback.step.id >= seen, "steps go on");
                seen = feedback.step.id;
            }
            // Under load a reliable publisher is held up, and feedback may get lost; the step is told
            // on its topic as well.
            let told = steps.newest::<PlanStep>().filter(|_| steps.count() > before);
            let step_id = told.map_or(0, |step| step.id).max(seen);
            if step_id > 0 {
                let outcome = StepFeedback { step_id, success: true, ..Default::default() };
                peer.publish(&format!("{NODE}/step_feedback"), &outcome);
            }
            waits.is_finished().then_some(())
        });
        let is_second = |told: &PlanTaskFeedback| told.step.id >= 2;
        let heard = wait_for(|| tasks.all_feedback(id).iter().any(is_second).then_some(()));
        assert!(heard.is_some(), "feedback came for step {seen}");
        let told = tasks.all_feedback(id).into_iter().filter(|feedback| feedback.step.id == 0);
        let words: Vec<_> = told.map(|feedback| feedback.partial_text).collect();
        assert!(words.last().is_some_and(|last| !last.is_empty()), "told while it is made");
        assert!(words.windows(2).all(|two| two[1].starts_with(&two[0])), "nothing is taken back");
        waits.join().unwrap()
    });
    assert_eq!(done.status, GoalStatus::SUCCEEDED, "{done:?}");
    assert_eq!(done.result.error_code, PlanTaskResult::ERROR_NONE);
    assert_eq!(done.result.steps_done as usize, done.result.plan.steps.len());
    // The status travels on a topic of its own.
    let status = wait_for(|| tasks.status(id).filter(|status| *status == GoalStatus::SUCCEEDED));
    assert!(status.is_some(), "{:?}", tasks.status(id));

    let end = |id: Uuid| {
        let end = tasks.result(id);
        (end.status, end.result.error_code, end.result.plan)
    };
    let (status, code, plan) = end(tasks.send(&task("  ")));
    assert_eq!((status, code), (GoalStatus::ABORTED, PlanTaskResult::ERROR_BAD_GOAL));
    assert_eq!(plan.refusal, Plan::REFUSAL_BAD_GOAL);

    let (status, code, plan) = end(tasks.send(&only("heat an apple")));
    assert_eq!((status, code), (GoalStatus::SUCCEEDED, PlanTaskResult::ERROR_NONE));
    assert!(plan.steps.len() > 1);

    let first = tasks.send(&task("rinse the mug"));
    let second = tasks.send(&task("heat an apple"));
    let (status, code, _) = end(first);
    assert_eq!((status, code), (GoalStatus::ABORTED, PlanTaskResult::ERROR_PREEMPTED));

    let canceled = tasks.cancel(second);
    assert_eq!(canceled.return_code, CancelGoalResponse::ERROR_NONE);
    assert_eq!(canceled.goals_canceling[0].goal_id, second);
    let (status, code, _) = end(second);
    assert_eq!((status, code), (GoalStatus::CANCELED, PlanTaskResult::ERROR_CANCELED));
    let again = tasks.cancel(second).return_code;
    assert_eq!(again, CancelGoalResponse::ERROR_GOAL_TERMINATED);
    let nobody = Uuid { uuid: [255; 16] };
    assert_eq!(tasks.result(nobody).status, GoalStatus::UNKNOWN);
}

fn instructions_move_the_base(
    peer: &Peer,
    course: &ActionClient<'_, FollowInstruction>,
    motions: &Ear,
    base: &Base,
) {
    let end = |instruction: &str| {
        let end = course.result(course.send(&words(instruction)));
        (end.status, end.result.error_code)
    };
    let refused = |code| (GoalStatus::ABORTED, code);
    assert_eq!(end("sing"), refused(FollowInstructionResult::ERROR_NOT_UNDERSTOOD));
    assert_eq!(end("go to the piano"), refused(FollowInstructionResult::ERROR_NOT_IN_MAP));
    let stands = |error_code| {
        let newest = || motions.newest::<VlnAction>().filter(|told| told.error_code == error_code);
        wait_for(newest).map(|told| told.action) == Some(VlnAction::STOP)
    };
    assert!(stands(FollowInstructionResult::ERROR_NOT_IN_MAP));

    let id = course.send(&words("go forward two metres, then turn left"));
    let done = course.result(id);
    assert_eq!(done.status, GoalStatus::SUCCEEDED, "{done:?}");
    // Two metres are more than one motion.
    assert!(done.result.steps_done == 2 && done.result.motions >= 3, "{done:?}");
    let [x, y, yaw] = *base.pose.lock().unwrap();
    assert!((x - 2.0).abs() < 0.3 && y.abs() < 0.1, "{x} {y}");
    assert!((yaw - std::f64::consts::FRAC_PI_2).abs() < 0.3, "{yaw}");
    let feedback =
        wait_for(|| course.feedback(id).filter(|told| told.step == 2)).expect("feedback");
    assert_eq!((feedback.steps, feedback.words.as_str()), (2, "turn left 90°"));
    assert_eq!(feedback.motion.action, VlnAction::TURN_LEFT);

    // A thing of the map, from a topic.
    let mut again = Again::default();
    let mug = Detection {
        label: "Mug".into(),
        score: 0.9,
        frame_T_box: Isometry3::translation(-1.0, 2.0, 0.8),
        size_m: [0.1; 3],
        track_id: String::new(),
    };
    let arrived = wait_for(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let event = DetectionsEvent {
            topic: "/detections".into(),
            stamp_ns: now.as_nanos() as i64,
            frame_id: "map".into(),
            detections: vec![mug.clone()],
        };
        peer.publish("/detections", &detections_message(&event));
        let motion = motions.newest::<VlnAction>()?;
        let [x, y, _] = *base.pose.lock().unwrap();
        let is_there = (x + 1.0).hypot(y - 2.0) < 1.1;
        if motion.action == VlnAction::STOP && !is_there && again.is_due() {
            peer.publish(&format!("{NODE}/instruction"), &say("go to the mug"));
        }
        (motion.action == VlnAction::STOP && motion.error_code == 0 && is_there).then_some(())
    });
    assert!(arrived.is_some(), "{:?} {:?}", base.pose, motions.newest::<VlnAction>());

    // The pose falls silent: the base is told to stop, and goes on afterwards.
    let far = course.send(&words("go forward 90 metres"));
    let moves = wait_for(|| course.feedback(far).filter(|told| told.motion.forward_m > 0.0));
    assert!(moves.is_some(), "it moves");
    base.is_silent.store(true, Ordering::Relaxed);
    assert!(stands(FollowInstructionResult::ERROR_NO_POSE));
    base.is_silent.store(false, Ordering::Relaxed);
    let goes_on = wait_for(|| {
        motions.newest::<VlnAction>().filter(|motion| motion.action == VlnAction::FORWARD)
    });
    assert!(goes_on.is_some(), "{:?}", motions.newest::<VlnAction>());

    // A newer instruction preempts it, and is given up in its turn.
    let other = course.send(&words("go forward 80 metres"));
    let preempted = course.result(far);
    assert_eq!(preempted.status, GoalStatus::ABORTED);
    assert_eq!(preempted.result.error_code, FollowInstructionResult::ERROR_PREEMPTED);
    assert_eq!(course.cancel(other).return_code, CancelGoalResponse::ERROR_NONE);
    let canceled = course.result(other);
    assert_eq!(canceled.status, GoalStatus::CANCELED);
    assert!(stands(FollowInstructionResult::ERROR_CANCELED));
}
