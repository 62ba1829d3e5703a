//! The built node on a real graph: a recording, goals and garbage go in over the wire; plans, maps,
//! diagnostics and answers come out.

#![cfg(feature = "dds")]
#![allow(
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests stop and speak where they fail"
)]

mod graph;

use graph::{Again, Ear, KITCHEN, Node, Peer, loopback_works, settings, wait_for};
use scenellm::ros::msg::{
    CameraInfo, Detection3DArray, DiagnosticArray, DiagnosticStatus, Header, LabelInfo,
    MarkerArray, Message, ObjectRelations, Parameter, ParameterValue, Path, Plan, PlanStep,
    PointCloud2, SceneObjects, StepFeedback, StringMsg, TFMessage, Transform, TransformStamped,
};
use scenellm::ros::srv::{
    Ask, AskRequest, DescribeParameters, DescribeScene, DescribeSceneRequest, ERROR_NONE, Empty,
    FileRequest, GetParameters, ListParameters, ListParametersRequest, LoadMap, NamesRequest,
    ResetMap, SaveMap, SetParameters, SetParametersRequest,
};
use scenellm::ros::{detections_message, qos};
use scenellm::sensing::{Detection, DetectionsEvent};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const GOAL: &str = "put a chilled tomato in the microwave";
/// Between two images: slower than a camera, so that a small machine keeps up.
const PAUSE: Duration = Duration::from_millis(150);

fn say(text: &str) -> StringMsg {
    StringMsg { data: text.into() }
}

/// The status of the part whose name ends so.
fn part(diagnostics: &Ear, name: &str) -> Option<DiagnosticStatus> {
    let status = diagnostics.newest::<DiagnosticArray>()?.status;
    status.into_iter().find(|part| part.name.ends_with(name))
}

fn number(diagnostics: &Ear, name: &str, key: &str) -> u64 {
    let values = part(diagnostics, name).map(|part| part.values).unwrap_or_default();
    let found = values.into_iter().find(|pair| pair.key == key);
    found.and_then(|pair| pair.value.parse().ok()).unwrap_or(0)
}

#[test]
fn who_asks_for_help_gets_it_and_no_node() {
    let node = |arguments: &[&str]| {
        let program = env!("CARGO_BIN_EXE_planner_node");
        std::process::Command::new(program).args(arguments).output().unwrap()
    };
    for (asked, told) in [
        ("--help", "--params-file FILE"),
        ("-h", "config/planner.yaml"),
        ("--version", env!("CARGO_PKG_VERSION")),
    ] {
        let done = node(&[asked]);
        assert_eq!((done.status.code(), done.stderr.len()), (Some(0), 0), "{asked}");
        assert!(String::from_utf8_lossy(&done.stdout).contains(told), "{asked}");
    }
    // Behind --ros-args it is the node's, which has no such argument.
    let refused = node(&["--ros-args", "--help"]);
    assert_eq!((refused.status.code(), refused.stdout.len()), (Some(1), 0));
    let complaint = String::from_utf8_lossy(&refused.stderr);
    assert!(complaint.contains("no such argument"), "{complaint}");
    // Without them it stands alone.
    assert!(String::from_utf8_lossy(&node(&["help"]).stderr).contains("--ros-args"));
}

