//! `scenellm bench llm`: tokens a second of the language model.

use super::gguf::{Quant, Size, write_random};
use super::peer::{self, TURNS};
use super::report::{Table, median};
use crate::paths;
use anyhow::Context;
use candle_core::Device;
use clap::{Args, ValueEnum};
use scenellm::language::{Llama, Weights};
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Tokens of the prompt.
const PROMPT: usize = 128;
/// Tokens after it.
const NEW: usize = 32;
/// Measured rounds of a run.
const ROUNDS: usize = 3;
const PEER_SCRIPT: &str = include_str!("../../../../benches/peers/llama_cpp.py");

/// Tokens a second of a Llama on the processor: 128 of a prompt, then 32 one by one.
///
/// THE WEIGHTS ARE RANDOM: a GGUF file of the size asked for is made up on the spot. It takes the
/// time of a trained model and says nothing of sense. The number of threads is all cores, or
/// RAYON_NUM_THREADS of the environment; the peer gets the same.
#[derive(Args)]
pub struct LlmBench {
    /// Size of the model.
    #[arg(long, value_enum, default_value_t = Size::Million100)]
    parameters: Size,
    /// How its weights are stored.
    #[arg(long, value_enum, default_value_t = Quant::Q4K)]
    quant: Quant,
    /// Python interpreter with llama-cpp-python: runs llama.cpp on the same file in turns with
    /// ours.
    #[arg(long, value_name = "PYTHON")]
    peer: Option<PathBuf>,
    /// Keep the model in this folder, and use it again when it is there.
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    /// Write the result to this file as JSON.
    #[arg(long, value_name = "FILE", value_parser = paths::file_to_write())]
    json: Option<PathBuf>,
}

/// Tokens a second of one run; of a peer, as its script tells.
#[derive(Debug, Deserialize, Serialize)]
struct Run {
    program: String,
    prefill_per_s: f64,
    decode_per_s: f64,
    threads: usize,
}

#[derive(Serialize)]
struct LlmResult {
    parameters: u64,
    quant: String,
    file_bytes: u64,
    weights: &'static str,
    prompt_tokens: usize,
    new_tokens: usize,
    ours: Vec<Run>,
    peer: Vec<Run>,
    /// Medians of ours over medians of the peer.
    prefill_ratio: Option<f64>,
    decode_ratio: Option<f64>,
}

impl LlmBench {
    /// Measures and prints.
    pub fn run(self) -> anyhow::Result<()> {
        let temporary = tempfile::tempdir()?;
        let folder = self.keep.as_deref().unwrap_or(temporary.path());
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        let (size, quant) = (name(&self.parameters), name(&self.quant));
        let path = folder.join(format!("random_{size}_{quant}.gguf"));
        if !path.exists() {
            write_random(self.parameters, self.quant, &path)?;
        }
        let mut weights = Weights::open(&path)?;
        let config = weights.config()?;
        let parameters = config.parameters()?;
        let llama = Llama::load(config, &mut weights, &Device::Cpu)?;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..if self.peer.is_some() { TURNS } else { 1 } {
            ours.push(ours_once(&llama)?);
            if let Some(python) = &self.peer {
                theirs.push(peer_once(python, &path)?);
            }
        }
        let result = LlmResult {
            parameters,
            quant,
            file_bytes: path.metadata()?.len(),
            weights: "random",
            prompt_tokens: PROMPT,
            new_tokens: NEW,
            prefill_ratio: ratio(&ours, &theirs, |run| run.prefill_per_s),
            decode_ratio: ratio(&ours, &theirs, |run| run.decode_per_s),
            ours,
            peer: theirs,
        };
        result.table().finish(self.json.as_deref(), &result)
    }
}

/// What the command line calls a value.
fn name(value: &impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_string()).unwrap_or_default()
}

fn ratio(ours: &[Run], theirs: &[Run], pick: fn(&Run) -> f64) -> Option<f64> {
    let middle = |runs: &[Run]| median(&runs.iter().map(pick).collect::<Vec<_>>());
    (!theirs.is_empty()).then(|| middle(ours) / middle(theirs))
}

fn ours_once(llama: &Llama) -> anyhow::Result<Run> {
    let tokens: Vec<u32> = (0..PROMPT + NEW).map(|at| 300 + 7 * at as u32 % 1000).collect();
    let (prompt, new) = tokens.split_at(PROMPT);
    let (mut prefill_s, mut decode_s) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let mut cache = llama.new_cache(PROMPT + NEW)?;
        let begin = Instant::now();
        llama.forward_embeds(&llama.embed(prompt)?, &mut cache)?.to_vec1::<f32>()?;
        let middle = Instant::now();
        for token in new {
            llama.forward_embeds(&llama.embed(&[*token])?, &mut cache)?.to_vec1::<f32>()?;
        }
        // The first round only warms up.
        if round > 0 {
            prefill_s.push((middle - begin).as_secs_f64());
            decode_s.push(middle.elapsed().as_secs_f64());
        }
    }
    Ok(Run {
        program: format!("scenellm {}", env!("CARGO_PKG_VERSION")),
        prefill_per_s: PROMPT as f64 / median(&prefill_s),
        decode_per_s: NEW as f64 / median(&decode_s),
        threads: candle_core::utils::get_num_threads(),
    })
}

fn peer_once(python: &Path, model: &Path) -> anyhow::Result<Run> {
    let numbers = [PROMPT, NEW, candle_core::utils::get_num_threads()].map(|n| n.to_string());
    let arguments: Vec<&OsStr> =
        std::iter::once(model.as_os_str()).chain(numbers.iter().map(AsRef::as_ref)).collect();
    peer::run(python, PEER_SCRIPT, &arguments)
}

impl LlmResult {
    fn table(&self) -> Table {
        let mut table = Table::new(format!(
            "bench llm: {:.0} million RANDOM weights as {}, {:.0} MiB; {PROMPT} tokens of a \
             prompt, {NEW} after it",
            self.parameters as f64 / 1e6,
            self.quant,
            self.file_bytes as f64 / f64::from(1 << 20)
        ));
        for runs in [&self.ours, &self.peer] {
            let Some(first) = runs.first() else { continue };
            let middle = |pick: fn(&Run) -> f64| median(&runs.iter().map(pick).collect::<Vec<_>>());
            table.row(
                format!("{}, {} threads", first.program, first.threads),
                format!(
                    "prefill {:.1} tokens/s, decode {:.1} tokens/s",
                    middle(|run| run.prefill_per_s),
                    middle(|run| run.decode_per_s)
                ),
            );
        }
        if let (Some(prefill), Some(decode)) = (self.prefill_ratio, self.decode_ratio) {
            table.row(
                "ours / peer",
                format!("prefill {prefill:.2}, decode {decode:.2} (medians of {TURNS} turns)"),
            );
        }
        table
    }
}
