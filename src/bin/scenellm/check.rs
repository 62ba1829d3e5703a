//! `scenellm check`: what a bag holds and what would fail.

use crate::settings::Topics;
use crate::{Outcome, progress};
use anyhow::Context;
use clap::Args;
use scenellm::bag::BagReader;
use scenellm::check::check_bag;
use scenellm::planner::PlannerConfig;
use scenellm::report::CloudPicture;
use std::io::Write;
use std::path::PathBuf;

/// Look through a bag: topics, transforms, cameras, and what would fail.
///
/// Every image goes the way it would go in `replay`. Exit code 3 says that the bag cannot be used
/// as it is; each error says what to do.
#[derive(Args)]
pub struct Check {
    /// Bag folder, or a single .mcap or .db3 file.
    bag: PathBuf,
    /// Parameter file of the node (config/planner.yaml holds the defaults).
    #[arg(long, value_name = "FILE")]
    params_file: Option<PathBuf>,
    /// Fixed frame of the map; the parameter `sensing.world_frame` unless given.
    #[arg(long, value_name = "FRAME")]
    world_frame: Option<String>,
    /// Folder for cloud.png: the first image and its points.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    topics: Topics,
}

impl Check {
    /// Looks through the whole bag.
    pub fn run(self) -> anyhow::Result<Outcome> {
        let mut config = match &self.params_file {
            Some(path) => PlannerConfig::read(path)?,
            None => PlannerConfig::default(),
        };
        self.topics.name_in(&mut config);
        if let Some(frame) = self.world_frame {
            config.sensing.world_frame = frame;
        }
        config.sensing.check()?;
        let bag = BagReader::open(&self.bag)?;
        let bar = progress::bar(bag.duration().as_millis() as u64, "looking");
        let start_ns = bag.start_ns().unwrap_or_default();
        let check = check_bag(&bag, &config, &mut |log_time_ns| {
            bar.set_position((log_time_ns.saturating_sub(start_ns) / 1_000_000).max(0) as u64);
        });
        bar.finish_and_clear();
        if self.json {
            writeln!(std::io::stdout(), "{}", serde_json::to_string(&check)?)?;
        } else {
            write!(std::io::stdout(), "{check}")?;
        }
        if let Some(folder) = &self.out {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
            if let Some(frame) = &check.first_frame {
                let path = folder.join("cloud.png");
                CloudPicture { frame }.write(&path)?;
                if !self.json {
                    writeln!(std::io::stdout(), "\nwrote {}", path.display())?;
                }
            }
        }
        Ok(if check.is_good() { Outcome::Done } else { Outcome::No })
    }
}
