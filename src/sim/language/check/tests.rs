//! True and false sentences of every kind.

use super::*;
use crate::scene::fixtures::object;
use crate::sim::household::Condition;
use crate::sim::language::facts::{InView, ObjectFact};
use crate::sim::language::pair::{PairFrame, Route};

/// A countertop with a red mug, two apples, one of them sliced, and a knife; an open fridge with an
/// egg; a dining table with a book; a microwave, a sink, a lamp that is lit, two closed cabinets.
fn facts() -> SceneFacts {
    let mut objects = Vec::new();
    let mut add = |category: &str, xy: [f64; 2], holder: Option<u32>, size_m: f64| {
        let id = objects.len() as u32 + 1;
        let bearing_rad = xy[1].atan2(xy[0]);
        objects.push(ObjectFact {
            object: object(id, category, [xy[0], xy[1], 1.0], size_m),
            category: category.into(),
            holder,
            condition: Some(Condition::default()),
            color: None,
            view: Some(InView { share: 0.1, bearing_rad, camera_m: [-xy[1], 0.0, xy[0]] }),
        });
        id
    };
    let counter = add("countertop", [2.0, 0.0], None, 1.0);
    add("mug", [2.0, 0.0], Some(counter), 0.1);
    add("apple", [2.0, 0.4], Some(counter), 0.08);
    let sliced = add("apple", [2.1, 0.45], Some(counter), 0.08);
    add("knife", [2.0, -0.2], Some(counter), 0.1);
    let fridge = add("fridge", [2.0, 2.0], None, 0.8);
    add("egg", [2.0, 2.0], Some(fridge), 0.05);
    let table = add("diningtable", [2.0, -2.0], None, 1.0);
    add("book", [2.0, -2.0], Some(table), 0.2);
    add("microwave", [2.3, 0.3], Some(counter), 0.4);
    add("sinkbasin", [2.0, -0.9], None, 0.4);
    let lamp = add("desklamp", [2.3, -2.2], Some(table), 0.3);
    add("cabinet", [3.0, 0.0], None, 0.5);
    add("cabinet", [3.0, 0.6], None, 0.5);
    let at = |id: u32| id as usize - 1;
    objects[at(2)].color = Some("red");
    let mut now = |id: u32, change: fn(&mut Condition)| {
        change(objects[at(id)].condition.as_mut().unwrap());
    };
    now(sliced, |c| c.is_sliced = true);
    now(fridge, |c| c.is_open = true);
    now(lamp, |c| c.is_on = true);
    SceneFacts { objects, room: "kitchen" }
}

fn pair(kind: PairKind, prompt: &str, answer: &str) -> Pair {
    Pair::new(kind, PairFrame::Scene, prompt, answer, vec![])
}

fn reason(kind: PairKind, prompt: &str, answer: &str) -> &'static str {
    match check(&pair(kind, prompt, answer), &facts()) {
        Ok(()) => "true",
        Err(fault) => fault.reason(),
    }
}

fn assert_reasons(kind: PairKind, cases: &[(&str, &str, &str)]) {
    for (prompt, answer, wanted) in cases {
        assert_eq!(reason(kind, prompt, answer), *wanted, "{prompt} → {answer}");
    }
}

