//! `scenellm label`: language about a scene from a chat model, checked against its objects.

use crate::{Outcome, paths, progress};
use anyhow::{Context, bail};
use candle_core::Device;
use clap::Args;
use scenellm::language::parse_device;
use scenellm::model::{ChatModel, MANIFEST_FILE, ModelKind};
use scenellm::scene::{MapObject, SceneMap};
use scenellm::sim::language::{CheckReport, LabelError, SceneFacts, label};
use std::collections::HashSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Have a chat model write captions, questions, tasks and dialogues about a scene.
///
/// It reads the objects of a map and captions of its frames as text; of what it writes, that is kept
/// which the objects bear out. Prints how much was kept, and for what reasons the rest was not.
#[derive(Args)]
pub struct Label {
    /// The saved map (`map.scenemap` of a replay).
    #[arg(long, required_unless_present = "objects", conflicts_with = "objects")]
    map: Option<PathBuf>,
    /// The objects instead, as a JSON list.
    #[arg(long)]
    objects: Option<PathBuf>,
    /// Captions of frames of the scene, one a line.
    #[arg(long)]
    captions: Option<PathBuf>,
    /// The chat model: a GGUF file, a folder as Hugging Face has it, or one with scenellm.yaml, which
    /// names weights or a server's address.
    #[arg(long)]
    model: PathBuf,
    /// The pairs to write, one JSON object a line.
    #[arg(long, value_name = "FILE", value_parser = paths::file_to_write())]
    out: PathBuf,
    /// Pairs of each kind that are asked for at a time.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=20))]
    each: u8,
    /// Classes that are spoken of above all at a time: the model is asked as often as that takes.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..))]
    at_a_time: u8,
    /// Where a local model runs: auto, cpu, or cuda:N.
    #[arg(long, default_value = "auto")]
    device: String,
}

impl Label {
    /// Asks, checks and writes. The answer is no when nothing was kept.
    pub fn run(self) -> anyhow::Result<Outcome> {
        let facts = SceneFacts::of_objects(&self.scene()?);
        let captions: Vec<String> = match &self.captions {
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("cannot read {}", path.display()))?;
                text.lines().filter(|line| !line.trim().is_empty()).map(str::to_string).collect()
            }
            None => Vec::new(),
        };
        let mut model = chat_model(&self.model, &parse_device(&self.device)?)?;
        let file = File::create(&self.out)
            .with_context(|| format!("cannot write {}", self.out.display()))?;
        let mut out = BufWriter::new(file);
        let (mut report, mut unread) = (CheckReport::default(), 0);
        let mut written = HashSet::new();
        let categories = facts.categories();
        let rounds = categories.chunks(self.at_a_time.into());
        let bar = progress::bar(rounds.len() as u64, "asking");
        for focus in rounds {
            match label(&mut model, &facts, &captions, focus, self.each.into()) {
                Ok((pairs, of_round)) => {
                    report.add(&of_round);
                    for pair in pairs {
                        let line = serde_json::to_string(&pair)?;
                        if written.contains(&line) {
                            report.count_repeated(pair.kind);
                            continue;
                        }
                        writeln!(out, "{line}")?;
                        written.insert(line);
                    }
                }
                // One answer that cannot be read is one round lost.
                Err(LabelError::NotJson(reason)) => {
                    tracing::warn!("an answer was passed over: {reason}");
                    unread += 1;
                }
                Err(error) => return Err(error.into()),
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        out.flush()?;
        print(&report)?;
        if unread > 0 {
            writeln!(std::io::stdout(), "{unread} answers were no JSON")?;
        }
        Ok(if report.kept() > 0 { Outcome::Done } else { Outcome::No })
    }

    fn scene(&self) -> anyhow::Result<Vec<MapObject>> {
        if let Some(path) = &self.map {
            return Ok(SceneMap::load(path)?.0.objects().as_slice().to_vec());
        }
        // One of the two is there: the command line sees to it.
        let path = self.objects.as_deref().context("--map or --objects is needed")?;
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text)
            .with_context(|| format!("{}: not a list of objects", path.display()))
    }
}

/// Loads the chat model at `path`. A Scene-LLM, whose folder looks much the same, knows no such tasks: it
/// is refused here, since the manifest of a chat model has other fields and could only say which.
fn chat_model(path: &Path, device: &Device) -> anyhow::Result<ChatModel> {
    const WANTED: &str = "`label` needs a chat model: a GGUF file, a folder as Hugging Face has it, \
                          or one of those in config/models";
    let shown = path.display();
    let is_weights = path.join("config.json").exists()
        || path.is_file() && path.extension().is_some_and(|kind| kind == "gguf");
    if !is_weights && !path.join(MANIFEST_FILE).exists() {
        bail!("{shown}: holds neither {MANIFEST_FILE} nor config.json; {WANTED}");
    }
    match ModelKind::of(path)? {
        ModelKind::SceneLlm => bail!("{shown}: is a Scene-LLM; {WANTED}"),
        ModelKind::Chat => Ok(ChatModel::load(path, device)?),
    }
}

/// Prints how many pairs were kept, by kind, why others were not, and which were not even checked.
pub fn print(report: &CheckReport) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{:<20} {:>8} {:>9}  because", "kind", "kept", "rejected")?;
    let kinds = scenellm::sim::language::PairKind::ALL;
    for kind in kinds {
        let kept = report.kept.get(&kind).copied().unwrap_or(0);
        let reasons = report.rejected.get(&kind);
        let rejected: usize = reasons.into_iter().flat_map(|reasons| reasons.values()).sum();
        if kept + rejected == 0 {
            continue;
        }
        let told = reasons.into_iter().flatten().map(|(why, times)| format!("{why} {times}"));
        let told: Vec<String> = told.collect();
        writeln!(out, "{:<20} {kept:>8} {rejected:>9}  {}", kind.name(), told.join(", "))?;
    }
    writeln!(out, "{:<20} {:>8} {:>9}", "all", report.kept(), report.rejected())?;
    if !report.passed_over.is_empty() {
        let told = report.passed_over.iter().map(|(why, times)| format!("{why} {times}"));
        writeln!(out, "passed over unchecked: {}", told.collect::<Vec<_>>().join(", "))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(path: &str) -> anyhow::Result<ChatModel> {
        chat_model(&Path::new(env!("CARGO_MANIFEST_DIR")).join(path), &Device::Cpu)
    }

    #[test]
    fn chat_models_are_taken_as_they_are_and_others_are_told_apart() {
        for path in ["tests/fixtures/chat_planner", "tests/fixtures/chat_planner/model.gguf"] {
            assert!(load(path).is_ok(), "{path}");
        }
        for (path, told) in [
            ("models/nano", "models/nano: is a Scene-LLM; `label` needs a chat model"),
            ("models/none", "models/none: holds neither scenellm.yaml nor config.json"),
        ] {
            let error = load(path).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(told), "{error}");
        }
    }
}
