//! Products of matrices: of x with weights, and of any two.

use candle_core::{CpuStorage, CustomOp1, CustomOp2, CustomOp3, Layout, Result, Shape, bail};
use gemm::Parallelism;

use super::q8::Q8Rows;
use super::rows::{Rows, add_product};
use super::{Matrix, tensor};

/// Layers with fewer inputs leave many rows to `gemm`: inner products as short as that spend their time on adding up the lanes.
const NARROW: usize = 512;
const MANY: usize = 8;

/// x W + b, or with a third tensor y: y + x W + b.
pub(in crate::model) struct Product {
    pub bias: Option<Vec<f32>>,
}

impl CustomOp2 for Product {
    fn name(&self) -> &'static str {
        "product"
    }

    fn cpu_fwd(&self, x: &CpuStorage, lx: &Layout, w: &CpuStorage, lw: &Layout) -> Result<(CpuStorage, Shape)> {
        self.onto(None, Matrix::new(x, lx)?, &Matrix::new(w, lw)?.transposed())
    }
}

impl CustomOp3 for Product {
    fn name(&self) -> &'static str {
        "product-onto"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        w: &CpuStorage,
        lw: &Layout,
        y: &CpuStorage,
        ly: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.onto(Some(Matrix::new(y, ly)?), Matrix::new(x, lx)?, &Matrix::new(w, lw)?.transposed())
    }
}

/// The same for W in blocks of Q8_0, a row for each output; a second tensor is y.
pub(in crate::model) struct Q8Product<'a> {
    pub product: &'a Product,
    pub weights: &'a [u8],
}

impl Q8Product<'_> {
    fn onto(&self, y: Option<Matrix>, x: Matrix) -> Result<(CpuStorage, Shape)> {
        let Some(weights) = Q8Rows::new(self.weights, x.columns) else {
            bail!("{} bytes are no rows of {} numbers in Q8_0", self.weights.len(), x.columns);
        };
        self.product.onto(y, x, &weights)
    }
}

impl CustomOp1 for Q8Product<'_> {
    fn name(&self) -> &'static str {
        "q8-product"
    }

    fn cpu_fwd(&self, x: &CpuStorage, lx: &Layout) -> Result<(CpuStorage, Shape)> {
        self.onto(None, Matrix::new(x, lx)?)
    }
}

impl CustomOp2 for Q8Product<'_> {
    fn name(&self) -> &'static str {
        "q8-product-onto"
    }

    fn cpu_fwd(&self, x: &CpuStorage, lx: &Layout, y: &CpuStorage, ly: &Layout) -> Result<(CpuStorage, Shape)> {
        self.onto(Some(Matrix::new(y, ly)?), Matrix::new(x, lx)?)
    }
}

impl Product {
    fn onto(&self, y: Option<Matrix>, x: Matrix, weights: &impl Rows) -> Result<(CpuStorage, Shape)> {
        let (rows, columns) = (x.rows, weights.size().0);
        if y.is_some_and(|y| (y.rows, y.columns) != (rows, columns))
            || self.bias.as_ref().is_some_and(|bias| bias.len() != columns)
        {
            bail!("a sum with a product of {rows} × {columns}");
        }
        let mut out = vec![0.0; rows * columns];
        if let Some(y) = y {
            out.chunks_exact_mut(columns.max(1)).zip(y.rows()?).for_each(|(out, y)| out.copy_from_slice(y));
        }
        if let Some(bias) = &self.bias {
            for row in out.chunks_exact_mut(columns.max(1)) {
                row.iter_mut().zip(bias).for_each(|(x, b)| *x += b);
            }
        }
        match weights.plain() {
            Some((w, stride)) if rows >= MANY && x.columns < NARROW => {
                let w = Matrix { data: w, rows: x.columns, columns, row_stride: 1, column_stride: stride };
                multiply(x, w, &mut out, columns, Onto::Sum)?;
            }
            _ => add_product(x, weights, &mut out)?,
        }
        tensor(out, rows, columns)
    }
}

/// What becomes of what the place of a product holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Onto {
    Nothing,
    Sum,
}