#[test]
fn captions() {
    assert_reasons(
        PairKind::DenseCaption,
        &[(
            "",
            "on the countertop a mug, two apples and a knife, in the fridge an egg, also a fridge",
            "not_plain",
        )],
    );
    let scene = "describe the room";
    assert_reasons(
        PairKind::DenseCaption,
        &[
            (
                scene,
                "on the countertop a mug, two apples and a knife, in the fridge an egg, also a fridge",
                "true",
            ),
            (scene, "there is a red mug on the countertop and a book on the diningtable", "true"),
            (scene, "there is an open fridge, a lit desklamp and two closed cabinets", "true"),
            (scene, "on the countertop three apples", "wrong_number"),
            (scene, "on the countertop a book", "wrong_place"),
            (scene, "in the countertop a mug", "wrong_place"),
            (scene, "a mug, a plate", "absent"),
            (scene, "a closed fridge", "wrong_state"),
            (scene, "a blue mug", "wrong_color"),
            (scene, "a knife next to the book", "wrong_neighbour"),
            (scene, "a fridge on the right", "wrong_side"),
            (scene, "a lovely mug", "unreadable"),
            (scene, "nothing", "leaves_out"),
            (scene, "A mug.", "not_plain"),
            (scene, &"a mug, ".repeat(40), "too_long"),
        ],
    );
    let mug = "describe the mug";
    assert_reasons(
        PairKind::ObjectCaption,
        &[
            (mug, "a red mug on the countertop, next to the knife, straight ahead", "true"),
            (mug, "a knife on the countertop", "off_topic"),
            (mug, "a red mug on the diningtable", "wrong_place"),
            ("describe it", "a red mug", "unreadable"),
        ],
    );
}

#[test]
fn state_descriptions() {
    let goal = "Put the Mug in the fridge.";
    assert_reasons(
        PairKind::StateDescription,
        &[
            (
                goal,
                "i saw a mug on the countertop, an open fridge, a book on the diningtable",
                "true",
            ),
            (goal, "i saw a book on the diningtable, an open fridge", "leaves_out"),
            (goal, "i saw a mug on the fridge, an open fridge", "wrong_place"),
            (goal, "a mug on the countertop, an open fridge", "unreadable"),
            ("sit down", "i saw nothing", "leaves_out"),
        ],
    );
}

#[test]
fn questions() {
    assert_reasons(
        PairKind::Question,
        &[
            ("is there a mug", "yes", "true"),
            ("do you see a plate here", "yes", "wrong_answer"),
            ("is there a mug on the diningtable", "no", "true"),
            ("is there a mug on the countertop", "no", "wrong_answer"),
            ("how many apples are there", "two", "true"),
            ("count the cabinets", "three", "wrong_answer"),
            ("how many apples do you see in the fridge", "no", "true"),
            ("where is the egg", "in the fridge", "true"),
            ("where is the egg", "on the countertop", "wrong_answer"),
            ("where is the plate", "i do not know", "true"),
            ("where is the mug", "i do not know", "wrong_answer"),
            ("where is the fridge", "on the countertop", "ambiguous"),
            ("what color is the mug", "red", "true"),
            ("what is the color of the mug", "green", "wrong_answer"),
            ("which color is the plate", "i do not know", "true"),
            ("is the fridge open", "yes", "true"),
            ("is the desklamp on", "no", "wrong_answer"),
            ("is any apple sliced", "yes", "true"),
            ("is the apple sliced", "yes", "ambiguous"),
            ("is any cabinet open", "yes", "wrong_answer"),
            ("is the mug clean", "i do not know", "true"),
            ("is the mug clean", "yes", "wrong_answer"),
            ("what is next to the mug", "knife", "true"),
            ("what is next to the mug", "the book", "wrong_answer"),
            ("what stands in the fridge", "an egg", "true"),
            ("what is on the diningtable", "a book", "wrong_answer"),
            ("what is on the diningtable", "a book, a desklamp", "true"),
            ("what is the largest thing on the countertop", "microwave", "true"),
            ("what is the biggest thing on the countertop", "mug", "wrong_answer"),
            ("what can i use to cut the apple", "knife", "true"),
            ("what do i need to heat the egg", "fridge", "wrong_answer"),
            ("what do i need to make coffee", "nothing", "true"),
            ("what can i use to cut the book", "knife", "unreadable"),
            ("which way is the fridge", "left", "true"),
            ("on which side is the diningtable", "left", "wrong_answer"),
            ("why is the mug red", "i do not know", "unreadable"),
        ],
    );
}

