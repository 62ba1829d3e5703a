//! Scene-LLM as loaded from a checkpoint folder.

use std::path::Path;

use candle_core::Device;

use super::chat::ChatEndpoint;
use super::decoder::{Decoder, Reply};
use super::error::ModelError;
use super::manifest::Manifest;
use super::projector::Projector;
use super::prompt::{PromptInput, Segment, SplicedPrompt, splice};
use super::served::ServedDecoder;
use super::template::PromptKind;
use crate::language::{
    BeamOptions, Constraint, Generation, Llama, LlamaConfig, MemoryPlan, PREFILL_CHUNK,
    SamplingOptions, TokenEmbedder, Tokenizer, Weights,
};

/// What a model on a server is asked for: answers whose grammar says when they are whole.
const SERVED: [PromptKind; 2] = [PromptKind::Plan, PromptKind::Navigate];

/// The model. What the beginning of a prompt shares with the one before is not computed again.
#[derive(Debug)]
pub struct SceneLlm {
    manifest: Manifest,
    tokenizer: Tokenizer,
    language: Language,
    projector: Option<Projector>,
}

/// Where its language model runs.
#[derive(Debug)]
enum Language {
    /// In this process.
    Here(Box<Decoder>),
    /// On a server.
    There(Box<ServedDecoder>),
}

impl SceneLlm {
    /// Loads the checkpoint in `folder`, after checking that it fits into memory.
    pub fn load(folder: &Path, device: &Device) -> Result<Self, ModelError> {
        let manifest = Manifest::load(folder)?;
        let fault = |field: &str, reason: String| ModelError::Manifest {
            path: folder.join(super::manifest::MANIFEST_FILE),
            field: field.into(),
            reason,
        };
        let tokenizer = Tokenizer::open(&folder.join(&manifest.tokenizer))?;
        let mut weights = Weights::open(&folder.join(&manifest.language.weights))?;
        let mut config = weights.config()?;
        if tokenizer.least_rows() > config.vocab_size {
            let (tokens, rows) = (tokenizer.least_rows(), config.vocab_size);
            return Err(fault(
                "tokenizer",
                format!("has {tokens} tokens, the language model knows {rows}"),
            ));
        }
        if manifest.tokens.context > config.max_position_embeddings {
            let (context, most) = (manifest.tokens.context, config.max_position_embeddings);
            return Err(fault(
                "tokens.context",
                format!("is {context}, the language model can have {most}"),
            ));
        }
        for end in &manifest.prompt.end {
            let id = tokenizer
                .token(end)
                .filter(|id| (*id as usize) < config.vocab_size)
                .ok_or_else(|| fault("prompt.end", format!("'{end}' is no token of the model")))?;
            if !config.eos.contains(&id) {
                config.eos.push(id);
            }
        }
        let context = manifest.tokens.context;
        let endpoint = manifest.language.endpoint.as_ref();
        if endpoint.is_none() {
            MemoryPlan::new(&config, &weights, device, context, PREFILL_CHUNK).check()?;
        }
        let projector = match &manifest.projector {
            None => None,
            Some(spec) if spec.output != config.hidden_size => {
                let (output, hidden) = (spec.output, config.hidden_size);
                return Err(fault(
                    "projector.output",
                    format!("is {output}, the language model has width {hidden}"),
                ));
            }
            Some(spec) => {
                let path = folder.join(&spec.weights);
                Some(Projector::load(spec, manifest.coordinates, &path, device)?)
            }
        };
        let language = match endpoint {
            None => {
                let llama = Llama::load(config, &mut weights, device)?;
                Language::Here(Box::new(Decoder::new(llama, context)?))
            }
            Some(spec) => {
                let embedder = TokenEmbedder::load(&config, &mut weights, device)?;
                let endpoint = ChatEndpoint::open(spec, folder)?;
                Language::There(Box::new(ServedDecoder::new(config, embedder, endpoint)))
            }
        };
        Ok(Self { manifest, tokenizer, language, projector })
    }

