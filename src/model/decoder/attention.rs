//! Attention: queries, keys and values, normed and turned as the family wants it.

use candle_core::Tensor;
use candle_nn::rotary_emb::rope_thd;

use super::cache::Cache;
use super::kernel::CausalAttention;
use super::linear::{Linear, Norm, Part};
use super::loader::Loader;
use super::place::Place;
use super::rope::Angles;
use crate::model::ModelError;
use crate::model::config::{Config, Layer, QkNorm, QkvNames};

pub(super) struct Attention {
    qkv: Linear,
    qk_norms: Option<(QkNorm, [Norm; 2])>,
    out: Linear,
    kernel: CausalAttention,
    place: Place,
}

impl Attention {
    pub fn load(
        loader: &mut Loader,
        config: &Config,
        layer: &Layer,
        at: &impl Fn(&str) -> String,
    ) -> Result<Self, ModelError> {
        let (names, layout) = (config.names, config.names.layout);
        let (width, kv_width) = (config.heads * config.head_dim, config.kv_heads * config.head_dim);
        let mut parts = match names.qkv {
            QkvNames::Fused(name) | QkvNames::ByHead(name) => vec![Part::new(at(name), width + 2 * kv_width)],
            QkvNames::Split([q, k, v]) | QkvNames::SplitInTurns([q, k, v]) => {
                vec![Part::new(at(q), width), Part::new(at(k), kv_width), Part::new(at(v), kv_width)]
            }
        };
        match names.qkv {
            QkvNames::ByHead(_) => parts[0].order = Some(heads_apart(config.heads, config.head_dim)),
            QkvNames::SplitInTurns(_) => {
                for (part, heads) in parts.iter_mut().zip([config.heads, config.kv_heads]) {
                    part.order = Some(pairs_apart(heads, config.head_dim));
                }
            }
            QkvNames::Fused(_) | QkvNames::Split(_) => {}
        }
        let qkv = Linear::load(loader, layout, config.width, parts, config.attention_bias)?;
        let qk_norms = match config.qk_norm {
            None => None,
            Some(over) => {
                let widths = match over {
                    QkNorm::EachHead => [config.head_dim; 2],
                    QkNorm::AllHeads => [width, kv_width],
                };
                let mut norm = |i: usize| Norm::load(loader, config, &at(names.qk_norms[i]), widths[i]);
                Some((over, [norm(0)?, norm(1)?]))
            }
        };
        let out = vec![Part::new(at(names.attention_out), config.width)];
        let kernel = CausalAttention {
            heads: config.heads,
            kv_heads: config.kv_heads,
            head_dim: config.head_dim,
            scale: config.scale,
            window: layer.window,
            cap: config.attention_cap,
        };
        let out = Linear::load(loader, layout, width, out, config.attention_out_bias)?;
        Ok(Self { qkv, qk_norms, out, kernel, place: loader.place().clone() })
    }

    /// attention(x), added to `onto` where there is one.
    pub fn forward(
        &self,
        x: &Tensor,
        angles: Option<&Angles>,
        cache: Option<(&mut Cache, usize)>,
        onto: Option<&Tensor>,
    ) -> Result<Tensor, ModelError> {
        let (heads, kv_heads, dim) = (self.kernel.heads, self.kernel.kv_heads, self.kernel.head_dim);
        let (width, kv_width) = (heads * dim, kv_heads * dim);
        let qkv = self.qkv.forward(x)?;
        // Queries and keys are turned together, as heads of one tensor.
        let mut qk = qkv.narrow(1, 0, width + kv_width)?;
        if let Some((over, [q_norm, k_norm])) = &self.qk_norms {
            let norm = |norm: &Norm, x: Tensor| match over {
                QkNorm::EachHead => norm.forward_heads(&x),
                QkNorm::AllHeads => norm.forward(&x),
            };
            let (q, k) = (qk.narrow(1, 0, width)?, qk.narrow(1, width, kv_width)?);
            qk = Tensor::cat(&[norm(q_norm, q)?, norm(k_norm, k)?], 1)?;
        }
        if let Some(angles) = angles {
            qk = turned(&qk, heads + kv_heads, dim, angles)?;
        }
        let (q, k) = (qk.narrow(1, 0, width)?, qk.narrow(1, width, kv_width)?);
        let v = qkv.narrow(1, width + kv_width, kv_width)?;
        let (k, v) = match cache {
            None => (k, v),
            Some((cache, block)) => cache.append(block, &k, &v)?,
        };
        self.out.forward_onto(&self.place.attend(&self.kernel, &q, &k, &v)?, onto)
    }
}

/// Turns the first dimensions of every head of x [t, heads × dim], the first half of them against the second.
fn turned(x: &Tensor, heads: usize, dim: usize, angles: &Angles) -> Result<Tensor, ModelError> {
    let (tokens, turning) = (x.dim(0)?, 2 * angles.cos.dim(1)?);
    let x = x.contiguous()?.reshape((1, tokens, heads, dim))?;
    let turned = rope_thd(&x.narrow(3, 0, turning)?.contiguous()?, &angles.cos, &angles.sin)?;
    let whole = match dim - turning {
        0 => turned,
        rest => Tensor::cat(&[turned, x.narrow(3, turning, rest)?], 3)?,
    };
    Ok(whole.reshape((tokens, heads * dim))?)
}

/// Where queries, then keys, then values are in a matrix which holds query, key and value of one head after another.
fn heads_apart(heads: usize, dim: usize) -> Vec<u32> {
    let places = (0..3).flat_map(|part| (0..heads).map(move |head| (head * 3 + part) * dim));
    places.flat_map(|first| first as u32..(first + dim) as u32).collect()
}

/// Where the first halves, then the second halves of heads are in rows where the two of a pair follow each other.
fn pairs_apart(heads: usize, dim: usize) -> Vec<u32> {
    let places = (0..heads).flat_map(|head| (0..2).map(move |half| head * dim + half));
    places.flat_map(|first| (first as u32..).step_by(2).take(dim / 2)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_put_apart() {
        assert_eq!(heads_apart(2, 2), [0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11]);
    }

    #[test]
    fn pairs_are_put_apart() {
        assert_eq!(pairs_apart(2, 4), [0, 2, 1, 3, 4, 6, 5, 7]);
    }
}