#[test]
fn functionality() {
    assert_reasons(
        PairKind::Functionality,
        &[
            (
                "what can i use to cut the apple and where is it",
                "the knife on the countertop",
                "true",
            ),
            (
                "i want to cut the apple, what is there for it",
                "the knife on the diningtable",
                "wrong_place",
            ),
            ("what is good to read", "the mug on the countertop", "wrong_answer"),
            ("what is good to make coffee", "nothing here", "true"),
            ("what is good to read", "nothing here", "wrong_answer"),
            ("what can i do with the knife", "cut the apple", "true"),
            ("what can i do with the knife", "cut the bread", "absent"),
            ("what can i do with the knife", "read", "wrong_answer"),
            ("what is the plate good for", "eat soup", "absent"),
        ],
    );
}

#[test]
fn task_decompositions() {
    let goal = "how would you put a clean mug in the fridge";
    assert_reasons(
        PairKind::TaskDecomposition,
        &[
            (
                goal,
                "take the mug from the countertop, wash the mug in the sinkbasin, put the mug in the fridge",
                "true",
            ),
            (
                goal,
                "take the mug from the diningtable, wash the mug in the sinkbasin, put the mug in the fridge",
                "wrong_place",
            ),
            (goal, "wash the mug in the sinkbasin, put the mug in the fridge", "not_doable"),
            (goal, "take the mug, take the knife", "not_doable"),
            (goal, "take the mug, put the mug on the fridge", "wrong_place"),
            (goal, "take the mug, wash the mug in the microwave", "not_doable"),
            (goal, "take the plate from the countertop", "absent"),
            (goal, "take the book, put the book on the countertop", "off_topic"),
            (goal, "polish the mug", "unreadable"),
            ("slice the apple", "slice the apple", "not_doable"),
            (
                "slice the apple",
                "take the knife from the countertop, slice the apple, put the knife on the diningtable",
                "true",
            ),
            (
                "look at the book",
                "take the book from the diningtable, turn on the desklamp",
                "true",
            ),
            (
                "look at the book",
                "take the book from the diningtable, turn on the mug",
                "not_doable",
            ),
        ],
    );
}

fn talk(turns: &[[&str; 2]]) -> &'static str {
    let (last, before) = turns.split_last().unwrap();
    let turns = before.iter().map(|turn| turn.map(str::to_string)).collect();
    let pair = Pair { turns, ..pair(PairKind::Dialogue, last[0], last[1]) };
    check(&pair, &facts()).map_or_else(|fault| fault.reason(), |()| "true")
}

#[test]
fn dialogues() {
    let first = ["where is the mug", "on the countertop"];
    for (second, wanted) in [
        (["what color is it", "red"], "true"),
        (["what color is it", "blue"], "wrong_answer"),
        (["was it washed", "i do not know"], "true"),
        (
            ["wash it", "yes, i take the mug from the countertop and wash it in the sinkbasin"],
            "true",
        ),
        (
            ["can you wash it", "yes, i take the mug from the fridge and wash it in the sinkbasin"],
            "wrong_place",
        ),
        (
            ["wash it", "yes, i take the knife from the countertop and wash it in the sinkbasin"],
            "not_doable",
        ),
        (["please slice it", "no, a mug cannot be sliced"], "true"),
        (["wash it", "no, a mug cannot be washed"], "wrong_state"),
        (["heat it", "no, i see no microwave"], "wrong_number"),
        (
            [
                "put it on the diningtable",
                "yes, i take the mug from the countertop and put it on the diningtable",
            ],
            "true",
        ),
        (["put it on the diningtable", "gladly"], "unreadable"),
    ] {
        assert_eq!(talk(&[first, second]), wanted, "{second:?}");
    }
    assert_eq!(
        talk(&[["do you see a mug", "yes, on the countertop"], ["what color is it", "red"]]),
        "true"
    );
    assert_eq!(
        talk(&[["do you see a mug", "yes, in the fridge"], ["what color is it", "red"]]),
        "wrong_place"
    );
    assert_eq!(
        talk(&[["where is the mug", "in the fridge"], ["what color is it", "red"]]),
        "wrong_answer"
    );
}

