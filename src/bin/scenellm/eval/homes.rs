//! The homes in which a model is measured.

use crate::room::{Room, seed_name};
use clap::Args;
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use scenellm::learn::{AlfredTask, read_alfred_tasks};
use scenellm::sim::HomeKind;
use scenellm::sim::household::{World, alfred_world, household_in};
use scenellm::sim::language::varied;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Homes after trajectories, or from seeds.
#[derive(Args, Clone)]
pub struct Homes {
    /// ALFRED trajectories (.jsonl or .jsonl.gz): homes are built after them.
    #[arg(long, conflicts_with = "seeds")]
    data: Option<PathBuf>,
    /// Further trajectories that tell of the furniture of the same homes.
    #[arg(long, requires = "data")]
    furniture: Vec<PathBuf>,
    /// Take the first so many trajectories only.
    #[arg(long, requires = "data")]
    limit: Option<usize>,
    /// Number of homes from seeds.
    #[arg(long, default_value_t = 14)]
    seeds: u64,
    /// Which rooms homes from seeds are.
    #[arg(long, value_enum, default_value_t = Room::Kitchen, conflicts_with = "data")]
    room: Room,
    /// The first seed.
    #[arg(long, default_value_t = 1000)]
    first_seed: u64,
}

/// Where a home comes from.
pub enum HomeSource {
    /// A kind of room and a seed.
    Seed(HomeKind, u64),
    /// A trajectory; the number decides the looks.
    Alfred(Box<AlfredTask>, u64),
}

impl Homes {
    /// All of them.
    ///
    /// # Errors
    ///
    /// When the trajectories cannot be read.
    pub fn sources(&self) -> anyhow::Result<Vec<HomeSource>> {
        let Some(data) = &self.data else {
            let seeds = self.first_seed..self.first_seed.saturating_add(self.seeds);
            let kind = self.room.kind();
            return Ok(seeds.map(|seed| HomeSource::Seed(kind, seed)).collect());
        };
        let more: Vec<&Path> = self.furniture.iter().map(PathBuf::as_path).collect();
        let tasks = read_alfred_tasks(data, &more)?;
        let limit = self.limit.unwrap_or(tasks.len());
        let told = tasks.into_iter().take(limit).zip(0..);
        Ok(told.map(|(task, number)| HomeSource::Alfred(Box::new(task), number)).collect())
    }
}

impl HomeSource {
    /// Its name in reports.
    pub fn name(&self) -> String {
        match self {
            Self::Seed(kind, seed) => seed_name(*kind, *seed),
            Self::Alfred(task, _) => task.id.clone(),
        }
    }

    /// Its floor plan: what is measured in two homes of one hangs together.
    pub fn floor_plan(&self) -> String {
        match self {
            Self::Seed(..) => self.name(),
            Self::Alfred(task, _) => task.scene.clone(),
        }
    }

    /// A number that decides what chance decides in it.
    pub fn number(&self) -> u64 {
        match self {
            Self::Seed(_, number) | Self::Alfred(_, number) => *number,
        }
    }

    /// The home, or why it cannot be built.
    pub fn build(&self) -> Result<World, String> {
        let world = match self {
            Self::Seed(kind, seed) => household_in(*kind, *seed),
            Self::Alfred(task, number) => alfred_world(&task.home, *number),
        };
        world.map_err(|error| error.to_string())
    }
}

/// The homes in some state of use, and why others cannot be built.
pub fn worlds(sources: &[HomeSource]) -> (Vec<(&HomeSource, World)>, BTreeMap<String, usize>) {
    sift(sources.iter().map(|source| {
        let mut rng = Pcg64Mcg::seed_from_u64(source.number());
        source.build().map(|world| (source, varied(&world, &mut rng)))
    }))
}

/// What came of the homes that can be used, and how many others cannot, by the reason.
pub fn sift<T>(
    each: impl IntoIterator<Item = Result<T, String>>,
) -> (Vec<T>, BTreeMap<String, usize>) {
    let (mut found, mut left_out) = (Vec::new(), BTreeMap::<String, usize>::new());
    for one in each {
        match one {
            Ok(one) => found.push(one),
            Err(reason) => *left_out.entry(reason).or_default() += 1,
        }
    }
    (found, left_out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use scenellm::sim::household::{AlfredHome, Task, TaskKind};

    #[test]
    fn homes_of_two_trajectories_share_a_floor_plan_and_those_of_two_seeds_do_not() {
        let told = |id: &str, number| {
            let task = Task {
                kind: TaskKind::PickAndPlaceSimple,
                object: "mug".into(),
                is_sliced: false,
                receptacle: "desk".into(),
                movable: String::new(),
                lamp: String::new(),
            };
            let (scene, home) = ("FloorPlan301".into(), AlfredHome::default());
            let told = AlfredTask { id: id.into(), scene, home, task, goals: Vec::new() };
            HomeSource::Alfred(Box::new(told), number)
        };
        let (first, second) = (told("trial_1", 0), told("trial_2", 1));
        assert_ne!(first.name(), second.name());
        assert_eq!([first, second].map(|one| one.floor_plan()), ["FloorPlan301", "FloorPlan301"]);
        let [first, second] = [3, 4].map(|seed| HomeSource::Seed(HomeKind::Kitchen, seed));
        assert_ne!(first.floor_plan(), second.floor_plan());
    }
}
