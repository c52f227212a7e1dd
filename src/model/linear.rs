//! Norms and linear layers.

use candle_core::Tensor;

use super::ModelError;
use super::config::{Config, LinearLayout, NormKind};
use super::kernel::{Normalise, Product};
use super::loader::Loader;

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

/// y = x W + b
pub(super) struct Linear {
    /// [in, out], possibly a transposed view.
    weight: Tensor,
    product: Product,
}

impl Linear {
    /// One layer from several of the file, their outputs side by side: one large product is faster than three small ones.
    pub fn load(
        loader: &mut Loader,
        layout: LinearLayout,
        input: usize,
        parts: &[(String, usize)],
        bias: bool,
    ) -> Result<Self, ModelError> {
        let (mut weights, mut biases) = (Vec::new(), Vec::new());
        for (name, output) in parts {
            let shape = match layout {
                LinearLayout::OutIn => [*output, input],
                LinearLayout::InOut => [input, *output],
            };
            weights.push(loader.take(&format!("{name}.weight"), &shape)?);
            if bias {
                biases.push(loader.take(&format!("{name}.bias"), &[*output])?);
            }
        }
        let weight = match layout {
            LinearLayout::OutIn => Tensor::cat(&weights, 0)?.t()?,
            LinearLayout::InOut => Tensor::cat(&weights, 1)?,
        };
        let bias = if bias { Some(Tensor::cat(&biases, 0)?.to_vec1()?) } else { None };
        Ok(Self { weight, product: Product { bias } })
    }

    /// A matrix [out, in] without bias.
    pub fn from_rows(rows: &Tensor) -> Result<Self, ModelError> {
        Ok(Self { weight: rows.t()?, product: Product { bias: None } })
    }

    /// The same with its outputs in another order: `order[i]` is the old place of the new output i.
    pub fn reordered(self, order: &[u32]) -> Result<Self, ModelError> {
        let places = Tensor::new(order, self.weight.device())?;
        let weight = self.weight.t()?.contiguous()?.index_select(&places, 0)?.t()?;
        let bias = self.product.bias.map(|bias| order.iter().map(|place| bias[*place as usize]).collect());
        Ok(Self { weight, product: Product { bias } })
    }

    pub fn forward(&self, x: &Tensor) -> Result<Tensor, ModelError> {
        Ok(x.apply_op2_no_bwd(&self.weight, &self.product)?)
    }

    /// x W + b, added to a third tensor where there is one.
    pub fn forward_onto(&self, x: &Tensor, onto: Option<&Tensor>) -> Result<Tensor, ModelError> {
        match onto {
            Some(onto) => Ok(x.apply_op3_no_bwd(&self.weight, onto, &self.product)?),
            None => self.forward(x),
        }
    }
}