#[test]
fn a_kitchen_goes_in_and_a_grounded_plan_comes_out() {
    if !loopback_works() {
        eprintln!("skipped: two participants do not hear each other on this machine's loopback");
        return;
    }
    let settings = settings();
    let peer = Peer::join(settings);
    let plans = peer.hear::<Plan>("/scenellm_planner/plan", qos::LATCHED);
    let steps = peer.hear::<PlanStep>("/scenellm_planner/plan/steps", qos::LATCHED);
    let maps = peer.hear::<PointCloud2>("/scenellm_planner/map", qos::LATCHED);
    let objects = peer.hear::<Detection3DArray>("/scenellm_planner/objects", qos::LATCHED);
    let scene_objects = peer.hear::<SceneObjects>("/scenellm_planner/scene_objects", qos::LATCHED);
    let labels = peer.hear::<MarkerArray>("/scenellm_planner/labels", qos::LATCHED);
    let label_info = peer.hear::<LabelInfo>("/scenellm_planner/label_info", qos::LATCHED);
    let relations = peer.hear::<ObjectRelations>("/scenellm_planner/relations", qos::LATCHED);
    let heats = peer.hear::<PointCloud2>("/scenellm_planner/heat_map", qos::LATCHED);
    let paths = peer.hear::<Path>("/scenellm_planner/path", qos::LATCHED);
    let words = peer.hear::<StringMsg>("/scenellm_planner/dialogue/out", qos::EVENT);
    let health = peer.hear::<DiagnosticArray>("/diagnostics", qos::EVENT);
    let mut node = Node::start(settings, &KITCHEN);

    peer.play("bags/kitchen_sim", PAUSE, || number(&health, "map", "frames") >= 20);
    let frames_in = wait_for(|| Some(number(&health, "map", "frames")).filter(|n| *n >= 3));
    assert!(frames_in.is_some(), "no frames: {:?}", health.newest::<DiagnosticArray>());

    let mut again = Again::default();
    let plan = wait_for(|| {
        if again.is_due() {
            peer.publish("/scenellm_planner/goal", &say(GOAL));
        }
        plans.newest::<Plan>().filter(|plan| plan.goal == GOAL)
    })
    .expect("a plan");
    assert_eq!(plan.refusal, Plan::REFUSAL_NONE);
    assert_eq!(plan.header.frame_id, "map");
    assert!(plan.steps.len() >= 3, "{plan:?}");
    let bound = plan.steps.iter().flat_map(|step| &step.arguments).filter(|word| word.grounded);
    assert!(bound.count() >= 3, "the kitchen holds what the goal speaks of: {plan:?}");

    let cloud = wait_for(|| maps.newest::<PointCloud2>()).expect("a map");
    assert_eq!((cloud.header.frame_id.as_str(), cloud.point_step), ("map", 24));
    assert!(cloud.width > 500 && cloud.data.len() == 24 * cloud.width as usize);
    let seen = wait_for(|| objects.newest::<Detection3DArray>()).expect("objects");
    assert!(seen.detections.len() > 5);
    let known = wait_for(|| {
        let known = scene_objects.newest::<SceneObjects>()?.objects;
        known.iter().any(|object| object.points > 0).then_some(known)
    })
    .expect("what is known of objects");
    let legend = wait_for(|| label_info.newest::<LabelInfo>()).expect("a legend").class_map;
    for object in &known {
        let class = legend.iter().find(|one| u32::from(one.class_id) == object.label_number);
        let named = class.is_none_or(|class| class.class_name == object.label);
        assert!(named && object.label_number > 0, "{object:?}, {class:?}");
    }
    let shown = wait_for(|| labels.newest::<MarkerArray>()).expect("labels").markers;
    assert!(shown.iter().any(|words| words.text.contains('#')), "{shown:?}");
    let told = wait_for(|| {
        relations.newest::<ObjectRelations>().filter(|told| !told.relations.is_empty())
    });
    assert_eq!(told.map(|told| told.header.frame_id).as_deref(), Some("map"));
    let path = wait_for(|| paths.newest::<Path>()).expect("a path");
    assert!(!path.poses.is_empty());

    // Success of the first step makes the second one current.
    let second = wait_for(|| {
        let step = steps.newest::<PlanStep>()?;
        if step.id == 1 {
            let topic = "/scenellm_planner/step_feedback";
            peer.publish(topic, &StepFeedback { step_id: 1, success: true, ..Default::default() });
        }
        (step.id == 2).then_some(step)
    });
    // Where its things are, the map may know better by now.
    let spoken = |step: PlanStep| {
        let names: Vec<_> = step.arguments.into_iter().map(|word| word.name).collect();
        (step.action, names)
    };
    assert_eq!(second.map(spoken), Some(spoken(plan.steps[1].clone())));

    // Facts of the map, by service and by word.
    let request = AskRequest { question: "where is the microwave?".into() };
    let answer = peer.call::<Ask>("/scenellm_planner/ask", &request);
    assert_eq!(answer.error_code, ERROR_NONE, "{answer:?}");
    assert!(answer.answer.contains("microwave #") && !answer.object_ids.is_empty());
    // Called as people do, as the vocabulary knows.
    let request = AskRequest { question: "where is the refrigerator?".into() };
    let answer = peer.call::<Ask>("/scenellm_planner/ask", &request);
    assert!(answer.answer.contains("fridge #") && !answer.object_ids.is_empty(), "{answer:?}");
    let request = AskRequest { question: "where is the floor?".into() };
    let answer = peer.call::<Ask>("/scenellm_planner/ask", &request);
    assert!(answer.answer.contains("likeness") && answer.object_ids.is_empty(), "{answer:?}");
    let heat = wait_for(|| heats.newest::<PointCloud2>()).expect("a heat map");
    assert_eq!((heat.header.frame_id.as_str(), heat.point_step), ("map", 20));
    assert!(heat.width > 500 && heat.fields.iter().any(|field| field.name == "likeness"));
    let request = DescribeSceneRequest { max_objects: 3 };
    let scene = peer.call::<DescribeScene>("/scenellm_planner/describe_scene", &request);
    assert_eq!(scene.object_ids.len(), 3, "{scene:?}");
    let told = wait_for(|| {
        peer.publish("/scenellm_planner/dialogue/in", &say("What do you see?"));
        words.newest::<StringMsg>().filter(|said| said.data.contains("microwave"))
    });
    assert!(told.is_some(), "{:?}", words.newest::<StringMsg>());

    // The map goes to a file, is forgotten, and comes back.
    let folder = tempfile::tempdir().unwrap();
    let file = FileRequest { path: folder.path().join("a.scenemap").display().to_string() };
    let saved = peer.call::<SaveMap>("/scenellm_planner/save_map", &file);
    assert_eq!(saved.error_code, ERROR_NONE, "{saved:?}");
    assert!(saved.voxels > 500);
    let forgotten = peer.call::<ResetMap>("/scenellm_planner/reset_map", &Empty::default());
    assert_eq!(forgotten.voxels, saved.voxels);
    let cleared = wait_for(|| heats.newest::<PointCloud2>().filter(|heat| heat.width == 0));
    assert!(cleared.is_some(), "the heat map is that of a map that is no more");
    let loaded = peer.call::<LoadMap>("/scenellm_planner/load_map", &file);
    assert_eq!((loaded.voxels, loaded.objects), (saved.voxels, saved.objects));

    // Stop withdraws the plan.
    let withdrawn = wait_for(|| {
        peer.publish("/scenellm_planner/dialogue/in", &say("stop"));
        plans.newest::<Plan>().filter(|plan| plan.refusal == Plan::REFUSAL_WITHDRAWN)
    });
    assert_eq!(withdrawn.map(|plan| (plan.goal, plan.steps.len())), Some((GOAL.into(), 0)));

    node.signal("TERM");
    let ended = node.end().expect("the node ends");
    assert_eq!(ended.code(), Some(0), "{ended:?}");
}

