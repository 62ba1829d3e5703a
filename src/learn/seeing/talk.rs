//! Lessons from language about scenes ([`crate::sim::language`]).

use super::super::samples::{END, STYLE};
use super::super::scenes::{Eyes, SeenHome, things_of, true_view};
use super::super::{AlfredTask, LearnError};
use super::lesson::{Lesson, Sight};
use crate::model::PromptKind;
use crate::sim::household::World;
use crate::sim::language::{
    Balance, Pair, PairFrame, PairKind, PairMix, SceneFacts, elsewhere, pairs, state_description,
    varied,
};
use rand::Rng;
use rand_pcg::Pcg64Mcg;

/// Kind of the lessons in which a view is described for a goal.
pub const SAW: &str = "saw";

/// The lesson of a pair about the scene, or about the only view, of a home.
pub fn lesson_of(pair: &Pair) -> Lesson {
    let sight = match pair.frame {
        PairFrame::Ego => Sight::View(0),
        PairFrame::Scene => Sight::Scene,
    };
    Lesson {
        kind: kind_of(pair),
        home: 0,
        sight,
        prompt: pair.kind.prompt(),
        context: None,
        turns: pair.turns.clone(),
        words: pair.prompt.clone(),
        answer: written(&pair.answer),
        places: Vec::new(),
    }
}

/// `question`, `question_ego`, …; state descriptions are about views alone.
fn kind_of(pair: &Pair) -> String {
    match (pair.kind, pair.frame) {
        (PairKind::StateDescription, _) => SAW.into(),
        (kind, PairFrame::Ego) => format!("{}_ego", kind.name()),
        (kind, PairFrame::Scene) => kind.name().into(),
    }
}

/// An answer as the model writes it: each line plain, with a space before its first word.
fn written(answer: &str) -> String {
    let lines: Vec<String> = answer.lines().map(|line| STYLE.apply(line)).collect();
    format!("{}{END}", lines.join("\n"))
}

/// A home in some other state and what can be said of it, one of its views included.
pub fn talk(
    world: &World,
    (id, scene): (&str, &str),
    mix: &PairMix,
    balance: &Balance,
    rng: &mut Pcg64Mcg,
) -> Result<(SeenHome, Vec<Lesson>), LearnError> {
    let world = varied(world, rng);
    let (pairs, _) = pairs(&world, mix, balance, rng)?;
    let things = things_of(&world);
    let world_T_camera = world.robot().world_T_camera();
    let view = SceneFacts::in_view(&world, &world_T_camera)?;
    let views = vec![true_view(&things, &view, &world_T_camera)];
    let home =
        SeenHome { id: id.into(), scene: scene.into(), eyes: Eyes::Oracle { things, views } };
    Ok((home, pairs.iter().map(lesson_of).collect()))
}

/// Describes, for the goals of `task`, what is seen from another place in its home: lessons, and the
/// same words as what is known in a share `told` of the lessons that plan for these goals.
pub fn look_before_planning(
    world: &World,
    task: &AlfredTask,
    home: &mut SeenHome,
    lessons: &mut Vec<Lesson>,
    told: f64,
    rng: &mut Pcg64Mcg,
) -> Result<(), LearnError> {
    let Eyes::Oracle { things, views } = &mut home.eyes else { return Ok(()) };
    let mut world = world.clone();
    elsewhere(&mut world, rng);
    let world_T_camera = world.robot().world_T_camera();
    let facts = SceneFacts::in_view(&world, &world_T_camera)?;
    let view = Sight::View(views.len());
    views.push(true_view(things, &facts, &world_T_camera));
    for lesson in lessons.iter_mut() {
        if lesson.prompt == PromptKind::Plan && rng.random_bool(told) {
            lesson.context = Some(state_description(&facts, &lesson.words).answer);
        }
    }
    lessons.extend(task.goals.iter().map(|goal| {
        let pair = state_description(&facts, goal);
        Lesson { sight: view, ..lesson_of(&pair) }
    }));
    Ok(())
}

/// How often each question is answered how, over homes in many states.
pub fn balance<'a>(
    worlds: impl IntoIterator<Item = &'a World>,
    rng: &mut Pcg64Mcg,
) -> Result<Balance, LearnError> {
    let (mut scenes, mut views) = (Vec::new(), Vec::new());
    for world in worlds {
        let world = varied(world, rng);
        views.push(SceneFacts::in_view(&world, &world.robot().world_T_camera())?);
        scenes.push(SceneFacts::of_world(&world));
    }
    let mut balance = Balance::default();
    balance.count(&scenes, PairFrame::Scene);
    balance.count(&views, PairFrame::Ego);
    Ok(balance)
}
