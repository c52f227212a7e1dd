//! The activations of the MLP.

use candle_core::cpu::erf::erf_f32;
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::{Matrix, TASK, exp, tensor};
use crate::model::config::Activation;

/// An activation of every number. Gated: [t, 2n] holds gates, then what they multiply, and gives [t, n].
pub(in crate::model) struct Activate {
    pub activation: Activation,
    pub gated: bool,
}

impl CustomOp1 for Activate {
    fn name(&self) -> &'static str {
        "activate"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = Matrix::new(storage, layout)?;
        let width = if self.gated { x.columns / 2 } else { x.columns };
        let rows: Vec<_> = x.rows()?.collect();
        let mut out = vec![0f32; x.rows * width];
        let least = TASK.div_ceil(width.max(1));
        out.par_chunks_mut(width.max(1)).zip(rows).with_min_len(least).for_each(|(out, row)| {
            let (gates, factors) = row.split_at(width);
            Arch::new().dispatch(Row { activation: self.activation, out, gates, factors });
        });
        tensor(out, x.rows, width)
    }
}

struct Row<'a> {
    activation: Activation,
    out: &'a mut [f32],
    gates: &'a [f32],
    /// Empty where there is no gate.
    factors: &'a [f32],
}

impl WithSimd for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        match self.activation {
            Activation::Silu => self.out.iter_mut().zip(self.gates).for_each(|(out, x)| *out = silu(*x)),
            Activation::Gelu => self.out.iter_mut().zip(self.gates).for_each(|(out, x)| *out = gelu(*x)),
            Activation::GeluTanh => self.out.iter_mut().zip(self.gates).for_each(|(out, x)| *out = gelu_tanh(*x)),
        }
        self.out.iter_mut().zip(self.factors).for_each(|(out, factor)| *out *= factor);
    }
}

/// x / (1 + e^-x)
#[inline(always)]
fn silu(x: f32) -> f32 {
    x / (1.0 + exp(-x))
}

/// x (1 + erf(x / √2)) / 2
fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + erf_f32(x * std::f32::consts::FRAC_1_SQRT_2))
}

/// x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2, written with one exponential.
#[inline(always)]
fn gelu_tanh(x: f32) -> f32 {
    const TWICE_SQRT_2_OVER_PI: f32 = 1.595_769;
    x / (1.0 + exp(-TWICE_SQRT_2_OVER_PI * (x + 0.044_715 * x * x * x)))
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};

    use super::super::tests::assert_close;
    use super::*;

    #[test]
    fn activations_equal_candle() {
        let x = Tensor::rand(-9f32, 9f32, (5, 14), &Device::Cpu).unwrap();
        for (activation, right) in [
            (Activation::Silu, x.silu().unwrap()),
            (Activation::Gelu, x.gelu_erf().unwrap()),
            (Activation::GeluTanh, x.gelu().unwrap()),
        ] {
            let plain = x.apply_op1_no_bwd(&Activate { activation, gated: false }).unwrap();
            assert_close(&plain, &right, 2e-6);
            let gated = x.apply_op1_no_bwd(&Activate { activation, gated: true }).unwrap();
            let right = (right.narrow(1, 0, 7).unwrap() * x.narrow(1, 7, 7).unwrap()).unwrap();
            assert_close(&gated, &right, 2e-5);
        }
    }

    #[test]
    fn far_out_they_are_flat_or_straight() {
        for f in [silu, gelu, gelu_tanh] {
            assert_eq!([f(100.0), f(1e4)], [100.0, 1e4]);
            assert!(f(-100.0).abs() < 1e-30 && f(-1e4).abs() < 1e-30);
        }
    }
}
