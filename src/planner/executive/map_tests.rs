//! An open plan follows the map.

use super::*;
use crate::scene::fixtures::{object, sized};
use crate::tasks::PlanRequest;
use crate::tasks::fixtures::{bound_plan, request};

const TABLE: ObjectId = ObjectId(1);
const COUNTER: ObjectId = ObjectId(2);
const MUG: ObjectId = ObjectId(4);
const GOAL: &str = "put the mug on the shelf";
const FROM_TABLE: &str = "GotoLocation diningtable\nPickupObject mug\nGotoLocation shelf\n\
    PutObject mug shelf\nNoOp";
const FROM_COUNTER: &str = "GotoLocation countertop\nPickupObject mug\nGotoLocation shelf\n\
    PutObject mug shelf\nNoOp";

/// A table at x = 0 m, a counter at 4 m and a shelf at 8 m.
fn bare() -> Vec<MapObject> {
    let size_m = [1.0, 1.0, 0.8];
    vec![
        sized(TABLE.0, "diningtable", [0.0, 0.0, 0.4], size_m),
        sized(COUNTER.0, "countertop", [4.0, 0.0, 0.4], size_m),
        sized(3, "shelf", [8.0, 0.0, 0.4], size_m),
    ]
}

/// The same, with a mug on what stands at `x`.
fn mug_at(x: f64) -> Vec<MapObject> {
    let mut objects = bare();
    objects.push(object(MUG.0, "mug", [x, 0.0, 0.85], 0.1));
    objects
}

fn without_shelf(x: f64) -> Vec<MapObject> {
    let mut objects = mug_at(x);
    objects.retain(|object| object.label != "shelf");
    objects
}

fn made(text: &str, objects: &[MapObject]) -> Plan {
    bound_plan(text, &PlanRequest { objects, ..request(GOAL) })
}

/// At the first step of a plan that was made of what the map was then.
fn under_way(text: &str, objects: &[MapObject]) -> Executive {
    let mut executive = Executive::default();
    executive.goal(GOAL);
    plan_comes(&mut executive, made(text, objects));
    executive
}

fn plan_comes(executive: &mut Executive, plan: Plan) {
    executive.planned(executive.number, plan);
}

fn look(executive: &mut Executive, objects: &[MapObject]) -> Vec<Act> {
    executive.look(objects, [0.0; 3], 7, &ActionVocabulary::alfred())
}

fn succeed(executive: &mut Executive, step_id: u32) -> Vec<Act> {
    let feedback = StepFeedback { step_id, success: true, message: String::new() };
    executive.feedback(&feedback).unwrap()
}

/// What is said of the plan that is made anew; `None` when none is.
fn anew(acts: &[Act]) -> Option<&str> {
    match acts {
        [Act::Say(said), Act::Think { .. }] => Some(said),
        _ => None,
    }
}

/// Where the second step of the plan takes the mug, metres.
fn mug_x(plan: &Plan) -> Option<f64> {
    plan.steps[1].target_position_m().map(|[x, ..]| x)
}

