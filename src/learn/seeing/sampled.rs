//! Tasks that are made up in a home, and that an expert does there.

use super::super::{Goal, Trajectory};
use super::lesson::{Lesson, plan_lessons};
use crate::sim::household::{Command, SampledTask, TaskKind, World, sample_task};
use crate::tasks::ActionVocabulary;
use rand_pcg::Pcg64Mcg;

/// Kind of the lessons in which a goal in such a home is planned for.
pub const SAMPLED: &str = "sampled";

/// As many goals in a home; kinds of task take turns, beginning with one that `turn` decides.
pub fn sampled_lessons(
    world: &World,
    turn: u64,
    goals: usize,
    vocabulary: &ActionVocabulary,
    rng: &mut Pcg64Mcg,
) -> Vec<Lesson> {
    let kinds = TaskKind::ALL.into_iter().cycle().skip((turn % 7) as usize);
    let mut lessons = Vec::new();
    for kind in kinds.take(goals) {
        let Some(sampled) = sample_task(world, kind, rng) else { continue };
        let of_goal = plan_lessons(&trajectory(&sampled), vocabulary, rng);
        lessons.extend(of_goal.into_iter().map(|lesson| Lesson { kind: SAMPLED.into(), ..lesson }));
    }
    lessons
}

/// What the expert did, as a trajectory of ALFRED tells it.
fn trajectory(sampled: &SampledTask) -> Trajectory {
    Trajectory {
        task: sampled.task.kind.name().into(),
        scene: None,
        goals: vec![Goal { goal: sampled.goal.clone(), steps: Vec::new() }],
        plan: sampled.expert.commands.iter().map(Command::spoken).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::household::household;
    use crate::tasks::parse_plan;
    use rand::SeedableRng;

    #[test]
    fn the_experts_commands_become_plans_of_the_vocabulary() {
        let vocabulary = ActionVocabulary::alfred();
        let world = household(3).unwrap();
        let mut rng = Pcg64Mcg::seed_from_u64(0);
        let lessons = sampled_lessons(&world, 3, 3, &vocabulary, &mut rng);
        assert!(!lessons.is_empty());
        for lesson in lessons {
            let plan = lesson.answer.split("<plan>").nth(1).unwrap().trim_end_matches("</s>");
            let steps = parse_plan(plan, &vocabulary).unwrap();
            assert!(steps.iter().any(|step| step.action == "PickupObject"), "{plan}");
            assert!(!lesson.places.is_empty());
        }
    }
}
