//! What queries find of values by their keys: the heart of all attention here.
//!
//! The scores of all queries and keys at once would fill the memory of a CPU, and the time to map and clear it. So
//! there some heads, or some rows of one, are done at a time, in the cache, and threads take them side by side.

use candle_core::{CpuStorage, InplaceOp1, Layout, Result, Storage, Tensor, bail};
use pulp::{Arch, NullaryFnOnce};
use rayon::prelude::*;

use crate::numeric::rows::{is_plain, rows, rows_mut};
use crate::numeric::softmax::{SoftmaxRow, softmax};

/// Bytes of scores that a thread makes at a time.
const SCORE_BYTES_AT_A_TIME: usize = 1 << 20;

/// What is added to scores before the softmax.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Added<'a> {
    /// Tables by head.
    pub tables: [Option<Table<'a>>; 2],
    /// By how far a key's place is from the query's, down and across: `(heads, queries, rows)` and
    /// `(heads, queries, columns)`, where keys stand row by row.
    pub distances: Option<[&'a Tensor; 2]>,
}

/// Scores to be added: `(tables, queries, keys)`. `every` heads in a row share one, and behind the last
/// the first comes again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table<'a> {
    pub scores: &'a Tensor,
    pub every: usize,
}

impl<'a> Added<'a> {
    /// The same for all heads, where there is something: `(1, queries, keys)`.
    pub fn mask(scores: Option<&'a Tensor>) -> Self {
        let tables = [scores.map(|scores| Table { scores, every: 1 }), None];
        Self { tables, distances: None }
    }
}

/// `softmax(scale · q kᵀ + added) v` of `q` `(heads, queries, width)`, `k` `(heads, keys, width)` and
/// `v` `(heads, keys, width of values)`: `(heads, queries, width of values)`.
pub(super) fn attend(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    scale: f64,
    added: &Added<'_>,
) -> Result<Tensor> {
    let turned = k.transpose(1, 2)?;
    let is_added = added.tables.iter().flatten().map(|table| table.scores);
    let mut all =
        [q, k, v].into_iter().chain(is_added).chain(added.distances.into_iter().flatten());
    if all.all(is_plain) {
        return in_parts(q, &turned, v, scale as f32, added);
    }
    let (heads, queries, keys) = (q.dim(0)?, q.dim(1)?, k.dim(1)?);
    let mut scores = (q.matmul(&turned)? * scale)?;
    for Table { scores: table, every } in added.tables.into_iter().flatten() {
        let tables = table.dim(0)?;
        let turns = heads / (tables * every).max(1);
        let table = table.reshape((1, tables, 1, queries, keys))?;
        let by_table = scores.reshape((turns, tables, every, queries, keys))?;
        scores = by_table.broadcast_add(&table)?.reshape((heads, queries, keys))?;
    }
    if let Some([down, across]) = added.distances {
        let grid = (heads, queries, down.dim(2)?, across.dim(2)?);
        scores = scores.reshape(grid)?.broadcast_add(&down.unsqueeze(3)?)?;
        scores = scores.broadcast_add(&across.unsqueeze(2)?)?.reshape((heads, queries, keys))?;
    }
    softmax(&scores)?.matmul(v)
}

/// First and number of each part of `all`, at most `most` a part.
fn parts(all: usize, most: usize) -> Vec<(usize, usize)> {
    let most = most.max(1);
    (0..all).step_by(most).map(|first| (first, most.min(all - first))).collect()
}

