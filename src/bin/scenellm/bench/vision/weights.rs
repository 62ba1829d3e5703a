//! Random weights of a public model, by the names and shapes that its reference lists. A file of them
//! is read by the reference as the published one is.

use anyhow::Context;
use candle_core::{Device, Tensor};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use scenellm::vision::TensorShape;
use std::collections::HashMap;
use std::path::Path;

/// Name of the file of weights.
const FILE: &str = "model.safetensors";
/// Tensors that stand in a published file twice; the reference takes the other one for both.
const TWICE: &str = "prompt_encoder.shared_embedding.";

/// Makes what is needed of the public model `model` in the folder `to`, unless it was made before:
/// sizes and tokenizer from the folder of fixtures, and random weights.
pub fn make(
    fixtures: &Path,
    model: &str,
    tokenizer: Option<&str>,
    to: &Path,
) -> anyhow::Result<()> {
    if to.join(FILE).exists() {
        return Ok(());
    }
    std::fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    let from = fixtures.join("public").join(model);
    let (sizes, config) = (from.join("shapes.txt"), from.join("config.json"));
    // MobileSAM's sizes are read off its tensors.
    let beside = [config.exists().then_some(config), tokenizer.map(|path| fixtures.join(path))];
    for file in beside.into_iter().flatten() {
        let name = file.file_name().unwrap_or_default();
        std::fs::copy(&file, to.join(name))
            .with_context(|| format!("cannot copy {}", file.display()))?;
    }
    let text = std::fs::read_to_string(&sizes).with_context(|| {
        format!("cannot read {}: name the repository's with --fixtures", sizes.display())
    })?;
    let mut shapes = Vec::new();
    for line in text.lines() {
        let fault = || format!("{}: '{line}' lists no tensor", sizes.display());
        shapes.extend(tensors(line).with_context(fault)?);
    }
    // Under its name stands only what was written to the end.
    let part = to.join(format!("{FILE}.part"));
    write(shapes, &part).with_context(|| format!("cannot write {}", part.display()))?;
    Ok(std::fs::rename(part, to.join(FILE))?)
}

/// What a line lists: a name and its edges (`-` of a number), and where there is `{n}` in the name, the
/// layers that have such a tensor.
fn tensors(line: &str) -> Option<Vec<TensorShape>> {
    let mut words = line.split(' ');
    let (name, edges) = (words.next()?, words.next()?);
    let shape: Vec<usize> = match edges {
        "-" => Vec::new(),
        edges => edges.split('x').map(|edge| edge.parse().ok()).collect::<Option<Vec<usize>>>()?,
    };
    let Some(layers) = words.next() else { return Some(vec![(name.to_owned(), shape)]) };
    let mut listed = Vec::new();
    for span in layers.split(',') {
        let (first, last) = span.split_once('-').unwrap_or((span, span));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        let names = (first..=last).map(|layer| name.replace("{n}", &layer.to_string()));
        listed.extend(names.map(|name| (name, shape.clone())));
    }
    Some(listed)
}

fn write(shapes: Vec<TensorShape>, path: &Path) -> anyhow::Result<()> {
    let mut chance = Pcg64Mcg::seed_from_u64(1);
    let mut tensors = HashMap::new();
    for (name, shape) in shapes.into_iter().filter(|(name, _)| !name.starts_with(TWICE)) {
        let (middle, reach) = range(&name, &shape);
        let count: usize = shape.iter().product();
        let mut number = || {
            let share: f32 = chance.random_range(-1.0..1.0);
            middle + reach * share
        };
        let values: Vec<f32> = (0..count).map(|_| number()).collect();
        tensors.insert(name, Tensor::from_vec(values, shape, &Device::Cpu)?);
    }
    Ok(candle_core::safetensors::save(&tensors, path)?)
}

/// The middle of a tensor's numbers, and how far from it they may lie. Every part matters, and sizes
/// stay as they are from layer to layer, so that two programs that compute the same agree to the last
/// digits, and others do not.
fn range(name: &str, shape: &[usize]) -> (f32, f32) {
    let scales = name.ends_with("running_var") || name.contains("lambda1");
    if name.contains("query_position_embeddings") {
        // Which of two boxes that are all but alike comes first is chance; it must not matter.
        (0.0, 0.0)
    } else if name.ends_with("text_enhancer_layer.layer_norm_after.weight") {
        // Else every box would be like every word, or like none.
        (0.05, 0.025)
    } else if scales || shape.len() == 1 && name.ends_with(".weight") {
        (1.0, 0.5)
    } else if shape.len() > 1 && name.ends_with(".weight") {
        let inputs: usize = shape.iter().skip(1).product();
        (0.0, (3.0 / inputs as f32).sqrt())
    } else {
        (0.0, 0.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scenellm::vision::check_folder;

    #[test]
    fn lines_list_tensors() {
        let one = |name: &str, shape: &[usize]| (name.to_owned(), shape.to_vec());
        assert_eq!(tensors("scale -").unwrap(), [one("scale", &[])]);
        assert_eq!(tensors("a.weight 2x3").unwrap(), [one("a.weight", &[2, 3])]);
        let layers = tensors("a.{n}.bias 4 1,3-4").unwrap();
        assert_eq!(layers, ["a.1.bias", "a.3.bias", "a.4.bias"].map(|name| one(name, &[4])));
        for odd in ["", "a", "a 2y3", "a 2 x", "a 2 1-"] {
            assert_eq!(tensors(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn a_public_model_is_made_once_and_loads() {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/vision");
        let folder = tempfile::tempdir().unwrap();
        make(&fixtures, "mobile-sam", None, folder.path()).unwrap();
        let check = check_folder(folder.path()).unwrap();
        assert!(check.kind == "sam" && check.faults.is_empty(), "{check:?}");
        // What is there is left alone, so nothing is looked for.
        make(Path::new("nowhere"), "mobile-sam", None, folder.path()).unwrap();
        let other = tempfile::tempdir().unwrap();
        let error = make(&fixtures, "no such", None, other.path()).unwrap_err().to_string();
        assert!(error.contains("--fixtures"), "{error}");
    }
}
