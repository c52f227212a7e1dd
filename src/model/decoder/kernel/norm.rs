//! Norms over rows.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, bail};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::{LANES, Matrix, TASK, tensor};

/// Every row divided by its root mean square, times the weights. With a bias it is a layer norm: the mean goes first, and the bias is
/// added last.
pub(in crate::model) struct Normalise {
    pub weight: Vec<f32>,
    pub bias: Option<Vec<f32>>,
    pub eps: f32,
}

impl CustomOp1 for Normalise {
    fn name(&self) -> &'static str {
        "normalise"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = Matrix::new(storage, layout)?;
        let width = self.weight.len();
        if x.columns != width || self.bias.as_ref().is_some_and(|bias| bias.len() != width) || width == 0 {
            bail!("a norm of width {width} over {} × {}", x.rows, x.columns);
        }
        let rows: Vec<_> = x.rows()?.collect();
        let mut out = vec![0f32; x.rows * width];
        out.par_chunks_mut(width).zip(rows).with_min_len(TASK.div_ceil(width)).for_each(|(out, row)| {
            out.copy_from_slice(row);
            Arch::new().dispatch(Row { norm: self, out });
        });
        tensor(out, x.rows, width)
    }
}

struct Row<'a> {
    norm: &'a Normalise,
    out: &'a mut [f32],
}

impl WithSimd for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { norm, out } = self;
        let count = out.len() as f32;
        if norm.bias.is_some() {
            let mean = sum(out, |x| x) / count;
            out.iter_mut().for_each(|x| *x -= mean);
        }
        let factor = 1.0 / (sum(out, |x| x * x) / count + norm.eps).sqrt();
        out.iter_mut().zip(&norm.weight).for_each(|(x, weight)| *x = *x * factor * weight);
        if let Some(bias) = &norm.bias {
            out.iter_mut().zip(bias).for_each(|(x, bias)| *x += bias);
        }
    }
}

/// The sum of f over the numbers, in lanes.
#[inline(always)]
fn sum(values: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let (lanes, rest) = values.as_chunks::<LANES>();
    let mut sums = [0f32; LANES];
    for lanes in lanes {
        for (sum, x) in sums.iter_mut().zip(lanes) {
            *sum += f(*x);
        }
    }
    sums.iter().sum::<f32>() + rest.iter().map(|x| f(*x)).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};
    use candle_nn::ops::{layer_norm_slow, rms_norm_slow};

    use super::super::tests::assert_close;
    use super::*;

    #[test]
    fn norms_equal_candle() {
        for width in [1, 5, 16, 100] {
            let normal = |shape: &[usize]| Tensor::randn(3f32, 2f32, shape, &Device::Cpu).unwrap();
            let (x, weight, bias) = (normal(&[7, width]), normal(&[width]), normal(&[width]));
            let values = |x: &Tensor| x.to_vec1().unwrap();
            let rms = Normalise { weight: values(&weight), bias: None, eps: 1e-3 };
            assert_close(&x.apply_op1_no_bwd(&rms).unwrap(), &rms_norm_slow(&x, &weight, 1e-3).unwrap(), 2e-5);
            let layer = Normalise { weight: values(&weight), bias: Some(values(&bias)), eps: 1e-3 };
            let right = layer_norm_slow(&x, &weight, &bias, 1e-3).unwrap();
            assert_close(&x.apply_op1_no_bwd(&layer).unwrap(), &right, 2e-5);
        }
    }
}
