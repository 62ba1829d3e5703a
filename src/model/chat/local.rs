//! A chat model in this process.

use std::path::{Path, PathBuf};

use candle_core::Device;

use super::super::decoder::{Decoder, Reply};
use super::super::error::ModelError;
use super::super::manifest::MANIFEST_FILE;
use super::super::prompt::{Segment, splice};
use super::manifest::{ChatManifest, LocalChatSpec};
use super::message::{Message, Role};
use super::template::ChatTemplate;
use crate::language::{
    BeamOptions, Constraint, Llama, MemoryPlan, PREFILL_CHUNK, Tokenizer, Weights,
};

/// What stands for an answer while the end of a turn is looked for.
const MARK: &str = "MARK";

/// A chat model with its weights, tokenizer and template.
#[derive(Debug)]
pub struct LocalChat {
    tokenizer: Tokenizer,
    template: ChatTemplate,
    decoder: Decoder,
    search: BeamOptions,
    /// The token that ends the model's turn.
    end: u32,
}

impl LocalChat {
    /// Loads what `spec` names, relative to `folder`, after checking that it fits into memory.
    pub(super) fn load(
        manifest: &ChatManifest,
        spec: &LocalChatSpec,
        folder: &Path,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let fault = |field: &str, reason: String| ModelError::Manifest {
            path: folder.join(MANIFEST_FILE),
            field: field.into(),
            reason,
        };
        let path = folder.join(&spec.weights);
        let mut weights = Weights::open(&path)?;
        let mut config = weights.config()?;
        let home: PathBuf = match path.is_dir() {
            true => path.clone(),
            false => path.parent().map(Path::to_path_buf).unwrap_or_default(),
        };
        let tokenizer = match (&spec.tokenizer, weights.gguf()) {
            (Some(file), _) => Tokenizer::open(&folder.join(file))?,
            (None, Some(gguf)) => gguf.tokenizer()?,
            (None, None) => Tokenizer::open(&home.join("tokenizer.json"))?,
        };
        if tokenizer.vocabulary_size() > config.vocab_size {
            let (tokens, rows) = (tokenizer.vocabulary_size(), config.vocab_size);
            let reason = format!("has {tokens} tokens, the language model knows {rows}");
            return Err(fault("local.tokenizer", reason));
        }
        let file = spec.template.as_ref().map(|file| folder.join(file));
        let template = match weights.gguf() {
            Some(gguf) => ChatTemplate::of_gguf(gguf, file.as_deref())?,
            None => ChatTemplate::beside(&home, file.as_deref())?,
        };
        if manifest.context > config.max_position_embeddings {
            let (context, most) = (manifest.context, config.max_position_embeddings);
            let reason = format!("is {context}, the language model can have {most}");
            return Err(fault("context", reason));
        }
        let end = match end_of_turn(&template, &tokenizer)? {
            Some(end) => end,
            None => *config.eos.first().ok_or_else(|| {
                fault("local.template", "it ends no turn, and the model has no end of text".into())
            })?,
        };
        if !config.eos.contains(&end) {
            config.eos.push(end);
        }
        let context = manifest.context;
        MemoryPlan::new(&config, &weights, device, context, PREFILL_CHUNK).check()?;
        let llama = Llama::load(config, &mut weights, device)?;
        let decoder = Decoder::new(llama, context)?;
        Ok(Self { tokenizer, template, decoder, search: manifest.decoding.beam_options(), end })
    }

    /// Its tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// Its language model.
    pub fn llama(&self) -> &Llama {
        self.decoder.llama()
    }

    /// The token that ends its turn.
    pub fn end(&self) -> u32 {
        self.end
    }

    /// Tokens of the prompt for `messages`.
    pub fn count_tokens(&self, messages: &[Message]) -> Result<usize, ModelError> {
        Ok(self.tokenizer.encode(&self.prompt(messages)?)?.len())
    }

    /// Searches answers to `messages` under `constraint`, best first; see
    /// [`super::super::SceneLlm::search`].
    pub fn search(
        &mut self,
        messages: &[Message],
        constraint: Box<dyn Constraint>,
        on_text: &mut dyn FnMut(&str) -> bool,
    ) -> Result<Vec<Reply>, ModelError> {
        let segments = [Segment::Template(self.prompt(messages)?)];
        let prompt = splice(&segments, &self.tokenizer, self.decoder.llama().embedder(), None)?;
        let constraint = Some(constraint);
        self.decoder.search(prompt, &self.tokenizer, constraint, &self.search, on_text)
    }

    /// The likeliest answer to `messages`, whatever its form.
    pub(super) fn answer(
        &mut self,
        messages: &[Message],
        on_text: &mut dyn FnMut(&str) -> bool,
    ) -> Result<String, ModelError> {
        let segments = [Segment::Template(self.prompt(messages)?)];
        let prompt = splice(&segments, &self.tokenizer, self.decoder.llama().embedder(), None)?;
        let found = self.decoder.search(prompt, &self.tokenizer, None, &self.search, on_text)?;
        Ok(found.into_iter().next().map_or(String::new(), |reply| reply.text))
    }

    /// The text of `messages`, in which names of special tokens are only words.
    fn prompt(&self, messages: &[Message]) -> Result<String, ModelError> {
        let defused: Vec<_> = messages
            .iter()
            .map(|message| Message::new(message.role, self.tokenizer.defuse(&message.content)))
            .collect();
        self.template.render(&defused, true)
    }
}

/// The special token that the template writes behind an answer.
fn end_of_turn(template: &ChatTemplate, tokenizer: &Tokenizer) -> Result<Option<u32>, ModelError> {
    let turn = [Message::new(Role::User, "?"), Message::new(Role::Assistant, MARK)];
    let text = template.render(&turn, false)?;
    let behind = text.rsplit_once(MARK).map_or("", |(_, behind)| behind);
    let tokens = tokenizer.encode(behind)?;
    Ok(tokens.into_iter().find(|token| tokenizer.is_special(*token)))
}
