//! The operations of the network by candle's own, which run on every device and have gradients there;
//! a CPU takes those of [`super::ops`], which are quicker.

use candle_core::{D, Result, Tensor};

/// `x / sqrt(mean(x²) + epsilon)` over the last dimension.
pub fn unit_norm(x: &Tensor, epsilon: f32) -> Result<Tensor> {
    let mean = x.sqr()?.mean_keepdim(D::Minus1)?;
    x.broadcast_div(&(mean + f64::from(epsilon))?.sqrt()?)
}

/// `max(0, x + bias)` over the last dimension.
pub fn bias_relu(x: &Tensor, bias: &Tensor) -> Result<Tensor> {
    x.broadcast_add(bias)?.relu()
}

/// `x + bias` over the last dimension.
pub fn bias(x: &Tensor, bias: &Tensor) -> Result<Tensor> {
    x.broadcast_add(bias)
}

/// Each cell of a grid with its eight neighbours: `(batch, grid_rows · columns, 9 · width)` of
/// `(batch, grid_rows · columns, width)`; zeros beyond the edge.
pub fn neighbourhoods(cell: &Tensor, grid_rows: usize, columns: usize) -> Result<Tensor> {
    let (batch, cells, width) = cell.dims3()?;
    let grid = cell.reshape((batch, grid_rows, columns, width))?;
    let grid = grid.pad_with_zeros(1, 1, 1)?.pad_with_zeros(2, 1, 1)?;
    let shifted: Vec<Tensor> = (0..9)
        .map(|at| grid.narrow(1, at / 3, grid_rows)?.narrow(2, at % 3, columns))
        .collect::<Result<_>>()?;
    Tensor::cat(&shifted, 3)?.reshape((batch, cells, 9 * width))
}

#[cfg(test)]
mod tests {
    use super::super::ops;
    use super::*;
    use crate::vision::fixtures::{assert_close, values};
    use candle_core::{Device, Var};

    fn var(shape: &[usize]) -> Var {
        let count = shape.iter().product::<usize>();
        let numbers: Vec<f32> = (0..count).map(|i| (i as f32 * 1.7 + 0.3).sin() * 2.0).collect();
        Var::from_vec(numbers, shape, &Device::Cpu).unwrap()
    }

    /// The result and the gradients of `vars` are, to 1e-4, those of the operations for a CPU.
    #[track_caller]
    fn same(vars: &[&Var], ours: Result<Tensor>, theirs: Result<Tensor>) {
        let all = |result: Result<Tensor>| {
            let result = result.unwrap();
            // Each number pulls in a direction of its own.
            let pull = (0..result.elem_count()).map(|i| (i as f32 * 0.9).cos()).collect();
            let pull = Tensor::from_vec::<_, f32>(pull, result.shape(), &Device::Cpu).unwrap();
            let loss = (&result * pull).unwrap().sum_all().unwrap();
            let store = loss.backward().unwrap();
            let gradients = vars.iter().map(|var| values(store.get(var).unwrap()));
            std::iter::once(values(&result)).chain(gradients).collect::<Vec<_>>()
        };
        for (ours, theirs) in all(ours).iter().zip(&all(theirs)) {
            assert_close(ours, theirs);
        }
    }

    #[test]
    fn norms_are_those_of_a_cpu() {
        let (x, weight) = (var(&[2, 3, 19]), var(&[19]));
        same(&[&x], unit_norm(&x, 1e-5), ops::unit_norm(&x, 1e-5));
        let theirs = candle_nn::ops::rms_norm_slow(&x, &weight, 1e-5);
        same(&[&x, &weight], theirs, ops::rms_norm(&x, &weight, 1e-5));
    }

    #[test]
    fn biases_are_those_of_a_cpu() {
        let (x, shift) = (var(&[2, 3, 19]), var(&[19]));
        same(&[&x, &shift], bias(&x, &shift), ops::bias(&x, &shift));
        same(&[&x, &shift], bias_relu(&x, &shift), ops::bias_relu(&x, &shift));
    }

    #[test]
    fn neighbourhoods_are_those_of_a_cpu() {
        let cell = var(&[2, 12, 5]);
        same(&[&cell], neighbourhoods(&cell, 3, 4), ops::neighbourhoods(&cell, 3, 4));
    }
}
