//! The inner loops which candle leaves scalar on a processor: causal attention and the activations of the MLP.
//!
//! Bank building spends most of its time in the exponentials of small models, where candle calls the C library once for each. Here
//! loops are written so that the compiler vectorises them, and `pulp` picks the instruction set at run time. Attention never
//! touches the keys that lie behind a query, so there is no mask.

use candle_core::{CpuStorage, CustomOp1, CustomOp3, Layout, Result, Shape, bail};
use pulp::Arch;
use rayon::prelude::*;

use super::config::Activation;

/// Causal attention of the last t of n positions: queries [t, heads × head_dim], keys and values [n, kv_heads × head_dim], all before
/// and up to their own position. Gives [t, heads × head_dim].
pub(super) struct CausalAttention {
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    /// Factor of the scores before the softmax.
    pub scale: f32,
}

/// A matrix whose rows lie `stride` apart.
#[derive(Clone, Copy)]
struct Rows<'a> {
    data: &'a [f32],
    stride: usize,
    count: usize,
}

impl<'a> Rows<'a> {
    fn new(storage: &'a CpuStorage, layout: &Layout) -> Result<Self> {
        let (CpuStorage::F32(data), [count, width], [stride, 1]) = (storage, layout.dims(), layout.stride()) else {
            bail!("f32 rows are expected, not {:?}", layout);
        };
        let data =
            data.get(layout.start_offset()..).filter(|data| *count == 0 || data.len() >= (count - 1) * stride + width);
        match data {
            Some(data) => Ok(Self { data, stride: *stride, count: *count }),
            None => bail!("the layout {:?} does not fit its storage", layout),
        }
    }

    #[inline(always)]
    fn part(self, row: usize, from: usize, len: usize) -> &'a [f32] {
        &self.data[row * self.stride + from..][..len]
    }
}

impl CustomOp3 for CausalAttention {
    fn name(&self) -> &'static str {
        "causal-attention"
    }

    fn cpu_fwd(
        &self,
        queries: &CpuStorage,
        queries_layout: &Layout,
        keys: &CpuStorage,
        keys_layout: &Layout,
        values: &CpuStorage,
        values_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let queries = Rows::new(queries, queries_layout)?;
        let (keys, values) = (Rows::new(keys, keys_layout)?, Rows::new(values, values_layout)?);
        let (width, kv_width) = (self.heads * self.head_dim, self.kv_heads * self.head_dim);
        let widths = [queries_layout, keys_layout, values_layout].map(|layout| layout.dims()[1]);
        if widths != [width, kv_width, kv_width] || keys.count != values.count || keys.count < queries.count {
            bail!("attention over {widths:?} with {} queries and {} keys", queries.count, keys.count);
        }
        let groups: Vec<Vec<f32>> = (0..self.kv_heads)
            .into_par_iter()
            .map(|kv_head| Arch::new().dispatch(|| self.group(kv_head, queries, keys, values)))
            .collect();
        let group_width = width / self.kv_heads;
        let mut out = Vec::with_capacity(queries.count * width);
        for row in 0..queries.count {
            for group in &groups {
                out.extend_from_slice(&group[row * group_width..][..group_width]);
            }
        }
        Ok((CpuStorage::F32(out), Shape::from((queries.count, width))))
    }
}

impl CausalAttention {
    /// The heads which share one head of keys and values: [t, heads of the group × head_dim].
    #[inline(always)]
    fn group(&self, kv_head: usize, queries: Rows, keys: Rows, values: Rows) -> Vec<f32> {
        let (dim, group) = (self.head_dim, self.heads / self.kv_heads);
        let past = keys.count - queries.count;
        // Positions side by side: then every loop below runs along them, however short a head is.
        let keys = transpose(keys, kv_head * dim, dim);
        let values_at = transpose(values, kv_head * dim, dim);
        let mut scores = vec![0f32; values.count];
        let mut out = vec![0f32; queries.count * group * dim];
        for (index, out) in out.chunks_exact_mut(dim).enumerate() {
            let (row, head) = (index / group, kv_head * group + index % group);
            let scores = &mut scores[..past + row + 1];
            weigh(scores, queries.part(row, head * dim, dim), &keys, values.count);
            let sum = exponentiate(scores, self.scale);
            mix(out, scores, &values_at, values.count, 1.0 / sum);
        }
        out
    }
}

