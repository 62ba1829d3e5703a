//! From the places of a picture to masks: each place becomes 4×4 finer ones, whose channels are summed by the
//! weights that a token gives.
//!
//! Finer places stand in a row behind the place they come from, each with its channels, until they are numbers of
//! masks: only those are laid out as a picture. So a CPU can take some places at a time through all of it, in the
//! cache, and what lies between is never there for the whole picture.

use candle_core::{Module, Tensor};
use rayon::prelude::*;

use super::super::checkpoint::Checkpoint;
use super::super::norm::LayerNorm;
use super::super::pointwise::finished;
use super::super::transformer::Activation;
use super::Computed;
use super::encoder::CHANNEL_EPSILON;
use crate::numeric::rows::is_plain;
use crate::vision::VisionError;

/// Places that a thread takes at a time.
const PLACES_AT_A_TIME: usize = 256;

#[derive(Debug)]
pub(super) struct Upscale {
    first: Doubled,
    norm: LayerNorm,
    second: Doubled,
}

/// A transposed convolution whose kernel is as large as its stride: each place becomes four, by a map of
/// its own for each of them.
#[derive(Debug)]
struct Doubled {
    /// `(inputs, 4 outputs)`: to the channels of the four, row by row.
    map: Tensor,
    bias: Tensor,
}

impl Upscale {
    /// From `width` channels to an eighth of them.
    pub fn load(width: usize, from: &mut Checkpoint) -> Result<Self, VisionError> {
        let first = Doubled::load("upscale_conv1", [width, width / 4], from)?;
        let second = Doubled::load("upscale_conv2", [width / 4, width / 8], from)?;
        let norm = from.norm("mask_decoder.upscale_layer_norm", width / 4, CHANNEL_EPSILON)?;
        Ok(Self { first, norm, second })
    }

    /// Masks `(prompts, masks, 4 rows, 4 columns)` of a picture `(prompts, rows · columns, width)` by weights
    /// `(prompts, masks, width / 8)`.
    pub fn forward(
        &self,
        picture: &Tensor,
        weights: &Tensor,
        [rows, columns]: [usize; 2],
    ) -> Computed {
        let (prompts, masks, _) = weights.dims3()?;
        let weights = weights.transpose(1, 2)?;
        let numbers = match is_plain(picture) {
            true => self.in_parts(picture, &weights)?,
            false => self.numbers(picture, &weights)?,
        };
        let numbers = numbers.reshape(&[prompts, rows, columns, 2, 2, 2, 2, masks])?;
        let masks_first = numbers.permute([0, 7, 1, 3, 5, 2, 4, 6].as_slice())?;
        masks_first.reshape((prompts, masks, 4 * rows, 4 * columns))
    }

    fn in_parts(&self, picture: &Tensor, weights: &Tensor) -> Computed {
        let (prompts, places, _) = picture.dims3()?;
        let firsts = |prompt| (0..places).step_by(PLACES_AT_A_TIME).map(move |at| (prompt, at));
        let parts: Vec<(usize, usize)> = (0..prompts).flat_map(firsts).collect();
        let done = parts.into_par_iter().map(|(prompt, first)| {
            let length = PLACES_AT_A_TIME.min(places - first);
            let part = picture.narrow(0, prompt, 1)?.narrow(1, first, length)?;
            self.numbers(&part, &weights.narrow(0, prompt, 1)?)
        });
        Tensor::cat(&done.collect::<Result<Vec<_>, candle_core::Error>>()?, 1)
    }

    /// Numbers of the masks, `(prompts, 16 places, masks)`, by weights `(prompts, width / 8, masks)`.
    fn numbers(&self, places: &Tensor, weights: &Tensor) -> Computed {
        let x = self.norm.forward(&self.first.forward(places, None)?)?;
        let x = finished(x, None, Some(Activation::Gelu))?;
        self.second.forward(&x, Some(Activation::Gelu))?.matmul(weights)
    }
}

