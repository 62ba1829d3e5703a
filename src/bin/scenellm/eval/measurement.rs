//! What evaluations of a model that sees have in common.

use super::eyes::{Gaze, HomeEyes, Look};
use super::homes::{HomeSource, Homes};
use super::table::{check_picture, write_picture};
use crate::{parallel, paths, progress};
use clap::Args;
use scenellm::language::parse_device;
use scenellm::model::SHIPPED_MODEL;
use scenellm::report::Bar;
use scenellm::tasks::GoalPlanner;
use std::path::PathBuf;

/// Place in the help of what comes after the options that a command adds of its own.
const LAST: usize = 900;

/// A model that sees, the homes in which it is measured, and where its scores are drawn.
#[derive(Args)]
pub struct Measurement {
    #[command(flatten)]
    homes: Homes,
    /// Model folder.
    #[arg(
        long,
        value_name = "DIR",
        default_value = SHIPPED_MODEL,
        value_parser = paths::model()
    )]
    model: PathBuf,
    /// How the homes are known.
    #[arg(long, value_enum, default_value_t = Look::Seen)]
    eyes: Look,
    #[command(flatten)]
    gaze: Gaze,
    /// Draw the scores as bars (.png or .svg).
    #[arg(
        long,
        value_name = "FILE",
        value_parser = paths::file_to_write(),
        display_order = LAST
    )]
    picture: Option<PathBuf>,
    /// auto, cpu, or cuda:N.
    #[arg(long, default_value = "auto", display_order = LAST + 1)]
    device: String,
}

impl Measurement {
    /// The homes, the eyes that look at them, and the name of the model.
    ///
    /// # Errors
    ///
    /// When the homes or the model cannot be read, when the model has no eyes, and when the picture
    /// could not be written.
    pub fn open(&self) -> anyhow::Result<(Vec<HomeSource>, HomeEyes, String)> {
        check_picture(self.picture.as_deref())?;
        let sources = self.homes.sources()?;
        let mut planner = self.planner()?;
        let eyes = HomeEyes::new(self.eyes, &self.gaze, &mut planner, &self.model, &self.device)?;
        Ok((sources, eyes, planner.name().to_owned()))
    }

    /// Does `work` on every item over all cores, each with a model of its own, while it is told
    /// how far `what` has come. The results stand in the order of the items.
    ///
    /// # Errors
    ///
    /// The first error of any of them.
    pub fn each<T: Sync, R: Send>(
        &self,
        what: &str,
        items: &[T],
        work: impl Fn(&mut GoalPlanner, &T) -> anyhow::Result<R> + Sync,
    ) -> anyhow::Result<Vec<R>> {
        let count = progress::Count::new(items.len(), what);
        let results = parallel::map(
            items,
            || self.planner(),
            |planner, _, item| {
                let result = work(planner, item)?;
                count.add();
                Ok(result)
            },
        )?;
        count.finish();
        Ok(results)
    }

    /// Draws scores, where that is asked for.
    ///
    /// # Errors
    ///
    /// When the picture cannot be written.
    pub fn draw(&self, title: &str, bars: Vec<Bar>) -> anyhow::Result<()> {
        write_picture(self.picture.as_deref(), title, bars)
    }

    fn planner(&self) -> anyhow::Result<GoalPlanner> {
        Ok(GoalPlanner::load(&self.model, &parse_device(&self.device)?)?)
    }
}
