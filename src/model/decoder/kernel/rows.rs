//! x Wᵀ for weights as files have them, one row for each output: every number is the inner product of a row of x and a row of W.
//!
//! Outputs are cut into panels, which threads take one after another. A thread copies a part of its panel to a buffer which stays in its
//! cache, as f32 whatever the weights were, and multiplies it with all rows of x in tiles whose sums stay in registers. A sum is added
//! up in the same order however many rows x has and whoever computes it, so that the numbers of a token do not depend on how many go
//! through together.

use std::cell::RefCell;
use std::ops::Range;

use candle_core::{Result, bail};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::{LANES, Matrix, TASK};

/// The rows of W.
pub(super) trait Rows: Sync {
    /// How many there are, and the numbers of each.
    fn size(&self) -> (usize, usize);

    /// Copies some numbers of a row, from a multiple of DEPTH on.
    fn copy(&self, row: usize, from: usize, into: &mut [f32]);

    /// What becomes of a row of x before it is multiplied.
    fn prepare(&self, _x: &mut [f32]) {}

    /// Where they are f32 side by side in memory: all of them, and how far apart they begin.
    fn plain(&self) -> Option<(&[f32], usize)> {
        None
    }
}

/// Outputs of a panel.
const PANEL: usize = 64;

/// Numbers of each row which are handled together: for a tile they fit the first cache, for a panel the second.
const DEPTH: usize = 1280;

/// Rows of W in a tile.
const TILE: usize = 4;

thread_local! {
    /// A part of a panel.
    static BUFFER: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// Adds x Wᵀ to `out`, whose rows follow each other.
pub(super) fn add_product(x: Matrix, weights: &impl Rows, out: &mut [f32]) -> Result<()> {
    let (outputs, inputs) = weights.size();
    if x.columns != inputs || out.len() != x.rows * outputs {
        bail!("a product of {} × {} with {outputs} rows of {inputs}", x.rows, x.columns);
    }
    if out.is_empty() || inputs == 0 {
        return Ok(());
    }
    let stride = inputs.next_multiple_of(LANES);
    let mut buffer = Vec::new();
    let padded = aligned(&mut buffer, x.rows * stride);
    let rows: Vec<_> = x.rows()?.collect();
    padded.par_chunks_exact_mut(stride).zip(rows).with_min_len(TASK.div_ceil(stride)).for_each(|(to, row)| {
        to[..inputs].copy_from_slice(row);
        weights.prepare(&mut to[..inputs]);
    });
    let x = &*padded;
    let arch = Arch::new();
    columns(out, outputs).into_par_iter().enumerate().for_each(|(panel, out)| {
        BUFFER.with_borrow_mut(|buffer| {
            arch.dispatch(Panel { x, stride, weights, first: panel * PANEL, out, buffer });
        });
    });
    Ok(())
}

/// The columns of every panel in each row of a matrix.
fn columns(out: &mut [f32], width: usize) -> Vec<Vec<&mut [f32]>> {
    let rows = out.len() / width;
    let mut panels: Vec<_> = (0..width.div_ceil(PANEL)).map(|_| Vec::with_capacity(rows)).collect();
    for row in out.chunks_exact_mut(width) {
        for (panel, part) in panels.iter_mut().zip(row.chunks_mut(PANEL)) {
            panel.push(part);
        }
    }
    panels
}

/// Room for numbers which begins with a line of the cache: vectors that lie across two of them cost twice as much.
fn aligned(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    let needed = length + LANES;
    if buffer.len() < needed {
        buffer.resize(needed, 0.0);
    }
    let start = buffer.as_ptr().align_offset(LANES * size_of::<f32>()).min(LANES);
    &mut buffer[start..][..length]
}

/// Some outputs of all rows of x.
struct Panel<'a, 'b, R> {
    /// Rows padded with zeros, `stride` apart.
    x: &'a [f32],
    stride: usize,
    weights: &'a R,
    /// Its first row of W.
    first: usize,
    out: Vec<&'b mut [f32]>,
    buffer: &'a mut Vec<f32>,
}

impl<R: Rows> WithSimd for Panel<'_, '_, R> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let inputs = self.weights.size().1;
        let outputs = self.out[0].len();
        // As many sums as registers hold beside what is multiplied.
        let tallest = if S::REGISTER_COUNT < 32 { 3 } else { 6 };
        let once = self.out.len() <= tallest;
        for from in (0..inputs).step_by(DEPTH) {
            let depth = DEPTH.min(inputs - from);
            let padded = depth.next_multiple_of(LANES);
            let mut strips = |first: usize, count: usize, w: &[f32], w_stride: usize| {
                for (strip, out) in self.out.chunks_mut(tallest).enumerate() {
                    let x = &self.x[strip * tallest * self.stride + from..];
                    let strip = Strip {
                        x,
                        stride: self.stride,
                        w,
                        w_stride,
                        depth: padded,
                        out,
                        outputs: first..first + count,
                    };
                    match strip.out.len() {
                        1 => strip.add::<S, 1>(simd),
                        2 => strip.add::<S, 2>(simd),
                        3 => strip.add::<S, 3>(simd),
                        4 => strip.add::<S, 4>(simd),
                        5 => strip.add::<S, 5>(simd),
                        _ => strip.add::<S, 6>(simd),
                    }
                }
            };
            // Weights which are used once are best read where they are, or unpacked a tile at a time into the first cache.
            match self.weights.plain() {
                Some((w, w_stride)) if once && depth == padded => {
                    strips(0, outputs, &w[self.first * w_stride + from..], w_stride);
                    continue;
                }
                _ => {}
            }
            let together = if once { TILE } else { outputs };
            for first in (0..outputs).step_by(together) {
                let count = together.min(outputs - first);
                let w = aligned(self.buffer, count * padded);
                for (i, row) in w.chunks_exact_mut(padded).enumerate() {
                    let (row, padding) = row.split_at_mut(depth);
                    self.weights.copy(self.first + first + i, from, row);
                    padding.fill(0.0);
                }
                strips(first, count, w, padded);
            }
        }
    }
}

