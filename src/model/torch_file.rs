//! A tensor as a file that `torch.load` reads, with `weights_only=True` too.
//!
//! PyTorch's files are zip archives without compression: a pickle that says how the tensor is made, and
//! its numbers as they stand in memory. (torch/serialization.py, `_save`; the pickle is protocol 2.)

use candle_core::{DType, Tensor};
use flate2::Crc;

use super::error::ModelError;

/// Most bytes of a tensor that is sent.
const MOST_BYTES: usize = 1 << 28;

/// The file of `rows`, a tensor `(rows, width)` of 32-bit floats, bfloat16 or halves.
pub(super) fn torch_file(rows: &Tensor) -> Result<Vec<u8>, ModelError> {
    let (count, width) = rows.dims2()?;
    let numbers = count.saturating_mul(width);
    let refuse =
        |reason: String| ModelError::VisualTokens(format!("as prompt embeddings: {reason}"));
    if numbers.saturating_mul(rows.dtype().size_in_bytes()) > MOST_BYTES {
        return Err(refuse(format!("{count} rows of {width} are more than {MOST_BYTES} bytes")));
    }
    let flat = rows.flatten_all()?;
    let (storage, data): (_, Vec<u8>) = match rows.dtype() {
        DType::F32 => {
            let numbers = flat.to_vec1::<f32>()?;
            ("FloatStorage", numbers.iter().flat_map(|number| number.to_le_bytes()).collect())
        }
        DType::BF16 => {
            let numbers = flat.to_vec1::<half::bf16>()?;
            ("BFloat16Storage", numbers.iter().flat_map(|number| number.to_le_bytes()).collect())
        }
        DType::F16 => {
            let numbers = flat.to_vec1::<half::f16>()?;
            ("HalfStorage", numbers.iter().flat_map(|number| number.to_le_bytes()).collect())
        }
        other => return Err(refuse(format!("{other:?} is no type of theirs"))),
    };
    let int = |number: usize| {
        i32::try_from(number).map_err(|_| refuse(format!("{number} is too large a size")))
    };
    let pickle = pickle(storage, int(numbers)?, [int(count)?, int(width)?]);
    zip(&[
        ("archive/data.pkl", &pickle),
        ("archive/byteorder", b"little"),
        ("archive/data/0", &data),
        ("archive/version", b"3\n"),
    ])
    .ok_or_else(|| refuse("the archive is too large".into()))
}

/// `_rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict())`.
fn pickle(storage: &str, numbers: i32, [rows, width]: [i32; 2]) -> Vec<u8> {
    let mut out = b"\x80\x02".to_vec();
    let text = |out: &mut Vec<u8>, text: &str| {
        out.push(b'X');
        out.extend((text.len() as u32).to_le_bytes());
        out.extend(text.as_bytes());
    };
    let int = |out: &mut Vec<u8>, number: i32| {
        out.push(b'J');
        out.extend(number.to_le_bytes());
    };
    out.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
    text(&mut out, "storage");
    out.extend(format!("ctorch\n{storage}\n").as_bytes());
    text(&mut out, "0");
    text(&mut out, "cpu");
    int(&mut out, numbers);
    // The tuple is the name of a storage; the tensor begins at its number 0.
    out.extend(b"tQ");
    int(&mut out, 0);
    int(&mut out, rows);
    int(&mut out, width);
    out.push(0x86);
    int(&mut out, width);
    int(&mut out, 1);
    out.push(0x86);
    out.extend(b"\x89ccollections\nOrderedDict\n)RtR.");
    out
}