fn in_parts(
    q: &Tensor,
    turned: &Tensor,
    v: &Tensor,
    scale: f32,
    added: &Added<'_>,
) -> Result<Tensor> {
    let (heads, queries, keys) = (q.dim(0)?, q.dim(1)?, v.dim(1)?);
    let tables = added.tables.map(|table| table.map(|Table { scores, every }| (scores, every)));
    let [first, second] = tables.map(|table| table.map(|(scores, _)| scores));
    let [down, across] = match added.distances {
        Some([down, across]) => [Some(down), Some(across)],
        None => [None, None],
    };
    let flat = |scores: Option<&Tensor>| scores.map(Tensor::contiguous).transpose();
    let flat = [flat(first)?, flat(second)?, flat(down)?, flat(across)?];
    let held = flat.each_ref().map(|one| one.as_ref().map(Tensor::storage_and_layout));
    let mut numbers = [[].as_slice(); 4];
    for (numbers, held) in numbers.iter_mut().zip(&held) {
        if let Some((storage, layout)) = held {
            let Storage::Cpu(storage) = &**storage else { bail!("scores are not on the CPU") };
            *numbers = rows(storage, layout)?;
        }
    }
    let [first, second, down, across] = numbers;
    let [first, second] = [(first, tables[0]), (second, tables[1])].map(|(scores, table)| Scores {
        scores,
        every: table.map_or(1, |(_, every)| every).max(1),
        count: scores.len() / (queries * keys).max(1),
    });
    let places = (heads * queries).max(1);
    let [rows, columns] = [down, across].map(|all| all.len() / places);
    let fits = |table: &Scores<'_>| {
        table.scores.len() == table.count * queries * keys
            && heads.is_multiple_of((table.count * table.every).max(1))
    };
    let is_grid = added.distances.is_none() || rows * columns == keys;
    if !(fits(&first) && fits(&second) && is_grid) {
        bail!("what is added does not fit scores of {heads} heads, {queries} queries, {keys} keys");
    }
    let weigh =
        Weigh { scale, queries, tables: [first, second], distances: [down, across], rows, columns };

    let row_bytes = keys * size_of::<f32>();
    // A part for each thread at least, however few the scores are.
    let a_thread = (heads * queries).div_ceil(rayon::current_num_threads());
    let most_rows = (SCORE_BYTES_AT_A_TIME / row_bytes.max(1)).min(a_thread).max(1);
    let of_heads = parts(heads, most_rows / queries.max(1));
    let of_rows = parts(queries, most_rows);
    let part = |&(head, count): &(usize, usize), &(row, length): &(usize, usize)| {
        let q = q.narrow(0, head, count)?.narrow(1, row, length)?;
        let scores = q.matmul(&turned.narrow(0, head, count)?)?;
        scores.inplace_op1(&WeighPart { weigh: &weigh, head, row, length })?;
        scores.matmul(&v.narrow(0, head, count)?)
    };
    let done = of_heads.par_iter().map(|of_heads| {
        let rows = of_rows.par_iter().map(|of_rows| part(of_heads, of_rows));
        joined(rows.collect::<Result<Vec<_>>>()?, 1)
    });
    joined(done.collect::<Result<Vec<_>>>()?, 0)
}

fn joined(mut parts: Vec<Tensor>, dim: usize) -> Result<Tensor> {
    match parts.len() {
        1 => Ok(parts.remove(0)),
        _ => Tensor::cat(&parts, dim),
    }
}

/// A [`Table`] as it lies in memory; empty where there is none.
#[derive(Debug, Clone, Copy)]
struct Scores<'a> {
    scores: &'a [f32],
    every: usize,
    count: usize,
}

/// How products of queries and keys become what each key counts.
struct Weigh<'a> {
    scale: f32,
    queries: usize,
    tables: [Scores<'a>; 2],
    /// Down and across; empty where distances do not count.
    distances: [&'a [f32]; 2],
    /// Of the grid that keys stand in.
    rows: usize,
    columns: usize,
}

/// The same for some heads, and some rows of each.
struct WeighPart<'a> {
    weigh: &'a Weigh<'a>,
    /// The first head.
    head: usize,
    /// The first row of each.
    row: usize,
    /// How many rows of each.
    length: usize,
}

impl InplaceOp1 for WeighPart<'_> {
    fn name(&self) -> &'static str {
        "weigh"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let Self { weigh: Weigh { scale, queries, tables, distances, rows, columns }, .. } = self;
        let keys = layout.dims().last().copied().unwrap_or_default().max(1);
        for (at, scores) in rows_mut(storage, layout)?.chunks_exact_mut(keys).enumerate() {
            let (head, row) = (self.head + at / self.length, self.row + at % self.length);
            let added = tables.map(|Scores { scores, every, count }| {
                let first = (head / every % count.max(1) * queries + row) * keys;
                scores.get(first..first + keys).unwrap_or_default()
            });
            let place = head * queries + row;
            let [down, across] = *distances;
            let down = &down[place * rows..(place + 1) * rows];
            let across = &across[place * columns..(place + 1) * columns];
            Arch::new().dispatch(WeighRow { scores, scale: *scale, added, down, across });
        }
        Ok(())
    }
}

/// One row of scores. No closure: those are not inlined where wide vectors are allowed.
struct WeighRow<'a> {
    scores: &'a mut [f32],
    scale: f32,
    /// As long as the row, or empty.
    added: [&'a [f32]; 2],
    /// The row is as long as their product, or they are empty.
    down: &'a [f32],
    across: &'a [f32],
}

