//! Products of matrices.

use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, bail};
use gemm::Parallelism;

use super::{Matrix, tensor};

/// x W + b, or with a third tensor y: y + x W + b.
pub(in crate::model) struct Product {
    pub bias: Option<Vec<f32>>,
}

impl CustomOp2 for Product {
    fn name(&self) -> &'static str {
        "product"
    }

    fn cpu_fwd(&self, x: &CpuStorage, lx: &Layout, w: &CpuStorage, lw: &Layout) -> Result<(CpuStorage, Shape)> {
        self.onto(None, Matrix::new(x, lx)?, Matrix::new(w, lw)?)
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
        self.onto(Some(Matrix::new(y, ly)?), Matrix::new(x, lx)?, Matrix::new(w, lw)?)
    }
}

impl Product {
    fn onto(&self, y: Option<Matrix>, x: Matrix, w: Matrix) -> Result<(CpuStorage, Shape)> {
        let (rows, columns) = (x.rows, w.columns);
        if y.is_some_and(|y| (y.rows, y.columns) != (rows, columns))
            || self.bias.as_ref().is_some_and(|bias| bias.len() != columns)
        {
            bail!("a sum with a product of {rows} × {columns}");
        }
        let mut out = Vec::with_capacity(rows * columns);
        match y {
            Some(y) => y.rows()?.for_each(|row| out.extend_from_slice(row)),
            None => out.resize(rows * columns, 0.0),
        }
        if let Some(bias) = &self.bias {
            for row in out.chunks_exact_mut(columns.max(1)) {
                row.iter_mut().zip(bias).for_each(|(x, b)| *x += b);
            }
        }
        let onto = y.is_some() || self.bias.is_some();
        multiply(x, w, &mut out, columns, onto, rayon::current_num_threads())?;
        tensor(out, rows, columns)
    }
}

/// out = a b, or out += a b. The rows of `out` lie `out_stride` apart.
pub(super) fn multiply(
    a: Matrix,
    b: Matrix,
    out: &mut [f32],
    out_stride: usize,
    onto: bool,
    threads: usize,
) -> Result<()> {
    let product = Matrix { data: out, rows: a.rows, columns: b.columns, row_stride: out_stride, column_stride: 1 };
    if a.columns != b.rows || out_stride < b.columns || !(a.fits() && b.fits() && product.fits()) {
        bail!("a product of {} × {} and {} × {}", a.rows, a.columns, b.rows, b.columns);
    }
    let parallelism = if threads > 1 { Parallelism::Rayon(threads) } else { Parallelism::None };
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
            onto,
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
            parallelism,
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};

    use super::super::tests::assert_close;
    use super::*;

    #[test]
    fn products_equal_candle() {
        let normal = |rows: usize, columns: usize| Tensor::randn(0f32, 1f32, (rows, columns), &Device::Cpu).unwrap();
        for (m, k, n) in [(1, 1, 1), (1, 7, 5), (3, 16, 33), (50, 20, 64), (200, 130, 70)] {
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
    fn sizes_which_do_not_match_are_errors() {
        let zeros = |rows: usize, columns: usize| {
            Tensor::zeros((rows, columns), candle_core::DType::F32, &Device::Cpu).unwrap()
        };
        assert!(zeros(2, 3).apply_op2_no_bwd(&zeros(4, 2), &Product { bias: None }).is_err());
        assert!(zeros(2, 3).apply_op2_no_bwd(&zeros(3, 2), &Product { bias: Some(vec![0.0; 3]) }).is_err());
        assert!(zeros(2, 3).apply_op3_no_bwd(&zeros(3, 2), &zeros(1, 2), &Product { bias: None }).is_err());
    }
}