#[test]
fn an_open_plan_follows_what_moves() {
    if !loopback_works() {
        eprintln!("skipped: two participants do not hear each other on this machine's loopback");
        return;
    }
    let settings = settings();
    let peer = Peer::join(settings);
    // It hears this all the time, and does not join anew while a plan is made.
    let _health = peer.hear::<DiagnosticArray>("/diagnostics", qos::EVENT);
    let plans = peer.hear::<Plan>("/scenellm_planner/plan", qos::LATCHED);
    let mut node = Node::start(settings, &[]);
    let goal = "rinse the mug";
    let show_mug = |y: f64| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let stamp_ns = now.as_nanos() as i64;
        // The frame of the map is known as soon as anything stands in it.
        let base = TransformStamped {
            header: Header::new(stamp_ns, "map"),
            child_frame_id: "base_link".into(),
            transform: Transform::default(),
        };
        peer.publish("/tf", &TFMessage { transforms: vec![base] });
        let mug = Detection {
            label: "mug".into(),
            score: 0.9,
            frame_T_box: nalgebra::Isometry3::translation(-1.0, y, 0.8),
            size_m: [0.1; 3],
            track_id: "the mug".into(),
        };
        let event = DetectionsEvent {
            topic: "/detections".into(),
            stamp_ns,
            frame_id: "map".into(),
            detections: vec![mug],
        };
        peer.publish("/detections", &detections_message(&event));
    };
    // Where the newest plan has the mug.
    let mug_y = || {
        let plan = plans.newest::<Plan>().filter(|plan| plan.goal == goal)?;
        let mut words = plan.steps.into_iter().flat_map(|step| step.arguments);
        words.find(|word| word.name == "mug" && word.grounded).map(|word| word.position.y)
    };
    let mut again = Again::default();
    let bound = wait_for(|| {
        show_mug(2.0);
        if plans.newest::<Plan>().is_none() && again.is_due() {
            peer.publish("/scenellm_planner/goal", &say(goal));
        }
        mug_y()
    });
    // A mug that was planned for before it was seen is bound when it is.
    assert!(bound.is_some_and(|y| (y - 2.0).abs() < 0.05), "{:?}", plans.newest::<Plan>());
    // Whoever carries out the plan has heard nothing but a new place.
    let followed = wait_for(|| {
        show_mug(3.0);
        mug_y().filter(|y| (y - 3.0).abs() < 0.05)
    });
    assert!(followed.is_some(), "{:?}", plans.newest::<Plan>());
    // In a map that is loaded ids are its own: the plan is made anew.
    let folder = tempfile::tempdir().unwrap();
    let file = FileRequest { path: folder.path().join("a.scenemap").display().to_string() };
    let saved = peer.call::<SaveMap>("/scenellm_planner/save_map", &file);
    assert_eq!(saved.error_code, ERROR_NONE, "{saved:?}");
    let before = plans.count();
    let loaded = peer.call::<LoadMap>("/scenellm_planner/load_map", &file);
    assert_eq!(loaded.error_code, ERROR_NONE, "{loaded:?}");
    let anew = wait_for(|| mug_y().filter(|_| plans.count() > before));
    assert!(anew.is_some_and(|y| (y - 3.0).abs() < 0.05), "{:?}", plans.newest::<Plan>());
    node.signal("TERM");
    assert!(node.end().is_some_and(|status| status.success()));
}

