//! `scenellm models`: which public encoders and chat models are known, how to get one, and whether an
//! encoder or a language model on disk is as it should be.

mod pull;
mod transfer;

use crate::Outcome;
use clap::{Args, Subcommand};
use scenellm::model::{DataSource, Manifest, check_language_model};
use scenellm::vision::{
    CatalogueEntry, FolderCheck, WeightFormat, catalogue, check_folder, read_catalogue,
};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

/// List the public encoders and chat models that are known, fetch one, or check the weights of a model.
#[derive(Args)]
pub struct Models {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// List source, kind, numbers, memory as f32, f16 and q8_0, licence and files of each.
    List {
        /// List what this file has, in the form of those in config/models, instead.
        #[arg(long, value_name = "FILE")]
        catalogue: Option<PathBuf>,
        /// Print one JSON object a line instead of a table.
        #[arg(long)]
        json: bool,
    },
    Pull(pull::Pull),
    /// Hold every tensor of a model against its configuration; of a language model its tokenizer and
    /// chat template, too. Exit code 3 says that something is missing or does not fit; each is named.
    /// Of a Scene-LLM it is told how it was made, and of what.
    Check {
        /// An encoder: a folder with weights and config.json or open_clip_config.json, or the one file
        /// of timm's ViT or of SAM's authors. A chat model: a GGUF file, a folder with safetensors and
        /// config.json, or one with scenellm.yaml, as a Scene-LLM has it as well.
        path: PathBuf,
        /// Print one JSON object instead of text.
        #[arg(long)]
        json: bool,
    },
}

impl Models {
    /// Lists or checks.
    pub fn run(self) -> anyhow::Result<Outcome> {
        let mut out = std::io::stdout();
        match self.what {
            What::List { catalogue, json } => {
                for entry in known(catalogue.as_deref())? {
                    if json {
                        let listed = Listed::new(&entry);
                        writeln!(out, "{}", serde_json::to_string(&listed)?)?;
                        continue;
                    }
                    let megabytes = |format| entry.bytes(format) as f64 / 1e6;
                    writeln!(
                        out,
                        "{:<46} {:<14} {:>6.0} M  {:>5.0}/{:>5.0}/{:<4.0} MB  width {:>4}  {:<19} {}",
                        entry.source,
                        entry.kind,
                        entry.parameters as f64 / 1e6,
                        megabytes(WeightFormat::F32),
                        megabytes(WeightFormat::F16),
                        megabytes(WeightFormat::Q8_0),
                        entry.width,
                        entry.licence,
                        entry.files.join(" ")
                    )?;
                }
                Ok(Outcome::Done)
            }
            What::Pull(pull) => pull.run(),
            What::Check { path, json } => {
                let check = check(&path)?;
                let made = Made::of(&path);
                if json {
                    let told = Told { check: &check, made: made.as_ref() };
                    writeln!(out, "{}", serde_json::to_string(&told)?)?;
                } else {
                    for fault in &check.faults {
                        writeln!(out, "{fault}")?;
                    }
                    let (kind, tensors) = (&check.kind, check.tensors);
                    let millions = check.parameters as f64 / 1e6;
                    let faults = check.faults.len();
                    writeln!(
                        out,
                        "{kind}: {tensors} tensors, {millions:.1} M numbers, {faults} faults"
                    )?;
                    if let Some(made) = &made {
                        made.print(&mut out)?;
                    }
                }
                Ok(if check.faults.is_empty() { Outcome::Done } else { Outcome::No })
            }
        }
    }
}

/// The checkpoints that `file` lists, or else those that are known.
fn known(file: Option<&Path>) -> anyhow::Result<Vec<CatalogueEntry>> {
    Ok(match file {
        Some(file) => read_catalogue(file)?,
        None => catalogue()?,
    })
}

/// Holds the language model or the encoder at `path` against its configuration.
fn check(path: &Path) -> anyhow::Result<FolderCheck> {
    Ok(match check_language_model(path)? {
        Some(check) => check,
        None => check_folder(path)?,
    })
}

/// A check, and how the model was made where it tells.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    check: &'a FolderCheck,
    #[serde(skip_serializing_if = "Option::is_none")]
    made: Option<&'a Made>,
}

/// How a Scene-LLM was made, and of what, as its manifest tells.
#[derive(Serialize)]
struct Made {
    license: String,
    command: Option<String>,
    data: Vec<DataSource>,
}

impl Made {
    /// What the manifest in a folder tells; `None` where there is none.
    fn of(folder: &Path) -> Option<Self> {
        let Manifest { license, command, data, .. } = Manifest::load(folder).ok()?;
        Some(Self { license, command, data })
    }

    fn print(&self, out: &mut impl Write) -> std::io::Result<()> {
        writeln!(out, "license: {}", self.license)?;
        for DataSource { name, license } in &self.data {
            writeln!(out, "made of: {name} ({license})")?;
        }
        for line in self.command.iter().flat_map(|command| command.lines()) {
            writeln!(out, "made by: {line}")?;
        }
        Ok(())
    }
}

/// An entry of the catalogue, and the memory it takes.
#[derive(Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    entry: &'a CatalogueEntry,
    /// By name of the format of its weights.
    memory_bytes: BTreeMap<&'static str, u64>,
}

impl<'a> Listed<'a> {
    fn new(entry: &'a CatalogueEntry) -> Self {
        let bytes = |format: WeightFormat| (format.name(), entry.bytes(format));
        Self { entry, memory_bytes: WeightFormat::ALL.into_iter().map(bytes).collect() }
    }
}
