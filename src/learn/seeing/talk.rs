//! Lessons from language about scenes ([`crate::sim::language`]).

use super::super::LearnError;
use super::super::samples::{END, STYLE};
use super::super::scenes::{Eyes, Thing, TrueView, things_of, true_view};
use super::lesson::{Lesson, Sight};
use super::school::Syllabus;
use crate::model::PromptKind;
use crate::sim::household::World;
use crate::sim::language::{
    Balance, CheckReport, Pair, PairFrame, PairKind, PairMix, SceneFacts, elsewhere, pairs,
    questions, scatter, state_description, varied,
};
use rand::Rng;
use rand_pcg::Pcg64Mcg;

/// Kind of the lessons in which a view is described for a goal.
pub const SAW: &str = "saw";

/// Kind of the rows with several questions to one scene.
const QUESTIONS: &str = "questions";
/// Share of the things that are put anywhere in a home where things are scattered.
const SCATTERED: f64 = 0.5;

/// The lesson of a pair about the scene of a home, or about its view of number `view`.
pub fn lesson_of(pair: &Pair, view: usize) -> Lesson {
    let sight = match pair.frame {
        PairFrame::Ego => Sight::View(view),
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
        taught: Vec::new(),
        more: Vec::new(),
    }
}

/// `number` questions to a scene with these facts, in one row; `None` where none can be asked. Here and
/// below, `checked` counts what the check makes of what is said.
pub fn questioning(
    facts: &SceneFacts,
    balance: &Balance,
    number: usize,
    checked: &mut CheckReport,
    rng: &mut Pcg64Mcg,
) -> Option<Lesson> {
    let mut asked = questions(facts, PairFrame::Scene, balance, number, rng);
    asked.retain(|pair| checked.take(pair, facts));
    let (first, rest) = asked.split_first()?;
    let more = rest.iter().map(|pair| [pair.prompt.clone(), written(&pair.answer)]).collect();
    Some(Lesson { kind: QUESTIONS.into(), more, ..lesson_of(first, 0) })
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

/// What can be said of a home as it is, and of what its robot sees, which is the view of number
/// `view`.
pub fn say(
    world: &World,
    view: usize,
    mix: &PairMix,
    balance: &Balance,
    checked: &mut CheckReport,
    rng: &mut Pcg64Mcg,
) -> Result<Vec<Lesson>, LearnError> {
    let (pairs, of_pairs) = pairs(world, mix, balance, rng)?;
    checked.add(&of_pairs);
    Ok(pairs.iter().map(|pair| lesson_of(pair, view)).collect())
}

/// A home in some other state, with one view of it, and what can be said of both; several questions
/// come in a row, too.
pub fn talk(
    world: &World,
    syllabus: &Syllabus,
    balance: &Balance,
    checked: &mut CheckReport,
    rng: &mut Pcg64Mcg,
) -> Result<(Eyes, Vec<Lesson>), LearnError> {
    let mut world = varied(world, rng);
    if rng.random_bool(syllabus.scattered.clamp(0.0, 1.0)) {
        scatter(&mut world, SCATTERED, rng);
    }
    let mut lessons = say(&world, 0, &syllabus.talk, balance, checked, rng)?;
    let facts = SceneFacts::of_world(&world);
    lessons.extend(questioning(&facts, balance, syllabus.in_a_row, checked, rng));
    let things = things_of(&world);
    let (_, view) = view_of(&world, &things)?;
    Ok((Eyes::Oracle { things, views: vec![view] }, lessons))
}

/// What the robot of `world` sees of `things` from somewhere else: the facts, and the view.
pub fn look_elsewhere(
    world: &World,
    things: &[Thing],
    rng: &mut Pcg64Mcg,
) -> Result<(SceneFacts, TrueView), LearnError> {
    let mut world = world.clone();
    elsewhere(&mut world, rng);
    view_of(&world, things)
}

/// What the robot of `world` sees of `things`.
fn view_of(world: &World, things: &[Thing]) -> Result<(SceneFacts, TrueView), LearnError> {
    let world_T_camera = world.robot().world_T_camera();
    let facts = SceneFacts::in_view(world, &world_T_camera)?;
    let view = true_view(things, &facts, &world_T_camera);
    Ok((facts, view))
}

/// Describes for `goals` what is seen, the `facts` of the view of number `view`: lessons, and the same
/// words as what is known in a share `told` of the `lessons` that plan. A description that the view
/// does not bear out is neither.
pub fn describe(
    facts: &SceneFacts,
    view: usize,
    goals: &[String],
    lessons: &mut Vec<Lesson>,
    told: f64,
    checked: &mut CheckReport,
    rng: &mut Pcg64Mcg,
) {
    for lesson in lessons.iter_mut().filter(|lesson| lesson.prompt == PromptKind::Plan) {
        if lesson.context.is_none() && rng.random_bool(told.clamp(0.0, 1.0)) {
            let seen = state_description(facts, &lesson.words);
            lesson.context = checked.take(&seen, facts).then_some(seen.answer);
        }
    }
    let described = goals.iter().map(|goal| state_description(facts, goal));
    let kept = described.filter(|pair| checked.take(pair, facts));
    lessons.extend(kept.map(|pair| lesson_of(&pair, view)));
}

/// How often each question is answered how, over homes in many states.
pub fn balance<'a>(
    worlds: impl IntoIterator<Item = &'a World>,
    rng: &mut Pcg64Mcg,
) -> Result<Balance, LearnError> {
    let mut balance = Balance::default();
    for world in worlds {
        balance.add(&varied(world, rng))?;
    }
    Ok(balance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::seeing::{Homes, School, Syllabus};
    use crate::sim::household::household;
    use crate::sim::language::ObjectFact;
    use crate::tasks::ActionVocabulary;
    use rand::SeedableRng;
    use std::collections::BTreeSet;

    #[test]
    fn homes_give_lessons_of_all_kinds_about_what_they_show() {
        let homes = Homes::read(None, 2, 1).unwrap();
        let talk = PairMix { decompositions: 3, ..PairMix::default() };
        let syllabus =
            Syllabus { talked_about: 1.0, told: 1.0, seeds: 2, talk, ..Syllabus::default() };
        let vocabulary = ActionVocabulary::alfred();
        let school = School::build(&homes, &syllabus, None, &vocabulary, &|| {}).unwrap();
        assert_eq!((school.homes.len(), school.skipped), (4, 0));
        let kinds: BTreeSet<&str> =
            school.lessons.iter().map(|lesson| lesson.kind.as_str()).collect();
        for kind in ["sampled", SAW, "question", "question_ego", "dense_caption", "dialogue"] {
            assert!(kinds.contains(kind), "{kind} is not among {kinds:?}");
        }
        let steps = school.lessons.iter().find(|lesson| lesson.kind == "task_decomposition");
        let steps = steps.unwrap();
        assert_eq!((steps.prompt, steps.sight), (PromptKind::Caption, Sight::Scene));
        for lesson in &school.lessons {
            assert!(lesson.answer.ends_with(END), "{lesson:?}");
            if let Sight::View(view) = lesson.sight {
                assert!(view < school.homes[lesson.home].views());
            }
        }
        let walk = school.lessons.iter().find(|lesson| lesson.kind.starts_with("navigation"));
        let lines: Vec<&str> = walk.unwrap().answer.trim_end_matches(END).lines().collect();
        assert!(lines.iter().all(|line| line.starts_with(' ')), "{lines:?}");
        assert!(school.lessons.iter().any(|lesson| {
            lesson.kind == "sampled"
                && lesson.context.as_ref().is_some_and(|known| known.starts_with("i saw"))
        }));
        let checked = &school.checked;
        let of_kind = |kind: PairKind| checked.kept.get(&kind).copied().unwrap_or_default();
        let count = |wanted: &dyn Fn(&Lesson) -> bool| {
            school.lessons.iter().filter(|lesson| wanted(lesson)).count()
        };
        let described = count(&|lesson| lesson.kind == SAW);
        let told = count(&|lesson| lesson.context.is_some());
        assert_eq!(of_kind(PairKind::StateDescription), described + told);
        let asked = count(&|lesson| lesson.prompt == PromptKind::Ask);
        let in_rows = school.lessons.iter().map(|lesson| lesson.more.len()).sum::<usize>();
        assert_eq!(of_kind(PairKind::Question), asked + in_rows, "every question was checked");
    }

    /// What is not borne out is counted, and neither taught nor told beside a plan.
    #[test]
    fn descriptions_are_checked_against_the_view() {
        let world = household(3).unwrap();
        let camera = world.robot().world_T_camera();
        let mut facts = SceneFacts::in_view(&world, &camera).unwrap();
        let thing = facts.objects.first().unwrap().category.clone();
        let goals = [format!("look at the {thing}")];
        let plan = || Lesson { prompt: PromptKind::Plan, ..saying(&goals[0]) };
        let describe = |facts: &SceneFacts| {
            let (mut lessons, mut checked) = (vec![plan()], CheckReport::default());
            let mut rng = Pcg64Mcg::seed_from_u64(1);
            describe(facts, 0, &goals, &mut lessons, 1.0, &mut checked, &mut rng);
            (lessons, checked)
        };
        let (lessons, checked) = describe(&facts);
        assert_eq!((lessons.len(), checked.kept(), checked.rejected()), (2, 2, 0));
        assert!(lessons[0].context.as_deref().is_some_and(|seen| seen.starts_with("i saw ")));

        // A thing with a name that no reader of words knows.
        let unreadable = |fact: &mut ObjectFact| fact.category = "Thing?".into();
        facts.objects.iter_mut().for_each(unreadable);
        let (lessons, checked) = describe(&facts);
        assert_eq!((lessons.len(), checked.kept(), checked.rejected()), (1, 0, 2));
        assert_eq!(lessons[0].context, None);
    }

    fn saying(words: &str) -> Lesson {
        let pair = state_description(&SceneFacts::default(), words);
        lesson_of(&pair, 0)
    }
}
