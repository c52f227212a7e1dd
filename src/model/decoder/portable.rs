//! What the kernels compute, in candle's own operations: for devices which are no processor.

use std::sync::Arc;

use candle_core::quantized::{QMatMul, QStorage, QTensor};
use candle_core::{DType, Device, Module, Result, Tensor};
use candle_nn::ops::{layer_norm, rms_norm, softmax_last_dim};
use candle_transformers::utils::build_additive_causal_mask;

use super::kernel::{Activate, CausalAttention, Normalise};
use super::matrix::Matrix;
use crate::model::config::Activation;

/// Queries handled together, so that the scores of a long text need not all be there at once.
const ROWS: usize = 512;

/// [`Normalise`] on a device.
pub(super) struct Norm {
    weight: Tensor,
    bias: Option<Tensor>,
    eps: f32,
}

impl Norm {
    pub fn new(Normalise { weight, bias, eps }: Normalise, device: &Device) -> Result<Self> {
        let bias = bias.map(|bias| Tensor::new(bias, device)).transpose()?;
        Ok(Self { weight: Tensor::new(weight, device)?, bias, eps })
    }

    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = x.contiguous()?;
        match &self.bias {
            None => rms_norm(&x, &self.weight, self.eps),
            Some(bias) => layer_norm(&x, &self.weight, bias, self.eps),
        }
    }
}

/// Matrices side by side which read the same x, on a device.
pub(super) struct Linear {
    factors: Vec<QMatMul>,
    bias: Option<Tensor>,
}

impl Linear {
    pub fn new(matrices: Vec<Matrix>, bias: Option<Vec<f32>>, device: &Device) -> Result<Self> {
        let factors = matrices.into_iter().map(|matrix| factor(matrix, device)).collect::<Result<_>>()?;
        Ok(Self { factors, bias: bias.map(|bias| Tensor::new(bias, device)).transpose()? })
    }

    /// x W + b, added to a third tensor where there is one.
    pub fn forward_onto(&self, x: &Tensor, onto: Option<&Tensor>) -> Result<Tensor> {
        let x = x.contiguous()?;
        let parts: Vec<Tensor> = self.factors.iter().map(|factor| factor.forward(&x)).collect::<Result<_>>()?;
        let mut y = if let [one] = &parts[..] { one.clone() } else { Tensor::cat(&parts, 1)? };
        if let Some(bias) = &self.bias {
            y = y.broadcast_add(bias)?;
        }
        match onto {
            Some(onto) => y + onto,
            None => Ok(y),
        }
    }
}

/// A matrix brought from the processor's memory to a device.
fn factor(matrix: Matrix, device: &Device) -> Result<QMatMul> {
    match matrix {
        Matrix::Dense(rows) if device.is_cpu() => Ok(QMatMul::Tensor(rows)),
        // A view of a stack would take the whole stack along.
        Matrix::Dense(rows) => Ok(QMatMul::Tensor(rows.force_contiguous()?.to_device(device)?)),
        Matrix::Quantised(rows) if device.is_cpu() => QMatMul::from_arc(rows),
        Matrix::Quantised(rows) => {
            let storage = QStorage::from_data(rows.data()?, device, rows.dtype())?;
            QMatMul::from_arc(Arc::new(QTensor::new(storage, rows.shape())?))
        }
    }
}

/// [`Activate`] on any device.
pub(super) fn activate(how: &Activate, x: &Tensor) -> Result<Tensor> {
    let activated = |x: &Tensor| match how.activation {
        Activation::Silu => x.silu(),
        Activation::Gelu => x.gelu_erf(),
        Activation::GeluTanh => x.gelu(),
    };
    if !how.gated {
        return activated(x);
    }
    let width = x.dim(1)? / 2;
    activated(&x.narrow(1, 0, width)?)? * x.narrow(1, width, width)?
}

/// [`CausalAttention`] on any device.
pub(super) fn attend(how: &CausalAttention, q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Tensor> {
    let (heads, kv_heads, dim) = (how.heads, how.kv_heads, how.head_dim);
    let (count, length) = (q.dim(0)?, k.dim(0)?);
    let (past, window) = (length - count, how.window.unwrap_or(length).max(1));
    // [heads, positions, head_dim]; the heads which read the same keys follow each other.
    let apart = |x: &Tensor, heads| x.reshape((x.dim(0)?, heads, dim))?.transpose(0, 1);
    let (q, k, v) = (apart(&(q * f64::from(how.scale))?, heads)?, apart(k, kv_heads)?, apart(v, kv_heads)?);
    let mut parts = Vec::new();
    for first in (0..count).step_by(ROWS) {
        let rows = ROWS.min(count - first);
        // Keys from the first which the first of these queries sees to the last which the last sees.
        let start = (past + first + 1).saturating_sub(window);
        let seen = past + first + rows - start;
        let q = q.narrow(1, first, rows)?.reshape((kv_heads, heads / kv_heads * rows, dim))?;
        let [k, v] = [&k, &v].map(|x| x.narrow(1, start, seen)?.contiguous());
        let mut scores = q.matmul(&k?.t()?)?;
        if let Some(cap) = how.cap {
            scores = ((scores / f64::from(cap))?.tanh()? * f64::from(cap))?;
        }
        if rows > 1 {
            let mask = build_additive_causal_mask(rows, seen - rows, Some(window - 1), q.device(), DType::F32)?;
            scores = scores.reshape((heads, rows, seen))?.broadcast_add(&mask.reshape((rows, seen))?)?;
        }
        let weights = softmax_last_dim(&scores)?.reshape((kv_heads, heads / kv_heads * rows, seen))?;
        let out = weights.matmul(&v?)?.reshape((heads, rows, dim))?;
        parts.push(out.transpose(0, 1)?.reshape((rows, heads * dim))?);
    }
    Tensor::cat(&parts, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(rows: usize, columns: usize) -> Tensor {
        Tensor::randn(0f32, 2f32, (rows, columns), &Device::Cpu).unwrap()
    }

    #[track_caller]
    fn assert_close(a: &Tensor, b: &Tensor) {
        assert_eq!(a.dims(), b.dims());
        let worst = (a - b).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar::<f32>().unwrap();
        assert!(worst < 2e-5, "differs by {worst}");
    }

    #[test]
    fn attention_equals_ours() {
        let sizes = [(1, 1), (1, 150), (7, 7), (33, 70), (600, 600), (1030, 1100)];
        for (count, length) in sizes {
            for (window, cap) in [(None, None), (Some(1), None), (Some(40), Some(1.5)), (Some(5000), Some(50.0))] {
                let how = CausalAttention { heads: 6, kv_heads: 2, head_dim: 4, scale: 0.4, window, cap };
                // Queries as they come: a part of a wider matrix.
                let q = normal(count, 30).narrow(1, 4, 24).unwrap();
                let (k, v) = (normal(length, 8), normal(length, 8));
                assert_close(&attend(&how, &q, &k, &v).unwrap(), &q.apply_op3_no_bwd(&k, &v, &how).unwrap());
            }
        }
    }
}
