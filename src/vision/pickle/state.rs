//! From the objects of a pickle to views of the numbers beside it.

use std::collections::{HashMap, HashSet};

use candle_core::DType;
use candle_core::pickle::Object;

/// Names under which a training run's file has the weights.
const NESTED: [&str; 2] = ["state_dict", "model"];
/// No tensor of a model has more.
const MOST_DIMENSIONS: usize = 8;

/// A tensor as PyTorch saves it: a shape laid over numbers that others may share.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct View {
    /// Entry of the archive with the numbers.
    pub entry: String,
    pub dtype: DType,
    pub shape: Vec<usize>,
    /// Numbers from one element to the next along each dimension.
    pub strides: Vec<usize>,
    /// The first number.
    pub start: usize,
    /// Numbers from the first to the last, both included.
    pub span: usize,
}

impl View {
    fn new(
        entry: String,
        dtype: DType,
        start: usize,
        shape: Vec<usize>,
        strides: Vec<usize>,
    ) -> Option<Self> {
        // An empty tensor has a shape as well, whose products must fit.
        let product = |all: usize, size: &usize| all.checked_mul((*size).max(1));
        shape.iter().try_fold(dtype.size_in_bytes(), product)?;
        let step = |last: usize, (size, stride): (&usize, &usize)| {
            last.checked_add(size.saturating_sub(1).checked_mul(*stride)?)
        };
        let last = shape.iter().zip(&strides).try_fold(0, step)?;
        let span = if shape.contains(&0) { 0 } else { last.checked_add(1)? };
        Some(Self { entry, dtype, shape, strides, start, span })
    }

    /// Whether the view lies within `bytes` and has no more elements than would fill them: one that
    /// repeats its numbers could be of any size.
    pub fn fits(&self, bytes: u64) -> bool {
        let elements = self.shape.iter().product::<usize>();
        let end = self.start.checked_add(self.span.max(elements));
        let end = end.and_then(|end| end.checked_mul(self.dtype.size_in_bytes()));
        end.is_some_and(|end| end as u64 <= bytes)
    }
}

/// The dictionary that was saved.
#[derive(Default)]
pub(super) struct Saved {
    /// Its tensors of floats, by name.
    pub tensors: HashMap<String, View>,
    /// Names of what else it holds.
    pub others: HashSet<String>,
}

/// The dictionary in what a program has made; `folder` is where the archive has the numbers.
pub(super) fn saved(made: Object, folder: &str) -> Result<Saved, String> {
    let mut saved = Saved::default();
    for (key, value) in state(made)? {
        let Object::Unicode(name) = key else { continue };
        let view = view(&value, folder).map_err(|reason| format!("tensor `{name}`: {reason}"))?;
        match view {
            Some(view) => {
                saved.tensors.insert(name, view);
            }
            None => {
                saved.others.insert(name);
            }
        }
    }
    Ok(saved)
}

/// The dictionary that has the tensors.
fn state(saved: Object) -> Result<Vec<(Object, Object)>, String> {
    let Object::Dict(mut items) = saved else {
        return Err("no dictionary of tensors but a whole module or something else; save its \
                    state_dict()"
            .into());
    };
    for nested in NESTED {
        let found = items.iter().position(|(key, value)| {
            matches!(key, Object::Unicode(name) if name == nested)
                && matches!(value, Object::Dict(_))
        });
        if let Some((_, Object::Dict(inner))) = found.map(|at| items.swap_remove(at)) {
            return Ok(inner);
        }
    }
    Ok(items)
}

/// The view that `value` makes, if it is a tensor of floats.
fn view(value: &Object, folder: &str) -> Result<Option<View>, String> {
    let Object::Reduce { callable, args } = value else { return Ok(None) };
    let (Object::Class { module_name, class_name }, Object::Tuple(args)) = (&**callable, &**args)
    else {
        return Ok(None);
    };
    match (module_name.as_str(), class_name.as_str(), args.as_slice()) {
        ("torch._utils", "_rebuild_parameter", [tensor, ..]) => view(tensor, folder),
        ("torch._utils", "_rebuild_tensor_v2", [storage, start, shape, strides, ..]) => {
            let (class, key) = storage_of(storage).ok_or("numbers of an unknown kind")?;
            let dtype = match class {
                "FloatStorage" => DType::F32,
                "DoubleStorage" => DType::F64,
                "HalfStorage" => DType::F16,
                "BFloat16Storage" => DType::BF16,
                // Counters and the like; an error only if a model asks for them.
                _ => return Ok(None),
            };
            let (Some(start), Some(shape), Some(strides)) =
                (whole(start), whole_numbers(shape), whole_numbers(strides))
            else {
                return Err("a shape of other things than whole numbers".into());
            };
            if shape.len() != strides.len() || shape.len() > MOST_DIMENSIONS {
                return Err(format!("{} dimensions with {} strides", shape.len(), strides.len()));
            }
            let told =
                format!("shape {shape:?} with strides {strides:?} is larger than any memory");
            let entry = format!("{folder}data/{key}");
            View::new(entry, dtype, start, shape, strides).map(Some).ok_or(told)
        }
        _ => Ok(None),
    }
}

/// Class and key of `('storage', class, key, place, numbers)`.
fn storage_of(storage: &Object) -> Option<(&str, &str)> {
    let Object::PersistentLoad(id) = storage else { return None };
    let Object::Tuple(id) = &**id else { return None };
    match id.as_slice() {
        [_, Object::Class { class_name, .. }, Object::Unicode(key), ..] => Some((class_name, key)),
        _ => None,
    }
}

fn whole(number: &Object) -> Option<usize> {
    match number {
        Object::Int(number) => usize::try_from(*number).ok(),
        Object::Long(number) => usize::try_from(*number).ok(),
        _ => None,
    }
}

fn whole_numbers(numbers: &Object) -> Option<Vec<usize>> {
    match numbers {
        Object::Tuple(numbers) => numbers.iter().map(whole).collect(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(shape: &[usize], strides: &[usize], start: usize) -> Option<View> {
        View::new("data/0".into(), DType::F16, start, shape.to_vec(), strides.to_vec())
    }

    #[test]
    fn views_must_lie_in_their_numbers() {
        let view = of(&[2, 3], &[3, 1], 4).unwrap();
        assert_eq!(view.span, 6);
        assert!(view.fits(20) && !view.fits(19));
        // Turned: the last element is as far away, though the order is another.
        assert_eq!(of(&[3, 2], &[1, 3], 0).unwrap().span, 6);
        // One number, a thousand times.
        let repeated = of(&[1000], &[0], 0).unwrap();
        assert!(repeated.span == 1 && !repeated.fits(1998) && repeated.fits(2000));
        assert!(!of(&[1], &[1], usize::MAX).unwrap().fits(u64::MAX));
        assert!(of(&[usize::MAX, 2], &[1, 1], 0).is_none());
        assert!(of(&[2, 2], &[usize::MAX, usize::MAX], 0).is_none());
        assert!(of(&[0, usize::MAX, 2], &[1, 1, 1], 0).is_none());
        assert!(of(&[0, 7], &[7, 1], 0).unwrap().fits(0));
    }
}