/// Columns `from..from + len` as rows, one after the other.
#[inline(always)]
fn transpose(rows: Rows, from: usize, len: usize) -> Vec<f32> {
    let mut out = vec![0f32; len * rows.count];
    for row in 0..rows.count {
        for (column, x) in rows.part(row, from, len).iter().enumerate() {
            out[column * rows.count + row] = *x;
        }
    }
    out
}

/// scores[j] = query · key j, where the keys lie as [dim, stride].
#[inline(always)]
fn weigh(scores: &mut [f32], query: &[f32], keys: &[f32], stride: usize) {
    scores.fill(0.0);
    let n = scores.len();
    let row = |d: usize| &keys[d * stride..][..n];
    let mut d = 0;
    while d + 4 <= query.len() {
        let (q, k) =
            ([query[d], query[d + 1], query[d + 2], query[d + 3]], [row(d), row(d + 1), row(d + 2), row(d + 3)]);
        for j in 0..n {
            scores[j] += (q[0] * k[0][j] + q[1] * k[1][j]) + (q[2] * k[2][j] + q[3] * k[3][j]);
        }
        d += 4;
    }
    for d in d..query.len() {
        for (score, key) in scores.iter_mut().zip(row(d)) {
            *score += query[d] * key;
        }
    }
}

const LANES: usize = 16;

/// scores = exp(scale × (scores − their maximum)); gives their sum.
#[inline(always)]
fn exponentiate(scores: &mut [f32], scale: f32) -> f32 {
    let mut most = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = scores.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            most[lane] = if chunk[lane] > most[lane] { chunk[lane] } else { most[lane] };
        }
    }
    let most = most.iter().chain(rest).fold(f32::NEG_INFINITY, |a, b| a.max(*b));

    let mut sums = [0f32; LANES];
    let (chunks, rest) = scores.as_chunks_mut::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            chunk[lane] = exp((chunk[lane] - most) * scale);
            sums[lane] += chunk[lane];
        }
    }
    let mut sum = sums.iter().sum::<f32>();
    for score in rest {
        *score = exp((*score - most) * scale);
        sum += *score;
    }
    sum
}

/// out[d] = factor × Σ weights[j] × value j[d], where the values lie as [dim, stride].
#[inline(always)]
fn mix(out: &mut [f32], weights: &[f32], values: &[f32], stride: usize, factor: f32) {
    let n = weights.len();
    let (chunks, rest) = weights.as_chunks::<LANES>();
    for (d, out) in out.iter_mut().enumerate() {
        let row = &values[d * stride..][..n];
        let (row_chunks, row_rest) = row.as_chunks::<LANES>();
        let mut sums = [0f32; LANES];
        for (weights, values) in chunks.iter().zip(row_chunks) {
            for lane in 0..LANES {
                sums[lane] += weights[lane] * values[lane];
            }
        }
        let tail: f32 = rest.iter().zip(row_rest).map(|(w, v)| w * v).sum();
        *out = (sums.iter().sum::<f32>() + tail) * factor;
    }
}

/// e^x within 2 units of the last place, between e^-87 and e^88 beyond. After Cephes (S. L. Moshier): x = n ln 2 + r, a polynomial for
/// e^r, and n added to the exponent's bits.
#[inline(always)]
fn exp(x: f32) -> f32 {
    /// 1.5 × 2^23: adding it rounds to a whole number, which then stands in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = x - n * 0.693_359_375 + n * 2.121_944_4e-4;
    let mut p = 1.987_569_2e-4;
    for c in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        p = p * r + c;
    }
    let power = p * r * r + r + 1.0;
    f32::from_bits(power.to_bits().wrapping_add(rounded.to_bits() << 23))
}

/// x / (1 + e^-x)
#[inline(always)]
fn silu(x: f32) -> f32 {
    x / (1.0 + exp(-x))
}

/// x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2, written with one exponential.
#[inline(always)]
fn gelu_tanh(x: f32) -> f32 {
    const TWICE_SQRT_2_OVER_PI: f32 = 1.595_769_1;
    x / (1.0 + exp(-TWICE_SQRT_2_OVER_PI * (x + 0.044_715 * x * x * x)))
}

/// The activation of an MLP. Gated: [t, 2n] holds gates, then what they multiply, and gives [t, n].
pub(super) struct Activate {
    pub activation: Activation,
    pub gated: bool,
}

/// Elements one task should have at least.
const TASK: usize = 1 << 14;

