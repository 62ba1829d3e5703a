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
        let rows = config.vocab_size;
        if tokenizer.least_rows() > rows {
            let tokens = tokenizer.least_rows();
            let reason = format!("has {tokens} tokens, the language model knows {rows}");
            return Err(fault("local.tokenizer", reason));
        }
        let file = spec.template.as_ref().map(|file| folder.join(file));
        let template = match weights.gguf() {
            Some(gguf) => ChatTemplate::of_gguf(gguf, file.as_deref())?,
            None => ChatTemplate::beside(&home, file.as_deref())?,
        };
        let (mut context, most) = (manifest.context, config.max_position_embeddings);
        if context > most {
            // Without a manifest nobody has asked for so much.
            if folder.join(MANIFEST_FILE).exists() {
                let reason = format!("is {context}, the language model can have {most}");
                return Err(fault("context", reason));
            }
            context = most;
        }
        let turn = [Message::new(Role::User, "?"), Message::new(Role::Assistant, MARK)];
        let turn = template.render(&turn, false)?;
        if let Some(name) = tokenizer.beyond(rows, &tokenizer.encode(&turn)?) {
            let reason = format!(
                "the template writes its token `{name}`, and the language model knows {rows} others"
            );
            return Err(fault("local.tokenizer", reason));
        }
        let end = match end_of_turn(&turn, &tokenizer)? {
            Some(end) => end,
            None => *config.eos.first().ok_or_else(|| {
                fault("local.template", "it ends no turn, and the model has no end of text".into())
            })?,
        };
        if !config.eos.contains(&end) {
            config.eos.push(end);
        }
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

    /// Tokens of a prompt and its answer together.
    pub fn context(&self) -> usize {
        self.decoder.context()
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

/// The special token behind the answer in a turn as the template writes it.
fn end_of_turn(turn: &str, tokenizer: &Tokenizer) -> Result<Option<u32>, ModelError> {
    let behind = turn.rsplit_once(MARK).map_or("", |(_, behind)| behind);
    let tokens = tokenizer.encode(behind)?;
    Ok(tokens.into_iter().find(|token| tokenizer.is_special(*token)))
}

#[cfg(test)]
mod tests {
    use super::super::{ChatBackend, ChatModel};
    use super::*;

    const IMAGE: &str = "<image_soft_token>";

    /// The small chat model of 512 tokens with a tokenizer of one special token more, and a
    /// template that writes `before` before an answer and `after` behind it.
    fn with_image_token(before: &str, after: &str) -> tempfile::TempDir {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/chat_planner");
        let folder = tempfile::tempdir().unwrap();
        for name in ["config.json", "model.safetensors"] {
            std::fs::copy(from.join(name), folder.path().join(name)).unwrap();
        }
        let tokenizer = Tokenizer::open(&from.join("tokenizer.json")).unwrap();
        let tokenizer = tokenizer.with_special(&[IMAGE]);
        assert_eq!((tokenizer.vocabulary_size(), tokenizer.token(IMAGE)), (513, Some(512)));
        let template = format!(
            "{{% for message in messages %}}<|im_start|>{{{{ message.content }}}}{after}\
             {{% endfor %}}{{% if add_generation_prompt %}}{before}{{% endif %}}"
        );
        std::fs::write(folder.path().join("tokenizer.json"), tokenizer.to_json()).unwrap();
        std::fs::write(folder.path().join("chat_template.jinja"), template).unwrap();
        folder
    }

    fn load(folder: &Path) -> Result<LocalChat, ModelError> {
        match ChatModel::load(folder, &Device::Cpu)?.backend {
            ChatBackend::Local(local) => Ok(*local),
            ChatBackend::Endpoint(_) => unreachable!("it has weights"),
        }
    }

    /// As TinyLlama has 2048 positions, and a context of 4096 is what a manifest has unless it says more.
    #[test]
    fn a_model_without_a_manifest_has_no_longer_context_than_it_can() {
        let folder = with_image_token("<|im_start|>", "<|im_end|>");
        let path = folder.path().join("config.json");
        let config = std::fs::read_to_string(&path).unwrap();
        let short = config.replace(": 4096", ": 1024");
        assert_ne!(short, config);
        std::fs::write(path, short).unwrap();
        let model = ChatModel::load(folder.path(), &Device::Cpu).unwrap();
        assert_eq!(model.room(), 1024 - model.manifest().decoding.max_tokens);

        let manifest = "kind: chat\nname: short\nlocal: {weights: .}\ncontext: 2048\n";
        std::fs::write(folder.path().join(MANIFEST_FILE), manifest).unwrap();
        let error = load(folder.path()).unwrap_err().to_string();
        assert!(error.contains("context: is 2048, the language model can have 1024"), "{error}");
    }

    #[test]
    fn a_special_token_without_a_row_is_no_fault_until_it_is_needed() {
        let said = [Message::new(Role::User, format!("What is in {IMAGE}?"))];
        let mut answer = |_: &str| false;
        let sound = with_image_token("<|im_start|>", "<|im_end|>");
        let mut chat = load(sound.path()).unwrap();
        // What a person says is never that token.
        chat.answer(&said, &mut answer).unwrap();
        let written = with_image_token(IMAGE, "<|im_end|>");
        let error = load(written.path()).unwrap().answer(&said, &mut answer).unwrap_err();
        let error = error.to_string();
        assert!(error.contains(IMAGE) && error.contains("512"), "{error}");
        let ending = with_image_token("<|im_start|>", IMAGE);
        let error = load(ending.path()).unwrap_err().to_string();
        assert!(error.contains("local.tokenizer: the template writes its token"), "{error}");
        assert!(error.contains(IMAGE), "{error}");
    }
}