impl Doubled {
    /// That called `mask_decoder.name`.
    fn load(
        name: &str,
        [inputs, outputs]: [usize; 2],
        from: &mut Checkpoint,
    ) -> Result<Self, VisionError> {
        let named = |part: &str| format!("mask_decoder.{name}.{part}");
        let weight = from.tensor(&named("weight"), &[inputs, outputs, 2, 2])?;
        let bias = from.tensor(&named("bias"), &[outputs])?;
        // What a file merely claims must not take memory.
        match from.lists() {
            true => Ok(Self { map: weight, bias }),
            false => Ok(Self::new(&weight, bias)?),
        }
    }

    /// Of a weight `(inputs, outputs, 2, 2)`.
    fn new(weight: &Tensor, bias: Tensor) -> Result<Self, candle_core::Error> {
        Ok(Self { map: weight.permute((0, 2, 3, 1))?.flatten_from(1)?, bias })
    }

    /// `(prompts, 4 places, outputs)` of `(prompts, places, inputs)`.
    fn forward(&self, x: &Tensor, activation: Option<Activation>) -> Computed {
        let (prompts, places, inputs) = x.dims3()?;
        let four = x.reshape(((), inputs))?.matmul(&self.map)?;
        let four = four.reshape((prompts, 4 * places, self.bias.elem_count()))?;
        finished(four, Some(&self.bias), activation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::fixtures::{assert_close, numbers, values};
    use candle_core::DType;

    #[test]
    fn masks_are_those_of_transposed_convolutions() {
        // More places than are taken at a time, the last part shorter.
        let ([rows, columns], [width, few, fewer]) = ([18, 17], [16, 4, 2]);
        let picture = numbers(&[2, rows * columns, width], 0.71);
        let weights = numbers(&[2, 3, fewer], 1.3);
        let kernels = [numbers(&[width, few, 2, 2], 0.37), numbers(&[few, fewer, 2, 2], 0.93)];
        let biases = [numbers(&[few], 2.1), numbers(&[fewer], 1.7)];
        let (scale, shift) = (numbers(&[few], 0.5), numbers(&[few], 0.9));

        let doubled = |x: &Tensor, at: usize| {
            let bias = biases[at].reshape((1, (), 1, 1)).unwrap();
            let x = x.conv_transpose2d(&kernels[at], 0, 0, 2, 1).unwrap();
            x.broadcast_add(&bias).unwrap()
        };
        let norm = LayerNorm::new(scale.clone(), shift.clone(), CHANNEL_EPSILON);
        let first = picture.transpose(1, 2).unwrap().contiguous().unwrap();
        let x = doubled(&first.reshape((2, width, rows, columns)).unwrap(), 0);
        let x = norm.forward(&x.permute((0, 2, 3, 1)).unwrap()).unwrap();
        let x = x.permute((0, 3, 1, 2)).unwrap().contiguous().unwrap().gelu_erf().unwrap();
        let x = doubled(&x, 1).gelu_erf().unwrap().flatten_from(2).unwrap();
        let expected = values(&weights.matmul(&x).unwrap());

        let upscale = |like: &dyn Fn(&Tensor) -> Tensor| {
            let [first, second] =
                [0, 1].map(|at| Doubled::new(&like(&kernels[at]), like(&biases[at])).unwrap());
            let norm = LayerNorm::new(like(&scale), like(&shift), CHANNEL_EPSILON);
            let upscale = Upscale { first, norm, second };
            upscale.forward(&like(&picture), &like(&weights), [rows, columns]).unwrap()
        };
        let found = upscale(&Tensor::clone);
        assert_eq!(found.dims(), [2, 3, 4 * rows, 4 * columns]);
        assert_close(&values(&found), &expected);
        // In 64 bits it goes candle's way, as on a GPU.
        let elsewhere = upscale(&|x: &Tensor| x.to_dtype(DType::F64).unwrap());
        assert_close(&values(&elsewhere.to_dtype(DType::F32).unwrap()), &expected);
    }
}
