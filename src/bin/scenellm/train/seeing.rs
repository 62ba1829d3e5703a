//! `scenellm train align` and `scenellm train finetune`: make a model that sees.

use super::dry_run;
use crate::{Outcome, progress};
use anyhow::{Context, bail};
use clap::Args;
use scenellm::language::parse_device;
use scenellm::learn::read_taught;
use scenellm::learn::scenes::SceneCache;
use scenellm::learn::seeing::{
    AlfredData, Homes, LanguagePart, School, SeeingStep, SeeingTraining, SeeingWatch, Syllabus,
    TrainingLog, train_seeing,
};
use scenellm::tasks::ActionVocabulary;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Which stage is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The projector only.
    Align,
    /// Projector and decoder.
    Finetune,
}

/// Stop it at any time: the same command goes on from the last checkpoint, to the same result. At
/// every measurement the model folder holds the model as it is then.
#[derive(Args)]
pub struct TrainSeeing {
    /// What to train and how.
    #[arg(long)]
    config: PathBuf,
    /// ALFRED trajectories to learn from (.jsonl or .jsonl.gz).
    #[arg(long)]
    data: Option<PathBuf>,
    /// Further trajectories that tell of the furniture of the same homes.
    #[arg(long, requires = "data")]
    furniture: Vec<PathBuf>,
    /// Use the first so many trajectories only.
    #[arg(long, requires = "data")]
    limit: Option<usize>,
    /// ALFRED trajectories that are never trained on: their plans are watched beside those of
    /// held-out floor plans.
    #[arg(long, requires = "data")]
    watch: Option<PathBuf>,
    /// Goals answered by a teacher (.jsonl or .jsonl.gz), which are learnt with closed eyes;
    /// `models/nano/teacher.py` writes them, and `mixture.taught` is the share of them in an epoch.
    #[arg(long)]
    taught: Option<PathBuf>,
    /// Folder with homes that a robot toured (`train scenes`); homes that are not in it are seen by
    /// oracle eyes.
    #[arg(long)]
    scenes: Option<PathBuf>,
    /// Folder with the vision model, to be copied into the model folder.
    #[arg(long)]
    vision: Option<PathBuf>,
    /// Model folder to write; its `checkpoint` and `log` folders can be removed when the training is
    /// over. TensorBoard reads `log`.
    #[arg(long, required_unless_present = "dry_run")]
    out: Option<PathBuf>,
    /// Say what the training needs, in all variants, and train nothing. No weights need be there.
    #[arg(long)]
    dry_run: bool,
    /// auto, cpu, or cuda:N.
    #[arg(long, default_value = "auto")]
    device: String,
    /// Print one JSON object a measurement instead of a progress bar.
    #[arg(long)]
    json: bool,
}

impl TrainSeeing {
    /// Trains to the end.
    pub fn run(self, stage: Stage) -> anyhow::Result<Outcome> {
        let config = SeeingTraining::read(&self.config)?;
        if (stage == Stage::Align) != (config.language == LanguagePart::Frozen) {
            bail!(
                "{}: `language: frozen` is what `train align` does, anything else `train finetune`",
                self.config.display()
            );
        }
        let school = match self.dry_run && self.data.is_none() {
            true => None,
            false => Some(self.school(&config)?),
        };
        let (Some(out), Some(school)) = (self.out.as_ref().filter(|_| !self.dry_run), &school)
        else {
            dry_run::print(&config, school.as_ref())?;
            return Ok(Outcome::Done);
        };
        let device = parse_device(&self.device)?;
        std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
        let bar = progress::bar(10_000, "training");
        let mut log = TrainingLog::open(out, now_s())?;
        let mut told: anyhow::Result<()> = Ok(());
        let mut report = |step: &SeeingStep<'_>| {
            let noted = log.note(now_s(), step).map_err(anyhow::Error::from);
            let rate = noted.as_ref().map_or(0.0, |rate| *rate);
            told = noted.map(|_| ());
            bar.set_position((step.progress * 10_000.0) as u64);
            bar.set_message(format!("loss {:.3} · {rate:.0} tokens/s", step.loss));
            if let Some(watch) = step.watch.filter(|_| told.is_ok()) {
                if self.json {
                    let line = serde_json::json!({"watch": watch, "loss": step.loss,
                        "progress": step.progress, "tokens_per_s": rate});
                    told = writeln!(std::io::stdout(), "{line}").map_err(anyhow::Error::from);
                } else {
                    bar.println(in_words(watch));
                }
            }
            // Nobody listens any more: what was learnt stays in the checkpoint.
            told.is_ok()
        };
        train_seeing(&config, school, &device, out, self.vision.as_deref(), &mut report)?;
        bar.finish_and_clear();
        told?;
        writeln!(std::io::stdout(), "wrote {}", out.display())?;
        Ok(Outcome::Done)
    }

    /// The homes and the lessons in them.
    fn school(&self, config: &SeeingTraining) -> anyhow::Result<School> {
        let vocabulary = ActionVocabulary::read(&config.init.join("vocabulary.yaml"))?;
        if self.data.is_none() && config.syllabus.seeds == 0 {
            bail!("nothing to learn from: give --data, or syllabus.seeds in the configuration");
        }
        let furniture: Vec<&Path> = self.furniture.iter().map(PathBuf::as_path).collect();
        let from = self.data.as_ref().map(|data| AlfredData {
            data,
            furniture: &furniture,
            limit: self.limit,
        });
        let homes = Homes::read(from.as_ref(), config.syllabus.seeds, config.seed)?;
        let scenes = match &self.scenes {
            Some(folder) => Some(SceneCache::open(folder, config.vision.width)?),
            None => None,
        };
        let bar = progress::bar(homes.len() as u64, "taking lessons");
        let mut school =
            School::build(&homes, &config.syllabus, scenes.as_ref(), &vocabulary, &|| bar.inc(1))?;
        bar.finish_and_clear();
        if let (Some(watch), Some(data)) = (&self.watch, &self.data) {
            let furniture = [data.as_path()];
            let from = AlfredData { data: watch, furniture: &furniture, limit: None };
            let homes = Homes::read(Some(&from), 0, config.seed)?;
            let plans =
                Syllabus { talked_about: 0.0, told: 0.0, moved: 0.0, ..config.syllabus.clone() };
            school.watch(School::build(&homes, &plans, scenes.as_ref(), &vocabulary, &|| {})?);
        }
        if let Some(taught) = &self.taught {
            school.taught = read_taught(taught)?;
        }
        if school.skipped > 0 {
            let (skipped, kept) = (school.skipped, school.homes.len());
            writeln!(std::io::stdout(), "{skipped} homes could not be built, {kept} were")?;
        }
        Ok(school)
    }
}

/// Seconds since 1970.
fn now_s() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

fn in_words(watch: &SeeingWatch) -> String {
    let mut text = format!("step {}: held-out loss {:.4}", watch.step, watch.loss());
    for (kind, [seen, blind]) in &watch.kinds {
        text.push_str(&format!(
            "; {kind} right {:.1} % (blind {:.1} %)",
            100.0 * seen.exact,
            100.0 * blind.exact
        ));
    }
    text
}
