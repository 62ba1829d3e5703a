//! What tests/fixtures/make_vision_golden.py wrote, for the tests of this room.

use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use image::RgbImage;
use serde::de::DeserializeOwned;

use super::TensorShape;
use super::checkpoint::read_json;
use crate::process::PeakMemory;

/// A path under tests/fixtures/vision.
pub(super) fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/vision").join(path)
}

pub(super) fn json<T: DeserializeOwned>(path: &str) -> T {
    read_json(&fixture(path)).unwrap()
}

/// A folder as ConceptFusion has it: the small CLIP, and the SAM of this fixture.
pub(super) fn fusion_folder(sam: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (part, from) in [("clip", "clip_tiny"), ("sam", sam)] {
        let part = folder.path().join(part);
        std::fs::create_dir(&part).unwrap();
        copy(from, &part);
    }
    folder
}

/// A copy of a fixture's folder, to be changed.
pub(super) fn copied(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(name, folder.path());
    folder
}

fn copy(name: &str, to: &Path) {
    for entry in std::fs::read_dir(fixture(name)).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// The picture that all fixtures look at, 122×90.
pub(super) fn picture() -> RgbImage {
    image::open(fixture("processor/picture.png")).unwrap().into_rgb8()
}

/// The most memory that this process ever held, where the system tells.
pub(super) fn most_held() -> String {
    let most = PeakMemory::of_host().host_bytes;
    most.map_or_else(String::new, |bytes| format!("{} MiB at most", bytes >> 20))
}

/// A tensor of unlike numbers between -1 and 1.
pub(super) fn numbers(shape: &[usize], step: f32) -> Tensor {
    let count: usize = shape.iter().product();
    let numbers: Vec<f32> = (0..count).map(|at| (at as f32 * step).sin()).collect();
    Tensor::from_vec(numbers, shape, &Device::Cpu).unwrap()
}

pub(crate) fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// Whether no number is off by more than 1e-4 of the largest.
#[track_caller]
pub(super) fn assert_close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    let size = expected.iter().fold(0f32, |most, x| most.max(x.abs()));
    assert!(size > 0.0);
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        let off = (found - expected).abs();
        assert!(off <= 1e-4 * size, "{at}: {found} is not {expected}, largest {size}");
    }
}

/// The tensors of a public checkpoint, as the reference lists them.
pub(super) fn public_shapes(name: &str) -> Vec<TensorShape> {
    let text = std::fs::read_to_string(fixture(&format!("public/{name}/shapes.txt"))).unwrap();
    let mut shapes = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let shape: Vec<usize> = match words[1] {
            "-" => Vec::new(),
            dims => dims.split('x').map(|dim| dim.parse().unwrap()).collect(),
        };
        let Some(layers) = words.get(2) else {
            shapes.push((words[0].to_owned(), shape));
            continue;
        };
        for span in layers.split(',') {
            let (first, last) = span.split_once('-').unwrap_or((span, span));
            for layer in first.parse::<usize>().unwrap()..=last.parse().unwrap() {
                shapes.push((words[0].replace("{n}", &layer.to_string()), shape.clone()));
            }
        }
    }
    shapes
}

/// The names of the folders of public checkpoints that `wanted` says yes to; there are some.
pub(super) fn public_folders(wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let entries = std::fs::read_dir(fixture("public")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names: Vec<String> = names.filter(|name| wanted(name)).collect();
    assert!(!names.is_empty());
    names
}

/// Whether what a loader asks for is what a public checkpoint has, up to names that begin or end
/// with a word of `unused`.
#[track_caller]
pub(super) fn assert_same_tensors(name: &str, mut asked: Vec<TensorShape>, unused: &[&str]) {
    let spare = |name: &str| unused.iter().any(|w| name.starts_with(w) || name.ends_with(w));
    let mut there = public_shapes(name);
    there.retain(|(name, _)| !spare(name));
    there.sort();
    asked.sort();
    assert!(there.len() > 100);
    let differs = asked.iter().zip(&there).find(|(asked, there)| asked != there);
    assert_eq!((differs, asked.len()), (None, there.len()), "{name}");
}