/// A tile's height of x with some rows of W, whose products go to the columns `outputs`.
struct Strip<'a, 'b> {
    x: &'a [f32],
    stride: usize,
    w: &'a [f32],
    w_stride: usize,
    depth: usize,
    out: &'a mut [&'b mut [f32]],
    outputs: Range<usize>,
}

impl Strip<'_, '_> {
    #[inline(always)]
    fn add<S: Simd, const M: usize>(self, simd: S) {
        let mut x = [&[][..]; M];
        for (i, row) in x.iter_mut().enumerate() {
            *row = &self.x[i * self.stride..][..self.depth];
        }
        let (first, count) = (self.outputs.start, self.outputs.len());
        let w = |i: usize| &self.w[i * self.w_stride..][..self.depth];
        let tiled = count / TILE * TILE;
        for i in (0..tiled).step_by(TILE) {
            let sums = simd.vectorize(Tile { x, w: [w(i), w(i + 1), w(i + 2), w(i + 3)] });
            for (out, sums) in self.out.iter_mut().zip(&sums) {
                out[first + i..][..TILE].iter_mut().zip(sums).for_each(|(out, sum)| *out += sum);
            }
        }
        for i in tiled..count {
            let sums = simd.vectorize(Tile { x, w: [w(i)] });
            self.out.iter_mut().zip(&sums).for_each(|(out, [sum])| out[first + i] += sum);
        }
    }
}

/// Inner products of rows of x with rows of W, all of one length, a multiple of LANES.
struct Tile<'a, const M: usize, const N: usize> {
    x: [&'a [f32]; M],
    w: [&'a [f32]; N],
}

impl<const M: usize, const N: usize> WithSimd for Tile<'_, M, N> {
    type Output = [[f32; N]; M];

    // Indices, since they let the compiler keep every sum in a register.
    #[expect(clippy::needless_range_loop)]
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> [[f32; N]; M] {
        let zero = simd.splat_f32s(0.0);
        let length = self.x[0].len() / S::F32_LANES;
        let (mut x, mut w) = ([&[][..]; M], [&[][..]; N]);
        for i in 0..M {
            x[i] = &S::as_simd_f32s(self.x[i]).0[..length];
        }
        for j in 0..N {
            w[j] = &S::as_simd_f32s(self.w[j]).0[..length];
        }
        let mut sums = [[zero; N]; M];
        for at in 0..length {
            let mut factors = [zero; N];
            for j in 0..N {
                factors[j] = w[j][at];
            }
            for i in 0..M {
                let x = x[i][at];
                for j in 0..N {
                    sums[i][j] = simd.mul_add_e_f32s(x, factors[j], sums[i][j]);
                }
            }
        }
        let mut out = [[0.0; N]; M];
        for i in 0..M {
            for j in 0..N {
                out[i][j] = simd.reduce_sum_f32s(sums[i][j]);
            }
        }
        out
    }
}
