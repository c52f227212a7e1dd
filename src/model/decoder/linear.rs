//! Norms and linear layers.

use candle_core::Tensor;

use super::kernel::{Normalise, Product};
use super::loader::Loader;
use super::matrix::{Factors, Matrix};
use crate::model::ModelError;
use crate::model::config::{Config, LinearLayout, NormKind};

pub(super) struct Norm(Normalise);

impl Norm {
    pub fn load(loader: &mut Loader, config: &Config, name: &str, width: usize) -> Result<Self, ModelError> {
        let mut weight: Vec<f32> = loader.take(&format!("{name}.weight"), &[width])?.to_vec1()?;
        if config.norm == NormKind::RmsFromOne {
            weight.iter_mut().for_each(|weight| *weight += 1.0);
        }
        let bias = match config.norm {
            NormKind::Rms | NormKind::RmsFromOne => None,
            NormKind::Layer => Some(loader.take(&format!("{name}.bias"), &[width])?.to_vec1()?),
        };
        Ok(Self(Normalise { weight, bias, eps: config.norm_eps as f32 }))
    }

    /// Norms rows.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, ModelError> {
        Ok(x.apply_op1_no_bwd(&self.0)?)
    }

    /// Norms every head of rows [t, heads × width].
    pub fn forward_heads(&self, x: &Tensor) -> Result<Tensor, ModelError> {
        let shape = x.dims2()?;
        let heads = x.contiguous()?.reshape((x.elem_count() / self.0.weight.len(), self.0.weight.len()))?;
        Ok(self.forward(&heads)?.reshape(shape)?)
    }
}

/// One matrix of a linear layer in the files.
pub(super) struct Part {
    pub name: String,
    pub outputs: usize,
    /// Where the file has each output, if not in our order.
    pub order: Option<Vec<u32>>,
}

impl Part {
    pub fn new(name: String, outputs: usize) -> Self {
        Self { name, outputs, order: None }
    }
}

/// y = x W + b
pub(super) struct Linear {
    factors: Factors,
    product: Product,
}

impl Linear {
    /// One layer from several matrices of the file, their outputs side by side.
    pub fn load(
        loader: &mut Loader,
        layout: LinearLayout,
        input: usize,
        parts: Vec<Part>,
        bias: bool,
    ) -> Result<Self, ModelError> {
        let (mut matrices, mut biases) = (Vec::new(), Vec::new());
        for Part { name, outputs, order } in parts {
            let matrix = loader.take_matrix(&format!("{name}.weight"), [outputs, input], layout)?;
            let bias: Option<Vec<f32>> = match bias {
                true => Some(loader.take(&format!("{name}.bias"), &[outputs])?.to_vec1()?),
                false => None,
            };
            match order {
                None => {
                    matrices.push(matrix);
                    biases.extend(bias);
                }
                Some(order) => {
                    matrices.push(matrix.reordered(&order)?);
                    biases.extend(bias.map(|bias| order.iter().map(|place| bias[*place as usize]).collect()));
                }
            }
        }
        Ok(Self { factors: Factors::new(matrices)?, product: Product { bias: bias.then(|| biases.concat()) } })
    }

    /// Matrices side by side, without bias.
    pub fn of(matrices: Vec<Matrix>) -> Result<Self, ModelError> {
        Ok(Self { factors: Factors::new(matrices)?, product: Product { bias: None } })
    }

    pub fn forward(&self, x: &Tensor) -> Result<Tensor, ModelError> {
        self.forward_onto(x, None)
    }

    /// x W + b, added to a third tensor where there is one.
    pub fn forward_onto(&self, x: &Tensor, onto: Option<&Tensor>) -> Result<Tensor, ModelError> {
        self.factors.multiply(x, &self.product, onto)
    }
}
