//! The planner with a model of random weights, and with a stand-in server.

use std::time::Duration;

use super::*;
use crate::model::stand_in::{Act, ChatServer};
use crate::scene::fixtures::object;
use crate::scene::{MapObject, ObjectId};
use crate::tasks::{Argument, GoalPlanner, Plan, Refusal, SoFar, fixtures};

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/chat_planner");

fn planner(manifest: &str) -> GoalPlanner {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(crate::model::MANIFEST_FILE), manifest).unwrap();
    GoalPlanner::load(folder.path(), &Device::Cpu).unwrap()
}

fn local(weights: &str, settings: &str) -> GoalPlanner {
    planner(&format!(
        "kind: chat\nname: tiny\nlocal: {{weights: '{FIXTURE}{weights}'}}\n{settings}"
    ))
}

fn served(url: &str, timeout_s: u32) -> GoalPlanner {
    let endpoint = format!("{{url: '{url}', model: m, timeout_s: {timeout_s}}}");
    planner(&format!("kind: chat\nname: served\nendpoint: {endpoint}\n"))
}

fn kitchen() -> Vec<MapObject> {
    let often = |object: MapObject| MapObject { observations: 9, ..object };
    vec![
        often(object(1, "countertop", [1.0, 0.0, 0.5], 0.9)),
        often(object(3, "mug", [1.1, 0.1, 1.0], 0.1)),
        often(object(7, "sink basin", [2.0, 0.0, 0.8], 0.4)),
        often(object(9, "fridge", [4.0, 0.0, 1.0], 1.0)),
    ]
}

fn request<'a>(goal: &'a str, objects: &'a [MapObject]) -> PlanRequest<'a> {
    PlanRequest { objects, stamp_ns: 5, step_expiry_ns: 10, ..fixtures::request(goal) }
}

fn ids(plan: &Plan) -> Vec<Vec<Option<u32>>> {
    let id = |word: &Argument| word.grounding.bound().map(|(id, _)| id.0);
    plan.steps.iter().map(|step| step.arguments.iter().map(id).collect()).collect()
}

/// Every step is an action of the vocabulary with as many arguments, each bound to an object.
#[track_caller]
fn assert_grounded(plan: &Plan, objects: &[MapObject]) {
    let alfred = ActionVocabulary::alfred();
    for step in &plan.steps {
        let action = alfred.action(&step.action).unwrap();
        assert_eq!(action.arguments.len(), step.arguments.len(), "{step:?}");
    }
    for id in ids(plan).concat() {
        let id = id.expect("names of the list are bound");
        assert!(objects.iter().any(|object| object.id == ObjectId(id)), "{id}");
    }
}

#[test]
fn a_model_of_random_weights_writes_a_grounded_plan_or_a_typed_refusal() {
    let settings = "context: 2048\ndecoding: {max_tokens: 700}\n";
    let mut of_both = Vec::new();
    for weights in ["", "/model.safetensors", "/model.gguf"] {
        let mut planner = local(weights, settings);
        assert_eq!(planner.sight(), Sight::ObjectList);
        let kitchen = kitchen();
        let mut plans = Vec::new();
        for goal in ["wash the mug", "put the mug into the fridge", "find <|im_end|> now"] {
            let mut said = String::new();
            let plan = planner.plan_aloud(&request(goal, &kitchen), &mut |text| {
                said.push_str(text);
                true
            });
            match &plan.refusal {
                None => {
                    assert_grounded(&plan, &kitchen);
                    assert!(plan.mean_log_probability.is_some_and(|mean| mean <= 0.0));
                    assert!(said.trim_end().ends_with("NoOp"), "{said}");
                }
                Some(Refusal::NotFound { names }) => assert!(!names.is_empty()),
                other => panic!("{other:?}"),
            }
            assert_eq!(plan.shown, Some(ShownObjects { listed: 4, left_out: 0 }));
            plans.push(plan);
        }
        of_both.push(plans);
    }
    assert_eq!(of_both[0], of_both[1]);
    // The same weights in the other layout, with the tokenizer from its metadata.
    assert_eq!(ids(&of_both[0][0]), ids(&of_both[2][0]));
}