impl NullaryFnOnce for WeighRow<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { scores, scale, added, down, across } = self;
        scores.iter_mut().for_each(|x| *x *= scale);
        for added in added {
            scores.iter_mut().zip(added).for_each(|(x, added)| *x += added);
        }
        for (part, down) in scores.chunks_exact_mut(across.len().max(1)).zip(down) {
            part.iter_mut().zip(across).for_each(|(x, across)| *x += down + across);
        }
        SoftmaxRow(scores).call();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::fixtures::values;
    use candle_core::{D, DType, Device};

    fn numbers(shape: &[usize], step: f32) -> Tensor {
        let count: usize = shape.iter().product();
        let numbers: Vec<f32> = (0..count).map(|at| (at as f32 * step).sin() * 2.0).collect();
        Tensor::from_vec(numbers, shape, &Device::Cpu).unwrap()
    }

    /// In one piece, with all that is added spelled out for every head.
    fn plain(q: &Tensor, k: &Tensor, v: &Tensor, added: Option<&Tensor>) -> Tensor {
        let mut scores = (q.matmul(&k.t().unwrap()).unwrap() * 0.3).unwrap();
        if let Some(added) = added {
            scores = scores.broadcast_add(added).unwrap();
        }
        candle_nn::ops::softmax(&scores, D::Minus1).unwrap().matmul(v).unwrap()
    }

    /// Ours as a CPU does it, and as other devices do: in 64 bits it goes candle's way.
    #[track_caller]
    fn close(q: &Tensor, k: &Tensor, v: &Tensor, added: &Added<'_>, expected: &Tensor) {
        let found = attend(q, k, v, 0.3, added).unwrap();
        let wide = |x: &Tensor| x.to_dtype(DType::F64).unwrap();
        let tables = added.tables.map(|table| table.map(|table| (wide(table.scores), table.every)));
        let tables = tables
            .each_ref()
            .map(|table| table.as_ref().map(|(scores, every)| Table { scores, every: *every }));
        let distances = added.distances.map(|both| both.map(wide));
        let distances = distances.as_ref().map(|[down, across]| [down, across]);
        let elsewhere =
            attend(&wide(q), &wide(k), &wide(v), 0.3, &Added { tables, distances }).unwrap();
        for found in [found, elsewhere.to_dtype(DType::F32).unwrap()] {
            assert_eq!(found.dims(), expected.dims());
            for (found, expected) in values(&found).iter().zip(values(expected)) {
                assert!((found - expected).abs() < 1e-5, "{found}, not {expected}");
            }
        }
    }

    #[test]
    fn attention_in_parts_is_that_in_one_piece() {
        // Several heads at a time; one head in parts of rows, the last of them shorter; more keys
        // than queries.
        for (heads, queries, keys) in [(9, 200, 200), (2, 700, 700), (4, 3, 900), (1, 1, 1)] {
            let [q, k] =
                [(queries, 0.7), (keys, 1.3)].map(|(n, step)| numbers(&[heads, n, 8], step));
            let v = numbers(&[heads, keys, 5], 2.9);
            close(&q, &k, &v, &Added::default(), &plain(&q, &k, &v, None));
            let mask = numbers(&[1, queries, keys], 0.01);
            close(&q, &k, &v, &Added::mask(Some(&mask)), &plain(&q, &k, &v, Some(&mask)));
        }
    }

    #[test]
    fn every_head_gets_its_own_tables_and_distances() {
        let (windows, heads, rows, columns) = (3, 4, 6, 5);
        let (all, places) = (windows * heads, rows * columns);
        let [q, k, v] = [0.7, 1.3, 2.9].map(|step| numbers(&[all, places, 8], step));
        let by_head = numbers(&[heads, places, places], 0.11);
        let by_window = numbers(&[windows, places, places], 0.23);
        let (down, across) =
            (numbers(&[all, places, rows], 0.31), numbers(&[all, places, columns], 0.37));
        let spelled: Vec<Tensor> = (0..all)
            .map(|head| {
                let grid = (places, rows, columns);
                let down =
                    down.get(head).unwrap().unsqueeze(2).unwrap().broadcast_as(grid).unwrap();
                let across = across.get(head).unwrap().unsqueeze(1).unwrap();
                let apart = down.broadcast_add(&across).unwrap().reshape((places, places)).unwrap();
                let table =
                    by_head.get(head % heads).unwrap() + by_window.get(head / heads).unwrap();
                (apart + table.unwrap()).unwrap()
            })
            .collect();
        let spelled = Tensor::stack(&spelled, 0).unwrap();
        let added = Added {
            tables: [
                Some(Table { scores: &by_head, every: 1 }),
                Some(Table { scores: &by_window, every: heads }),
            ],
            distances: Some([&down, &across]),
        };
        close(&q, &k, &v, &added, &plain(&q, &k, &v, Some(&spelled)));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let [q, k, v] = [0.7, 1.3, 2.9].map(|step| numbers(&[4, 6, 8], step));
        for shape in [[1, 5, 6], [3, 6, 6]] {
            let mask = numbers(&shape, 0.1);
            assert!(attend(&q, &k, &v, 1.0, &Added::mask(Some(&mask))).is_err(), "{shape:?}");
        }
        let (down, across) = (numbers(&[4, 6, 2], 0.1), numbers(&[4, 6, 2], 0.1));
        let added = Added { distances: Some([&down, &across]), ..Added::default() };
        assert!(attend(&q, &k, &v, 1.0, &added).unwrap_err().to_string().contains("4 heads"));
    }
}