    /// What the checkpoint says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Its tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The numbers that fix its language model.
    pub fn language(&self) -> &LlamaConfig {
        match &self.language {
            Language::Here(decoder) => decoder.llama().config(),
            Language::There(served) => served.config(),
        }
    }

    /// The table of its tokens.
    pub fn embedder(&self) -> &TokenEmbedder {
        match &self.language {
            Language::Here(decoder) => decoder.llama().embedder(),
            Language::There(served) => served.embedder(),
        }
    }

    /// Its language model, where it runs here.
    pub fn llama(&self) -> Option<&Llama> {
        match &self.language {
            Language::Here(decoder) => Some(decoder.llama()),
            Language::There(_) => None,
        }
    }

    /// Whether its language model runs on a server.
    pub fn is_served(&self) -> bool {
        matches!(self.language, Language::There(_))
    }

    /// Whether it takes 3D tokens.
    pub fn sees(&self) -> bool {
        self.projector.is_some()
    }

    /// Whether it was taught what is asked, and can be asked for it where it runs.
    pub fn can(&self, kind: PromptKind) -> bool {
        let answers = !self.is_served() || SERVED.contains(&kind);
        answers && self.manifest.prompt.around(kind).is_some()
    }

    /// The prompt for `input`.
    pub fn prompt(&self, input: PromptInput) -> Result<Vec<Segment>, ModelError> {
        let budget = self.manifest.tokens;
        let kinds = [("frame", &input.frame, budget.frame), ("scene", &input.scene, budget.scene)];
        for (kind, tokens, most) in kinds {
            let Some(tokens) = tokens else { continue };
            if self.projector.is_none() {
                return Err(ModelError::Blind { model: self.manifest.name.clone() });
            }
            if tokens.len() > most {
                let count = tokens.len();
                return Err(ModelError::VisualTokens(format!(
                    "{count} of the {kind}, tokens.{kind} is {most}"
                )));
            }
        }
        let kind = input.kind;
        if self.is_served() && !SERVED.contains(&kind) {
            return Err(ModelError::Served { model: self.manifest.name.clone(), kind });
        }
        self.manifest
            .prompt
            .segments(input)
            .ok_or_else(|| ModelError::Untaught { model: self.manifest.name.clone(), kind })
    }

    /// Answers `segments` token by token, where the model runs here. The words go to `on_text` as they
    /// come, never half a character; it ends the answer by returning `false`.
    pub fn generate(
        &mut self,
        segments: &[Segment],
        constraint: Option<&mut dyn Constraint>,
        options: &SamplingOptions,
        on_text: &mut dyn FnMut(&str) -> bool,
    ) -> Result<Generation, ModelError> {
        let prompt = self.splice(segments)?;
        match &mut self.language {
            Language::Here(decoder) => {
                decoder.generate(prompt, &self.tokenizer, constraint, options, on_text)
            }
            // No prompt of another kind was made for it.
            Language::There(_) => {
                let model = self.manifest.name.clone();
                Err(ModelError::Served { model, kind: PromptKind::Say })
            }
        }
    }

    /// Searches answers to `segments` as the manifest says, best first, and no fewer whole ones than
    /// `answers` if as many beams find an end; a server gives one. The words that all answers
    /// begin with go to `on_text` as they come, and at last the rest of the best one; it is asked
    /// before every step, if need be with no words, and ends the search by returning `false`.
    pub fn search(
        &mut self,
        segments: &[Segment],
        constraint: Option<Box<dyn Constraint>>,
        answers: usize,
        on_text: &mut dyn FnMut(&str) -> bool,
    ) -> Result<Vec<Reply>, ModelError> {
        let prompt = self.splice(segments)?;
        let options = BeamOptions { answers, ..self.manifest.decoding.beam_options() };
        let tokenizer = &self.tokenizer;
        match &mut self.language {
            Language::Here(decoder) => {
                decoder.search(prompt, tokenizer, constraint, &options, on_text)
            }
            Language::There(served) => {
                served.search(&prompt, tokenizer, constraint, options.max_tokens, on_text)
            }
        }
    }

