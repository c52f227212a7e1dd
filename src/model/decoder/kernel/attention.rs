//! Causal attention, a few rows at a time: keys behind the last of them are never touched, so there is no mask.

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, bail};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::product::{Onto, multiply};
use super::{LANES, Matrix, exp, tanh, tensor};

/// Attention of the last t of n positions, each to itself and all before it: queries [t, heads × head_dim], keys and values
/// [n, kv_heads × head_dim]. Gives [t, heads × head_dim].
pub(in crate::model) struct CausalAttention {
    pub heads: usize,
    /// A divisor of `heads`.
    pub kv_heads: usize,
    pub head_dim: usize,
    /// Factor of the scores before the softmax.
    pub scale: f32,
    /// How many positions a token sees, its own among them; none for all.
    pub window: Option<usize>,
    /// Scaled scores s become c tanh(s / c).
    pub cap: Option<f32>,
}

/// Queries handled together: enough for fast products, few enough that little is computed in vain above the diagonal.
const ROWS: usize = 64;

impl CustomOp3 for CausalAttention {
    fn name(&self) -> &'static str {
        "causal-attention"
    }

    fn cpu_fwd(
        &self,
        q: &CpuStorage,
        lq: &Layout,
        k: &CpuStorage,
        lk: &Layout,
        v: &CpuStorage,
        lv: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (q, k, v) = (Matrix::new(q, lq)?, Matrix::new(k, lk)?, Matrix::new(v, lv)?);
        let (width, kv_width) = (self.heads * self.head_dim, self.kv_heads * self.head_dim);
        if [q.columns, k.columns, v.columns] != [width, kv_width, kv_width] || k.rows != v.rows || k.rows < q.rows {
            bail!("attention of {} × {} to {} × {}", q.rows, q.columns, k.rows, k.columns);
        }
        let mut heads = vec![0f32; q.rows * width];
        heads.par_chunks_mut((q.rows * self.head_dim).max(1)).enumerate().try_for_each(|(head, out)| {
            let kv_head = head / (self.heads / self.kv_heads);
            let of = |head: usize| head * self.head_dim;
            let q = q.part(0, q.rows, of(head), self.head_dim);
            let k = k.part(0, k.rows, of(kv_head), self.head_dim);
            let v = v.part(0, v.rows, of(kv_head), self.head_dim);
            self.attend(q, k, v, out)
        })?;
        let mut out = Vec::with_capacity(heads.len());
        for row in 0..q.rows {
            for head in 0..self.heads {
                out.extend_from_slice(&heads[(head * q.rows + row) * self.head_dim..][..self.head_dim]);
            }
        }
        tensor(out, q.rows, width)
    }
}

impl CausalAttention {
    /// One head: q [t, head_dim], k and v [n, head_dim], out [t, head_dim].
    fn attend(&self, q: Matrix, k: Matrix, v: Matrix, out: &mut [f32]) -> Result<()> {
        let (past, dim) = (k.rows - q.rows, q.columns);
        let window = self.window.unwrap_or(k.rows).max(1);
        let mut scores = Vec::new();
        for first in (0..q.rows).step_by(ROWS) {
            let rows = ROWS.min(q.rows - first);
            // Keys from the first which the first of these queries sees to the last which the last sees.
            let start = (past + first + 1).saturating_sub(window);
            let seen = past + first + rows - start;
            let stride = seen.next_multiple_of(LANES);
            scores.resize(scores.len().max(rows * stride), 0.0);
            let scores = &mut scores[..rows * stride];
            multiply(
                q.part(first, rows, 0, dim),
                k.part(start, seen, 0, dim).transposed(),
                scores,
                stride,
                Onto::Nothing,
            )?;
            if let Some(cap) = self.cap {
                Arch::new().dispatch(Cap { scores, factor: self.scale / cap, cap: cap / self.scale });
            }
            let last = past + first - start;
            Arch::new().dispatch(Softmax { scores, stride, first: last, window, scale: self.scale });
            let weights = Matrix { data: scores, rows, columns: seen, row_stride: stride, column_stride: 1 };
            multiply(weights, v.part(start, seen, 0, dim), &mut out[first * dim..][..rows * dim], dim, Onto::Nothing)?;
        }
        Ok(())
    }
}

/// Every score s becomes `cap` tanh(`factor` s).
struct Cap<'a> {
    scores: &'a mut [f32],
    factor: f32,
    cap: f32,
}

impl WithSimd for Cap<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.scores.iter_mut().for_each(|x| *x = self.cap * tanh(self.factor * *x));
    }
}

/// Rows of scores, `stride` apart and a multiple of LANES, become weights: row i sees the last `window` positions up to `first + i`, the
/// rest get 0.
struct Softmax<'a> {
    scores: &'a mut [f32],
    stride: usize,
    first: usize,
    window: usize,
    scale: f32,
}

