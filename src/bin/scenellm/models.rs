//! `scenellm models`: which public encoders and chat models are known, how to get one, and whether an
//! encoder or a language model on disk is as it should be.

mod login;
mod pull;
mod transfer;

use crate::Outcome;
use clap::{Args, Subcommand};
use scenellm::model::{DataSource, Manifest, check_language_model};
use scenellm::vision::{
    CatalogueEntry, FolderCheck, KeptWeights, catalogue, check_folder, read_catalogue,
};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

/// List public encoders and chat models, fetch one, or check the weights of a model.
#[derive(Args)]
pub struct Models {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// List the public encoders and chat models that are known.
    ///
    /// Of each the name, as `pull` takes it, source, kind, numbers, memory, licence and files. The
    /// memory is that of the numbers: of an encoder in each format that they may be kept in
    /// (`--weight-format`), of a chat model as they are kept on a CPU and on a GPU.
    List {
        /// List what this file has, in the form of those in config/models, instead.
        #[arg(long, value_name = "FILE")]
        catalogue: Option<PathBuf>,
        /// Print one JSON object a line instead of a table.
        #[arg(long)]
        json: bool,
    },
    Pull(pull::Pull),
    /// Hold every tensor of a model against its configuration.
    ///
    /// Of Grounding DINO its tokenizer, of a language model its tokenizer and chat template, too. Exit
    /// code 3 says that something is missing or does not fit; each is named. A Scene-LLM's projector,
    /// eyes and prior are held against its manifest as well, and it is told how it was made, and of what.
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
                let entries = known(catalogue.as_deref())?;
                if json {
                    for entry in &entries {
                        writeln!(out, "{}", serde_json::to_string(&Listed::new(entry))?)?;
                    }
                } else {
                    print_table(&entries, &mut out)?;
                }
                Ok(Outcome::Done)
            }
            What::Pull(pull) => pull.run(),
            What::Check { path, json } => {
                let check = check(&path)?;
                let manifest = Manifest::load(&path).ok();
                let parts = manifest.as_ref().map(parts).unwrap_or_default();
                let made = manifest.map(Made::of);
                if json {
                    let told = Told { check: &check, parts: &parts, made: made.as_ref() };
                    writeln!(out, "{}", serde_json::to_string(&told)?)?;
                } else {
                    for fault in &check.faults {
                        writeln!(out, "{fault}")?;
                    }
                    let tensors = check.tensors;
                    let kind = match parts.is_empty() {
                        true => check.kind.clone(),
                        false => format!("{} ({})", check.kind, parts.join(", ")),
                    };
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

/// The parts of a Scene-LLM, for whoever reads a check to see what it was of.
fn parts(manifest: &Manifest) -> Vec<String> {
    let eyes = manifest.vision.as_ref().map(|vision| match (&vision.weights, &vision.extractor) {
        (None, extractor) if extractor != "color_geometry" => {
            format!("eyes {extractor}, whose weights are elsewhere")
        }
        (_, extractor) => format!("eyes {extractor}"),
    });
    let projector = manifest.projector.as_ref().map(|_| "projector".to_owned());
    let prior = manifest.prior.as_ref().map(|_| "prior".to_owned());
    [Some("decoder".to_owned()), projector, eyes, prior].into_iter().flatten().collect()
}

/// What the columns of the list are, and whether they are numbers, which stand to the right.
const COLUMNS: [(&str, bool); 8] = [
    ("NAME", false),
    ("SOURCE", false),
    ("KIND", false),
    ("NUMBERS", true),
    ("MEMORY, MB", false),
    ("WIDTH", true),
    ("LICENCE", false),
    ("FILES", false),
];

/// Prints the entries below a header, each column as wide as what is in it. The first is the name that
/// `pull` takes: a source may have several files, each under a name of its own.
fn print_table(entries: &[CatalogueEntry], out: &mut impl Write) -> std::io::Result<()> {
    let mut rows = vec![COLUMNS.map(|(name, _)| name.to_owned())];
    rows.extend(entries.iter().map(|entry| {
        let memory = entry.kept().into_iter().map(|KeptWeights { device, format, bytes }| {
            let megabytes = bytes as f64 / 1e6;
            match device {
                Some(device) => format!("{device} {format} {megabytes:.0}"),
                None => format!("{format} {megabytes:.0}"),
            }
        });
        [
            entry.name.clone(),
            entry.source.clone(),
            entry.kind.clone(),
            format!("{:.0} M", entry.parameters as f64 / 1e6),
            memory.collect::<Vec<_>>().join(", "),
            entry.width.to_string(),
            entry.licence.clone(),
            entry.files.join(" "),
        ]
    }));
    let mut widths = [0; COLUMNS.len()];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for row in &rows {
        let columns = row.iter().zip(widths).zip(COLUMNS);
        let cells = columns.map(|((cell, width), (_, is_number))| match is_number {
            true => format!("{cell:>width$}"),
            false => format!("{cell:<width$}"),
        });
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

/// A check, and how the model was made where it tells.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    check: &'a FolderCheck,
    /// Those of a Scene-LLM, all of which the check is of.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    parts: &'a [String],
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
    fn of(Manifest { license, command, data, .. }: Manifest) -> Self {
        Self { license, command, data }
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
    /// By name of the format of its weights, or of the device where that decides.
    memory_bytes: BTreeMap<&'static str, u64>,
}

impl<'a> Listed<'a> {
    fn new(entry: &'a CatalogueEntry) -> Self {
        let kept = entry.kept().into_iter();
        let bytes = kept.map(|kept| (kept.device.unwrap_or(kept.format), kept.bytes));
        Self { entry, memory_bytes: bytes.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_a_header_and_the_names_that_pull_takes() {
        let entries = known(None).unwrap();
        let mut out = Vec::new();
        print_table(&entries, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let mut lines = text.lines();
        assert!(lines.next().unwrap().starts_with("NAME "), "{text}");
        let names: Vec<_> = lines.filter_map(|line| line.split_whitespace().next()).collect();
        let wanted: Vec<_> = entries.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, wanted);
        assert!(names.contains(&"Qwen2.5-7B-Instruct-Q4_K_M"), "{text}");
        // A file has one format, and floats are those that the device computes with.
        let has = |name: &str, part: &str| {
            let mut rows = text.lines();
            let row = rows.find(|row| row.split_whitespace().next() == Some(name));
            row.is_some_and(|row| row.contains(part))
        };
        assert!(has("Qwen2.5-7B-Instruct-Q4_K_M", "gpu q4_k_m 4617  "), "{text}");
        assert!(!has("Qwen2.5-7B-Instruct-Q4_K_M", "f32"), "{text}");
        assert!(has("Qwen2.5-7B-Instruct", "cpu f32 30462, gpu bf16 15231"), "{text}");
        assert!(has("vit-base-patch16-224", "f32 343, f16 172, bf16 172, q8_0 91"), "{text}");
    }

    #[test]
    fn the_memory_of_a_chat_model_is_told_by_its_device() {
        let entries = known(None).unwrap();
        let of = |name: &str| {
            let entry = entries.iter().find(|entry| entry.name == name).unwrap();
            serde_json::to_value(Listed::new(entry)).unwrap()
        };
        let chat = of("Qwen2.5-0.5B-Instruct");
        let bytes = serde_json::json!({"cpu": 4 * 494_032_768u64, "gpu": 2 * 494_032_768u64});
        assert_eq!(chat["memory_bytes"], bytes);
        let gguf = of("Qwen2.5-0.5B-Instruct-Q4_K_M");
        assert_eq!(gguf["format"], "q4_k_m");
        assert_eq!(gguf["memory_bytes"]["gpu"], 299_507_366u64);
        assert!(gguf["memory_bytes"]["f32"].is_null(), "{gguf}");
    }

    #[test]
    fn the_parts_of_the_shipped_model_are_told() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/nano");
        let manifest = Manifest::load(&folder).unwrap();
        assert_eq!(parts(&manifest), ["decoder", "projector", "eyes scene_vit", "prior"]);
    }
}