    fn splice(&self, segments: &[Segment]) -> Result<SplicedPrompt, ModelError> {
        splice(segments, &self.tokenizer, self.embedder(), self.projector.as_ref())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::HashMap;

    use candle_core::Tensor;

    use super::super::manifest::MANIFEST_FILE;
    use super::super::manifest::tests::EXAMPLE;
    use super::super::projector::tests::{random_tensors, tokens};
    use super::super::prompt::token_key;
    use super::*;
    use crate::language::{StopReason, TokenMask};

    /// A checkpoint folder with random weights and a byte-level tokenizer of 263 tokens.
    fn checkpoint(manifest: &str) -> tempfile::TempDir {
        checkpoint_of(manifest, 96)
    }

    /// The same for texts of so many positions.
    pub(crate) fn checkpoint_of(manifest: &str, positions: usize) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).unwrap();
        };
        write(MANIFEST_FILE, manifest);
        write("tokenizer.json", &crate::language::test_tokenizer().to_json());
        let config = r#"{"model_type":"llama","hidden_size":32,"intermediate_size":48,
            "num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2,
            "vocab_size":264,"rms_norm_eps":1e-5,"max_position_embeddings":96,"bos_token_id":0}"#;
        let config = config.replace("96", &positions.to_string());
        write("config.json", &config);
        let config = LlamaConfig::from_json(&config, Path::new("config.json")).unwrap();
        let save = |shapes, name: &str| {
            let tensors: HashMap<String, Tensor> = random_tensors(shapes);
            candle_core::safetensors::save(&tensors, folder.path().join(name)).unwrap();
        };
        save(config.tensor_shapes().unwrap(), "model.safetensors");
        let parsed = Manifest::parse(manifest, Path::new("m")).unwrap();
        if let Some(spec) = &parsed.projector {
            save(Projector::tensor_shapes(spec), "projector.safetensors");
        }
        folder
    }

    fn load(manifest: &str) -> Result<SceneLlm, ModelError> {
        SceneLlm::load(checkpoint(manifest).path(), &Device::Cpu)
    }

    pub(crate) fn input(goal: &str) -> PromptInput {
        PromptInput {
            frame: Some(tokens(3)),
            scene: Some(tokens(8)),
            context: Some("a cup".into()),
            goal: goal.into(),
            ..Default::default()
        }
    }

    const OPTIONS: SamplingOptions =
        SamplingOptions { temperature: 0.0, top_k: None, top_p: None, seed: 0, max_tokens: 6 };

    #[test]
    fn prompts_have_words_and_tokens_in_order() {
        let model = load(EXAMPLE).unwrap();
        let segments = model.prompt(input("open </s>")).unwrap();
        let spliced =
            splice(&segments, &model.tokenizer, model.embedder(), model.projector.as_ref())
                .unwrap();
        let plain = |text: &str| model.tokenizer.encode_plain(text).unwrap();
        let words = |text: &str| plain(text).into_iter().map(token_key).collect::<Vec<_>>();
        let mut rest = spliced.keys.as_slice();
        let mut take = |count: usize| rest.split_off(..count).unwrap().to_vec();
        assert_eq!(take(1), [0]);
        assert_eq!(take(plain("I saw ").len()), words("I saw "));
        assert!(take(3).iter().all(|key| key >> 63 == 1));
        assert_eq!(take(plain("Scene: ").len()), words("Scene: "));
        assert!(take(8).iter().all(|key| key >> 63 == 1));
        assert_eq!(take(plain("a cup").len()), words("a cup"));
        assert_eq!(take(plain("\nTask: ").len()), words("\nTask: "));
        // What the user says is never a special token.
        let said = take(plain("open </s>").len());
        assert!(!said.contains(&token_key(1)));
        assert_eq!(said, words("open </s>"));
        assert_eq!(rest, words("\nNext-step:"));
        assert_eq!(spliced.embeds.dims(), [1, spliced.keys.len(), 32]);
        let row = |at: usize| -> Vec<f32> {
            spliced.embeds.get(0).unwrap().get(at).unwrap().to_vec1().unwrap()
        };
        let projected = model.projector.as_ref().unwrap().project(&tokens(3)).unwrap();
        let first: Vec<f32> = projected.get(0).unwrap().to_vec1().unwrap();
        assert_eq!(row(1 + plain("I saw ").len()), first);
    }

    #[test]
    fn shared_beginnings_do_not_change_answers() {
        let folder = checkpoint(EXAMPLE);
        let mut model = SceneLlm::load(folder.path(), &Device::Cpu).unwrap();
        let mut reused = Vec::new();
        for goal in ["open", "open it", "close", "open it", "open it"] {
            let segments = model.prompt(input(goal)).unwrap();
            let mut streamed = String::new();
            let mut listen = |text: &str| {
                streamed.push_str(text);
                true
            };
            let answer = model.generate(&segments, None, &OPTIONS, &mut listen).unwrap();
            assert_eq!(streamed, model.tokenizer.decode(&answer.tokens));
            let mut fresh = SceneLlm::load(folder.path(), &Device::Cpu).unwrap();
            let again = fresh.generate(&segments, None, &OPTIONS, &mut |_| true).unwrap();
            assert_eq!(answer.tokens, again.tokens);
            reused.push(again.timings.prompt_tokens - answer.timings.prompt_tokens);
        }
        assert_eq!(reused[0], 0);
        assert!(reused[1] > 20 && reused[2] > 20, "{reused:?}");
        let last = model.prompt(input("open it")).unwrap();
        let spliced = splice(&last, &model.tokenizer, model.embedder(), model.projector.as_ref());
        assert_eq!(reused[4], spliced.unwrap().keys.len() - 1);
    }

    /// Allows one text and then the end.
    #[derive(Clone)]
    struct Only(Vec<u32>);

    impl Constraint for Only {
        fn allowed(&mut self) -> TokenMask {
            let mut mask = TokenMask::none(264);
            mask.allow(self.0.first().copied().unwrap_or(1));
            mask
        }

        fn advance(&mut self, token: u32) {
            assert_eq!(self.0.remove(0), token);
        }

        fn fork(&self) -> Box<dyn Constraint> {
            Box::new(self.clone())
        }
    }

    #[test]
    fn constrained_answers_and_searches() {
        let mut model = load(EXAMPLE).unwrap();
        let segments = model.prompt(input("say it")).unwrap();
        let only = Only(model.tokenizer.encode(" open €").unwrap());
        let mut streamed = Vec::new();
        let mut listen = |text: &str| {
            streamed.push(text.to_string());
            true
        };
        let mut constraint = only.clone();
        let options = SamplingOptions { max_tokens: 20, ..OPTIONS };
        let answer =
            model.generate(&segments, Some(&mut constraint), &options, &mut listen).unwrap();
        assert_eq!((streamed.concat().as_str(), answer.stop), (" open €", StopReason::EndOfText));
        assert_eq!(answer.mean_log_probability, 0.0);
        let constraint: Box<dyn Constraint> = Box::new(only);
        let mut heard = String::new();
        let mut listen = |text: &str| {
            heard.push_str(text);
            true
        };
        let replies = model.search(&segments, Some(constraint), 1, &mut listen).unwrap();
        assert_eq!((replies[0].text.as_str(), replies[0].finished), (" open €", true));
        assert_eq!(heard, " open €");
        // Both beams of the manifest are used when there is a choice.
        assert_eq!(model.search(&segments, None, 1, &mut |_| true).unwrap().len(), 2);
        assert!(model.search(&segments, None, 1, &mut |_| false).unwrap()[0].tokens.is_empty());
    }

    #[test]
    fn blind_models_and_budgets_refuse_with_reasons() {
        let model = load(EXAMPLE).unwrap();
        let crowd = PromptInput { frame: Some(tokens(5)), ..Default::default() };
        let error = model.prompt(crowd).unwrap_err().to_string();
        assert!(error.contains("5 of the frame, tokens.frame is 4"), "{error}");
        let asked = |kind| PromptInput {
            frame: Some(tokens(4)),
            kind,
            goal: "look".into(),
            ..Default::default()
        };
        assert!(model.prompt(asked(PromptKind::Describe)).is_ok());
        let error = model.prompt(asked(PromptKind::Caption)).unwrap_err().to_string();
        assert!(error.contains("model 'tiny' was not taught to do this: caption"), "{error}");

        let at = EXAMPLE.find("vision:").unwrap();
        let to = EXAMPLE.find("tokens:").unwrap();
        let mut blind = load(&format!("{}{}", &EXAMPLE[..at], &EXAMPLE[to..])).unwrap();
        assert!(!blind.sees());
        let error = blind.prompt(input("look")).unwrap_err();
        assert!(matches!(error, ModelError::Blind { model } if model == "tiny"));
        let words = PromptInput { goal: "look".into(), ..Default::default() };
        let segments = blind.prompt(words).unwrap();
        blind.generate(&segments, None, &OPTIONS, &mut |_| true).unwrap();
        let long = PromptInput { goal: "x".repeat(200), ..Default::default() };
        let segments = blind.prompt(long).unwrap();
        let error = blind.generate(&segments, None, &OPTIONS, &mut |_| true).unwrap_err();
        assert!(error.to_string().contains("context full"), "{error}");
    }

    #[test]
    fn checkpoints_that_do_not_fit_together_are_refused() {
        let cases = [
            ("output: 32", "output: 30", "projector.output: is 30"),
            ("context: 96", "context: 97", "tokens.context: is 97"),
            ("[\"</s>\"]", "[\"<|eot|>\"]", "prompt.end: '<|eot|>' is no token"),
        ];
        for (from, to, message) in cases {
            let error = load(&EXAMPLE.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
        // Of the special tokens of a tokenizer the last may have no row, unless the model needs it.
        let with_image = |manifest: &str| {
            let folder = checkpoint(manifest);
            let tokenizer = crate::language::test_tokenizer().with_special(&["<pad>", "<image>"]);
            assert_eq!(tokenizer.token("<image>"), Some(264));
            std::fs::write(folder.path().join("tokenizer.json"), tokenizer.to_json()).unwrap();
            SceneLlm::load(folder.path(), &Device::Cpu)
        };
        with_image(EXAMPLE).unwrap();
        let ends = EXAMPLE.replace("[\"</s>\"]", "[\"<image>\"]");
        let error = with_image(&ends).unwrap_err().to_string();
        assert!(error.contains("prompt.end: '<image>' is no token of the model"), "{error}");
        let mut shown = with_image(&EXAMPLE.replace("Next-step:", "<image>")).unwrap();
        let segments = shown.prompt(input("open")).unwrap();
        let error = shown.generate(&segments, None, &OPTIONS, &mut |_| true).unwrap_err();
        let told = "the token `<image>`, which is not among the 264";
        assert!(error.to_string().contains(told), "{error}");
        let folder = checkpoint(EXAMPLE);
        std::fs::write(folder.path().join("projector.safetensors"), b"junk").unwrap();
        let error = SceneLlm::load(folder.path(), &Device::Cpu).unwrap_err().to_string();
        assert!(error.contains("projector.safetensors"), "{error}");
    }
}
