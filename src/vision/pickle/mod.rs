//! Files of weights that `torch.save` wrote (`.pt`, `.pth`, `.bin`), read one tensor at a time.
//!
//! Such a file is a zip archive: a pickle program that makes a dictionary of tensors, and beside it
//! the numbers of each. The program runs in candle's machine, which knows no Python and calls
//! nothing; sizes are held against the archive before anything is made of them.

mod archive;
mod program;
mod shards;
mod state;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Layout, Shape, Tensor};

use super::VisionError;
use archive::Archive;
pub(super) use shards::PickleFiles;
use state::{Saved, View};

/// Longer programs are not run; those of public checkpoints stay below 1 MB.
const MOST_PROGRAM_BYTES: u64 = 16 << 20;
/// More tensors are no model.
const MOST_TENSORS: usize = 1 << 16;

/// A file of weights that `torch.save` wrote, in the form that PyTorch writes since version 1.6.
///
/// The tensors are those of the dictionary that was saved, or of the one it has under `state_dict`
/// or `model`. Whole modules and TorchScript are not read; tensors of whole numbers are passed over.
#[derive(Debug)]
pub struct PickleFile {
    path: PathBuf,
    archive: Archive,
    tensors: HashMap<String, View>,
    /// Names of what else was saved.
    others: HashSet<String>,
}

