//! `scenellm train align` and `scenellm train finetune`: make a model that sees.

use super::command::command_line;
use super::dry_run;
use super::log::{now_s, open_log};
use super::memory::{IN_A_TRAINING, IN_A_TRIAL, MemoryWatch, memory_in_words};
use super::trial::Trial;
use crate::{Outcome, label, paths, progress};
use anyhow::{bail, ensure};
use clap::Args;
use scenellm::language::parse_device;
use scenellm::learn::read_taught;
use scenellm::learn::scenes::SceneCache;
use scenellm::learn::seeing::{
    AlfredData, Homes, LabelledMap, LanguagePart, School, SeeingStep, SeeingTraining, SeeingWatch,
    Syllabus, train_seeing,
};
use scenellm::model::{MANIFEST_FILE, SHIPPED_MODEL};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Which stage is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The projector only.
    Align,
    /// Projector and decoder.
    Finetune,
}

/// Stop it at any time: the same command goes on from the last checkpoint, to the same result. At
/// every measurement the model folder holds the model as it is then, or where the configuration has
/// `patience` the best so far.
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
    /// Folder with homes that a robot toured (`train scenes`): their regions, or their voxels where
    /// `vision.tokens` is `voxels`. Homes that are not in it are seen by oracle eyes, whose
    /// features are hashed words.
    #[arg(long)]
    scenes: Option<PathBuf>,
    /// Pairs about a saved map to learn from, as `scenellm label` writes them (.jsonl or .jsonl.gz);
    /// each file of pairs with its `--map`, in the same order.
    #[arg(long, value_name = "FILE", requires = "map")]
    pairs: Vec<PathBuf>,
    /// The saved map that pairs are about (`map.scenemap` of a replay).
    #[arg(long, value_name = "FILE", requires = "pairs")]
    map: Vec<PathBuf>,
    /// Folder with the vision model, to be copied into the model folder. Where maps have the features
    /// of CLIP, words are read by it, too.
    #[arg(long)]
    vision: Option<PathBuf>,
    /// Model folder to write; its `checkpoint` and `log` folders can be removed when the training is
    /// over. TensorBoard reads `log`.
    #[arg(long, required_unless_present_any = ["dry_run", "random_weights"])]
    out: Option<PathBuf>,
    /// Say what the training needs, in all variants, and train nothing. No weights need be there.
    #[arg(long)]
    dry_run: bool,
    /// Take the steps with random weights of the configuration's shapes instead of those in `init`, say
    /// what they took, and keep nothing. Tokenizer and vocabulary are those of this folder.
    #[arg(
        long,
        value_name = "FOLDER",
        num_args = 0..=1,
        default_missing_value = SHIPPED_MODEL,
        value_parser = paths::model(),
        requires = "steps",
        conflicts_with = "out"
    )]
    random_weights: Option<PathBuf>,
    /// Stop after so many steps; what comes behind the last measurement is not kept.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    steps: Option<u64>,
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
        let mut config = SeeingTraining::read(&self.config)?;
        if (stage == Stage::Align) != (config.language == LanguagePart::Frozen) {
            bail!(
                "{}: `language: frozen` is what `train align` does, anything else `train finetune`",
                self.config.display()
            );
        }
        if let Some(folder) = &self.random_weights {
            config.random_weights = Some(dry_run::tokens(&config) as usize);
            config.init.clone_from(folder);
        }
        if self.dry_run {
            let school = self.data.is_some().then(|| self.school(&config)).transpose()?;
            dry_run::print(&config, school.as_ref())?;
            return Ok(Outcome::Done);
        }
        self.check_init(&config)?;
        let device = parse_device(&self.device)?;
        let school = self.school(&config)?;
        let mut trial = self.random_weights.is_some().then(Trial::default);
        let every = if trial.is_some() { IN_A_TRIAL } else { IN_A_TRAINING };
        let memory = MemoryWatch::begin(&device, every);
        let mut log = self.out.as_deref().map(open_log).transpose()?;
        if let Some(log) = &mut log {
            log.checked(now_s(), &school.checked)?;
        }
        let bar = progress::bar(10_000, "training");
        let mut told: anyhow::Result<()> = Ok(());
        let (mut steps, mut too_long) = (0, 0);
        let mut report = |step: &SeeingStep<'_>| {
            steps += 1;
            too_long = step.too_long;
            if let Some(trial) = &mut trial {
                trial.note(step);
            }
            let peak = memory.peak();
            let noted = log.as_mut().map(|log| log.note(now_s(), peak, step)).transpose();
            let rate = noted.as_ref().ok().copied().flatten();
            let rate = rate.unwrap_or(step.tokens as f64 / step.seconds);
            told = noted.map(|_| ()).map_err(anyhow::Error::from);
            bar.set_position((step.progress * 10_000.0) as u64);
            let held = memory_in_words(peak);
            bar.set_message(format!("loss {:.3} · {rate:.0} tokens/s{held}", step.loss));
            if let Some(watch) = step.watch.filter(|_| told.is_ok()) {
                if self.json {
                    let line = serde_json::json!({"watch": watch, "loss": step.loss,
                        "progress": step.progress, "tokens_per_s": rate,
                        "peak_memory_bytes": peak.host_bytes,
                        "peak_gpu_memory_bytes": peak.gpu_bytes});
                    told = writeln!(std::io::stdout(), "{line}").map_err(anyhow::Error::from);
                } else {
                    progress::tell(&bar, &in_words(watch));
                }
            }
            // Nobody listens any more: what was learnt stays in the checkpoint.
            told.is_ok() && self.steps.is_none_or(|most| steps < most)
        };
        let (out, vision, command) = (self.out.as_deref(), self.vision.as_deref(), command_line());
        let command = Some(command.as_str());
        train_seeing(&config, &school, &device, out, vision, command, &mut report)?;
        bar.finish_and_clear();
        told?;
        match trial {
            Some(trial) => trial.print(&config, memory.peak(), self.json)?,
            None => self.tell_checked(&school, too_long)?,
        }
        // A training that is stopped before its first measurement has made no model.
        if let Some(out) = out.filter(|out| out.join(MANIFEST_FILE).exists()) {
            writeln!(std::io::stdout(), "wrote {}", out.display())?;
        }
        Ok(Outcome::Done)
    }

    /// Sees that there is a model to begin with, and eyes where some are named. Weights are read when all
    /// homes are built, which takes minutes, and eyes are copied when the first model is written: a wrong
    /// folder is told before. A training that goes on reads the weights, too, and only its tokenizer is
    /// that of the checkpoint.
    fn check_init(&self, config: &SeeingTraining) -> anyhow::Result<()> {
        let (file, init) = (self.config.display(), config.init.display());
        if let Some(vision) = &self.vision {
            ensure!(vision.is_dir(), "--vision {}: there is no such folder", vision.display());
        }
        let spells = config.init.join("tokenizer.json").is_file();
        if self.random_weights.is_some() {
            ensure!(spells, "--random-weights: {init} has no tokenizer.json to spell lessons with");
            return Ok(());
        }
        ensure!(
            config.init.is_dir(),
            "{file}: init: {init} is not there (the decoder that training begins with; \
             docs/training.md tells how it is made, and `init: models/nano` is the shipped model)"
        );
        let goes_on =
            self.out.as_ref().is_some_and(|out| out.join("checkpoint/state.safetensors").exists());
        ensure!(
            spells || goes_on,
            "{file}: init: {init} has no tokenizer.json: it is no finished model to begin with"
        );
        Ok(())
    }

    /// The homes and the lessons in them.
    fn school(&self, config: &SeeingTraining) -> anyhow::Result<School> {
        let vocabulary = config.vocabulary()?;
        if self.data.is_none() && self.pairs.is_empty() && config.syllabus.seeds == 0 {
            bail!(
                "nothing to learn from: give --data or --pairs, or syllabus.seeds in the configuration"
            );
        }
        if self.pairs.len() != self.map.len() {
            let (pairs, maps) = (self.pairs.len(), self.map.len());
            bail!("each --pairs needs the --map that it is about: there are {pairs} and {maps}");
        }
        let furniture: Vec<&Path> = self.furniture.iter().map(PathBuf::as_path).collect();
        let from = self.data.as_ref().map(|data| AlfredData {
            data,
            furniture: &furniture,
            limit: self.limit,
        });
        let homes = Homes::read(from.as_ref(), config.syllabus.seeds, config.seed)?;
        let scenes = match &self.scenes {
            Some(folder) => {
                Some(SceneCache::open(folder, config.vision.width, config.vision.tokens)?)
            }
            None => None,
        };
        let bar = progress::bar(homes.len() as u64, "taking lessons");
        let mut school =
            School::build(&homes, &config.syllabus, scenes.as_ref(), &vocabulary, &|| bar.inc(1))?;
        bar.finish_and_clear();
        for (pairs, map) in self.pairs.iter().zip(&self.map) {
            let words = self.vision.as_deref();
            school.add_labelled(&LabelledMap { pairs, map, words }, config)?;
        }
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
        let voxels = school.homes.iter().filter(|home| home.is_kept_as_voxels()).count();
        let oracle = school.homes.iter().filter(|home| !home.is_seen_by_real_eyes()).count();
        if voxels > 0 && oracle > 0 {
            writeln!(
                std::io::stdout(),
                "{voxels} homes have the voxels of their maps, and {oracle} hashed words in the \
                 place of such features"
            )?;
        }
        Ok(school)
    }

    /// Tells how many sentences were checked before they were learnt, and why some were not learnt; and
    /// how many lessons were left out.
    fn tell_checked(&self, school: &School, too_long: usize) -> anyhow::Result<()> {
        if self.json {
            let line = serde_json::json!({"sentences": school.checked, "too_long": too_long});
            writeln!(std::io::stdout(), "{line}")?;
        } else {
            if too_long > 0 {
                writeln!(
                    std::io::stdout(),
                    "{too_long} lessons were left out: with all that may be seen they are longer than \
                     `max_length`"
                )?;
            }
            writeln!(
                std::io::stdout(),
                "sentences about scenes, each checked before it is learnt:"
            )?;
            label::print(&school.checked)?;
        }
        Ok(())
    }
}

fn in_words(watch: &SeeingWatch) -> String {
    if watch.kinds.is_empty() {
        return format!("step {}: nothing is held out to be measured", watch.step);
    }
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
