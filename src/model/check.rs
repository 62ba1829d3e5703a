//! What is wrong with a language model on disk, told before any weight of it is read: tensors by the
//! decoder's own list, tokenizer, chat template, and the projector of a model that sees. The other parts
//! of a Scene-LLM, its eyes and its reader of goals, are small where they are our own, and are opened.

use std::path::{Path, PathBuf};

use candle_core::Device;

use super::chat::{ChatManifest, ChatTemplate, LocalChatSpec, Message, Role};
use super::error::ModelError;
use super::goal_reader::GoalReader;
use super::manifest::{MANIFEST_FILE, Manifest, ModelKind};
use super::parts::VisionSpec;
use super::projector::Projector;
use crate::language::{Family, LanguageError, SafetensorsFiles, Tokenizer, Weights, tensor_faults};
use crate::vision::{FolderCheck, TensorShape, check_folder, extractor_of_kind, open_extractor};

/// The weights of a reader of goals, in its folder.
const PRIOR_WEIGHTS: &str = "model.safetensors";

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
    if let Some(prior) = &manifest.prior {
        held.reads_goals_with(&folder.join(&prior.folder));
    }
    let mut check = held.check();
    if let Some(vision) = &manifest.vision {
        add_eyes(&mut check, vision, folder);
    }
    Ok(check)
}

/// Adds the eyes that the manifest in `folder` names to the check of the rest. Without them the model
/// does not start, or sees nothing of what it was taught to see.
fn add_eyes(check: &mut FolderCheck, vision: &VisionSpec, folder: &Path) {
    let VisionSpec { extractor, weights, width, .. } = vision;
    let weights = weights.as_ref().map(|weights| folder.join(weights));
    let known: &[&str] = match extractor_of_kind(extractor) {
        "scene_vit" => &["scene_vit"],
        "vit" => &["vit", "dinov2", "dinov2_with_registers"],
        "clip" | "clip_patches" => &["clip", "open_clip"],
        "concept_fusion" => {
            if let Some(weights) = &weights {
                add_encoder(check, &weights.join("clip"), &["clip", "open_clip"]);
                add_encoder(check, &weights.join("sam"), &["sam"]);
            }
            return;
        }
        // What has no weights, or is not known: whichever it is, to open it costs nothing.
        other => {
            let opened = open_extractor(other, weights.as_deref(), &Device::Cpu);
            check.faults.extend(opened.err().map(|error| format!("vision.extractor: {error}")));
            return;
        }
    };
    // Public weights need not be here: then whoever starts the model names them.
    let Some(weights) = weights else { return };
    let is_sound = add_encoder(check, &weights, known);
    if is_sound && extractor == "scene_vit" {
        let fault = match open_extractor(extractor, Some(weights.as_path()), &Device::Cpu) {
            Ok(eyes) if eyes.width() != *width => {
                let found = eyes.width();
                Some(format!("vision.width: is {width}, the eyes give features of width {found}"))
            }
            Ok(_) => None,
            Err(error) => Some(naming(&weights, error.to_string())),
        };
        check.faults.extend(fault);
    }
}

/// Adds the encoder at `path`, which must be one of the kinds `known`, and says whether it is sound.
fn add_encoder(check: &mut FolderCheck, path: &Path, known: &[&str]) -> bool {
    let before = check.faults.len();
    match check_folder(path) {
        Ok(FolderCheck { kind, tensors, parameters, faults }) => {
            check.tensors += tensors;
            check.parameters += parameters;
            if !known.contains(&kind.as_str()) {
                let known = known.join(" or ");
                check.faults.push(format!("{}: is {kind}, not {known}", path.display()));
            }
            check.faults.extend(faults.into_iter().map(|fault| naming(path, fault)));
        }
        Err(error) => check.faults.push(naming(path, error.to_string())),
    }
    check.faults.len() == before
}