impl PickleFile {
    /// Opens `path` and checks that every tensor lies in the file.
    ///
    /// # Errors
    ///
    /// [`VisionError::Weights`], which names the file and, where one is at fault, the tensor.
    pub fn open(path: &Path) -> Result<Self, VisionError> {
        let broken = |reason: String| VisionError::Weights { path: path.into(), reason };
        let mut archive = Archive::open(path).map_err(broken)?;
        let Saved { tensors, others } = saved(&mut archive).map_err(broken)?;
        Ok(Self { path: path.into(), archive, tensors, others })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is a tensor called `name`.
    pub fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// Names and shapes of all tensors.
    pub fn shapes(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.tensors.iter().map(|(name, view)| (name.as_str(), view.shape.as_slice()))
    }

    /// Reads tensor `name`, which must have the shape `expected`, as 32-bit floats.
    ///
    /// # Errors
    ///
    /// [`VisionError::Weights`] when it is not there, has another shape or cannot be read.
    pub fn tensor(&mut self, name: &str, expected: &[usize]) -> Result<Tensor, VisionError> {
        let broken = |reason: String| VisionError::Weights { path: self.path.clone(), reason };
        let Some(view) = self.tensors.get(name) else {
            return Err(broken(format!("no tensor `{name}`; expected one of shape {expected:?}")));
        };
        if view.shape != expected {
            let found = &view.shape;
            return Err(broken(format!("tensor `{name}`: expected {expected:?}, found {found:?}")));
        }
        let size = view.dtype.size_in_bytes();
        let bytes = self
            .archive
            .read(&view.entry, (view.start * size) as u64, view.span * size)
            .map_err(|reason| broken(format!("tensor `{name}`: {reason}")))?;
        let numbers = Tensor::from_raw_buffer(&bytes, view.dtype, &[view.span], &Device::Cpu)?;
        Ok(arranged(numbers.to_dtype(DType::F32)?, view)?)
    }
}

/// What the archive's program has saved, each view checked to lie in its entry.
fn saved(archive: &mut Archive) -> Result<Saved, String> {
    let (folder, bytes) = {
        let mut programs = archive.entries().filter_map(|(name, bytes)| {
            let folder = name.strip_suffix("data.pkl")?;
            (folder.is_empty() || folder.ends_with('/')).then(|| (folder.to_owned(), bytes))
        });
        match (programs.next(), programs.next()) {
            (Some(one), None) => one,
            _ => {
                return Err("a zip archive that does not have one data.pkl: torch.save did not \
                             write it"
                    .into());
            }
        }
    };
    if bytes > MOST_PROGRAM_BYTES {
        return Err(format!("data.pkl of {bytes} bytes, of at most {MOST_PROGRAM_BYTES}"));
    }
    if let Some(4..) = archive.bytes(&format!("{folder}byteorder"))
        && archive.read(&format!("{folder}byteorder"), 0, 3)? == b"big"
    {
        return Err("its numbers are big-endian; save it again on a usual machine".into());
    }
    let program = archive.read(&format!("{folder}data.pkl"), 0, bytes as usize)?;
    let Saved { tensors, others } = state::saved(program::run(&program)?, &folder)?;
    if tensors.len() > MOST_TENSORS {
        return Err(format!("{} tensors, of at most {MOST_TENSORS}", tensors.len()));
    }
    for (name, view) in &tensors {
        let Some(bytes) = archive.bytes(&view.entry) else {
            return Err(format!("tensor `{name}`: no entry {} in the archive", view.entry));
        };
        if !view.fits(bytes) {
            let View { shape, strides, start, .. } = view;
            return Err(format!(
                "tensor `{name}`: shape {shape:?} with strides {strides:?} from number {start} \
                 does not fit the {bytes} bytes of {}",
                view.entry
            ));
        }
    }
    Ok(Saved { tensors, others })
}

/// The numbers of a view in their order: `(span)` to its shape.
fn arranged(numbers: Tensor, view: &View) -> Result<Tensor, candle_core::Error> {
    let shape = view.shape.as_slice();
    let layout = Layout::new(Shape::from(shape), view.strides.clone(), 0);
    if layout.is_contiguous() || view.span == 0 {
        return numbers.reshape(shape);
    }
    let mut places = vec![0i64];
    for (size, stride) in shape.iter().zip(&view.strides) {
        let along = |from: i64| (0..*size).map(move |index| from + (index * stride) as i64);
        places = places.into_iter().flat_map(along).collect();
    }
    let count = places.len();
    let places = Tensor::from_vec(places, count, numbers.device())?;
    numbers.index_select(&places, 0)?.reshape(shape)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{fixture, values};
    use super::*;
    use crate::language::SafetensorsFiles;

    #[test]
    fn what_torch_saved_is_what_its_safetensors_twin_holds() {
        let mut twin = SafetensorsFiles::open_file(&fixture("pickle/twin.safetensors")).unwrap();
        let shapes: HashMap<String, Vec<usize>> =
            twin.shapes().map(|(name, shape)| (name.to_owned(), shape.to_vec())).collect();
        assert!(shapes.len() > 10);
        for name in ["plain.pth", "nested.pt", "module.bin"] {
            let mut file = PickleFile::open(&fixture(&format!("pickle/{name}"))).unwrap();
            let found: HashMap<String, Vec<usize>> =
                file.shapes().map(|(name, shape)| (name.to_owned(), shape.to_vec())).collect();
            assert_eq!(found, shapes, "{name}");
            for (tensor, shape) in &shapes {
                let found = file.tensor(tensor, shape).unwrap();
                assert_eq!(found.dims(), shape, "{tensor}");
                let expected = twin.tensor(tensor, shape, DType::F32, &Device::Cpu).unwrap();
                assert_eq!(values(&found), values(&expected), "{name} {tensor}");
            }
        }
    }

    #[test]
    fn what_is_not_there_is_named() {
        let mut file = PickleFile::open(&fixture("pickle/plain.pth")).unwrap();
        let error = file.tensor("f32", &[9]).unwrap_err().to_string();
        assert!(error.contains("plain.pth") && error.contains("`f32`"), "{error}");
        assert!(error.contains("expected [9], found [2, 3]"), "{error}");
        let error = file.tensor("counter", &[1]).unwrap_err().to_string();
        assert!(error.contains("no tensor `counter`"), "{error}");
    }

    #[test]
    fn other_files_are_named_for_what_they_are() {
        for (name, reason) in [
            ("legacy.pth", "before PyTorch 1.6"),
            ("whole_module.pt", "no dictionary of tensors"),
            ("twin.safetensors", "no zip archive"),
            ("missing.pt", "No such file"),
        ] {
            let error = PickleFile::open(&fixture(&format!("pickle/{name}"))).unwrap_err();
            let error = error.to_string();
            assert!(error.contains(name) && error.contains(reason), "{error}");
        }
    }
}
