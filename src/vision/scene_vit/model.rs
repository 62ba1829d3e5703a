//! The network: cells to tokens, tokens among each other, and back to cells.
//!
//! One forward pass serves training and use. A cell knows its pixels and its eight neighbours (a
//! convolution before the transformer, Xiao et al., NeurIPS 2021); 2×2 cells make a token; what the
//! tokens find out about the whole picture is added to what the cells know of themselves, and cells look
//! at their neighbours again with it.

use std::collections::BTreeMap;

use candle_core::{D, Device, Result, Tensor};

use super::config::SceneVitShape;
use super::input::{CELLS, COLUMNS, CellWindow, INPUTS, MERGED, ROWS};
use super::ops::{bias, bias_relu, neighbourhoods, rms_norm, unit_norm};
use crate::numeric::softmax::softmax;

/// Added to mean squares before their root is taken.
const NORM_EPSILON: f32 = 1e-6;

/// A network and its weights.
#[derive(Debug, Clone)]
pub struct SceneVitNet {
    shape: SceneVitShape,
    weights: BTreeMap<String, Tensor>,
    /// `(rows, columns, width)` of all tokens of a picture.
    positions: Tensor,
}

impl SceneVitNet {
    /// A network of these weights, which may be variables in training. Their names and shapes are
    /// those of [`SceneVitShape::weights`]; one that is missing is named when it is needed.
    pub fn new(
        shape: SceneVitShape,
        weights: BTreeMap<String, Tensor>,
        device: &Device,
    ) -> Result<Self> {
        Ok(Self { shape, weights, positions: positions(shape.width, device)? })
    }

    /// Sizes.
    pub fn shape(&self) -> &SceneVitShape {
        &self.shape
    }

    /// The weights by name.
    pub fn weights(&self) -> &BTreeMap<String, Tensor> {
        &self.weights
    }

    /// Features of length 1, `(batch, cells, features)`, of the numbers of the cells of a window
    /// `(batch, cells, INPUTS)`.
    pub fn forward(&self, inputs: &Tensor, window: CellWindow) -> Result<Tensor> {
        let (_, cells, numbers) = inputs.dims3()?;
        if (cells, numbers) != (window.count(), INPUTS) {
            let wanted = window.count();
            candle_core::bail!("{wanted} cells of {INPUTS} were said, {cells} of {numbers} found");
        }
        let cell = self.linear(&self.relu(inputs, "embed.0")?, "embed.1")?;
        let cell = self.near(cell, "near", window)?;
        let token = self.linear(&merge(&cell, window)?, "merge")?;
        let positions = self.positions(window)?.to_dtype(token.dtype())?;
        let mut token = token.broadcast_add(&positions)?;
        for layer in 0..self.shape.layers {
            token = self.block(&token, layer)?;
        }
        let told = self.linear(&self.norm(&token, "split.norm")?, "split")?;
        let mut cell = (cell + split(&told, window)?)?;
        for layer in 0..self.shape.refine {
            cell = self.near(cell, &format!("refine.{layer}"), window)?;
        }
        let cell = self.norm(&cell, "head.norm")?;
        let feature = self.linear(&self.relu(&cell, "head.0")?, "head.1")?;
        unit_norm(&feature, NORM_EPSILON)? / (self.shape.features as f64).sqrt()
    }

    /// Tells each cell of its neighbours.
    fn near(&self, cell: Tensor, name: &str, window: CellWindow) -> Result<Tensor> {
        let normed = self.norm(&cell, &format!("{name}.norm"))?;
        let near = neighbourhoods(&normed, window.rows, window.columns)?;
        cell + self.linear(&self.relu(&near, &format!("{name}.0"))?, &format!("{name}.1"))?
    }

    /// `(1, tokens, width)`.
    fn positions(&self, window: CellWindow) -> Result<Tensor> {
        let (rows, columns) = (window.rows / 2, window.columns / 2);
        let part = self.positions.narrow(0, window.top / 2, rows)?;
        part.narrow(1, window.left / 2, columns)?.reshape((1, rows * columns, self.shape.width))
    }