#[test]
fn navigation() {
    let route = |path_m: &[[f64; 2]]| Some(Route { start_yaw_rad: 0.0, path_m: path_m.to_vec() });
    let to_fridge = [[0.0, 0.0], [1.5, 0.5], [1.5, 1.0]];
    let told = |prompt: &str, answer: &str, path_m: &[[f64; 2]]| {
        let pair = Pair { route: route(path_m), ..pair(PairKind::Navigation, prompt, answer) };
        check(&pair, &facts()).map_or_else(|fault| fault.reason(), |()| "true")
    };
    let go = "go to the fridge\nstop";
    assert_eq!(told("walk to the fridge and stop", go, &to_fridge), "true");
    assert_eq!(told("walk to the diningtable and stop", go, &to_fridge), "wrong_way");
    assert_eq!(told("walk to the fridge and stop", "go to the fridge", &to_fridge), "wrong_way");
    assert_eq!(told("walk to the fridge", go, &[[0.0, 0.0], [0.0, -2.0]]), "wrong_way");
    assert_eq!(told("walk to the sofa", "go to the sofa\nstop", &to_fridge), "absent");
    assert_eq!(told("walk to the fridge", "fly to the fridge", &to_fridge), "unreadable");
    let past = "go to the countertop\ngo to the fridge\nstop";
    let by = "walk past the countertop to the fridge and stop";
    assert_eq!(told(by, past, &to_fridge), "true");
    assert_eq!(told(by, go, &to_fridge), "wrong_way");
    let by = "walk past the diningtable to the fridge and stop";
    assert_eq!(told(by, "go to the diningtable\ngo to the fridge\nstop", &to_fridge), "wrong_way");
    let next = "go to the thing next to the mug";
    assert_eq!(told(next, "go to the knife\nstop", &[[0.0, 0.0], [1.4, 0.0]]), "true");
    assert_eq!(told(next, "go to the book\nstop", &[[0.0, 0.0], [1.4, 0.0]]), "wrong_way");
    let ahead = [[0.0, 0.0], [1.0, 0.0]];
    assert_eq!(told("go to the mug", "go forward 1 m\nstop", &ahead), "true");
    assert_eq!(
        told("go to the mug", "turn left 90 degrees\ngo forward 1 m\nstop", &ahead),
        "wrong_way"
    );
    assert_eq!(told("go forward 1 m and stop", "go forward 1 m\nstop", &ahead), "true");
    assert_eq!(told("go forward 2 m and stop", "go forward 1 m\nstop", &ahead), "wrong_way");
    let without = pair(PairKind::Navigation, "walk to the fridge", go);
    assert_eq!(check(&without, &facts()).unwrap_err().reason(), "wrong_way");
}

#[test]
fn what_is_kept_and_what_not_is_counted() {
    let mut report = CheckReport::default();
    let kept = report.take(&pair(PairKind::Question, "is there a mug", "yes"), &facts());
    let lost = report.take(&pair(PairKind::Question, "is there a mug", "no"), &facts());
    assert!(kept && !lost);
    let mut twice = report.clone();
    twice.add(&report);
    assert_eq!((twice.kept(), twice.rejected()), (2, 2));
    assert_eq!(twice.rejected[&PairKind::Question]["wrong_answer"], 2);
}

proptest::proptest! {
    #[test]
    fn arbitrary_words_never_panic(
        prompt in "(is|there|a|the|mug|on|countertop|what|to|it|past|,|how|many| ){0,12}",
        answer in "(a|two|red|mug|on|the|countertop|next|to|and|,|also|nothing|take|from| ){0,16}",
    ) {
        for kind in PairKind::ALL {
            let _ = check(&pair(kind, &prompt, &answer), &facts());
        }
    }
}