#[test]
fn garbage_is_counted_and_a_stopped_node_comes_back() {
    if !loopback_works() {
        eprintln!("skipped: two participants do not hear each other on this machine's loopback");
        return;
    }
    let settings = settings();
    let peer = Peer::join(settings);
    let health = peer.hear::<DiagnosticArray>("/diagnostics", qos::EVENT);
    let plans = peer.hear::<Plan>("/robot/eyes/plan", qos::LATCHED);
    let mut node = Node::start(settings, &["-r", "__ns:=/robot", "-r", "__node:=eyes"]);

    let garbage: [(&str, &str); 4] = [
        ("/robot/color/camera_info", CameraInfo::TYPE),
        ("/robot/eyes/goal", StringMsg::TYPE),
        ("/robot/eyes/step_feedback", StepFeedback::TYPE),
        ("/robot/detections", Detection3DArray::TYPE),
    ];
    for (topic, type_name) in garbage {
        let counted = wait_for(|| {
            let bytes = [0, 1, 0, 0, 0xff, 0xff, 0xff, 0xff, 7];
            // What is held up is sent again.
            let _ = peer.topic(topic, type_name, qos::EVENT).publish(bytes.to_vec());
            let unusable = number(&health, topic, "unusable");
            (unusable > 0 && number(&health, topic, "received") >= unusable).then_some(())
        });
        assert!(counted.is_some(), "{topic}: {:?}", part(&health, topic));
    }

    // Parameters are listed, described, set and refused.
    let list = ListParametersRequest { prefixes: vec!["publish".into()], depth: 0 };
    let listed = peer.call::<ListParameters>("/robot/eyes/list_parameters", &list).result.names;
    assert!(listed.contains(&"publish.map_period_s".to_string()), "{listed:?}");
    let names = NamesRequest { names: listed };
    let described = peer.call::<DescribeParameters>("/robot/eyes/describe_parameters", &names);
    assert!(described.descriptors.iter().all(|one| !one.description.is_empty()));
    let set = |name: &str, double_value| {
        let kind = ParameterValue::DOUBLE;
        let value = ParameterValue { kind, double_value, ..ParameterValue::default() };
        let parameters = vec![Parameter { name: name.into(), value }];
        let request = SetParametersRequest { parameters };
        peer.call::<SetParameters>("/robot/eyes/set_parameters", &request).results.remove(0)
    };
    assert!(set("publish.stale_after_s", 9.0).successful);
    assert!(set("publish.stale_after_s", -1.0).reason.contains("must lie between"));
    assert!(set("map.voxel_size_m", 0.1).reason.contains("read-only"));
    let names = NamesRequest { names: vec!["publish.stale_after_s".into()] };
    let values = peer.call::<GetParameters>("/robot/eyes/get_parameters", &names).values;
    assert_eq!(values[0].double_value, 9.0);

    // An interrupted poll ends the middleware's threads for good; the node must come back.
    node.signal("STOP");
    std::thread::sleep(Duration::from_secs(6));
    node.signal("CONT");
    let goal = "rinse the mug";
    let mut again = Again::default();
    let plan = wait_for(|| {
        if again.is_due() {
            peer.publish("/robot/eyes/goal", &say(goal));
        }
        plans.newest::<Plan>().filter(|plan| plan.goal == goal)
    });
    assert!(plan.is_some(), "the node hears nothing after it was stopped and resumed");

    node.signal("INT");
    let ended = node.end().expect("the node ends");
    assert_eq!(ended.code(), Some(0), "{ended:?}");
}
