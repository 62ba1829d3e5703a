//! Operations that are quick forwards and backwards: RMS norm, bias with ReLU, and the neighbourhoods
//! of cells. As the softmax that all encoders share, they go over each row once on a CPU; elsewhere
//! candle's own do the same ([`by_candle`]).

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor};

use super::by_candle;
use crate::numeric::rows::{dot, is_plain, last, rows};

/// `x / sqrt(mean(x²) + epsilon)` over the last dimension, times `weight`.
pub fn rms_norm(x: &Tensor, weight: &Tensor, epsilon: f32) -> Result<Tensor> {
    if is_plain(x) {
        return unit_norm(x, epsilon)?.broadcast_mul(weight);
    }
    candle_nn::ops::rms_norm_slow(x, weight, epsilon)
}

/// `x / sqrt(mean(x²) + epsilon)` over the last dimension.
pub fn unit_norm(x: &Tensor, epsilon: f32) -> Result<Tensor> {
    if is_plain(x) {
        return x.contiguous()?.apply_op1(UnitNorm { epsilon });
    }
    by_candle::unit_norm(x, epsilon)
}

struct UnitNorm {
    /// Added to the mean square.
    epsilon: f32,
}

impl CustomOp1 for UnitNorm {
    fn name(&self) -> &'static str {
        "unit_norm"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let width = last(layout);
        let mut out = rows(storage, layout)?.to_vec();
        for row in out.chunks_exact_mut(width) {
            let scale = 1.0 / (dot(row, row) / width as f32 + self.epsilon).sqrt();
            row.iter_mut().for_each(|x| *x *= scale);
        }
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }

    fn bwd(&self, arg: &Tensor, _result: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let backward = UnitNormBackward { epsilon: self.epsilon };
        arg.contiguous()?.apply_op2_no_bwd(&gradient.contiguous()?, &backward).map(Some)
    }
}

/// From what went in and the gradient of the norm to that of what went in.
struct UnitNormBackward {
    epsilon: f32,
}

impl CustomOp2 for UnitNormBackward {
    fn name(&self) -> &'static str {
        "unit_norm_backward"
    }

    fn cpu_fwd(
        &self,
        arg: &CpuStorage,
        arg_layout: &Layout,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let width = last(arg_layout);
        let x = rows(arg, arg_layout)?;
        let mut out = rows(gradient, gradient_layout)?.to_vec();
        for (g, x) in out.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
            let scale = 1.0 / (dot(x, x) / width as f32 + self.epsilon).sqrt();
            let along = dot(g, x) * scale * scale * scale / width as f32;
            g.iter_mut().zip(x).for_each(|(g, x)| *g = *g * scale - along * x);
        }
        Ok((CpuStorage::F32(out), arg_layout.shape().clone()))
    }
}

/// `max(0, x + bias)` over the last dimension.
pub fn bias_relu(x: &Tensor, bias: &Tensor) -> Result<Tensor> {
    if is_plain(x) && is_plain(bias) {
        return x.contiguous()?.apply_op2(bias, Bias { relu: true });
    }
    by_candle::bias_relu(x, bias)
}

/// `x + bias` over the last dimension.
pub fn bias(x: &Tensor, bias: &Tensor) -> Result<Tensor> {
    if is_plain(x) && is_plain(bias) {
        return x.contiguous()?.apply_op2(bias, Bias { relu: false });
    }
    by_candle::bias(x, bias)
}

struct Bias {
    relu: bool,
}

impl CustomOp2 for Bias {
    fn name(&self) -> &'static str {
        "bias"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let bias = rows(bias, bias_layout)?;
        let x = rows(x, x_layout)?;
        let floor = if self.relu { 0.0 } else { f32::NEG_INFINITY };
        let mut out = Vec::with_capacity(x.len());
        for row in x.chunks_exact(bias.len().max(1)) {
            out.extend(row.iter().zip(bias).map(|(x, b)| (x + b).max(floor)));
        }
        Ok((CpuStorage::F32(out), x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        _x: &Tensor,
        bias: &Tensor,
        result: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let gradient = match self.relu {
            true => result.apply_op2_no_bwd(&gradient.contiguous()?, &Gate)?,
            false => gradient.contiguous()?,
        };
        let of_bias = gradient.apply_op1_no_bwd(&SumRows)?.reshape(bias.shape())?;
        Ok((Some(gradient), Some(of_bias)))
    }
}

/// The second where the first is above 0, else 0.
struct Gate;

impl CustomOp2 for Gate {
    fn name(&self) -> &'static str {
        "gate"
    }

