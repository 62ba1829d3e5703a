//! A reader of goals: which of the tasks that it was taught a person's words mean.
//!
//! A sentence encoder (BERT; Devlin et al., NAACL 2019) that has read far more than a robot's training set
//! holds, and one linear map. A meaning is made of parts, such as the kind of task and the thing that is
//! moved; its logit is the sum of those of its parts and a bias of its own, so that meanings share what is
//! learnt of their parts. So meanings can be told that never came in its training, too
//! (`models/nano/widen.py`).

use std::collections::HashMap;
use std::path::Path;

use candle_core::{D, DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use serde::{Deserialize, Serialize};

use super::ModelError;
use crate::language::{SafetensorsFiles, Tokenizer};

const CONFIG: &str = "config.json";
const TOKENIZER: &str = "tokenizer.json";
const MEANINGS: &str = "meanings.json";
const WEIGHTS: &str = "model.safetensors";
/// Most tokens of a goal that are read; what comes behind them is not.
const MOST_TOKENS: usize = 64;
/// Larger files are no configuration and no list of meanings.
const MOST_FILE_BYTES: u64 = 16 << 20;

/// One thing that a goal may mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meaning {
    /// Kind of task.
    pub task: String,
    /// What is done, one action a line as plans are written, without the end.
    pub acts: String,
    /// What it is made of: rows of the linear map.
    pub parts: Vec<usize>,
}

/// A sentence encoder with the meanings that it tells apart.
pub struct GoalReader {
    tokenizer: Tokenizer,
    /// Tokens that a text begins and ends with.
    ends: [u32; 2],
    encoder: BertModel,
    /// `(parts, 2 × width)` and `(parts)`.
    head: [Tensor; 2],
    /// `(meanings)`.
    bias: Vec<f32>,
    meanings: Vec<Meaning>,
}

impl std::fmt::Debug for GoalReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GoalReader").field("meanings", &self.meanings.len()).finish_non_exhaustive()
    }
}

impl GoalReader {
    /// Loads `config.json` (that of a BERT), `tokenizer.json`, `meanings.json` and `model.safetensors` in
    /// `folder`: the tensors of the encoder by Hugging Face's names, `head.weight` (parts, 2 × width: of
    /// the first token and of the mean over all), `head.bias`, and `bias` (meanings).
    ///
    /// # Errors
    ///
    /// When a file is missing or broken, or they do not fit together.
    pub fn load(folder: &Path, device: &Device) -> Result<Self, ModelError> {
        let config: Config = read_json(&folder.join(CONFIG))?;
        let meanings: Vec<Meaning> = read_json(&folder.join(MEANINGS))?;
        let refuse = |file: &str, field: &str, reason: String| ModelError::Manifest {
            path: folder.join(file),
            field: field.into(),
            reason,
        };
        let Config { hidden_size: width, num_attention_heads: heads, .. } = config;
        if heads == 0 || width % heads != 0 {
            let reason = format!("{heads} do not share a width of {width}");
            return Err(refuse(CONFIG, "num_attention_heads", reason));
        }
        if config.max_position_embeddings < MOST_TOKENS {
            let reason = format!("{}, less than {MOST_TOKENS}", config.max_position_embeddings);
            return Err(refuse(CONFIG, "max_position_embeddings", reason));
        }
        let tokenizer = Tokenizer::open(&folder.join(TOKENIZER))?;
        let (found, known) = (tokenizer.vocabulary_size(), config.vocab_size);
        if found > known {
            let reason = format!("has {found} tokens, the encoder knows {known}");
            return Err(refuse(TOKENIZER, "model.vocab", reason));
        }
        let end = |name: &str| {
            let missing = || refuse(TOKENIZER, "model.vocab", format!("has no '{name}'"));
            tokenizer.token(name).ok_or_else(missing)
        };
        let ends = [end("[CLS]")?, end("[SEP]")?];

        let mut files = SafetensorsFiles::open_file(&folder.join(WEIGHTS))?;
        let shapes: Vec<(String, Vec<usize>)> =
            files.shapes().map(|(name, shape)| (name.to_owned(), shape.to_vec())).collect();
        let head = shapes.iter().find(|(name, _)| name == "head.bias");
        let parts = head.and_then(|(_, shape)| shape.first().copied()).unwrap_or_default();
        let broken = |one: &Meaning| one.parts.iter().any(|part| *part >= parts);
        if let Some(at) = meanings.iter().position(broken) {
            let reason = format!("{:?}, and there are {parts}", meanings[at].parts);
            return Err(refuse(MEANINGS, &format!("[{at}].parts"), reason));
        }
        let mut read = |name: &str, shape: &[usize], device: &Device| {
            files.tensor(name, shape, DType::F32, device)
        };
        let head = [
            read("head.weight", &[parts, width.saturating_mul(2)], device)?,
            read("head.bias", &[parts], device)?,
        ];
        let bias = read("bias", &[meanings.len()], &Device::Cpu)?.to_vec1()?;
        let mut tensors = HashMap::new();
        for (name, shape) in shapes.into_iter().filter(|(name, _)| is_of_encoder(name)) {
            let tensor = read(&name, &shape, device)?;
            tensors.insert(name, tensor);
        }
        let encoder =
            BertModel::load(VarBuilder::from_tensors(tensors, DType::F32, device), &config)?;
        Ok(Self { tokenizer, ends, encoder, head, bias, meanings })
    }

