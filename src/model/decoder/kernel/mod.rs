//! The arithmetic of a block on a processor, as operations for candle's tensors.
//!
//! candle's own would do, but slowly for the models and texts of this program: every product of two matrices reads the list of
//! processors anew, sums wait for a pool of threads which cannot be turned off, and exponentials are computed one by one. Here products
//! with weights are inner products of rows (`rows`), for f32 and Q8_0, with the threads of the current rayon pool; biases and residual
//! connections are part of the product, and loops are written so that the compiler vectorises them for the instructions `pulp` finds at
//! run time. Only attention, whose matrices are made anew for every text, goes to `gemm` (the crate candle uses too).

mod activation;
mod attention;
mod norm;
mod product;
mod q8;
mod rows;
mod widen;

use candle_core::{CpuStorage, Layout, Result, Shape, bail};

pub(super) use activation::Activate;
pub(super) use attention::CausalAttention;
pub(super) use norm::Normalise;
pub(super) use product::{Product, Q8Product};
pub(super) use q8::rounded;
pub(in crate::model) use widen::widened;

/// Numbers a loop handles side by side.
const LANES: usize = 16;

/// Numbers a task for another thread should have at least.
const TASK: usize = 1 << 14;

/// A matrix inside a tensor's storage.
#[derive(Clone, Copy)]
struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    fn new(storage: &'a CpuStorage, layout: &Layout) -> Result<Self> {
        let (CpuStorage::F32(data), [rows, columns], [row_stride, column_stride]) =
            (storage, layout.dims(), layout.stride())
        else {
            bail!("an f32 matrix is expected, not {layout:?}");
        };
        let (rows, columns, row_stride, column_stride) = (*rows, *columns, *row_stride, *column_stride);
        let data = data.get(layout.start_offset()..).unwrap_or_default();
        let matrix = Self { data, rows, columns, row_stride, column_stride };
        if !matrix.fits() {
            bail!("the layout {layout:?} does not fit its storage");
        }
        Ok(matrix)
    }

    /// Whether every element lies in the data.
    fn fits(&self) -> bool {
        self.rows == 0
            || self.columns == 0
            || (self.rows - 1) * self.row_stride + (self.columns - 1) * self.column_stride < self.data.len()
    }

    /// Rows `first..first + rows` of the columns `from..from + columns`.
    fn part(self, first: usize, rows: usize, from: usize, columns: usize) -> Self {
        let start = first * self.row_stride + from * self.column_stride;
        Self { data: self.data.get(start..).unwrap_or_default(), rows, columns, ..self }
    }

    fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    /// The rows, whose numbers must lie side by side.
    fn rows(self) -> Result<impl Iterator<Item = &'a [f32]>> {
        if self.column_stride != 1 || !self.fits() {
            bail!("rows of numbers side by side are expected");
        }
        Ok((0..self.rows).map(move |row| &self.data[row * self.row_stride..][..self.columns]))
    }
}

impl rows::Rows for Matrix<'_> {
    #[inline(always)]
    fn size(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    #[inline(always)]
    fn copy(&self, row: usize, from: usize, into: &mut [f32]) {
        let data = &self.data[row * self.row_stride + from * self.column_stride..];
        if self.column_stride == 1 {
            into.copy_from_slice(&data[..into.len()]);
        } else {
            into.iter_mut().zip(data.iter().step_by(self.column_stride)).for_each(|(into, x)| *into = *x);
        }
    }

    #[inline(always)]
    fn plain(&self) -> Option<(&[f32], usize)> {
        (self.column_stride == 1).then_some((self.data, self.row_stride))
    }
}

fn tensor(values: Vec<f32>, rows: usize, columns: usize) -> Result<(CpuStorage, Shape)> {
    Ok((CpuStorage::F32(values), Shape::from((rows, columns))))
}

/// e^x to a few units of the last place, and e^-87 and e^88 beyond. After Cephes (S. L. Moshier): x = n ln 2 + r, a polynomial for e^r,
/// and n added to the exponent's bits.
#[inline(always)]
fn exp(x: f32) -> f32 {
    /// 1.5 × 2^23: adding it rounds to a whole number, which then stands in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let mut p = 1.987_569_2e-4;
    for c in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        p = p * r + c;
    }
    let power = p * r * r + r + 1.0;
    f32::from_bits(power.to_bits().wrapping_add(rounded.to_bits() << 23))
}

/// (e^2x − 1) / (e^2x + 1), and its series where that would cancel.
#[inline(always)]
fn tanh(x: f32) -> f32 {
    let power = exp(2.0 * x.clamp(-10.0, 10.0));
    let small = x - x * x * x * (1.0 / 3.0 - x * x * (2.0 / 15.0 - x * x * (17.0 / 315.0)));
    if x.abs() < 0.2 { small } else { 1.0 - 2.0 / (power + 1.0) }
}

#[cfg(test)]
mod tests {
    use candle_core::Tensor;

    #[test]
    fn exp_is_as_good_as_the_library() {
        for step in -8700..8800 {
            let x = step as f32 / 100.0;
            let (ours, right) = (f64::from(super::exp(x)), f64::from(x).exp());
            assert!((ours / right - 1.0).abs() < 2.5e-7, "exp({x}) = {ours}, not {right}");
        }
        assert!(super::exp(-1e30) < 1e-37 && super::exp(1e30).is_finite());
        assert_eq!(super::exp(0.0), 1.0);
    }

    #[test]
    fn tanh_is_as_good_as_the_library() {
        for step in -4000..4000 {
            let x = step as f32 / 200.0;
            let (ours, right) = (f64::from(super::tanh(x)), f64::from(x).tanh());
            assert!((ours - right).abs() <= 5e-7 * right.abs().max(1e-3), "tanh({x}) = {ours}, not {right}");
        }
    }

    #[track_caller]
    pub fn assert_close(a: &Tensor, b: &Tensor, most: f32) {
        assert_eq!(a.dims(), b.dims());
        let worst = (a - b).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar::<f32>().unwrap();
        assert!(worst < most, "differs by {worst}");
    }
}