/// out = a b, or out + a b, on this thread. The rows of `out` lie `out_stride` apart.
pub(super) fn multiply(a: Matrix, b: Matrix, out: &mut [f32], out_stride: usize, onto: Onto) -> Result<()> {
    let product = Matrix { data: out, rows: a.rows, columns: b.columns, row_stride: out_stride, column_stride: 1 };
    if a.columns != b.rows || out_stride < b.columns || !(a.fits() && b.fits() && product.fits()) {
        bail!("a product of {} × {} and {} × {}", a.rows, a.columns, b.rows, b.columns);
    }
    // SAFETY: `fits` has shown that every element of the three matrices lies in its slice; `out` is borrowed mutably, so it overlaps
    // neither of the others, and its rows do not overlap each other; strides are lengths of slices, so they fit an isize.
    unsafe {
        gemm::gemm(
            a.rows,
            b.columns,
            a.columns,
            out.as_mut_ptr(),
            1,
            out_stride as isize,
            onto == Onto::Sum,
            a.data.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use candle_core::quantized::{GgmlDType, QTensor};
    use candle_core::{Device, Tensor};

    use super::super::tests::assert_close;
    use super::*;

    #[test]
    fn products_equal_candle() {
        let normal = |rows: usize, columns: usize| Tensor::randn(0f32, 1f32, (rows, columns), &Device::Cpu).unwrap();
        for (m, k, n) in [(1, 1, 1), (1, 7, 5), (2, 64, 2), (3, 16, 33), (5, 1300, 66), (50, 20, 64), (200, 130, 70)] {
            let (x, y, bias) = (normal(m, k), normal(m, n), normal(1, n));
            for w in [normal(k, n), normal(n, k).t().unwrap()] {
                let right = x.matmul(&w).unwrap();
                let plain = x.apply_op2_no_bwd(&w, &Product { bias: None }).unwrap();
                assert_close(&plain, &right, 1e-4);
                let product = Product { bias: Some(bias.flatten_all().unwrap().to_vec1().unwrap()) };
                let right = right.broadcast_add(&bias).unwrap();
                assert_close(&x.apply_op2_no_bwd(&w, &product).unwrap(), &right, 1e-4);
                let right = (right + &y).unwrap();
                assert_close(&x.apply_op3_no_bwd(&w, &y, &product).unwrap(), &right, 1e-4);
            }
        }
    }

    #[test]
    fn rows_of_eight_bits_equal_their_numbers() {
        let normal = |rows: usize, columns: usize| Tensor::randn(0f32, 1f32, (rows, columns), &Device::Cpu).unwrap();
        for (m, k, n) in [(1, 32, 1), (1, 96, 70), (4, 64, 5), (9, 1312, 66), (50, NARROW + 32, 130)] {
            let (x, y) = (normal(m, k), normal(m, n));
            let weights = QTensor::quantize(&normal(n, k), GgmlDType::Q8_0).unwrap();
            let product = Product { bias: Some(vec![0.5; n]) };
            let q8 = Q8Product { product: &product, weights: &weights.data().unwrap() };
            let w = weights.dequantize(&Device::Cpu).unwrap().t().unwrap();
            // The same sums in the same order.
            let rounded = QTensor::quantize(&x, GgmlDType::Q8_0).unwrap().dequantize(&Device::Cpu).unwrap();
            let right = rounded.apply_op2_no_bwd(&w, &product).unwrap();
            assert_close(&x.apply_op1_no_bwd(&q8).unwrap(), &right, f32::MIN_POSITIVE);
            let right = rounded.apply_op3_no_bwd(&w, &y, &product).unwrap();
            assert_close(&x.apply_op2_no_bwd(&y, &q8).unwrap(), &right, f32::MIN_POSITIVE);
        }
    }

    #[test]
    fn a_row_alone_is_the_row_among_others() {
        let normal = |rows: usize, columns: usize| Tensor::randn(0f32, 1f32, (rows, columns), &Device::Cpu).unwrap();
        let (x, w, product) = (normal(20, 3000), normal(3000, 67), Product { bias: None });
        let all = x.apply_op2_no_bwd(&w, &product).unwrap();
        for row in 0..20 {
            let alone = x.narrow(0, row, 1).unwrap().apply_op2_no_bwd(&w, &product).unwrap();
            assert_close(&alone, &all.narrow(0, row, 1).unwrap(), f32::MIN_POSITIVE);
        }
    }

    #[test]
    fn sizes_which_do_not_match_are_errors() {
        let zeros = |rows: usize, columns: usize| {
            Tensor::zeros((rows, columns), candle_core::DType::F32, &Device::Cpu).unwrap()
        };
        assert!(zeros(2, 3).apply_op2_no_bwd(&zeros(4, 2), &Product { bias: None }).is_err());
        assert!(zeros(2, 3).apply_op2_no_bwd(&zeros(3, 2), &Product { bias: Some(vec![0.0; 3]) }).is_err());
        assert!(zeros(2, 3).apply_op3_no_bwd(&zeros(3, 2), &zeros(1, 2), &Product { bias: None }).is_err());
    }
}
