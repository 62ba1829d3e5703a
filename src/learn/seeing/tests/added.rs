//! Tokens that a decoder lacks: their rows learn where it stays, and no others.

use super::super::template::MARKS;
use super::*;
use crate::learn::llama::{EMBEDDING, TABLES};

/// A decoder whose output layer has weights of its own.
const OWN_HEAD: LlamaShape = LlamaShape { own_head: true, ..SHAPE };

/// A folder with a blind model of random weights that lacks the tokens for what is seen; and the
/// number of tokens that it has.
fn lacking_model(shape: &LlamaShape) -> (tempfile::TempDir, usize) {
    model_of_rows(shape, |tokens| tokens - MARKS.len())
}

/// A folder with a blind model of random weights that has as many rows as `rows` makes of the number of
/// tokens; and that.
fn model_of_rows(
    shape: &LlamaShape,
    rows: impl FnOnce(usize) -> usize,
) -> (tempfile::TempDir, usize) {
    let folder = blind_model();
    let tokenizer = tokenizers::Tokenizer::from_file(folder.path().join("tokenizer.json")).unwrap();
    let known = rows(tokenizer.get_vocab_size(true));
    let weights = fresh_weights(shape, known, &mut Pcg64Mcg::seed_from_u64(1)).unwrap();
    let tensors: HashMap<String, Tensor> =
        weights.iter().map(|(name, var)| (name.clone(), var.as_tensor().clone())).collect();
    candle_core::safetensors::save(&tensors, folder.path().join("model.safetensors")).unwrap();
    (folder, known)
}

fn saved(folder: &Path) -> HashMap<String, Tensor> {
    candle_core::safetensors::load(folder.join("model.safetensors"), &Device::Cpu).unwrap()
}

/// The numbers of a tensor as a finished model keeps them.
fn short(tensor: &Tensor) -> Vec<Vec<f32>> {
    let short = tensor.to_dtype(DType::F16).unwrap().to_dtype(DType::F32).unwrap();
    short.to_vec2().unwrap()
}

/// Rows of the embedding and of an output layer of its own, in stage 1 and with LoRA.
#[test]
fn rows_of_new_tokens_learn_and_the_others_stay() {
    let lora = LoraSpec { rank: 2, alpha: 4.0, targets: vec!["q_proj".into()] };
    let ways = [
        (OWN_HEAD, LanguagePart::Frozen),
        (OWN_HEAD, LanguagePart::Lora(lora)),
        (SHAPE, LanguagePart::Frozen),
    ];
    for (shape, language) in ways {
        let (init, known) = lacking_model(&shape);
        let before = saved(init.path());
        let mut config =
            SeeingTraining { model: shape, epochs: 2, ..config(init.path(), language) };
        // What has no gradient must not seem to learn.
        config.optimizer.weight_decay = 0.0;
        let school = school();
        let classroom = classroom(&config, &school);
        let mut rng = Pcg64Mcg::seed_from_u64(config.seed);
        let tokenizer = classroom.speller.tokenizer();
        let weights = Weights::new(&config, tokenizer, &Device::Cpu, &mut rng).unwrap();
        let learnt: BTreeMap<String, Tensor> = weights
            .learnt
            .iter()
            .map(|(name, var)| (name.clone(), var.as_tensor().clone()))
            .collect();
        let begun: BTreeMap<&str, Vec<Vec<f32>>> =
            TABLES.into_iter().filter_map(|[_, of]| Some((of, short(learnt.get(of)?)))).collect();
        assert_eq!(begun.len(), if shape.own_head { 2 } else { 1 });

        let model = weights.model(&config, &learnt).unwrap();
        let row = classroom.row(&school.lessons[0], Variation::NONE, &mut rng).unwrap();
        let batch = classroom.batch(&[row], &Device::Cpu, &mut rng).unwrap();
        let (logits, _) = model.forward(&batch, None, &mut None).unwrap();
        assert_eq!(logits.dim(1).unwrap(), known + MARKS.len());
        let gradients = batch.loss(&logits).unwrap().backward().unwrap();
        for added in begun.keys() {
            let gradient = gradients.get(&weights.learnt[*added]).unwrap();
            let size = gradient.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
            assert!(size > 0.0, "{added} has no gradient");
        }

        let out = tempfile::tempdir().unwrap();
        train(&config, out.path(), usize::MAX).unwrap();
        let after = saved(out.path());
        for [table, added] in TABLES {
            let (Some(old), Some(begun)) = (before.get(table), begun.get(added)) else { continue };
            assert!(!weights.learnt.contains_key(table), "{table} is not to learn");
            assert_eq!(weights.fixed[table].dims(), [known, shape.hidden]);
            assert_eq!(after[table].dims(), [known + MARKS.len(), shape.hidden]);
            let all = short(&after[table]);
            assert!(all[..known] == short(old), "known rows of {table} moved");
            let moved = all[known..].iter().zip(begun).filter(|(now, before)| now != before);
            // Every token may be said; only what stands in the lessons is read.
            let least = if table == "lm_head.weight" || !shape.own_head { MARKS.len() } else { 3 };
            assert!(moved.count() >= least, "new rows of {table} stayed");
        }
        SceneLlm::load(out.path(), &Device::Cpu).unwrap();
    }
}

/// As of decoders whose tables were filled up to a round number.
#[test]
fn a_finished_model_with_more_rows_than_tokens_is_loaded() {
    for (shape, language) in [(SHAPE, LanguagePart::Full), (OWN_HEAD, LanguagePart::Frozen)] {
        let (init, rows) = model_of_rows(&shape, |tokens| tokens + 5);
        let config = SeeingTraining { model: shape, ..config(init.path(), language) };
        let out = tempfile::tempdir().unwrap();
        train(&config, out.path(), usize::MAX).unwrap();
        assert_eq!(saved(out.path())[EMBEDDING].dims(), [rows, shape.hidden]);
        let llm = SceneLlm::load(out.path(), &Device::Cpu).unwrap();
        assert_eq!(llm.language().vocab_size, rows);
    }
}