impl CustomOp1 for Activate {
    fn name(&self) -> &'static str {
        "activate"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let rows = Rows::new(storage, layout)?;
        let width = layout.dims()[1] / if self.gated { 2 } else { 1 };
        let mut out = vec![0f32; rows.count * width];
        out.par_chunks_mut(width).with_min_len(TASK.div_ceil(width)).enumerate().for_each(|(row, out)| {
            let from = rows.part(row, 0, layout.dims()[1]);
            Arch::new().dispatch(|| match self.activation {
                Activation::Silu => self.row(out, from, silu),
                Activation::GeluTanh => self.row(out, from, gelu_tanh),
            });
        });
        Ok((CpuStorage::F32(out), Shape::from((rows.count, width))))
    }
}

impl Activate {
    #[inline(always)]
    fn row(&self, out: &mut [f32], from: &[f32], f: impl Fn(f32) -> f32) {
        let (gates, factors) = from.split_at(out.len());
        for (out, gate) in out.iter_mut().zip(gates) {
            *out = f(*gate);
        }
        for (out, factor) in out.iter_mut().zip(factors) {
            *out *= factor;
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{D, DType, Device, Tensor};
    use candle_nn::ops::softmax_last_dim;
    use candle_transformers::utils::{build_additive_causal_mask, repeat_kv};

    use super::*;

    #[test]
    fn exp_is_as_good_as_the_library() {
        for step in -8700..8800 {
            let x = step as f32 / 100.0;
            let (ours, right) = (f64::from(exp(x)), f64::from(x).exp());
            assert!((ours / right - 1.0).abs() < 2.5e-7, "exp({x}) = {ours}, not {right}");
        }
        assert!(exp(-1e30) < 1e-37 && exp(1e30).is_finite());
        assert_eq!(exp(0.0), 1.0);
    }

    #[test]
    fn activations_equal_candle() {
        let x = Tensor::rand(-9f32, 9f32, (5, 12), &Device::Cpu).unwrap();
        for (activation, right) in [(Activation::Silu, x.silu().unwrap()), (Activation::GeluTanh, x.gelu().unwrap())] {
            let plain = x.apply_op1_no_bwd(&Activate { activation, gated: false }).unwrap();
            assert_close(&plain, &right, 2e-6);
            let gated = x.apply_op1_no_bwd(&Activate { activation, gated: true }).unwrap();
            let right = (right.narrow(1, 0, 6).unwrap() * x.narrow(1, 6, 6).unwrap()).unwrap();
            assert_close(&gated, &right, 2e-5);
        }
    }

    #[test]
    fn attention_equals_candle() {
        for (t, n, heads, kv_heads, dim) in
            [(1, 1, 1, 1, 2), (7, 7, 4, 2, 5), (1, 40, 6, 2, 8), (33, 70, 3, 1, 4), (50, 50, 4, 4, 3)]
        {
            let normal = |rows, width| Tensor::randn(0f32, 2f32, (rows, width), &Device::Cpu).unwrap();
            // Queries as they come: a part of a wider matrix.
            let q = normal(t, heads * dim + 6).narrow(1, 4, heads * dim).unwrap();
            let (k, v) = (normal(n, kv_heads * dim), normal(n, kv_heads * dim));
            let scale = 1.0 / (dim as f32).sqrt();
            let ours = q.apply_op3_no_bwd(&k, &v, &CausalAttention { heads, kv_heads, head_dim: dim, scale }).unwrap();

            let split = |x: &Tensor, h| {
                x.contiguous()
                    .unwrap()
                    .reshape((1, x.dim(0).unwrap(), h, dim))
                    .unwrap()
                    .transpose(1, 2)
                    .unwrap()
                    .contiguous()
                    .unwrap()
            };
            let (q, k, v) = (split(&q, heads), split(&k, kv_heads), split(&v, kv_heads));
            let (k, v) = (repeat_kv(k, heads / kv_heads).unwrap(), repeat_kv(v, heads / kv_heads).unwrap());
            let scores = (q.matmul(&k.transpose(D::Minus1, D::Minus2).unwrap()).unwrap() * f64::from(scale)).unwrap();
            let mask = build_additive_causal_mask(t, n - t, None, &Device::Cpu, DType::F32).unwrap();
            let weights = softmax_last_dim(&scores.broadcast_add(&mask).unwrap()).unwrap();
            let right = weights.matmul(&v).unwrap().transpose(1, 2).unwrap().reshape((t, heads * dim)).unwrap();
            assert_close(&ours, &right, 5e-6);
        }
    }

    #[track_caller]
    fn assert_close(a: &Tensor, b: &Tensor, most: f32) {
        assert_eq!(a.dims(), b.dims());
        let worst = (a - b).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar::<f32>().unwrap();
        assert!(worst < most, "differs by {worst}");
    }
}
