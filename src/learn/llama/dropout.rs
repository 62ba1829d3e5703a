//! Dropout from a seed.

use candle_core::{Result, Tensor};
use rand::Rng;
use rand_pcg::Pcg64Mcg;

/// Drops activations with a fixed probability, from a seed.
pub struct Dropout<'a> {
    /// Probability of a zero.
    pub probability: f32,
    /// Where chance comes from.
    pub rng: &'a mut Pcg64Mcg,
}

/// `x`, with some of its numbers dropped and the others larger for it.
pub fn drop(x: Tensor, dropout: &mut Option<Dropout<'_>>) -> Result<Tensor> {
    let Some(Dropout { probability, rng }) = dropout else { return Ok(x) };
    if *probability == 0.0 {
        return Ok(x);
    }
    let keep = 1.0 / (1.0 - *probability);
    // One random byte a number: a probability to 1/256 is all that dropout needs.
    let threshold = (*probability * 256.0).round() as u8;
    let mut bytes = vec![0u8; x.elem_count()];
    rng.fill(bytes.as_mut_slice());
    let mask: Vec<f32> =
        bytes.iter().map(|&byte| if byte < threshold { 0.0 } else { keep }).collect();
    let mask = Tensor::from_vec(mask, x.shape(), x.device())?.to_dtype(x.dtype())?;
    x * mask
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device};
    use rand::SeedableRng;

    #[test]
    fn dropout_drops_the_same_for_the_same_seed_and_keeps_the_mean() {
        let ones = Tensor::ones((40, 50), DType::F32, &Device::Cpu).unwrap();
        let dropped = |probability: f32, seed: u64| -> Vec<f32> {
            let mut rng = Pcg64Mcg::seed_from_u64(seed);
            let mut dropout = Some(Dropout { probability, rng: &mut rng });
            drop(ones.clone(), &mut dropout).unwrap().flatten_all().unwrap().to_vec1().unwrap()
        };
        let first = dropped(0.25, 1);
        assert_eq!(first, dropped(0.25, 1));
        assert_ne!(first, dropped(0.25, 2));
        let kept = 1.0 / (1.0 - 0.25);
        assert!(first.iter().all(|x| *x == 0.0 || *x == kept));
        let mean = first.iter().sum::<f32>() / first.len() as f32;
        assert!((mean - 1.0).abs() < 0.06, "{mean}");
        assert_eq!(dropped(0.0, 1), [1.0; 2000]);
    }
}