impl WithSimd for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (i, row) in self.scores.chunks_exact_mut(self.stride).enumerate() {
            let seen = self.first + i + 1;
            let hidden = seen.saturating_sub(self.window);
            row[..hidden].fill(f32::NEG_INFINITY);
            softmax(row, seen, self.scale);
            row[..hidden].fill(0.0);
        }
    }
}

/// Weights as small as this beside the highest are 0. Multiplied further they would be no normal numbers, with which a processor takes
/// a hundred times as long.
const NOTHING: f32 = 1e-30;

#[inline(always)]
fn softmax(row: &mut [f32], seen: usize, scale: f32) {
    let (used, rest) = row.split_at_mut(seen.next_multiple_of(LANES));
    used[seen..].fill(f32::NEG_INFINITY);
    let mut most = [f32::NEG_INFINITY; LANES];
    for lanes in used.as_chunks::<LANES>().0 {
        for (most, x) in most.iter_mut().zip(lanes) {
            *most = if x > most { *x } else { *most };
        }
    }
    let most = most.into_iter().fold(f32::NEG_INFINITY, f32::max);
    let mut sums = [0f32; LANES];
    for lanes in used.as_chunks_mut::<LANES>().0 {
        for (sum, x) in sums.iter_mut().zip(lanes) {
            let power = exp((*x - most) * scale);
            *x = if power > NOTHING { power } else { 0.0 };
            *sum += *x;
        }
    }
    let factor = 1.0 / sums.iter().sum::<f32>();
    used.iter_mut().for_each(|x| *x *= factor);
    rest.fill(0.0);
}

#[cfg(test)]
mod tests {
    use candle_core::{D, DType, Device, Tensor};
    use candle_nn::ops::softmax_last_dim;
    use candle_transformers::utils::{build_additive_causal_mask, repeat_kv};

    use super::super::tests::assert_close;
    use super::*;

    #[track_caller]
    fn check(t: usize, n: usize, heads: usize, kv_heads: usize, dim: usize) {
        check_with(t, n, (heads, kv_heads, dim), None, None);
    }

    #[track_caller]
    fn check_with(
        t: usize,
        n: usize,
        (heads, kv_heads, dim): (usize, usize, usize),
        window: Option<usize>,
        cap: Option<f32>,
    ) {
        let normal = |rows, width| Tensor::randn(0f32, 2f32, (rows, width), &Device::Cpu).unwrap();
        // Queries as they come: a part of a wider matrix.
        let q = normal(t, heads * dim + 6).narrow(1, 4, heads * dim).unwrap();
        let (k, v) = (normal(n, kv_heads * dim), normal(n, kv_heads * dim));
        let scale = 1.0 / (dim as f32).sqrt();
        let attention = CausalAttention { heads, kv_heads, head_dim: dim, scale, window, cap };
        let ours = q.apply_op3_no_bwd(&k, &v, &attention).unwrap();

        let split = |x: &Tensor, heads| {
            let x = x.contiguous().unwrap().reshape((1, x.dim(0).unwrap(), heads, dim)).unwrap();
            repeat_kv(x.transpose(1, 2).unwrap().contiguous().unwrap(), attention.heads / heads).unwrap()
        };
        let (q, k, v) = (split(&q, heads), split(&k, kv_heads), split(&v, kv_heads));
        let scores = (q.matmul(&k.transpose(D::Minus1, D::Minus2).unwrap()).unwrap() * f64::from(scale)).unwrap();
        let scores = match cap {
            Some(cap) => ((scores / f64::from(cap)).unwrap().tanh().unwrap() * f64::from(cap)).unwrap(),
            None => scores,
        };
        let mask = build_additive_causal_mask(t, n - t, window.map(|w| w - 1), &Device::Cpu, DType::F32).unwrap();
        let weights = softmax_last_dim(&scores.broadcast_add(&mask).unwrap()).unwrap();
        let right = weights.matmul(&v).unwrap().transpose(1, 2).unwrap().reshape((t, heads * dim)).unwrap();
        assert_close(&ours, &right, 1e-5);
    }

    #[test]
    fn one_token() {
        check(1, 1, 1, 1, 2);
    }

    #[test]
    fn groups_of_queries() {
        check(7, 7, 4, 2, 5);
        check(33, 70, 6, 2, 8);
    }

    #[test]
    fn one_query_and_many_keys() {
        check(1, 150, 6, 3, 8);
    }

    #[test]
    fn more_queries_than_are_handled_together() {
        check(64, 64, 2, 2, 4);
        check(65, 65, 2, 1, 3);
        check(140, 333, 3, 1, 16);
    }

    #[test]
    fn windows_hide_what_is_far() {
        for window in [1, 3, 64, 70, 500] {
            check_with(140, 150, (2, 1, 8), Some(window), None);
            check_with(1, 150, (2, 1, 8), Some(window), None);
        }
    }

    #[test]
    fn scores_are_capped() {
        check_with(70, 90, (2, 2, 8), None, Some(1.5));
        check_with(5, 9, (2, 1, 4), Some(3), Some(50.0));
    }
}
