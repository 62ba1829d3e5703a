//! What a training of a seeing model begins with: a decoder with tokens for what it is shown, and a
//! projector.

use super::super::LearnError;
use super::super::llama::{EMBEDDING, TABLES, TrainableLlama, normal};
use super::super::scenes::Lexicon;
use super::super::start::{random_weights, read_weights};
use super::config::{LanguagePart, PROJECTOR_FILE, SeeingTraining};
use super::model::SeeingModel;
use super::template::all_marks;
use super::warm::Warmth;
use crate::model::Projector;
use crate::tasks::ActionVocabulary;
use candle_core::{DType, Device, Tensor, Var};
use rand::Rng;
use rand_pcg::Pcg64Mcg;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use tokenizers::{AddedToken, Tokenizer};

/// The tokenizer of a model folder, with tokens for the marks it lacks.
pub fn tokenizer(folder: &Path, vocabulary: &ActionVocabulary) -> Result<Tokenizer, LearnError> {
    let path = folder.join("tokenizer.json");
    let invalid = |error: tokenizers::Error| LearnError::invalid(&path, error);
    let mut tokenizer = Tokenizer::from_file(&path).map_err(invalid)?;
    let marks = all_marks(vocabulary).into_iter().map(|mark| AddedToken::from(mark, true));
    tokenizer.add_special_tokens(marks).map_err(invalid)?;
    Ok(tokenizer)
}

/// Weights that stay as they are, and variables that learn.
pub struct Weights {
    /// What stays.
    pub fixed: BTreeMap<String, Tensor>,
    /// What learns.
    pub learnt: BTreeMap<String, Var>,
    /// Whether the projector is fresh.
    pub is_fresh: bool,
}

impl Weights {
    /// The weights of `config.init`, or random ones, rows for new tokens, and the projector: that of
    /// `config.init` where its shapes are these, or a fresh one.
    pub fn new(
        config: &SeeingTraining,
        tokenizer: &Tokenizer,
        device: &Device,
        rng: &mut Pcg64Mcg,
    ) -> Result<Self, LearnError> {
        let count = tokenizer.get_vocab_size(true);
        let mut language = match config.random_weights {
            Some(tokens) => random_weights(&config.model, tokens.max(count), rng.random())?,
            None => read_weights(&config.init, &config.model, None)?,
        };
        let known = language.get(EMBEDDING).map_or(Ok(0), |embedding| embedding.dim(0))?;
        let more = count.saturating_sub(known);
        let mut added = Vec::new();
        for [table, rows] in TABLES {
            if let Some(new) = new_rows(language.get(table), more, rng)? {
                added.push((table, rows, new));
            }
        }
        let mut fixed = BTreeMap::new();
        let mut learnt = BTreeMap::new();
        let mut learn = |name: String, tensor: &Tensor| -> candle_core::Result<()> {
            learnt.insert(name, Var::from_tensor(&tensor.to_device(device)?)?);
            Ok(())
        };
        match &config.language {
            LanguagePart::Full => {
                for (table, _, new) in &added {
                    if let Some(known) = language.get_mut(*table) {
                        *known = Tensor::cat(&[&*known, new], 0)?;
                    }
                }
                for (name, tensor) in language {
                    learn(name, &tensor)?;
                }
            }
            LanguagePart::Frozen | LanguagePart::Lora(_) => {
                // New tokens are learnt to be read and to be said, and no other changes.
                for (_, rows, new) in added {
                    learn(rows.into(), &new)?;
                }
                // What does not learn needs no more bits than are computed with.
                for (name, tensor) in language {
                    let tensor = tensor.to_dtype(config.precision.dtype())?.to_device(device)?;
                    fixed.insert(name, tensor);
                }
            }
        }
        let (projector, is_fresh) = projector(config, rng)?;
        for (name, tensor) in projector {
            learn(name, &tensor)?;
        }
        if let LanguagePart::Lora(lora) = &config.language {
            learnt.extend(lora.fresh(&config.model, device, rng)?);
        }
        Ok(Self { fixed, learnt, is_fresh })
    }

