//! The parts of a decoder block: norms, linear layers, attention, MLP.

use candle_core::Tensor;
use candle_nn::rotary_emb::rope_thd;

use super::ModelError;
use super::cache::Cache;
use super::config::{Config, LinearLayout, MlpNames, NormKind, QkvNames};
use super::kernel::{Activate, CausalAttention, Normalise, Product};
use super::loader::Loader;

/// Cosines and sines of the positions of one pass, both [t, head_dim / 2].
pub(super) struct Angles {
    pub cos: Tensor,
    pub sin: Tensor,
}

/// x + attention(norm(x)), then x + mlp(norm(x)).
pub(super) struct Block {
    attention_norm: Norm,
    attention: Attention,
    mlp_norm: Norm,
    mlp: Mlp,
}

impl Block {
    pub fn load(loader: &mut Loader, config: &Config, index: usize) -> Result<Self, ModelError> {
        let names = config.names;
        let at = |name: &str| format!("{}{index}.{name}", names.block);
        Ok(Self {
            attention_norm: Norm::load(loader, config, &at(names.attention_norm))?,
            attention: Attention::load(loader, config, &at)?,
            mlp_norm: Norm::load(loader, config, &at(names.mlp_norm))?,
            mlp: Mlp::load(loader, config, &at)?,
        })
    }

    /// x [t, D] -> [t, D]. `cache` is the memory and the block's number in it.
    pub fn forward(
        &self,
        x: &Tensor,
        angles: Option<&Angles>,
        cache: Option<(&mut Cache, usize)>,
    ) -> Result<Tensor, ModelError> {
        let x = self.attention.forward(&self.attention_norm.forward(x)?, angles, cache, x)?;
        self.mlp.forward(&self.mlp_norm.forward(&x)?, &x)
    }
}

pub(super) struct Norm(Normalise);

impl Norm {
    pub fn load(loader: &mut Loader, config: &Config, name: &str) -> Result<Self, ModelError> {
        let weight = loader.take(&format!("{name}.weight"), &[config.width])?.to_vec1()?;
        let bias = match config.norm {
            NormKind::Rms => None,
            NormKind::Layer => Some(loader.take(&format!("{name}.bias"), &[config.width])?.to_vec1()?),
        };
        Ok(Self(Normalise { weight, bias, eps: config.norm_eps as f32 }))
    }

    pub fn forward(&self, x: &Tensor) -> Result<Tensor, ModelError> {
        Ok(x.apply_op1_no_bwd(&self.0)?)
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
    fn load(
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

    /// The head: a matrix [out, in] without bias.
    pub fn from_rows(rows: &Tensor) -> Result<Self, ModelError> {
        Ok(Self { weight: rows.t()?, product: Product { bias: None } })
    }

    pub fn forward(&self, x: &Tensor) -> Result<Tensor, ModelError> {
        Ok(x.apply_op2_no_bwd(&self.weight, &self.product)?)
    }

    /// y + x W + b
    fn forward_onto(&self, x: &Tensor, y: &Tensor) -> Result<Tensor, ModelError> {
        Ok(x.apply_op3_no_bwd(&self.weight, y, &self.product)?)
    }
}

struct Attention {
    qkv: Linear,
    out: Linear,
    kernel: CausalAttention,
}

impl Attention {
    fn load(loader: &mut Loader, config: &Config, at: &impl Fn(&str) -> String) -> Result<Self, ModelError> {
        let (names, layout) = (config.names, config.names.layout);
        let (width, kv_width) = (config.heads * config.head_dim, config.kv_heads * config.head_dim);
        let parts = match names.qkv {
            QkvNames::Fused(name) => vec![(at(name), width + 2 * kv_width)],
            QkvNames::Split([q, k, v]) => vec![(at(q), width), (at(k), kv_width), (at(v), kv_width)],
        };
        let out = [(at(names.attention_out), config.width)];
        let kernel = CausalAttention {
            heads: config.heads,
            kv_heads: config.kv_heads,
            head_dim: config.head_dim,
            scale: 1.0 / (config.head_dim as f32).sqrt(),
        };
        Ok(Self {
            qkv: Linear::load(loader, layout, config.width, &parts, config.attention_bias)?,
            out: Linear::load(loader, layout, width, &out, config.attention_out_bias)?,
            kernel,
        })
    }

    /// onto + attention(x)
    fn forward(
        &self,
        x: &Tensor,
        angles: Option<&Angles>,
        cache: Option<(&mut Cache, usize)>,
        onto: &Tensor,
    ) -> Result<Tensor, ModelError> {
        let (heads, kv_heads, dim) = (self.kernel.heads, self.kernel.kv_heads, self.kernel.head_dim);
        let (width, kv_width) = (heads * dim, kv_heads * dim);
        let qkv = self.qkv.forward(x)?;
        let tokens = qkv.dim(0)?;
        // Queries and keys are turned together, as heads of one tensor.
        let qk = match angles {
            None => qkv.narrow(1, 0, width + kv_width)?,
            Some(angles) => {
                let qk = qkv.narrow(1, 0, width + kv_width)?.contiguous()?;
                let qk = rope_thd(&qk.reshape((1, tokens, heads + kv_heads, dim))?, &angles.cos, &angles.sin)?;
                qk.reshape((tokens, width + kv_width))?
            }
        };
        let (q, k) = (qk.narrow(1, 0, width)?, qk.narrow(1, width, kv_width)?);
        let v = qkv.narrow(1, width + kv_width, kv_width)?;
        let (k, v) = match cache {
            None => (k, v),
            Some((cache, block)) => cache.append(block, &k, &v)?,
        };
        self.out.forward_onto(&q.apply_op3_no_bwd(&k, &v, &self.kernel)?, onto)
    }
}

struct Mlp {
    /// Gate and up side by side where there is a gate.
    up: Linear,
    activate: Activate,
    down: Linear,
}

impl Mlp {
    fn load(loader: &mut Loader, config: &Config, at: &impl Fn(&str) -> String) -> Result<Self, ModelError> {
        let (inner, layout, bias) = (config.inner, config.names.layout, config.mlp_bias);
        let (parts, down, gated) = match config.names.mlp {
            MlpNames::Plain { up, down } => (vec![(at(up), inner)], down, false),
            MlpNames::Gated { gate, up, down } => (vec![(at(gate), inner), (at(up), inner)], down, true),
        };
        Ok(Self {
            up: Linear::load(loader, layout, config.width, &parts, bias)?,
            activate: Activate { activation: config.activation, gated },
            down: Linear::load(loader, layout, inner, &[(at(down), config.width)], bias)?,
        })
    }

    /// onto + mlp(x)
    fn forward(&self, x: &Tensor, onto: &Tensor) -> Result<Tensor, ModelError> {
        let inner = self.up.forward(x)?.apply_op1_no_bwd(&self.activate)?;
        self.down.forward_onto(&inner, onto)
    }
}
