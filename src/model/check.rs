//! What is wrong with a language model on disk, told before any weight of it is read: tensors by the
//! decoder's own list, tokenizer, chat template, and the projector of a model that sees.

use std::path::{Path, PathBuf};

use super::chat::{ChatManifest, ChatTemplate, LocalChatSpec, Message, Role};
use super::error::ModelError;
use super::manifest::{MANIFEST_FILE, Manifest, ModelKind};
use super::projector::Projector;
use crate::language::{Family, LanguageError, SafetensorsFiles, Tokenizer, Weights, tensor_faults};
use crate::vision::{FolderCheck, TensorShape};

/// Holds the language model at `path` against its configuration: a chat model (a GGUF file, a
/// safetensors file or a folder as Hugging Face has it, or what a manifest names) or a Scene-LLM.
/// `None` where there is no language model, but perhaps an encoder.
///
/// # Errors
///
/// When a manifest, a configuration or the header of a file cannot be read.
pub fn check_language_model(path: &Path) -> Result<Option<FolderCheck>, ModelError> {
    if path.join(MANIFEST_FILE).exists() && ModelKind::of(path)? == ModelKind::SceneLlm {
        return check_scene_llm(path).map(Some);
    }
    match chat_files(path)? {
        Some(files) => check_chat(&files).map(Some),
        None => Ok(None),
    }
}

/// Where the files of the chat model at `path` are, if there is one.
fn chat_files(path: &Path) -> Result<Option<LocalChatSpec>, ModelError> {
    let manifest = path.join(MANIFEST_FILE);
    if manifest.exists() {
        let Some(spec) = ChatManifest::load(path)?.local else {
            let reason = "the model is on a server; there is nothing here to check".into();
            return Err(ModelError::Manifest { path: manifest, field: "endpoint".into(), reason });
        };
        let beside = |file: PathBuf| path.join(file);
        return Ok(Some(LocalChatSpec {
            weights: beside(spec.weights),
            tokenizer: spec.tokenizer.map(beside),
            template: spec.template.map(beside),
        }));
    }
    let is_gguf = path.extension().is_some_and(|kind| kind == "gguf");
    let is_known = is_gguf || Family::of_folder(&home_of(path)).is_some();
    Ok(is_known.then(|| LocalChatSpec { weights: path.into(), tokenizer: None, template: None }))
}

fn check_chat(files: &LocalChatSpec) -> Result<FolderCheck, ModelError> {
    let mut held = Held::open(&files.weights)?;
    let home = home_of(&files.weights);
    let tokenizer = match (&files.tokenizer, held.weights.gguf()) {
        (Some(file), _) => Tokenizer::open(file),
        (None, Some(gguf)) => gguf.tokenizer(),
        (None, None) => Tokenizer::open(&home.join("tokenizer.json")),
    };
    let template = match held.weights.gguf() {
        Some(gguf) => ChatTemplate::of_gguf(gguf, files.template.as_deref()),
        None => ChatTemplate::beside(&home, files.template.as_deref()),
    };
    let rendered =
        template.and_then(|template| template.render(&[Message::new(Role::User, "?")], true));
    held.reads_with(tokenizer);
    held.faults.extend(rendered.err().map(|error| error.to_string()));
    Ok(held.check())
}

fn check_scene_llm(folder: &Path) -> Result<FolderCheck, ModelError> {
    let manifest = Manifest::load(folder)?;
    let mut held = Held::open(&folder.join(&manifest.language.weights))?;
    held.reads_with(Tokenizer::open(&folder.join(&manifest.tokenizer)));
    if let Some(spec) = &manifest.projector {
        let wanted = Projector::tensor_shapes(spec);
        let file = SafetensorsFiles::open_file(&folder.join(&spec.weights))?;
        let found = file.shapes().collect();
        held.faults.extend(tensor_faults(&wanted, &found, &[], "projector"));
        held.wanted.extend(wanted);
    }
    Ok(held.check())
}

/// The folder of a file; of a folder, itself.
fn home_of(path: &Path) -> PathBuf {
    match path.is_dir() {
        true => path.into(),
        false => path.parent().map(Path::to_path_buf).unwrap_or_default(),
    }
}

/// A language model, and what is wrong with it.
struct Held {
    weights: Weights,
    family: Family,
    /// Rows of the table of tokens.
    rows: usize,
    wanted: Vec<TensorShape>,
    faults: Vec<String>,
}

impl Held {
    fn open(path: &Path) -> Result<Self, ModelError> {
        let weights = Weights::open(path)?;
        let config = weights.config()?;
        let wanted = config.tensor_shapes()?;
        let faults = weights.faults(&wanted);
        let (family, rows) = (config.family, config.vocab_size);
        Ok(Self { weights, family, rows, wanted, faults })
    }

