//! A matrix of weights as it is kept in memory: f32, or in blocks of a few bits for each number.

use std::borrow::Cow;
use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QMatMul, QStorage, QTensor};
use candle_core::{D, Device, Module, Tensor};

use super::kernel::{Product, Q8Product, rounded};
use crate::model::ModelError;

/// Rows are outputs: [out, in].
#[derive(Clone, Debug)]
pub(in crate::model) enum Matrix {
    Dense(Tensor),
    Quantised(Arc<QTensor>),
}

impl Matrix {
    /// From the bytes of a file.
    pub fn quantised(kind: GgmlDType, bytes: &[u8], shape: &[usize]) -> Result<Self, ModelError> {
        let storage = QStorage::from_data(Cow::Borrowed(bytes), &Device::Cpu, kind)?;
        Ok(Self::Quantised(Arc::new(QTensor::new(storage, shape)?)))
    }

    /// The whole matrix as f32.
    pub fn dense(&self) -> Result<Tensor, ModelError> {
        match self {
            Self::Dense(rows) => Ok(rows.clone()),
            Self::Quantised(rows) => Ok(rows.dequantize(&Device::Cpu)?),
        }
    }

    /// In blocks of eight bits, where rows are whole blocks; else as it is. `rounding` gathers what is lost.
    pub fn rounded(self, rounding: &mut Rounding) -> Result<Self, ModelError> {
        let Self::Dense(exact) = &self else { return Ok(self) };
        if !exact.dim(D::Minus1)?.is_multiple_of(GgmlDType::Q8_0.block_size()) {
            return Ok(self);
        }
        let (bytes, [lost, all]) = rounded(&exact.flatten_all()?.to_vec1()?);
        rounding.lost += lost;
        rounding.all += all;
        Self::quantised(GgmlDType::Q8_0, &bytes, exact.dims())
    }

    /// Bytes it takes in memory.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Dense(rows) => 4 * rows.elem_count() as u64,
            Self::Quantised(rows) => rows.storage_size_in_bytes() as u64,
        }
    }

    /// The rows of some tokens, [t, in]: for an embedding.
    pub fn rows(&self, tokens: &[u32]) -> Result<Tensor, ModelError> {
        let ids = Tensor::new(tokens, &Device::Cpu)?;
        match self {
            Self::Dense(rows) => Ok(rows.index_select(&ids, 0)?),
            Self::Quantised(rows) => Ok(rows.embedding(&ids)?),
        }
    }

    /// The same rows in another order: `order[i]` is the old place of the new row i.
    pub fn reordered(&self, order: &[u32]) -> Result<Self, ModelError> {
        match self {
            Self::Dense(rows) => Ok(Self::Dense(rows.index_select(&Tensor::new(order, &Device::Cpu)?, 0)?)),
            Self::Quantised(rows) => {
                let bytes = rows.data()?;
                let length = bytes.len() / order.len().max(1);
                let row = |place: &u32| &bytes[*place as usize * length..][..length];
                let moved: Vec<u8> = order.iter().flat_map(row).copied().collect();
                Self::quantised(rows.dtype(), &moved, rows.shape().dims())
            }
        }
    }

    /// One matrix of a stack [count, out, in].
    pub fn one_of(&self, index: usize) -> Result<Self, ModelError> {
        match self {
            Self::Dense(stack) => Ok(Self::Dense(stack.get(index)?)),
            Self::Quantised(stack) => {
                let (count, out, input) = stack.shape().dims3()?;
                let bytes = stack.data()?;
                let length = bytes.len() / count.max(1);
                Self::quantised(stack.dtype(), &bytes[index * length..][..length], &[out, input])
            }
        }
    }
}

/// What weights lose when they are rounded: sums of squares.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::model) struct Rounding {
    lost: f64,
    all: f64,
}

impl Rounding {
    /// Root mean square of what is lost, as a share of the weights; none where nothing was rounded.
    pub fn share(&self) -> Option<f64> {
        (self.all > 0.0).then(|| (self.lost / self.all).sqrt())
    }
}

