//! Homes from seeds alone, with tasks that an expert does in them.

use super::super::scenes::{Eyes, SeenHome, things_of};
use super::super::{LearnError, Trajectory};
use super::lesson::{Lesson, plan_lessons};
use crate::learn::Goal;
use crate::sim::household::{SampledTask, TaskKind, household, sample_task};
use crate::tasks::{ActionVocabulary, SpokenStep};
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;

/// Kind of the lessons in which a goal in such a home is planned for.
pub const SAMPLED: &str = "sampled";

/// A home from a seed, and as many goals in it; kinds of task take turns, beginning with one that
/// the seed decides.
pub fn sampled_home(
    seed: u64,
    goals: usize,
    vocabulary: &ActionVocabulary,
) -> Result<(SeenHome, Vec<Lesson>), LearnError> {
    let world = household(seed)?;
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let kinds = TaskKind::ALL.into_iter().cycle().skip((seed % 7) as usize);
    let mut lessons = Vec::new();
    for kind in kinds.take(goals) {
        let Some(sampled) = sample_task(&world, kind, &mut rng) else { continue };
        let of_goal = plan_lessons(0, &trajectory(&sampled), vocabulary, &mut rng);
        lessons.extend(of_goal.into_iter().map(|lesson| Lesson { kind: SAMPLED.into(), ..lesson }));
    }
    let eyes = Eyes::Oracle { things: things_of(&world), views: Vec::new() };
    let id = format!("seed {seed}");
    Ok((SeenHome { id: id.clone(), scene: id, eyes }, lessons))
}

/// What the expert did, as a trajectory of ALFRED tells it.
fn trajectory(sampled: &SampledTask) -> Trajectory {
    let step = |command: &crate::sim::household::Command| SpokenStep {
        action: command.action.name().into(),
        arguments: command.targets.iter().map(|target| target.name.clone()).collect(),
    };
    Trajectory {
        task: sampled.task.kind.name().into(),
        goals: vec![Goal { goal: sampled.goal.clone(), steps: Vec::new() }],
        plan: sampled.expert.commands.iter().map(step).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::parse_plan;

    #[test]
    fn the_experts_commands_become_plans_of_the_vocabulary() {
        let vocabulary = ActionVocabulary::alfred();
        let (home, lessons) = sampled_home(3, 3, &vocabulary).unwrap();
        assert!(home.size() > 30 && !lessons.is_empty());
        for lesson in lessons {
            let plan = lesson.answer.split("<plan>").nth(1).unwrap().trim_end_matches("</s>");
            let steps = parse_plan(plan, &vocabulary).unwrap();
            assert!(steps.iter().any(|step| step.action == "PickupObject"), "{plan}");
            assert!(!lesson.places.is_empty());
        }
    }
}