    /// Notes what is wrong with its tokenizer.
    fn reads_with(&mut self, tokenizer: Result<Tokenizer, LanguageError>) {
        let fault = match tokenizer.map(|tokenizer| tokenizer.vocabulary_size()) {
            Ok(tokens) if tokens > self.rows => {
                let rows = self.rows;
                Some(format!("tokenizer: has {tokens} tokens, the language model knows {rows}"))
            }
            Ok(_) => None,
            Err(error) => Some(error.to_string()),
        };
        self.faults.extend(fault);
    }

    fn check(self) -> FolderCheck {
        let kind = format!("{:?}", self.family).to_lowercase();
        FolderCheck::new(kind, &self.wanted, self.faults)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};
    use proptest::prelude::*;

    use super::*;

    fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
    }

    fn check(path: &Path) -> FolderCheck {
        check_language_model(path).unwrap().expect("a language model")
    }

    #[test]
    fn sound_models_have_no_faults() {
        for path in ["chat_planner", "chat_planner/model.safetensors", "chat_planner/model.gguf"] {
            let check = check(&fixture(path));
            assert_eq!((check.kind.as_str(), check.tensors), ("qwen2", 26), "{path}");
            assert_eq!(check.faults, [""; 0], "{path}");
        }
        let nano = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/nano");
        let check = check(&nano);
        assert_eq!((check.kind.as_str(), check.faults.len()), ("llama", 0), "{check:?}");
        for path in ["vision/clip_tiny", "vision/timm_tiny/model.safetensors", "nowhere"] {
            assert_eq!(check_language_model(&fixture(path)).unwrap(), None);
        }
    }

    #[test]
    fn a_folder_without_words_lacks_tokenizer_and_template() {
        for file in ["model.safetensors", "model.gguf"] {
            let check = check(&fixture("chat_tiny/phi3").join(file));
            let [tokenizer, template] = check.faults.as_slice() else { panic!("{check:?}") };
            assert!(tokenizer.contains("token") && template.contains("chat template"), "{check:?}");
        }
        let shards = check(&fixture("llama_tiny/sharded"));
        assert_eq!((shards.tensors, shards.faults.len()), (21, 2), "{shards:?}");
    }

    #[test]
    fn every_tensor_that_does_not_fit_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["config.json", "tokenizer.json", "tokenizer_config.json"] {
            std::fs::copy(fixture("chat_planner").join(name), path(name)).unwrap();
        }
        let weights = fixture("chat_planner/model.safetensors");
        let mut tensors = candle_core::safetensors::load(weights, &Device::Cpu).unwrap();
        tensors.remove("model.layers.0.self_attn.q_proj.bias");
        let name = "model.layers.1.mlp.down_proj.weight";
        let turned: Tensor = tensors[name].t().unwrap().contiguous().unwrap();
        tensors.insert("model.layers.2.mlp.down_proj.weight".into(), turned.clone());
        tensors.insert(name.into(), turned);
        candle_core::safetensors::save(&tensors, path("model.safetensors")).unwrap();
        let said = [
            "no tensor `model.layers.0.self_attn.q_proj.bias`; expected one of shape [32]",
            "tensor `model.layers.1.mlp.down_proj.weight`: expected [32, 48], found [48, 32]",
            "tensor `model.layers.2.mlp.down_proj.weight` belongs to another kind of language model",
        ];
        assert_eq!(check(folder.path()).faults, said);

        let bytes = std::fs::read(fixture("chat_planner/model.gguf")).unwrap();
        std::fs::write(path("cut.gguf"), &bytes[..bytes.len() - 200]).unwrap();
        let cut = check(&path("cut.gguf")).faults;
        let whole = bytes.len() - 200;
        assert!(!cut.is_empty() && cut.iter().all(|one| one.ends_with(&format!("of {whole}"))));
        std::fs::write(path("cut.gguf"), &bytes[..100]).unwrap();
        let error = check_language_model(&path("cut.gguf")).unwrap_err().to_string();
        assert!(error.contains("cut.gguf"), "{error}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn changed_configurations_never_panic(
            at in any::<prop::sample::Index>(),
            with in "[-0-9e.\"a-z{}\\[\\],:]{0,8}",
        ) {
            let folder = tempfile::tempdir().unwrap();
            let weights = fixture("chat_planner/model.safetensors");
            std::fs::copy(weights, folder.path().join("model.safetensors")).unwrap();
            let text = std::fs::read_to_string(fixture("chat_planner/config.json")).unwrap();
            let at = at.index(text.len());
            let cut = (at + with.len()).min(text.len());
            let changed = format!("{}{with}{}", &text[..at], &text[cut..]);
            std::fs::write(folder.path().join("config.json"), changed).unwrap();
            let _ = check_language_model(folder.path());
        }
    }

    #[test]
    fn a_model_on_a_server_is_elsewhere() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/models/ollama");
        let error = check_language_model(&folder).unwrap_err().to_string();
        assert!(error.contains("on a server"), "{error}");
    }
}