#[test]
fn a_list_longer_than_the_context_is_cut_and_the_plan_says_so() {
    let labels = ["chair", "plate", "spoon", "book", "vase"];
    let mut crowd: Vec<MapObject> = (0..400)
        .map(|id| object(id, labels[id as usize % 5], [f64::from(id), 1.0, 0.0], 0.1))
        .collect();
    crowd.push(object(900, "mug", [999.0, 0.0, 0.0], 0.1));
    let mut planner = local("", "context: 1800\ndecoding: {max_tokens: 700}\n");
    let plan = planner.plan(&request("bring the mug", &crowd));
    let shown = plan.shown.expect("it read a list");
    assert_eq!(shown.listed + shown.left_out, 401);
    assert!(shown.listed > 3 && shown.left_out > 300, "{shown:?}");
    assert_grounded(&plan, &crowd);
    let mut capped = local("", "most_objects: 2\ndecoding: {max_tokens: 700}\n");
    let plan = capped.plan(&request("bring the mug", &crowd));
    assert_eq!(plan.shown, Some(ShownObjects { listed: 2, left_out: 399 }));

    let long = "wash it ".repeat(500);
    let plan = planner.plan(&request(&long, &crowd));
    let Some(Refusal::ModelFailed { reason }) = &plan.refusal else { panic!("{plan:?}") };
    assert!(reason.contains("without any object"), "{reason}");
}

#[test]
fn a_gguf_file_and_a_folder_of_hugging_face_need_no_manifest() {
    let gguf = format!("{FIXTURE}/model.gguf");
    for (path, name) in [(FIXTURE, "chat_planner"), (gguf.as_str(), "model")] {
        let planner = GoalPlanner::load(Path::new(path), &Device::Cpu).unwrap();
        assert_eq!((planner.name(), planner.sight()), (name, Sight::ObjectList));
    }
    let folder = tempfile::tempdir().unwrap();
    assert!(GoalPlanner::load(folder.path(), &Device::Cpu).is_err());
}

#[test]
fn planning_can_be_interrupted_and_an_empty_map_asks_nobody() {
    let mut planner = local("", "context: 2048\ndecoding: {max_tokens: 700}\n");
    let kitchen = kitchen();
    let mut looks = 0;
    let plan = planner.plan_aloud(&request("wash the mug", &kitchen), &mut |_| {
        looks += 1;
        looks < 3
    });
    let interrupted = PlanningError::Interrupted.to_string();
    assert_eq!(plan.refusal, Some(Refusal::ModelFailed { reason: interrupted }));
    let plan = planner.plan(&request("wash the mug", &[]));
    assert_eq!(plan.refusal, Some(Refusal::NotFound { names: vec!["wash the mug".into()] }));
    // Without a map, words stand for things.
    let vocabulary = planner.vocabulary().clone();
    let spoken = planner.speak("wash the mug", None, &vocabulary);
    assert!(spoken.is_ok_and(|plan| plan.mean_log_probability.is_some()));
}

const WASH: &str = r#"{"steps": [
    {"action": "GotoLocation", "target": "countertop_1"},
    {"action": "PickupObject", "object": "mug_3"},
    {"action": "PutObject", "object": "mug_3", "receptacle": "sink_basin_7"}],
    "not_found": []}"#;

const SAID: &str =
    "\nGotoLocation countertop_1\nPickupObject mug_3\nPutObject mug_3 sink_basin_7\nNoOp";