/// Matrices side by side which read the same x.
pub(super) struct Factors(Vec<Factor>);

enum Factor {
    /// [in, out], a transposed view.
    Dense(Tensor),
    Q8(Arc<QTensor>),
    /// In other blocks, which candle multiplies.
    Quantised(QMatMul),
}

impl Factors {
    /// Matrices of one kind become one: one large product is faster than three small ones.
    pub fn new(parts: Vec<Matrix>) -> Result<Self, ModelError> {
        let parts = match one_of(&parts)? {
            Some(whole) => vec![whole],
            None => parts,
        };
        let factor = |part: Matrix| -> Result<Factor, ModelError> {
            Ok(match part {
                Matrix::Dense(rows) => Factor::Dense(rows.t()?),
                Matrix::Quantised(rows) if rows.dtype() == GgmlDType::Q8_0 => Factor::Q8(rows),
                Matrix::Quantised(rows) => Factor::Quantised(QMatMul::from_arc(rows)?),
            })
        };
        Ok(Self(parts.into_iter().map(factor).collect::<Result<_, _>>()?))
    }

    /// x W + b, added to a third tensor where there is one.
    pub fn multiply(&self, x: &Tensor, product: &Product, onto: Option<&Tensor>) -> Result<Tensor, ModelError> {
        match &self.0[..] {
            [Factor::Dense(weight)] => Ok(match onto {
                Some(onto) => x.apply_op3_no_bwd(weight, onto, product)?,
                None => x.apply_op2_no_bwd(weight, product)?,
            }),
            [Factor::Q8(rows)] => {
                let product = Q8Product { product, weights: &rows.data()? };
                Ok(match onto {
                    Some(onto) => x.apply_op2_no_bwd(onto, &product)?,
                    None => x.apply_op1_no_bwd(&product)?,
                })
            }
            parts => multiply_each(parts, x, product, onto),
        }
    }
}

/// Dense matrices, or matrices in Q8_0, one below the other.
fn one_of(parts: &[Matrix]) -> Result<Option<Matrix>, ModelError> {
    if let [one] = parts {
        return Ok(Some(one.clone()));
    }
    let (mut dense, mut q8) = (Vec::new(), Vec::new());
    for part in parts {
        match part {
            Matrix::Dense(rows) => dense.push(rows),
            Matrix::Quantised(rows) if rows.dtype() == GgmlDType::Q8_0 => q8.push(rows),
            Matrix::Quantised(_) => return Ok(None),
        }
    }
    if q8.is_empty() {
        return Ok(Some(Matrix::Dense(Tensor::cat(&dense, 0)?)));
    }
    if !dense.is_empty() {
        return Ok(None);
    }
    let (mut bytes, mut outputs, mut inputs) = (Vec::new(), 0, 0);
    for rows in q8 {
        bytes.extend_from_slice(&rows.data()?);
        outputs += rows.shape().dims2()?.0;
        inputs = rows.shape().dims2()?.1;
    }
    Matrix::quantised(GgmlDType::Q8_0, &bytes, &[outputs, inputs]).map(Some)
}

/// Products side by side.
fn multiply_each(parts: &[Factor], x: &Tensor, product: &Product, onto: Option<&Tensor>) -> Result<Tensor, ModelError> {
    let x = x.contiguous()?;
    let plain = Product { bias: None };
    let parts: Vec<Tensor> = parts
        .iter()
        .map(|factor| match factor {
            Factor::Dense(weight) => x.apply_op2_no_bwd(weight, &plain),
            Factor::Q8(rows) => x.apply_op1_no_bwd(&Q8Product { product: &plain, weights: &rows.data()? }),
            Factor::Quantised(rows) => rows.forward(&x),
        })
        .collect::<Result<_, _>>()?;
    let mut y = if let [one] = &parts[..] { one.clone() } else { Tensor::cat(&parts, 1)? };
    if let Some(bias) = &product.bias {
        y = y.broadcast_add(&Tensor::new(bias.as_slice(), &Device::Cpu)?)?;
    }
    Ok(match onto {
        Some(onto) => (y + onto)?,
        None => y,
    })
}
