//! The whole graph, words and 3D tokens in one row, against central differences and in all kinds of
//! numbers, whatever of the decoder learns; and in parts.

use super::super::model::SeeingModel;
use super::*;
use crate::learn::batch::{Batch, LOOKS};
use crate::learn::gradients::{assert_parts_add_up, stepped_along};
use crate::learn::llama::{ADDED_HEAD, ADDED_ROWS, EMBEDDING, HEAD, normal};
use crate::vision::gradients::{
    SMOOTH, assert_alike, assert_differences, cast, gradients, kinds, tensors,
};
use candle_core::Var;

/// The weights that a training begins with, so large that nothing in the graph is nearly a line.
fn lively(config: &SeeingTraining, classroom: &Classroom<'_>) -> Weights {
    let mut rng = Pcg64Mcg::seed_from_u64(3);
    let tokenizer = classroom.speller.tokenizer();
    let mut weights = Weights::new(config, tokenizer, &Device::Cpu, &mut rng).unwrap();
    for tensor in weights.fixed.values_mut().filter(|tensor| tensor.rank() == 2) {
        *tensor = (&*tensor * 8.0).unwrap();
    }
    for var in weights.learnt.values() {
        let noise = (0..var.elem_count()).map(|_| 0.2 * normal(&mut rng)).collect();
        let noise = Tensor::from_vec::<_, f32>(noise, var.shape(), &Device::Cpu).unwrap();
        var.set(&(var.as_tensor() + noise).unwrap()).unwrap();
    }
    weights
}

/// The same weights, those that stay in the numbers `fixed`, those that learn in `learnt`.
fn same(of: &Weights, fixed: DType, learnt: DType, device: &Device) -> Weights {
    let moved = |(name, tensor): (&String, &Tensor)| {
        (name.clone(), tensor.to_dtype(fixed).unwrap().to_device(device).unwrap())
    };
    Weights {
        fixed: of.fixed.iter().map(moved).collect(),
        learnt: cast(&of.learnt, learnt, device),
        is_fresh: of.is_fresh,
    }
}

/// What the loss is made of in 64 bits.
fn in_64_bits(mut batch: Batch) -> Batch {
    let of = |tensor: &Tensor| tensor.to_dtype(DType::F64).unwrap();
    batch.weights = of(&batch.weights);
    for looks in batch.looks.iter_mut().flatten() {
        looks.upon = of(&looks.upon);
    }
    batch
}

fn sum(loss: Tensor, astray: &[Tensor; LOOKS]) -> Tensor {
    astray.iter().fold(loss, |sum, away| (sum + away).unwrap())
}

/// The loss of [`SeeingModel::forward`], with nothing cut to 32 bits.
fn exact_loss(model: &SeeingModel, batch: &Batch, guidance: Option<&Guidance>) -> Tensor {
    let nowhere = Tensor::zeros((), DType::F64, &Device::Cpu).unwrap();
    let mut astray = [(); LOOKS].map(|()| nowhere.clone());
    let embeds = model.embeds(batch).unwrap();
    let attended = model.llama.attending(&embeds, &mut None, &mut |layer, attention| {
        guidance.map_or(Ok(()), |g| g.add(&batch.looks, layer, attention, &mut astray))
    });
    let scores = model.llama.scores(&attended.unwrap(), &batch.rows).unwrap();
    sum(batch.loss(&scores).unwrap(), &astray)
}

/// Holds everything that learns to differences in 64 bits, and to that in all kinds of numbers; what
/// learns.
fn hold(config: &SeeingTraining, school: &School, lessons: &[Lesson]) -> BTreeMap<String, Var> {
    let classroom = classroom(config, school);
    let guidance = config.looking.as_ref();
    let mut rng = Pcg64Mcg::seed_from_u64(3);
    let row = |lesson: &Lesson| classroom.row(lesson, Variation::NONE, &mut rng).unwrap();
    let rows: Vec<_> = lessons.iter().map(row).collect();
    let batch = classroom.batch(&rows, &Device::Cpu, &mut rng).unwrap();
    let of_all = in_64_bits(batch.to_device(&Device::Cpu).unwrap());
    assert!(batch.seen.as_ref().unwrap().tokens.len() > 20);
    assert!(guidance.is_none() || batch.looks.iter().all(Option::is_some));

    let weights = lively(config, &classroom);
    let exact = same(&weights, DType::F64, DType::F64, &Device::Cpu);
    let mut model = exact.model(config, &tensors(&exact.learnt)).unwrap();
    model.llama.dtype = DType::F64;
    let loss = || exact_loss(&model, &of_all, guidance);
    let right = assert_differences(&exact.learnt, SMOOTH, &loss);
    for (device, dtype, most) in kinds() {
        let precision = if dtype == DType::BF16 { Precision::Bf16 } else { Precision::F32 };
        let config = SeeingTraining { precision, ..config.clone() };
        let weights = same(&weights, dtype, DType::F32, &device);
        let model = weights.model(&config, &tensors(&weights.learnt)).unwrap();
        let batch = batch.to_device(&device).unwrap();
        let (logits, astray) = model.forward(&batch, guidance, &mut None).unwrap();
        let loss = sum(batch.loss(&logits).unwrap(), &astray);
        assert_alike(&gradients(&weights.learnt, &loss), &right, most);
    }
    weights.learnt
}