    fn cpu_fwd(
        &self,
        result: &CpuStorage,
        result_layout: &Layout,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (result, gradient) = (rows(result, result_layout)?, rows(gradient, gradient_layout)?);
        let pairs = result.iter().zip(gradient);
        let out = pairs.map(|(y, g)| if *y > 0.0 { *g } else { 0.0 }).collect();
        Ok((CpuStorage::F32(out), result_layout.shape().clone()))
    }
}

/// The sum over all but the last dimension.
struct SumRows;

impl CustomOp1 for SumRows {
    fn name(&self) -> &'static str {
        "sum_rows"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let width = last(layout);
        let mut sum = vec![0.0f32; width];
        for row in rows(storage, layout)?.chunks_exact(width) {
            sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
        }
        Ok((CpuStorage::F32(sum), Shape::from(width)))
    }
}

/// Each cell of a grid with its eight neighbours: `(batch, grid_rows · columns, 9 · width)` of
/// `(batch, grid_rows · columns, width)`; zeros beyond the edge.
pub fn neighbourhoods(cell: &Tensor, grid_rows: usize, columns: usize) -> Result<Tensor> {
    if is_plain(cell) {
        return cell.contiguous()?.apply_op1(Neighbourhoods { rows: grid_rows, columns });
    }
    by_candle::neighbourhoods(cell, grid_rows, columns)
}

#[derive(Clone, Copy)]
struct Neighbourhoods {
    rows: usize,
    columns: usize,
}

impl Neighbourhoods {
    /// Index of the neighbour `at` of cell `cell`, both within one picture; `None` beyond the edge.
    fn neighbour(&self, cell: usize, at: usize) -> Option<usize> {
        let row = (cell / self.columns + at / 3).checked_sub(1)?;
        let column = (cell % self.columns + at % 3).checked_sub(1)?;
        (row < self.rows && column < self.columns).then_some(row * self.columns + column)
    }

    fn cells(&self) -> usize {
        self.rows * self.columns
    }
}

impl CustomOp1 for Neighbourhoods {
    fn name(&self) -> &'static str {
        "neighbourhoods"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (batch, cells, width) = layout.shape().dims3()?;
        let all = rows(storage, layout)?;
        let mut out = Vec::with_capacity(9 * all.len());
        for picture in all.chunks_exact(cells * width) {
            for index in 0..9 * self.cells() {
                match self.neighbour(index / 9, index % 9) {
                    Some(from) => out.extend_from_slice(&picture[from * width..(from + 1) * width]),
                    None => out.resize(out.len() + width, 0.0),
                }
            }
        }
        Ok((CpuStorage::F32(out), Shape::from((batch, cells, 9 * width))))
    }

    fn bwd(&self, _arg: &Tensor, _result: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        gradient.contiguous()?.apply_op1_no_bwd(&Gather(*self)).map(Some)
    }
}

/// The sum of what came to each cell from the neighbourhoods that it is in.
struct Gather(Neighbourhoods);

impl CustomOp1 for Gather {
    fn name(&self) -> &'static str {
        "neighbourhoods_backward"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (batch, cells, nine) = layout.shape().dims3()?;
        let width = nine / 9;
        let mut out = vec![0.0f32; batch * cells * width];
        let all = rows(storage, layout)?;
        for (to, from) in out.chunks_exact_mut(cells * width).zip(all.chunks_exact(cells * nine)) {
            for (index, part) in from.chunks_exact(width).enumerate() {
                if let Some(cell) = self.0.neighbour(index / 9, index % 9) {
                    let to = &mut to[cell * width..(cell + 1) * width];
                    to.iter_mut().zip(part).for_each(|(to, part)| *to += part);
                }
            }
        }
        Ok((CpuStorage::F32(out), Shape::from((batch, cells, width))))
    }
}
