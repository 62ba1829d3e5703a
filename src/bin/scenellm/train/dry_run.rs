//! What a training would need.

use scenellm::learn::LoraSpec;
use scenellm::learn::seeing::{
    LanguagePart, Precision, School, SeeingTraining, TrainingMemory, lessons_of_an_epoch,
};
use std::io::Write;
use std::path::Path;

/// Tokens of Llama 2, whose tokenizer need not be at hand.
const TOKENS: u64 = 32_000;

/// Tokens of the decoder that a training begins with, or as many as Llama 2 has where it is not at hand.
pub fn tokens(config: &SeeingTraining) -> u64 {
    let random = config.random_weights.map(|tokens| tokens as u64);
    random.or_else(|| tokens_of(&config.init)).unwrap_or(TOKENS)
}

/// Bytes in GiB, to two places.
pub fn gib(bytes: u64) -> String {
    format!("{:.2}", bytes as f64 / f64::from(1u32 << 30))
}

/// Prints the memory that `config` and its variants need, and the steps it takes over `school`.
pub fn print(config: &SeeingTraining, school: Option<&School>) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let vocabulary = tokens(config);
    let lora = match &config.language {
        LanguagePart::Lora(lora) => lora.clone(),
        _ => LoraSpec {
            rank: 16,
            alpha: 32.0,
            targets: ["q_proj", "k_proj", "v_proj", "o_proj"].map(String::from).to_vec(),
        },
    };
    let parts = [
        ("projector only", LanguagePart::Frozen),
        ("LoRA", LanguagePart::Lora(lora)),
        ("all weights", LanguagePart::Full),
    ];
    writeln!(
        out,
        "{:<16} {:<5} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "GiB", "", "learns", "weights", "gradients", "moments", "average", "forward", "all", "this"
    )?;
    for (name, language) in parts {
        for (of, precision) in [("f32", Precision::F32), ("bf16", Precision::Bf16)] {
            let variant =
                SeeingTraining { language: language.clone(), precision, ..config.clone() };
            let memory = TrainingMemory::of(&variant, vocabulary);
            let weights = memory.fixed_bytes + memory.learnt_bytes + memory.cast_bytes;
            let this = config.language == language && config.precision == precision;
            writeln!(
                out,
                "{name:<16} {of:<5} {:>8.2}M {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
                memory.learnt_parameters as f64 / 1e6,
                gib(weights),
                gib(memory.gradient_bytes),
                gib(memory.optimiser_bytes),
                gib(memory.average_bytes),
                gib(memory.activation_bytes),
                gib(memory.total_bytes()),
                if this { "<-" } else { "" },
            )?;
        }
    }
    let of = TrainingMemory::of(config, vocabulary);
    writeln!(
        out,
        "decoder {:.3} M numbers, projector {:.3} M; {} lessons a step in {} rounds of at most {} × {} \
         tokens",
        of.decoder_parameters as f64 / 1e6,
        of.projector_parameters as f64 / 1e6,
        config.batch_size,
        config.rounds,
        config.batch_size.div_ceil(config.rounds),
        config.max_length,
    )?;
    if let Some(school) = school {
        let lessons = lessons_of_an_epoch(config, school);
        let steps = lessons.div_ceil(config.batch_size);
        writeln!(
            out,
            "{} homes, {lessons} lessons an epoch: {} epochs of {steps} steps, at most {:.1} M tokens",
            school.homes.len(),
            config.epochs,
            f64::from(config.epochs) * lessons as f64 * config.max_length as f64 / 1e6,
        )?;
    }
    Ok(())
}

/// Tokens of the decoder in `folder`, where there is one.
fn tokens_of(folder: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(folder.join("config.json")).ok()?;
    serde_json::from_str::<serde_json::Value>(&text).ok()?.get("vocab_size")?.as_u64()
}
