//! A grid of patches cut into square windows, and put together again.

use candle_core::{D, Tensor};

type Computed = Result<Tensor, candle_core::Error>;

/// `(1, rows, columns, width)` cut into windows `(count, window, window, width)`, with zeros below
/// and right where the last ones are not full.
pub(super) fn cut(x: &Tensor, window: usize) -> Computed {
    let x = filled(x, window)?;
    let (_, rows, columns, width) = x.dims4()?;
    let (down, across) = (rows / window, columns / window);
    x.reshape((down, window, across, window, width))?.transpose(1, 2)?.reshape((
        down * across,
        window,
        window,
        width,
    ))
}

/// The grid with zeros below and right, so that windows are full.
pub(super) fn filled(x: &Tensor, window: usize) -> Computed {
    let (_, rows, columns, _) = x.dims4()?;
    let x = x.pad_with_zeros(1, 0, rows.next_multiple_of(window) - rows)?;
    x.pad_with_zeros(2, 0, columns.next_multiple_of(window) - columns)
}

/// Undoes [`cut`] of a grid of `rows` and `columns`.
pub(super) fn joined(x: &Tensor, window: usize, rows: usize, columns: usize) -> Computed {
    let width = x.dim(D::Minus1)?;
    let (down, across) = (rows.div_ceil(window), columns.div_ceil(window));
    x.reshape((down, across, window, window, width))?
        .transpose(1, 2)?
        .reshape((1, down * window, across * window, width))?
        .narrow(1, 0, rows)?
        .narrow(2, 0, columns)?
        .contiguous()
}
