//! Norms and linear layers.

use candle_core::Tensor;

use super::kernel::{Normalise, Product};
use super::loader::Loader;
use super::matrix::{Factors, Matrix};
use super::place::Place;
use super::portable;
use crate::model::ModelError;
use crate::model::config::{Config, LinearLayout, NormKind};

/// A norm over rows.
pub(super) struct Norm {
    width: usize,
    arithmetic: NormArithmetic,
}

enum NormArithmetic {
    Ours(Normalise),
    Portable(portable::Norm),
}

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
        let normalise = Normalise { weight, bias, eps: config.norm_eps as f32 };
        let arithmetic = match loader.place().norms() {
            true => NormArithmetic::Ours(normalise),
            false => NormArithmetic::Portable(portable::Norm::new(normalise, loader.place().device())?),
        };
        Ok(Self { width, arithmetic })
    }

    /// Norms rows.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, ModelError> {
        Ok(match &self.arithmetic {
            NormArithmetic::Ours(normalise) => x.apply_op1_no_bwd(normalise)?,
            NormArithmetic::Portable(norm) => norm.forward(x)?,
        })
    }

    /// Norms every head of rows [t, heads × width].
    pub fn forward_heads(&self, x: &Tensor) -> Result<Tensor, ModelError> {
        let shape = x.dims2()?;
        let heads = x.contiguous()?.reshape((x.elem_count() / self.width, self.width))?;
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
pub(super) enum Linear {
    Ours { factors: Factors, product: Product },
    Portable(portable::Linear),
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
        Self::new(matrices, bias.then(|| biases.concat()), loader.place())
    }

    /// Matrices side by side, and the bias of all of them.
    pub fn new(matrices: Vec<Matrix>, bias: Option<Vec<f32>>, place: &Place) -> Result<Self, ModelError> {
        match place.multiplies() {
            true => Ok(Self::Ours { factors: Factors::new(matrices)?, product: Product { bias } }),
            false => Ok(Self::Portable(portable::Linear::new(matrices, bias, place.device())?)),
        }
    }

    pub fn forward(&self, x: &Tensor) -> Result<Tensor, ModelError> {
        self.forward_onto(x, None)
    }

    /// x W + b, added to a third tensor where there is one.
    pub fn forward_onto(&self, x: &Tensor, onto: Option<&Tensor>) -> Result<Tensor, ModelError> {
        match self {
            Self::Ours { factors, product } => factors.multiply(x, product, onto),
            Self::Portable(linear) => Ok(linear.forward_onto(x, onto)?),
        }
    }
}