    /// Bytes that the weights in `folder` will take: 32-bit floats, however the file has them.
    ///
    /// # Errors
    ///
    /// When the header of their file cannot be read.
    pub fn weights_bytes(folder: &Path) -> Result<u64, ModelError> {
        let files = SafetensorsFiles::open_file(&folder.join(WEIGHTS))?;
        let numbers = |shape: &[usize]| shape.iter().map(|dim| *dim as u64).product::<u64>();
        Ok(files.shapes().map(|(_, shape)| 4 * numbers(shape)).sum())
    }

    /// The meanings that it tells apart.
    pub fn meanings(&self) -> &[Meaning] {
        &self.meanings
    }

    /// The natural logarithm of the probability of each meaning.
    ///
    /// # Errors
    ///
    /// When the tensor engine fails.
    pub fn read(&self, goal: &str) -> Result<Vec<f64>, ModelError> {
        let device = self.head[0].device();
        let mut tokens = vec![self.ends[0]];
        let words = self.tokenizer.encode_plain(goal)?;
        tokens.extend(words.into_iter().take(MOST_TOKENS - 2));
        tokens.push(self.ends[1]);
        let tokens = Tensor::from_vec(tokens.clone(), (1, tokens.len()), device)?;
        let hidden = self.encoder.forward(&tokens, &tokens.zeros_like()?, None)?;
        let read = Tensor::cat(&[hidden.narrow(1, 0, 1)?.squeeze(1)?, hidden.mean(1)?], D::Minus1)?;
        let [weight, bias] = &self.head;
        let parts: Vec<f32> = read.matmul(&weight.t()?)?.squeeze(0)?.add(bias)?.to_vec1()?;
        let logit = |(one, bias): (&Meaning, &f32)| {
            one.parts.iter().map(|part| f64::from(parts[*part])).sum::<f64>() + f64::from(*bias)
        };
        let logits: Vec<f64> = self.meanings.iter().zip(&self.bias).map(logit).collect();
        let top = logits.iter().copied().fold(f64::MIN, f64::max);
        let all = top + logits.iter().map(|logit| (logit - top).exp()).sum::<f64>().ln();
        Ok(logits.into_iter().map(|logit| logit - all).collect())
    }
}

fn is_of_encoder(name: &str) -> bool {
    name.starts_with("embeddings.") || name.starts_with("encoder.")
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, ModelError> {
    let read = |source| ModelError::Read { path: path.into(), source };
    let length = std::fs::metadata(path).map_err(read)?.len();
    let refuse =
        |reason: String| ModelError::Manifest { path: path.into(), field: "file".into(), reason };
    if length > MOST_FILE_BYTES {
        return Err(refuse(format!("{length} bytes are too many")));
    }
    let text = std::fs::read_to_string(path).map_err(read)?;
    serde_json::from_str(&text).map_err(|error| refuse(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn prior() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("models/nano/prior")
    }

    /// The shipped reader with one file changed.
    fn changed(file: &str, from: &str, to: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(prior()).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
        }
        let path = folder.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from));
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
        GoalReader::load(folder.path(), &Device::Cpu).unwrap_err().to_string()
    }

    #[derive(Deserialize)]
    struct Golden {
        goal: String,
        tokens: Vec<u32>,
        /// What is done, and the logarithm of how likely that is meant.
        best: Vec<(String, f64)>,
    }

    /// `tests/fixtures/make_goal_reader_golden.py`.
    #[test]
    fn it_reads_as_torch_does() {
        let golden = include_str!("../../tests/fixtures/goal_reader_golden.json");
        let golden: Vec<Golden> = serde_json::from_str(golden).unwrap();
        let reader = GoalReader::load(&prior(), &Device::Cpu).unwrap();
        for Golden { goal, tokens, best } in golden {
            assert_eq!(reader.tokenizer.encode_plain(&goal).unwrap(), tokens, "{goal}");
            let judged = reader.read(&goal).unwrap();
            for (acts, expected) in best {
                let at = reader.meanings().iter().position(|one| one.acts == acts).unwrap();
                approx::assert_abs_diff_eq!(judged[at], expected, epsilon = 5e-4);
            }
        }
    }

    #[test]
    fn probabilities_add_up_and_long_goals_are_cut() {
        let reader = GoalReader::load(&prior(), &Device::Cpu).unwrap();
        let judged = reader.read("rinse out a coffee cup").unwrap();
        let sum: f64 = judged.iter().map(|one| one.exp()).sum();
        approx::assert_abs_diff_eq!(sum, 1.0, epsilon = 1e-9);
        let of = |times: usize| reader.read(&"mug ".repeat(times)).unwrap();
        assert_eq!(of(70), of(4000));
    }

    #[test]
    fn files_that_do_not_fit_are_named() {
        let error = changed("meanings.json", "\"parts\": [1, ", "\"parts\": [100000, ");
        assert!(error.contains("meanings.json") && error.contains("100000"), "{error}");
        let error = changed("meanings.json", "[{", "[{\"odd\": 1, ");
        assert!(error.contains("meanings.json") && error.contains("odd"), "{error}");
        let error = changed("config.json", "\"hidden_size\": 384", "\"hidden_size\": 96");
        assert!(error.contains("head.weight") && error.contains("768"), "{error}");
        let error = changed("config.json", "\"vocab_size\": ", "\"vocab_size\": 9");
        assert!(error.contains("word_embeddings"), "{error}");
        let error =
            changed("config.json", "\"num_attention_heads\": 12", "\"num_attention_heads\": 0");
        assert!(error.contains("num_attention_heads"), "{error}");
        let error = changed("tokenizer.json", "[SEP]", "[END]");
        assert!(error.contains("tokenizer.json"), "{error}");
    }
}