    /// Lets a fresh projector learn to say the names of `lexicon` (see [`Warmth`]), if the
    /// configuration wants it.
    pub fn warm(
        &self,
        config: &SeeingTraining,
        lexicon: &Lexicon,
        tokenizer: &Tokenizer,
        rng: &mut Pcg64Mcg,
    ) -> Result<(), LearnError> {
        if !self.is_fresh || config.warm_steps == 0 || lexicon.is_empty() {
            return Ok(());
        }
        let tensors: BTreeMap<String, Tensor> =
            self.learnt.iter().map(|(name, var)| (name.clone(), var.as_tensor().clone())).collect();
        let model = self.model(config, &tensors)?;
        let embedding = model.llama.embedding()?.to_dtype(DType::F32)?.detach();
        let of_projector = |name: &&String| name.starts_with("projector.");
        let vars = self.learnt.keys().filter(of_projector);
        let vars = vars.filter_map(|name| Some((name.clone(), self.learnt.get(name)?.clone())));
        Warmth { lexicon, tokenizer, embedding: &embedding }.give(
            &vars.collect(),
            &model.projector,
            config.warm_steps,
            rng,
        )?;
        Ok(())
    }

    /// The model of what stays and of `learnt`: the variables, or their averages.
    pub fn model(
        &self,
        config: &SeeingTraining,
        learnt: &BTreeMap<String, Tensor>,
    ) -> Result<SeeingModel, LearnError> {
        let is_projector = |name: &&String| name.starts_with("projector.");
        let of_projector: HashMap<String, Tensor> = learnt
            .iter()
            .filter(|(name, _)| is_projector(name))
            .map(|(name, tensor)| (name.clone(), tensor.clone()))
            .collect();
        let spec = config.projector_spec();
        let projector =
            Projector::from_tensors(&spec, config.coordinates, &of_projector, &config.init)
                .map_err(|error| LearnError::invalid(&config.init, error))?;
        let mut weights = self.fixed.clone();
        let rest = learnt.iter().filter(|(name, _)| !is_projector(name));
        weights.extend(rest.map(|(name, tensor)| (name.clone(), tensor.clone())));
        let lora = match &config.language {
            LanguagePart::Lora(lora) => Some(lora.clone()),
            _ => None,
        };
        let dtype = config.precision.dtype();
        let llama = TrainableLlama { shape: config.model, weights, lora, dtype };
        Ok(SeeingModel { llama, projector })
    }
}

/// Rows for new tokens: the mean of all rows, with a little noise so that they differ.
fn new_rows(
    known: Option<&Tensor>,
    count: usize,
    rng: &mut Pcg64Mcg,
) -> candle_core::Result<Option<Tensor>> {
    let Some(embedding) = known.filter(|_| count > 0) else { return Ok(None) };
    let mean = embedding.mean_keepdim(0)?;
    let width = embedding.dim(1)?;
    let spread = embedding.broadcast_sub(&mean)?.sqr()?.mean_all()?.to_scalar::<f32>()?.sqrt();
    let noise: Vec<f32> = (0..count * width).map(|_| 0.5 * spread * normal(rng)).collect();
    let noise = Tensor::from_vec(noise, (count, width), &Device::Cpu)?;
    noise.broadcast_add(&mean).map(Some)
}

/// The projector that `config.init` has, or a fresh one: normal weights that keep the size of what
/// they are given, and zeros. Whether it is fresh.
fn projector(
    config: &SeeingTraining,
    rng: &mut Pcg64Mcg,
) -> Result<(BTreeMap<String, Tensor>, bool), LearnError> {
    let shapes = Projector::tensor_shapes(&config.projector_spec());
    let path = config.init.join(PROJECTOR_FILE);
    let saved = match config.random_weights.is_none() && path.exists() {
        true => candle_core::safetensors::load(&path, &Device::Cpu)?,
        false => HashMap::new(),
    };
    let fits = |(name, dims): &(String, Vec<usize>)| {
        saved.get(name).is_some_and(|tensor| tensor.dims() == dims.as_slice())
    };
    let keep = shapes.iter().all(fits);
    let mut tensors = BTreeMap::new();
    for (name, dims) in shapes {
        let tensor = match saved.get(&name).filter(|_| keep) {
            Some(tensor) => tensor.to_dtype(DType::F32)?,
            None => fresh(&name, dims, rng)?,
        };
        tensors.insert(name, tensor);
    }
    Ok((tensors, !keep))
}

fn fresh(name: &str, dims: Vec<usize>, rng: &mut Pcg64Mcg) -> candle_core::Result<Tensor> {
    let count: usize = dims.iter().product();
    let deviation = match dims[..] {
        // What goes into the decoder begins about as large as its embeddings.
        [_, inputs] if name.ends_with("out.weight") || name.contains("position") => {
            0.1 / (inputs as f32).sqrt()
        }
        [_, inputs] => 1.0 / (inputs as f32).sqrt(),
        _ => 0.0,
    };
    let values: Vec<f32> = (0..count).map(|_| deviation * normal(rng)).collect();
    Tensor::from_vec(values, dims, &Device::Cpu)
}