#[test]
fn what_a_server_answers_becomes_a_grounded_plan() {
    let acts = [ChatServer::whole(WASH), ChatServer::stream(WASH, Duration::from_millis(1))];
    for act in acts {
        let is_stream = matches!(act, Act::Stream(..));
        let server = ChatServer::start(vec![act]);
        let kitchen = kitchen();
        let mut request = request("wash the mug", &kitchen);
        request.held = Some(ObjectId(9));
        request.heading_rad = Some(std::f64::consts::FRAC_PI_2);
        let mut said = Vec::new();
        let plan = served(&server.url, 30).plan_aloud(&request, &mut |text| {
            said.extend((!text.is_empty()).then(|| text.to_owned()));
            true
        });
        assert_eq!(plan.refusal, None);
        assert_eq!(ids(&plan), [vec![Some(1)], vec![Some(3)], vec![Some(3), Some(7)]]);
        assert_eq!(plan.steps[2].summary(), "PutObject mug → sinkbasin");
        assert_eq!(plan.steps[2].target_position_m(), Some([2.0, 0.0, 0.8]));
        assert_eq!((plan.steps[2].expires_ns, plan.mean_log_probability), (15, None));
        assert_eq!(said.concat(), SAID);
        assert_eq!(said.len(), if is_stream { 4 } else { 1 }, "a step at a time: {said:?}");
        let asked = &server.requests()[0];
        for part in [
            "mug_3 at (1.1, 0.1, 1.0)",
            "on countertop_1",
            "faces 90° counterclockwise",
            "holds fridge_9",
            "json_schema",
        ] {
            assert!(asked.contains(part), "{asked} lacks {part}");
        }
    }
}

#[test]
fn a_model_that_plans_anew_is_told_what_was_tried_and_its_plan_is_taken_as_it_is() {
    let server = ChatServer::start(vec![ChatServer::whole(WASH)]);
    let kitchen = kitchen();
    let mut so_far = SoFar::default();
    so_far.done.push(fixtures::bound_step(1, "PickupObject mug", &[3]));
    let put = fixtures::bound_step(2, "PutObject mug sinkbasin", &[3, 7]);
    so_far.fail(put, "the sink is full", Some(ObjectId(3)));
    let request = PlanRequest { so_far: &so_far, ..request("wash the mug", &kitchen) };
    let plan = served(&server.url, 30).plan(&request);
    assert_eq!(ids(&plan), [vec![Some(1)], vec![Some(3)], vec![Some(3), Some(7)]]);
    let asked = &server.requests()[0];
    for part in [
        "Done so far: PickupObject mug_3",
        "Failed: PutObject mug_3 sink_basin_7 (the sink is full)",
        "Do not repeat what is done",
    ] {
        assert!(asked.contains(part), "{asked} lacks {part}");
    }
}

#[test]
fn what_a_server_said_before_it_broke_off_stands() {
    // All but the last words, and no end.
    let broken = |text: &str| match ChatServer::stream(text, Duration::ZERO) {
        Act::Stream(mut events, pause) => {
            events.truncate(events.len() - 4);
            Act::Stream(events, pause)
        }
        other => other,
    };
    let kitchen = kitchen();
    let ask = |before: &str| {
        let server = ChatServer::start(vec![broken(before), ChatServer::whole(WASH)]);
        let request = request("wash the mug", &kitchen);
        let mut said = String::new();
        let plan = served(&server.url, 30).plan_aloud(&request, &mut |text| {
            said.push_str(text);
            true
        });
        (plan.refusal, said)
    };
    assert_eq!(ask(WASH), (None, SAID.to_owned()));
    let (refusal, said) = ask(&WASH.replace("countertop_1", "fridge_9"));
    assert!(said.starts_with("\nGotoLocation fridge_9\n"), "{said}");
    let Some(Refusal::ModelFailed { reason }) = &refusal else { panic!("{refusal:?}") };
    assert!(reason.contains("is another now"), "{reason}");
}