/// A zip archive of whole files, uncompressed, dated 1980; `None` beyond what such archives hold.
fn zip(files: &[(&str, &[u8])]) -> Option<Vec<u8>> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, data) in files {
        let offset = u32::try_from(out.len()).ok()?;
        let size = u32::try_from(data.len()).ok()?;
        let mut crc = Crc::new();
        crc.update(data);
        // Version 2.0, no flags, stored, 1980-01-01; no extra field.
        let mut header = vec![20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];
        header.extend(crc.sum().to_le_bytes());
        header.extend(size.to_le_bytes());
        header.extend(size.to_le_bytes());
        header.extend(u16::try_from(name.len()).ok()?.to_le_bytes());
        header.extend([0, 0]);
        out.extend(b"PK\x03\x04");
        out.extend(&header);
        out.extend(name.as_bytes());
        out.extend(*data);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&header);
        // No comment, first disk, no attributes.
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let count = u16::try_from(files.len()).ok()?.to_le_bytes();
    let begin = u32::try_from(out.len()).ok()?;
    let size = u32::try_from(directory.len()).ok()?;
    out.extend(directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count);
    out.extend(count);
    out.extend(size.to_le_bytes());
    out.extend(begin.to_le_bytes());
    out.extend([0, 0]);
    Some(out)
}

#[cfg(test)]
#[allow(clippy::print_stderr, reason = "a test that is skipped says so")]
mod tests {
    use std::process::Command;

    use candle_core::Device;
    use sha2::{Digest, Sha256};

    use super::*;

    fn rows() -> Tensor {
        let numbers: Vec<f32> = (0..6).map(|number| number as f32 * 0.5 - 1.0).collect();
        Tensor::from_vec(numbers, (2, 3), &Device::Cpu).unwrap()
    }

    #[test]
    fn the_file_is_that_of_earlier_versions() {
        let file = torch_file(&rows()).unwrap();
        let golden: String =
            Sha256::digest(&file).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((file.len(), golden.as_str()), GOLDEN);
    }

    /// What PyTorch read: see `torch_reads_the_file`.
    const GOLDEN: (usize, &str) =
        (630, "665a9a2d9f39e78af4e0d0f63d5a100bacb87c02c932a6cdb67ca5293730027f");

    #[test]
    fn the_numbers_stand_in_the_file_as_they_do_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.pt");
        for dtype in [DType::F32, DType::BF16, DType::F16] {
            let rows = rows().to_dtype(dtype).unwrap();
            std::fs::write(&path, torch_file(&rows).unwrap()).unwrap();
            let mut zip = std::fs::read(&path).unwrap();
            let at = zip.windows(14).position(|some| some == b"archive/data/0").unwrap() + 14;
            let data = &zip.split_off(at)[..6 * dtype.size_in_bytes()];
            let shape = [2, 3];
            let read = Tensor::from_raw_buffer(data, dtype, &shape, &Device::Cpu).unwrap();
            let [read, rows] = [read, rows].map(|rows| rows.to_dtype(DType::F32).unwrap());
            assert_eq!(read.to_vec2::<f32>().unwrap(), rows.to_vec2::<f32>().unwrap());
        }
        let whole = Tensor::zeros((2, 3), DType::U8, &Device::Cpu).unwrap();
        assert!(torch_file(&whole).unwrap_err().to_string().contains("U8"));
    }

    /// PyTorch is too large for the packages that all tests with third parties share.
    #[test]
    fn torch_reads_the_file() {
        let Ok(python) = std::env::var("SCENELLM_TORCH_PYTHON") else {
            eprintln!("skipped: SCENELLM_TORCH_PYTHON names no Python with PyTorch");
            return;
        };
        let folder = tempfile::tempdir().unwrap();
        for (dtype, name) in
            [(DType::F32, "float32"), (DType::BF16, "bfloat16"), (DType::F16, "float16")]
        {
            let path = folder.path().join(name);
            std::fs::write(&path, torch_file(&rows().to_dtype(dtype).unwrap()).unwrap()).unwrap();
            let script = "import sys, torch\n\
                 t = torch.load(sys.argv[1], weights_only=True)\n\
                 assert t.dtype == getattr(torch, sys.argv[2]), t.dtype\n\
                 expected = torch.arange(6).reshape(2, 3) * 0.5 - 1.0\n\
                 assert t.is_contiguous() and torch.equal(t.float(), expected), t";
            let done = Command::new(&python).args(["-c", script]).arg(&path).arg(name).output();
            let done = done.unwrap();
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        }
    }
}