/// The folder of a blind model that lacks the last few tokens, `<ask>` and `<answer>` among them.
fn short_of_tokens(own_head: bool) -> tempfile::TempDir {
    let folder = blind_model();
    let path = folder.path().join("model.safetensors");
    let mut tensors = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
    let table = tensors[EMBEDDING].clone();
    let fewer = table.narrow(0, 0, table.dim(0).unwrap() - 5).unwrap().contiguous().unwrap();
    if own_head {
        tensors.insert(HEAD.into(), (&fewer * 0.5).unwrap());
    }
    tensors.insert(EMBEDDING.into(), fewer);
    candle_core::safetensors::save(&tensors, &path).unwrap();
    folder
}

#[test]
fn regions_and_guided_attention_have_the_gradients_of_differences() {
    let (init, school) = (blind_model(), school());
    let mut config = config(init.path(), LanguagePart::Full);
    let guidance = Guidance { weight: 1.0, names: vec![0], follow: vec![1], tell: vec![0, 1] };
    config.looking = Some(guidance);
    let lessons = [school.lessons[0].clone(), school.lessons[2].blind()];
    hold(&config, &school, &lessons);
}

/// Stage 1: the projector, with a small network for positions, and tokens that are new.
#[test]
fn voxels_before_a_decoder_that_stays_have_the_gradients_of_differences() {
    let (init, school) = (short_of_tokens(false), school());
    let mut config = config(init.path(), LanguagePart::Frozen);
    config.vision.tokens = TokenKind::Voxels;
    config.projector.position = PositionEmbedding::Learned;
    let learnt = hold(&config, &school, &school.lessons[..1]);
    assert!(learnt.keys().all(|name| name.starts_with("projector.") || name == ADDED_ROWS));
    assert!(learnt.contains_key(ADDED_ROWS) && learnt.contains_key("projector.position.fc1.bias"));
}

/// Stage 2 of large models: LoRA beside every layer, with an output layer apart from the embedding.
#[test]
fn voxels_with_lora_have_the_gradients_of_differences() {
    let (init, school) = (short_of_tokens(true), school());
    let layers = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];
    let lora = LoraSpec { rank: 2, alpha: 4.0, targets: layers.map(String::from).to_vec() };
    let mut config = config(init.path(), LanguagePart::Lora(lora));
    config.model.own_head = true;
    config.vision.tokens = TokenKind::Voxels;
    config.projector.position = PositionEmbedding::None;
    let learnt = hold(&config, &school, &school.lessons[..1]);
    let of_lora = learnt.keys().filter(|name| name.contains(".lora_")).count();
    assert_eq!(of_lora, 2 * layers.len() * config.model.layers);
    assert!(learnt.contains_key(ADDED_ROWS) && learnt.contains_key(ADDED_HEAD));
}

#[test]
fn gradients_of_the_parts_of_a_batch_add_up_to_those_of_all_of_it() {
    let mut config = of_voxels(LanguagePart::Full, Precision::F32);
    config.optimizer = AdamWConfig { beta1: 0.0, gradient_clip: 1e9, ..config.optimizer };
    let school = school();
    let classroom = classroom(&config, &school);
    // Some of them are short and see nothing.
    let lessons: Vec<Lesson> = (school.lessons.iter().enumerate())
        .map(|(at, lesson)| if at % 3 == 0 { lesson.blind() } else { lesson.clone() })
        .collect();
    let lessons: Vec<&Lesson> = lessons.iter().collect();
    let step = |cut: Cut| {
        let weights = lively(&config, &classroom);
        let model = weights.model(&config, &tensors(&weights.learnt)).unwrap();
        let device = Device::Cpu;
        let teaching =
            Teaching { classroom: &classroom, model, variation: Variation::NONE, device };
        let mut trainer = Trainer::new(weights.learnt, config.optimizer).unwrap();
        let stepped = trainer.step(&teaching, &lessons, cut, 1, &|_| 0.01).unwrap();
        (stepped, stepped_along(&trainer.optimizer))
    };
    assert_parts_add_up([(2, 1), (1, 3), (4, 2)], &step);
}