#[test]
fn what_moved_on_its_table_is_bound_to_its_new_place() {
    let mut executive = under_way(FROM_TABLE, &mug_at(0.2));
    let acts = look(&mut executive, &mug_at(-0.2));
    let [Act::Publish(plan)] = &acts[..] else { panic!("{acts:?}") };
    assert_eq!((mug_x(plan), plan.stamp_ns), (Some(-0.2), 7));
    assert_eq!(plan.steps.iter().map(|step| step.id).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(look(&mut executive, &mug_at(-0.2)), []);
    // The step that is under way is told again where it is what changed.
    let mut moved = mug_at(-0.2);
    moved[0].position_m[1] = 0.3;
    let acts = look(&mut executive, &moved);
    let [Act::Publish(_), Act::Step(step)] = &acts[..] else { panic!("{acts:?}") };
    assert_eq!((step.id, step.target_position_m()), (1, Some([0.0, 0.3, 0.4])));
    assert_eq!(executive.progress().replans, 0);
}

#[test]
fn what_moved_elsewhere_is_planned_for_anew_and_the_new_plan_goes_there() {
    let mut executive = under_way(FROM_TABLE, &mug_at(0.2));
    let acts = look(&mut executive, &mug_at(4.0));
    assert_eq!(anew(&acts), Some("the mug is on the countertop now: planning anew"));
    assert_eq!((executive.progress().at, executive.progress().replans), (None, 1));
    assert_eq!(look(&mut executive, &mug_at(4.3)), [], "the model thinks already");
    plan_comes(&mut executive, made(FROM_COUNTER, &mug_at(4.0)));
    let plan = executive.progress().plan.unwrap();
    let goes_to = plan.steps[0].arguments[0].grounding.bound().map(|(id, _)| id);
    assert_eq!((goes_to, mug_x(&plan)), (Some(COUNTER), Some(4.0)));
    let acts = look(&mut executive, &mug_at(4.3));
    assert!(matches!(&acts[..], [Act::Publish(plan)] if mug_x(plan) == Some(4.3)), "{acts:?}");
}

#[test]
fn what_is_gone_is_planned_for_anew_and_what_was_done_is_kept() {
    let mut executive = under_way(FROM_COUNTER, &mug_at(4.0));
    succeed(&mut executive, 1);
    let acts = look(&mut executive, &without_shelf(4.0));
    assert_eq!(anew(&acts), Some("the shelf is gone: planning anew"));
    let done: Vec<_> = executive.so_far().done.iter().map(PlanStep::summary).collect();
    assert_eq!(done, ["GotoLocation countertop"]);

    let mut executive = under_way(FROM_COUNTER, &mug_at(4.0));
    let acts = look(&mut executive, &bare());
    assert_eq!(anew(&acts), Some("the mug is gone: planning anew"));
}

#[test]
fn what_turns_up_is_bound_where_the_plan_goes_for_it() {
    let mut executive = under_way(FROM_TABLE, &bare());
    assert_eq!(look(&mut executive, &bare()), []);
    let acts = look(&mut executive, &mug_at(0.2));
    let [Act::Publish(plan)] = &acts[..] else { panic!("{acts:?}") };
    assert_eq!(mug_x(plan), Some(0.2));
    let mut words = plan.steps.iter().flat_map(|step| &step.arguments);
    assert!(words.all(|word| word.grounding.bound().is_some()), "{plan:?}");

    let mut executive = under_way(FROM_TABLE, &bare());
    let acts = look(&mut executive, &mug_at(4.0));
    assert_eq!(anew(&acts), Some("the mug is on the countertop now: planning anew"));

    // What the step under way looks for may turn up as well.
    let mut executive = under_way(FROM_TABLE, &bare());
    succeed(&mut executive, 1);
    let acts = look(&mut executive, &mug_at(0.2));
    assert!(matches!(&acts[..], [Act::Publish(_), Act::Step(step)] if step.id == 2), "{acts:?}");
}

#[test]
fn a_hundred_looks_that_differ_by_a_centimetre_are_no_news() {
    let mut executive = under_way(FROM_TABLE, &mug_at(0.2));
    for look_number in 0..100 {
        let mut objects = mug_at(0.2);
        for (at, object) in objects.iter_mut().enumerate() {
            let phase = f64::from(look_number) + at as f64;
            let jitter_m = [phase.sin(), (2.0 * phase).cos(), (3.0 * phase).sin()];
            for (position_m, jitter_m) in object.position_m.iter_mut().zip(jitter_m) {
                *position_m += 0.01 * jitter_m;
            }
            object.confidence = 0.8;
            object.last_seen_ns = look_number.into();
        }
        // Things that the plan does not name come and go.
        let cup = object(100, "cup", [4.0, 0.2, 0.85], 0.1);
        objects.extend((look_number % 2 == 0).then_some(cup));
        assert_eq!(look(&mut executive, &objects), [], "look {look_number}");
    }
}

#[test]
fn what_the_hand_has_moves_with_it() {
    let mut executive = under_way(FROM_TABLE, &mug_at(0.2));
    succeed(&mut executive, 1);
    for objects in [mug_at(3.0), bare(), mug_at(4.0)] {
        assert_eq!(look(&mut executive, &objects), [], "it is being picked up");
    }
    succeed(&mut executive, 2);
    for objects in [mug_at(7.0), bare()] {
        assert_eq!(look(&mut executive, &objects), [], "it is held");
    }
    // A plan made anew finds it in the hand.
    let feedback = StepFeedback { step_id: 3, success: false, message: String::new() };
    executive.feedback(&feedback).unwrap();
    plan_comes(&mut executive, made("GotoLocation shelf\nPutObject mug shelf\nNoOp", &mug_at(7.0)));
    assert_eq!(look(&mut executive, &bare()), []);
}

#[test]
fn a_step_that_ends_while_its_plan_is_made_anew_still_counts() {
    let mut executive = under_way(FROM_TABLE, &mug_at(0.2));
    succeed(&mut executive, 1);
    let first = look(&mut executive, &without_shelf(0.2));
    let acts = succeed(&mut executive, 2);
    let [Act::Think { number, held: Some(MUG), .. }] = acts[..] else { panic!("{acts:?}") };
    assert_eq!(executive.so_far().done.len(), 2);
    let [_, Act::Think { number: before, .. }] = first[..] else { panic!("{first:?}") };
    let stale = made(FROM_TABLE, &without_shelf(0.2));
    assert_eq!(executive.planned(before, stale), [], "it would take the mug again");
    let again = StepFeedback { step_id: 2, success: true, message: String::new() };
    assert!(executive.feedback(&again).unwrap_err().contains("being made"));
    assert!(executive.waits_for(number));

    // What failed, the plan that is being made does not know either.
    let mut executive = under_way(FROM_TABLE, &mug_at(0.2));
    look(&mut executive, &bare());
    let failed = StepFeedback { step_id: 1, success: false, message: "blocked".into() };
    let acts = executive.feedback(&failed).unwrap();
    let [Act::Think { number, so_far, .. }] = &acts[..] else { panic!("{acts:?}") };
    assert_eq!((so_far.failed[0].why.as_str(), so_far.done.len()), ("blocked", 0));
    assert!(executive.waits_for(*number));
    assert!(executive.feedback(&failed).is_err(), "it is known");
}

#[test]
fn what_comes_and_goes_keeps_nobody_thinking() {
    let mut executive = under_way(FROM_TABLE, &mug_at(0.2));
    let mut asked = 0;
    for turn in 0..50 {
        let objects = match turn % 3 {
            0 => bare(),
            1 => mug_at(4.0),
            _ => mug_at(0.2),
        };
        if anew(&look(&mut executive, &objects)).is_some() {
            asked += 1;
            plan_comes(&mut executive, made(FROM_TABLE, &objects));
        }
    }
    // It was gone once, and once on the counter.
    assert_eq!((asked, executive.progress().replans), (2, 2));
    // Where the newest look has it, it is bound.
    look(&mut executive, &mug_at(0.2));
    assert_eq!(mug_x(&executive.progress().plan.unwrap()), Some(0.2));
}

#[test]
fn what_was_a_reason_is_one_again_once_a_step_is_done() {
    let mut executive = under_way(FROM_TABLE, &mug_at(0.2));
    assert!(anew(&look(&mut executive, &without_shelf(0.2))).is_some());
    plan_comes(&mut executive, made(FROM_TABLE, &mug_at(0.2)));
    let acts = look(&mut executive, &without_shelf(0.2));
    assert!(matches!(&acts[..], [Act::Publish(_)]), "{acts:?}");
    let acts = look(&mut executive, &mug_at(0.2));
    assert!(matches!(&acts[..], [Act::Publish(_)]), "{acts:?}");
    succeed(&mut executive, 1);
    assert!(anew(&look(&mut executive, &without_shelf(0.2))).is_some());
}

#[test]
fn in_another_map_nothing_stays_bound() {
    let mut executive = under_way(FROM_TABLE, &mug_at(0.2));
    succeed(&mut executive, 1);
    succeed(&mut executive, 2);
    assert_eq!(executive.in_map(0), [], "it is the one it was");
    // The id of the mug that is held is that of the shelf there.
    let other = [
        object(3, "mug", [0.2, 0.0, 0.85], 0.1),
        sized(MUG.0, "shelf", [8.0, 0.0, 0.4], [1.0, 1.0, 0.8]),
    ];
    let acts = executive.in_map(1);
    let [Act::Withdraw { .. }, Act::Say(said), Act::Think { number, so_far, .. }] = &acts[..]
    else {
        panic!("{acts:?}")
    };
    assert_eq!((said.as_str(), executive.held), ("another map was loaded: planning anew", None));
    assert!(so_far.done.len() == 2 && so_far.in_vain(&ActionVocabulary::alfred()).is_empty());
    assert!(so_far.done.iter().all(|step| !step.is_bound()), "{so_far:?}");
    assert_eq!(executive.in_map(1), []);
    assert_eq!(look(&mut executive, &other), []);
    let plan = bound_plan(FROM_TABLE, &PlanRequest { objects: &other, so_far, ..request(GOAL) });
    executive.planned(*number, plan);
    let Progress { plan, at, replans } = executive.progress();
    let goes_to = plan.and_then(|plan| plan.steps[0].arguments[0].grounding.bound());
    assert_eq!((goes_to.map(|(id, _)| id), at, replans), (Some(MUG), Some(0), 1));

    // The step that was under way still counts, and a plan over the old map comes too late.
    let mut executive = under_way(FROM_TABLE, &mug_at(0.2));
    succeed(&mut executive, 1);
    executive.in_map(1);
    let acts = succeed(&mut executive, 2);
    assert!(matches!(&acts[..], [Act::Think { held: None, .. }]), "{acts:?}");
    let mut executive = Executive::default();
    let acts = executive.goal(GOAL);
    let [Act::Think { number: before, .. }] = acts[..] else { panic!("{acts:?}") };
    let acts = executive.in_map(1);
    assert!(matches!(&acts[..], [Act::Say(_), Act::Think { .. }]), "{acts:?}");
    assert_eq!(executive.planned(before, made(FROM_TABLE, &mug_at(0.2))), []);
}