    fn weight(&self, name: &str) -> Result<&Tensor> {
        self.weights
            .get(name)
            .ok_or_else(|| candle_core::Error::Msg(format!("scene_vit: no tensor `{name}`")))
    }

    fn linear(&self, x: &Tensor, name: &str) -> Result<Tensor> {
        bias(&self.map(x, name)?, self.weight(&format!("{name}.bias"))?)
    }

    /// A linear map, then ReLU.
    fn relu(&self, x: &Tensor, name: &str) -> Result<Tensor> {
        bias_relu(&self.map(x, name)?, self.weight(&format!("{name}.bias"))?)
    }

    fn map(&self, x: &Tensor, name: &str) -> Result<Tensor> {
        let weight = self.weight(&format!("{name}.weight"))?;
        let (batch, tokens, width) = x.dims3()?;
        let y = x.reshape((batch * tokens, width))?.matmul(&weight.t()?)?;
        y.reshape((batch, tokens, ()))
    }

    fn norm(&self, x: &Tensor, name: &str) -> Result<Tensor> {
        rms_norm(x, self.weight(&format!("{name}.weight"))?, NORM_EPSILON)
    }

    fn block(&self, x: &Tensor, layer: usize) -> Result<Tensor> {
        let name = |part: &str| format!("blocks.{layer}.{part}");
        let (batch, tokens, width) = x.dims3()?;
        let (heads, head) = (self.shape.heads, width / self.shape.heads);
        let qkv = self.linear(&self.norm(x, &name("norm1"))?, &name("qkv"))?;
        // (3, batch, heads, tokens, head)
        let qkv = qkv.reshape((batch, tokens, 3, heads, head))?.permute((2, 0, 3, 1, 4))?;
        let part = |index: usize| qkv.get(index)?.contiguous();
        let q = (part(0)? * (head as f64).powf(-0.5))?;
        let scores = q.matmul(&part(1)?.transpose(D::Minus2, D::Minus1)?)?;
        let mixed = softmax(&scores)?.matmul(&part(2)?)?;
        let mixed = mixed.transpose(1, 2)?.reshape((batch, tokens, width))?;
        let x = (x + self.linear(&mixed, &name("out"))?)?;
        let up = self.relu(&self.norm(&x, &name("norm2"))?, &name("up"))?;
        x + self.linear(&up, &name("down"))?
    }
}

/// `(batch, tokens, 4 · width)` of `(batch, cells, width)`.
fn merge(cell: &Tensor, window: CellWindow) -> Result<Tensor> {
    let (batch, cells, width) = cell.dims3()?;
    let grid = cell.reshape(&[batch, window.rows / 2, 2, window.columns / 2, 2, width][..])?;
    grid.transpose(2, 3)?.reshape((batch, cells / MERGED, MERGED * width))
}

/// What [`merge`] did, undone.
fn split(token: &Tensor, window: CellWindow) -> Result<Tensor> {
    let (batch, _, merged) = token.dims3()?;
    let width = merged / MERGED;
    let grid = token.reshape(&[batch, window.rows / 2, window.columns / 2, 2, 2, width][..])?;
    grid.transpose(2, 3)?.reshape((batch, window.count(), width))
}

