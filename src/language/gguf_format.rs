//! As what blocks a GGUF file has its weights, where only its name is known.

use serde::{Deserialize, Serialize};

use super::weights::bytes_of_blocks;

/// What llama.cpp calls the mix of blocks in a file. Most are of one kind; how many are of a better
/// one depends on the model, so that bytes are told about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum GgufFormat {
    /// Blocks of 4 bits, some matrices in ones of 6.
    #[serde(rename = "q4_k_m")]
    Q4KM,
    /// Blocks of 5 bits, some matrices in ones of 6.
    #[serde(rename = "q5_k_m")]
    Q5KM,
    /// Blocks of 6 bits.
    #[serde(rename = "q6_k")]
    Q6K,
    /// Blocks of 8 bits.
    #[serde(rename = "q8_0")]
    Q8_0,
}

impl GgufFormat {
    /// Its name in catalogues.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Q4KM => "q4_k_m",
            Self::Q5KM => "q5_k_m",
            Self::Q6K => "q6_k",
            Self::Q8_0 => "q8_0",
        }
    }

    /// Bits of a weight, its share of the scales included, in models of some 7 billion; small ones
    /// have more.
    const fn bits_per_weight(self) -> f64 {
        match self {
            Self::Q4KM => 4.85,
            Self::Q5KM => 5.69,
            Self::Q6K => 6.56,
            Self::Q8_0 => 8.5,
        }
    }

    /// Bytes that so many weights take about in a file, and on a GPU, which keeps the same blocks.
    pub fn file_bytes(self, weights: u64) -> u64 {
        (weights as f64 * self.bits_per_weight() / 8.0).ceil() as u64
    }

    /// Bytes that so many weights take about where a CPU computes.
    pub fn cpu_bytes(self, weights: u64) -> u64 {
        bytes_of_blocks(self.file_bytes(weights), true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_follow_from_bits() {
        let weights = 7_615_616_512;
        assert_eq!(GgufFormat::Q8_0.file_bytes(weights), weights / 32 * 34);
        let gigabytes = GgufFormat::Q4KM.file_bytes(weights) as f64 / 1e9;
        assert!((gigabytes - 4.62).abs() < 0.01, "{gigabytes}");
        let file = GgufFormat::Q4KM.file_bytes(weights);
        let cpu = GgufFormat::Q4KM.cpu_bytes(weights);
        // As the memory plan of an open file has it: a copy in tiles stands beside the blocks.
        assert_eq!(cpu > 2 * file, cfg!(target_arch = "x86_64"), "{cpu} of {file}");
        assert!(cpu >= file);
    }

    #[test]
    fn names_are_those_of_catalogues() {
        for format in [GgufFormat::Q4KM, GgufFormat::Q5KM, GgufFormat::Q6K, GgufFormat::Q8_0] {
            let named: GgufFormat = serde_yaml::from_str(format.name()).unwrap();
            assert_eq!(named, format);
        }
    }
}