/// A fault of what is at `path`, with the path before it unless it tells that already.
fn naming(path: &Path, fault: String) -> String {
    let shown = path.display().to_string();
    if fault.contains(&shown) { fault } else { format!("{shown}: {fault}") }
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
        let fault = match tokenizer.map(|tokenizer| tokenizer.least_rows()) {
            Ok(tokens) if tokens > self.rows => {
                let rows = self.rows;
                Some(format!("tokenizer: has {tokens} tokens, the language model knows {rows}"))
            }
            Ok(_) => None,
            Err(error) => Some(error.to_string()),
        };
        self.faults.extend(fault);
    }

    /// Notes what is wrong with the reader of goals in `folder`. It is loaded, since the list of its
    /// tensors comes from its files alone: they must fit each other.
    fn reads_goals_with(&mut self, folder: &Path) {
        let weights = folder.join(PRIOR_WEIGHTS);
        let loaded = GoalReader::load(folder, &Device::Cpu)
            .and_then(|_| Ok(SafetensorsFiles::open_file(&weights)?));
        match loaded {
            Ok(file) => {
                let found = file.shapes().map(|(name, shape)| (name.to_owned(), shape.to_vec()));
                self.wanted.extend(found);
            }
            // The engine knows the tensor that it misses, and not where it looked for it.
            Err(error @ ModelError::Tensor(_)) => {
                self.faults.push(naming(&weights, error.to_string()));
            }
            Err(error) => self.faults.push(naming(folder, error.to_string())),
        }
    }

    fn check(self) -> FolderCheck {
        let kind = format!("{:?}", self.family).to_lowercase();
        FolderCheck::new(kind, &self.wanted, self.faults)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Tensor;
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

    /// Copies the files of `from` into `to`, and those of its folders.
    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            let target = to.join(path.file_name().unwrap());
            if path.is_dir() {
                copy(&path, &target);
            } else {
                std::fs::copy(&path, &target).unwrap();
            }
        }
    }

    /// A copy of the shipped model.
    fn nano() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("models/nano"), folder.path());
        folder
    }

    fn only_fault(folder: &Path) -> String {
        let faults = check(folder).faults;
        let [fault] = faults.as_slice() else { panic!("{faults:?}") };
        fault.clone()
    }

    #[test]
    fn every_part_of_a_scene_llm_is_counted_and_missed() {
        let shipped = nano();
        let folder = shipped.path();
        let whole = check(folder);
        assert_eq!(whole.faults, [""; 0]);
        let file = SafetensorsFiles::open_file(&folder.join("prior/model.safetensors")).unwrap();
        let eyes = check_folder(&folder.join("vision")).unwrap();
        let others = file.shapes().count() + eyes.tensors;
        assert!(whole.tensors > others && eyes.tensors > 0, "{whole:?}");
        for (file, told) in [
            ("prior/model.safetensors", "prior/model.safetensors"),
            ("prior/tokenizer.json", "prior/tokenizer.json"),
            ("prior/meanings.json", "prior/meanings.json"),
            ("prior/config.json", "prior/config.json"),
            ("vision/model.safetensors", "vision: no model.safetensors"),
            ("vision/config.json", "vision"),
        ] {
            let (path, aside) = (folder.join(file), folder.join("aside"));
            std::fs::rename(&path, &aside).unwrap();
            let faults = check(folder).faults;
            assert!(!faults.is_empty() && faults[0].contains(told), "{file}: {faults:?}");
            std::fs::rename(&aside, &path).unwrap();
        }
        assert_eq!(check(folder), whole);
    }

    #[test]
    fn a_cut_part_of_a_scene_llm_is_named() {
        for part in ["prior", "vision"] {
            let shipped = nano();
            let path = shipped.path().join(part).join("model.safetensors");
            let bytes = std::fs::read(&path).unwrap();
            for left in [bytes.len() - 100, 100, 0] {
                std::fs::write(&path, &bytes[..left]).unwrap();
                let fault = only_fault(shipped.path());
                assert!(fault.contains(part), "{part}, {left} bytes: {fault}");
            }
        }
    }

    #[test]
    fn eyes_that_are_not_those_of_the_manifest_are_named() {
        let shipped = nano();
        let path = shipped.path().join(MANIFEST_FILE);
        let text = std::fs::read_to_string(&path).unwrap();
        for (extractor, told) in [
            ("foo", "foo: no such extractor; there are "),
            ("clip", "is scene_vit, not clip or open_clip"),
            ("dinov2", "is scene_vit, not vit or dinov2"),
            ("color_geometry", "it has no weights"),
        ] {
            let other = format!("extractor: {extractor}");
            let changed = text.replacen("extractor: scene_vit", &other, 1);
            assert_ne!(changed, text);
            std::fs::write(&path, changed).unwrap();
            let fault = only_fault(shipped.path());
            assert!(fault.contains(told), "{extractor}: {fault}");
        }
        // Where they see in another width, the projector can make nothing of it.
        let changed = text.replacen("  width: 64", "  width: 32", 1);
        let input = crate::scene::region_token_width(32) + 6;
        let changed = changed.replacen("  input: 137", &format!("  input: {input}"), 1);
        std::fs::write(&path, changed).unwrap();
        let faults = check(shipped.path()).faults;
        assert!(faults.iter().any(|fault| fault.starts_with("vision.width: is 32")), "{faults:?}");
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
    fn special_tokens_may_lack_rows_and_words_may_not() {
        let folder = tempfile::tempdir().unwrap();
        copy(&fixture("chat_planner"), folder.path());
        let path = folder.path().join("tokenizer.json");
        let tokenizer = Tokenizer::open(&path).unwrap().with_special(&["<image>"]);
        assert_eq!(tokenizer.vocabulary_size(), 513);
        let json = tokenizer.to_json();
        std::fs::write(&path, &json).unwrap();
        assert_eq!(check(folder.path()).faults, [""; 0]);
        let mut words: serde_json::Value = serde_json::from_str(&json).unwrap();
        words["added_tokens"][3]["special"] = false.into();
        std::fs::write(&path, words.to_string()).unwrap();
        let told = "tokenizer: has 513 tokens, the language model knows 512";
        assert_eq!(only_fault(folder.path()), told);
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