/// Sines and cosines of the row and the column of each token, `(rows, columns, width)`.
fn positions(width: usize, device: &Device) -> Result<Tensor> {
    let waves = width / 4;
    let mut values = Vec::with_capacity(CELLS / MERGED * width);
    for token in 0..CELLS / MERGED {
        for place in [token / (COLUMNS / 2), token % (COLUMNS / 2)] {
            for wave in 0..waves {
                // Wavelengths from 4 to 64 tokens.
                let length = 4.0 * 16f32.powf(wave as f32 / waves as f32);
                let (sin, cos) = (std::f32::consts::TAU * place as f32 / length).sin_cos();
                values.extend([0.2 * sin, 0.2 * cos]);
            }
        }
    }
    Tensor::from_vec(values, (ROWS / 2, COLUMNS / 2, width), device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::fixtures::values;
    use crate::vision::scene_vit::fixtures::TINY;
    use crate::vision::scene_vit::tests::weights;
    use candle_core::{DType, Var};

    /// In 64 bits nothing has an operation of its own: all is done as on a GPU.
    #[test]
    fn by_candles_operations_the_network_gives_and_learns_the_same() {
        let window = CellWindow { top: 4, left: 6, rows: 6, columns: 8 };
        let wave = |width: usize, step: f32| {
            let numbers = (0..window.count() * width).map(|at| (at as f32 * step).sin()).collect();
            Tensor::from_vec::<_, f32>(numbers, (1, window.count(), width), &Device::Cpu).unwrap()
        };
        let (inputs, pull) = (wave(INPUTS, 0.73), wave(TINY.features, 0.37));
        let features_and_gradients = |dtype: DType| {
            let of = |tensor: &Tensor| tensor.to_dtype(dtype).unwrap();
            let plain = |tensor: &Tensor| values(&tensor.to_dtype(DType::F32).unwrap());
            let vars: BTreeMap<String, Var> = weights(&TINY)
                .iter()
                .map(|(name, weight)| (name.clone(), Var::from_tensor(&of(weight)).unwrap()))
                .collect();
            let tensors = vars.iter().map(|(name, var)| (name.clone(), var.as_tensor().clone()));
            let mut net = SceneVitNet::new(TINY, tensors.collect(), &Device::Cpu).unwrap();
            net.positions = of(&net.positions);
            let features = net.forward(&of(&inputs), window).unwrap();
            let loss = (&features * of(&pull)).unwrap().sum_all().unwrap();
            let store = loss.backward().unwrap();
            let gradients = vars.iter().map(|(name, var)| {
                let gradient = store.get(var).unwrap_or_else(|| panic!("no gradient for {name}"));
                (name.clone(), plain(gradient))
            });
            let features = std::iter::once(("features".to_owned(), plain(&features)));
            features.chain(gradients).collect::<Vec<(String, Vec<f32>)>>()
        };
        let (ours, theirs) =
            (features_and_gradients(DType::F32), features_and_gradients(DType::F64));
        for ((name, ours), (_, theirs)) in ours.iter().zip(&theirs) {
            let largest = theirs.iter().fold(0f32, |most, x| most.max(x.abs()));
            assert!(largest > 0.0, "{name}");
            for (a, b) in ours.iter().zip(theirs) {
                assert!((a - b).abs() <= 1e-3 * largest, "{name}: {a}, not {b}");
            }
        }
    }

    #[test]
    fn cells_find_their_neighbours_and_their_way_back() {
        let cell = Tensor::arange(0f32, CELLS as f32, &Device::Cpu).unwrap();
        let cell = cell.reshape((1, CELLS, 1)).unwrap();
        let near = neighbourhoods(&cell, ROWS, COLUMNS)
            .unwrap()
            .squeeze(0)
            .unwrap()
            .to_vec2::<f32>()
            .unwrap();
        let at = 3 * COLUMNS + 5;
        let expected: Vec<f32> =
            (0..9).map(|i| ((2 + i / 3) * COLUMNS + 4 + i % 3) as f32).collect();
        assert_eq!(near[at], expected);
        assert_eq!(near[0][..4], [0.0; 4], "nothing lies beyond the edge");
        let tokens = merge(&cell, CellWindow::WHOLE).unwrap();
        let first = tokens.get(0).unwrap().get(1).unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(first, [2.0, 3.0, COLUMNS as f32 + 2.0, COLUMNS as f32 + 3.0]);
        let back = split(&tokens, CellWindow::WHOLE).unwrap();
        let apart = (back - cell).unwrap().abs().unwrap().sum_all().unwrap();
        assert_eq!(apart.to_scalar::<f32>().unwrap(), 0.0);
    }
}
