//! `scenellm find`: where in a saved map something looks like a text.

use crate::{Outcome, paths};
use anyhow::{Context, bail, ensure};
use clap::Args;
use scenellm::language::parse_device;
use scenellm::report::HeatMap;
use scenellm::scene::{Likeness, SceneMap, TextQuery};
use scenellm::sim::household::categories;
use scenellm::vision::open_text_encoder;
use std::io::Write;
use std::path::PathBuf;

/// Find where a saved map looks like a text, by the features of its voxels.
///
/// The map must have been made with an extractor whose features share a space with texts: `scene_vit`,
/// whose words need nothing else, or `clip` or `openclip`, whose weights are needed here too
/// (`scenellm replay BAG --extractor clip --vision-weights DIR`).
#[derive(Args)]
pub struct Find {
    /// What to look for, in plain words.
    #[arg(long)]
    text: String,
    /// The saved map (`map.scenemap` of a replay).
    #[arg(long, value_name = "FILE")]
    map: PathBuf,
    /// Folder of the CLIP model that the map was made with, or of ConceptFusion, if it was made with one.
    #[arg(long, value_name = "DIR")]
    weights: Option<PathBuf>,
    /// Phrases with which the text competes: by default some that fit anything, and in the space of
    /// `scene_vit`, which knows no such, all other names of things in homes.
    #[arg(long, value_delimiter = ',')]
    against: Option<Vec<String>>,
    /// The heat map to write, PNG.
    #[arg(long, value_name = "FILE", value_parser = paths::file_to_write())]
    picture: Option<PathBuf>,
    /// Most places to tell.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    most: u16,
    /// Where the text tower runs: auto, cpu, or cuda:N.
    #[arg(long, default_value = "auto")]
    device: String,
    /// Print places as JSON, one a line.
    #[arg(long)]
    json: bool,
}

impl Find {
    /// Searches and prints. The answer is no when nothing fits better than just anything.
    pub fn run(self) -> anyhow::Result<Outcome> {
        ensure!(!self.text.trim().is_empty(), "--text: it is empty");
        let (map, _) = SceneMap::load(&self.map)?;
        let space = map.config().feature_space.as_str();
        if space.is_empty() {
            bail!(
                "{}: its features cannot be compared with words; make it with `--extractor clip` or \
                 `--extractor scene_vit`",
                self.map.display()
            );
        }
        let device = parse_device(&self.device)?;
        let words = open_text_encoder(space, self.weights.as_deref(), &device)
            .with_context(|| format!("no words for {}", self.map.display()))?;
        let query = match &self.against {
            Some(phrases) => TextQuery::against(words.as_ref(), &self.text, phrases)?,
            None => TextQuery::new(words.as_ref(), &self.text, categories())?,
        };
        let likeness = map.likeness(&query, self.most.into())?;
        if let Some(path) = &self.picture {
            HeatMap::of(&map, &self.text, &likeness).write(path).context("no heat map")?;
        }
        self.print(&likeness)?;
        Ok(if likeness.found().is_some() { Outcome::Done } else { Outcome::No })
    }

    fn print(&self, likeness: &Likeness) -> anyhow::Result<()> {
        let mut out = std::io::stdout();
        for (number, place) in (1..).zip(&likeness.places) {
            if self.json {
                writeln!(out, "{}", serde_json::to_string(place)?)?;
                continue;
            }
            let ([x, y, z], [dx, dy, dz]) = (place.position_m, place.size_m);
            writeln!(
                out,
                "{number:>2}  at {x:.2} {y:.2} {z:.2} m, {dx:.2}×{dy:.2}×{dz:.2} m, confidence \
                 {:.2}, cosine {:.3}, {} voxels",
                place.confidence, place.similarity, place.voxels
            )?;
        }
        if !self.json && likeness.found().is_none() {
            writeln!(out, "nothing looks more like \"{}\" than like just anything", self.text)?;
        }
        Ok(())
    }
}