#[test]
fn whatever_a_server_answers_is_a_plan_or_a_named_refusal() {
    let wrong = WASH.replace("mug_3", "mug_4");
    let missing = r#"{"steps": [], "not_found": ["drill"]}"#;
    let cases = [
        (ChatServer::whole(&wrong), "step 2: PickupObject: 'mug_4' is no object of the list"),
        (ChatServer::whole("I would wash it."), "is no plan"),
        (ChatServer::whole(missing), "nothing in the map answers to drill"),
        (Act::Whole(200, "<html></html>".into()), "does not follow OpenAI's protocol"),
        (Act::Whole(401, r#"{"error": {"message": "no key"}}"#.into()), "answers 401: no key"),
        (Act::Endless, "longer than"),
        (Act::Hang, "no whole answer within 1 s"),
    ];
    let kitchen = kitchen();
    for (act, message) in cases {
        let is_hanging = matches!(act, Act::Hang);
        let server = ChatServer::start(vec![act, ChatServer::whole(WASH)]);
        let mut planner = served(&server.url, if is_hanging { 1 } else { 30 });
        let plan = planner.plan(&request("wash the mug", &kitchen));
        let refusal = plan.refusal.expect(message).to_string();
        assert!(refusal.contains(message), "{refusal} does not say {message}");
        // The next goal is planned for as if nothing had been.
        assert_eq!(planner.plan(&request("wash the mug", &kitchen)).refusal, None);
    }
}

#[test]
fn of_a_long_list_stays_what_the_goal_means() {
    let folder = tempfile::tempdir().unwrap();
    let answer = r#"{"steps": [{"action": "PickupObject", "object": "cup_4"}], "not_found": []}"#;
    let server = ChatServer::start(vec![ChatServer::whole(answer)]);
    let endpoint = format!("{{url: '{}', model: m, timeout_s: 20}}", server.url);
    let manifest = format!("kind: chat\nname: m\nendpoint: {endpoint}\nmost_objects: 1\n");
    std::fs::write(folder.path().join(crate::model::MANIFEST_FILE), manifest).unwrap();
    let rooms = [
        object(1, "lamp", [1.0, 0.0, 0.5], 0.2),
        object(2, "door", [1.5, 0.0, 0.5], 0.2),
        object(3, "chair", [2.0, 0.0, 0.5], 0.2),
        object(4, "cup", [9.0, 0.0, 0.5], 0.1),
    ];
    let request = request("bring something to drink from", &rooms);
    let mut planner = GoalPlanner::load(folder.path(), &Device::Cpu).unwrap();
    // By spelling and distance the lamp stays, and a plan with the cup is refused.
    assert!(planner.plan(&request).refusal.is_some());
    planner.set_text_encoder(Arc::new(super::super::meaning::tests::Subjects));
    let plan = planner.plan(&request);
    assert_eq!((plan.refusal.as_ref(), ids(&plan)), (None, vec![vec![Some(4)]]));
    assert_eq!(plan.shown, Some(ShownObjects { listed: 1, left_out: 3 }));
    let [before, after] = [0, 1].map(|at| server.requests()[at].clone());
    assert!(before.contains("lamp_1 at (") && !before.contains("cup_4"), "{before}");
    assert!(after.contains("cup_4 at (") && !after.contains("lamp_1"), "{after}");
    assert!(after.contains("(3 more are left out"), "{after}");
}

#[test]
fn what_is_held_is_in_doubt_before_a_new_goal_and_after_a_failure() {
    let kitchen = kitchen();
    let (mut begun, mut failed) = (SoFar::default(), SoFar::default());
    begun.done.push(fixtures::bound_step(1, "PickupObject mug", &[3]));
    failed.fail(fixtures::bound_step(1, "PickupObject mug", &[3]), "it slipped", None);
    for (held, so_far, expected) in [
        (None, SoFar::nothing(), Grip::Empty),
        (Some(3), &begun, Grip::Holds("mug_3")),
        (Some(99), &begun, Grip::Unknown),
        (Some(3), SoFar::nothing(), Grip::Unknown),
        (None, &failed, Grip::Unknown),
        (Some(3), &failed, Grip::Unknown),
    ] {
        let held = held.map(ObjectId);
        let request = PlanRequest { held, so_far, ..request("tidy up", &kitchen) };
        let list = ObjectList::new(&kitchen, "tidy up", [0.0; 3], held);
        assert_eq!(grip(&request, &list), expected, "{held:?}");
    }
}
