//! `scenellm bench llm`: tokens a second of the language model.

use super::gguf::{Quant, Size, write_random};
use super::peer::TURNS;
use super::report::{Table, median};
use crate::paths;
use anyhow::Context;
use candle_core::Device;
use clap::{Args, ValueEnum};
use scenellm::language::{Llama, Weights};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Tokens after the prompt.
const NEW: usize = 32;
/// Measured rounds of a run.
const ROUNDS: usize = 3;

/// Tokens a second of a language model on the processor: those of a prompt, then 32 one by one.
///
/// Without --weights THE WEIGHTS ARE RANDOM: a GGUF file of the size asked for is made up on the spot. It
/// takes the time of a trained model and says nothing of sense. The number of threads is all cores, or
/// RAYON_NUM_THREADS of the environment; the peer gets the same.
#[derive(Args)]
pub struct LlmBench {
    /// Size of the model.
    #[arg(long, value_enum, default_value_t = Size::Million100)]
    parameters: Size,
    /// How its weights are stored.
    #[arg(long, value_enum, default_value_t = Quant::Q4K)]
    quant: Quant,
    /// A GGUF file to measure instead.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["parameters", "quant", "keep"])]
    weights: Option<PathBuf>,
    /// Tokens of the prompt.
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u16).range(1..))]
    prompt_tokens: u16,
    /// llama.cpp's program `llama-bench`: measures the same file in turns with ours.
    #[arg(long, value_name = "LLAMA_BENCH")]
    peer: Option<PathBuf>,
    /// Keep the model in this folder, and use it again when it is there.
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    /// Write the result to this file as JSON.
    #[arg(long, value_name = "FILE", value_parser = paths::file_to_write())]
    json: Option<PathBuf>,
}

/// Tokens a second of one run.
#[derive(Debug, Serialize)]
struct Run {
    program: String,
    prefill_per_s: f64,
    decode_per_s: f64,
    threads: usize,
}

#[derive(Serialize)]
struct LlmResult {
    parameters: u64,
    file_bytes: u64,
    weights: String,
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
        // Products and attention go by as many threads as are told.
        candle_core::utils::init_global_threadpool();
        let temporary = tempfile::tempdir()?;
        let folder = self.keep.as_deref().unwrap_or(temporary.path());
        let (path, what) = match &self.weights {
            Some(path) => (path.clone(), path.display().to_string()),
            None => self.random(folder)?,
        };
        let prompt_tokens = usize::from(self.prompt_tokens);
        let mut weights = Weights::open(&path)?;
        let config = weights.config()?;
        let parameters = config.parameters()?;
        let llama = Llama::load(config, &mut weights, &Device::Cpu)?;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..if self.peer.is_some() { TURNS } else { 1 } {
            ours.push(ours_once(&llama, prompt_tokens)?);
            if let Some(program) = &self.peer {
                theirs.push(peer_once(program, &path, prompt_tokens)?);
            }
        }
        let result = LlmResult {
            parameters,
            file_bytes: path.metadata()?.len(),
            weights: what,
            prompt_tokens,
            new_tokens: NEW,
            prefill_ratio: ratio(&ours, &theirs, |run| run.prefill_per_s),
            decode_ratio: ratio(&ours, &theirs, |run| run.decode_per_s),
            ours,
            peer: theirs,
        };
        result.table().finish(self.json.as_deref(), &result)
    }

    /// A file of random weights in `folder`, and what it is.
    fn random(&self, folder: &Path) -> anyhow::Result<(PathBuf, String)> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        let (size, quant) = (name(&self.parameters), name(&self.quant));
        let path = folder.join(format!("random_{size}_{quant}.gguf"));
        if !path.exists() {
            write_random(self.parameters, self.quant, &path)?;
        }
        Ok((path, format!("RANDOM weights as {quant}")))
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

fn ours_once(llama: &Llama, prompt_tokens: usize) -> anyhow::Result<Run> {
    let vocabulary = llama.config().vocab_size as u32;
    let token = |at: usize| (300 + 7 * at as u32 % 1000) % vocabulary;
    let tokens: Vec<u32> = (0..prompt_tokens + NEW).map(token).collect();
    let (prompt, new) = tokens.split_at(prompt_tokens);
    let (mut prefill_s, mut decode_s) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let mut cache = llama.new_cache(prompt_tokens + NEW)?;
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
        prefill_per_s: prompt_tokens as f64 / median(&prefill_s),
        decode_per_s: NEW as f64 / median(&decode_s),
        threads: candle_core::utils::get_num_threads(),
    })
}

/// What `llama-bench -o json` tells of a test; it tells much more.
#[derive(Deserialize)]
struct LlamaBench {
    build_number: u64,
    avg_ts: f64,
}

fn peer_once(program: &Path, model: &Path, prompt_tokens: usize) -> anyhow::Result<Run> {
    let threads = candle_core::utils::get_num_threads();
    let test = |tokens: [usize; 3]| {
        let [prompt, new, depth] = tokens.map(|count| count.to_string());
        let [threads, rounds] = [threads, ROUNDS].map(|count| count.to_string());
        let mut command = Command::new(program);
        command.arg("-m").arg(model).args(["-t", &threads, "-r", &rounds, "-ngl", "0"]);
        command.args(["-o", "json", "-p", &prompt, "-n", &new, "-d", &depth]);
        let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
        let shown = program.display();
        let output =
            output.with_context(|| format!("cannot run {shown}; --peer takes llama-bench"))?;
        let told: Vec<LlamaBench> = serde_json::from_slice(&output.stdout)
            .with_context(|| format!("{shown} ({}) printed no result", output.status))?;
        told.into_iter().next().with_context(|| format!("{shown} measured nothing"))
    };
    let (prefill, decode) = (test([prompt_tokens, 0, 0])?, test([0, NEW, prompt_tokens])?);
    Ok(Run {
        program: format!("llama.cpp (build {})", prefill.build_number),
        prefill_per_s: prefill.avg_ts,
        decode_per_s: decode.avg_ts,
        threads,
    })
}

impl LlmResult {
    fn table(&self) -> Table {
        let mut table = Table::new(format!(
            "bench llm: {:.0} million parameters, {}, {:.0} MiB; {} tokens of a prompt, {NEW} after it",
            self.parameters as f64 / 1e6,
            self.weights,
            self.file_bytes as f64 / f64::from(1 << 20),
            self.prompt_tokens
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
