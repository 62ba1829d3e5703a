//! Where tensors live.

use candle_core::{DType, Device};

use super::error::LanguageError;

/// The device called `name`: `auto` (the first GPU where there is one, else the CPU), `cpu` or
/// `cuda:N`.
pub fn parse_device(name: &str) -> Result<Device, LanguageError> {
    let refuse = |reason: String| LanguageError::Device { requested: name.into(), reason };
    match name {
        "auto" if cfg!(feature = "cuda") => Ok(Device::new_cuda(0).unwrap_or(Device::Cpu)),
        "auto" | "cpu" => Ok(Device::Cpu),
        _ => {
            let ordinal = match name.strip_prefix("cuda") {
                Some("") => Some(0),
                Some(rest) => rest.strip_prefix(':').and_then(|number| number.parse().ok()),
                None => None,
            };
            let ordinal = ordinal.ok_or_else(|| refuse("write auto, cpu or cuda:N".into()))?;
            if !cfg!(feature = "cuda") {
                return Err(refuse(
                    "this binary was built without CUDA; build with --features cuda, or use cpu"
                        .into(),
                ));
            }
            Device::new_cuda(ordinal).map_err(|error| refuse(format!("cannot be opened: {error}")))
        }
    }
}

/// The type dense weights and activations have on `device`: what its arithmetic is fast at.
pub fn compute_dtype(device: &Device) -> DType {
    if device.is_cuda() { DType::BF16 } else { DType::F32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert!(parse_device("cpu").unwrap().is_cpu());
        assert!(parse_device("auto").is_ok());
        for name in ["gpu", "cuda:", "cuda:x", "cudax", "CPU", ""] {
            let error = parse_device(name).unwrap_err().to_string();
            assert!(error.contains("write auto, cpu or cuda:N"), "{error}");
        }
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn cuda_is_refused_with_advice_when_not_built_in() {
        for name in ["cuda", "cuda:0", "cuda:7"] {
            let error = parse_device(name).unwrap_err().to_string();
            assert!(error.contains("--features cuda") && error.contains(name), "{error}");
        }
    }
}
