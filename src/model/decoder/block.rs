//! A decoder block: attention and MLP, each with norms before or after it, added to the residual stream.

use candle_core::Tensor;

use super::attention::Attention;
use super::cache::Cache;
use super::linear::Norm;
use super::loader::Loader;
use super::mlp::Mlp;
use super::rope::Angles;
use crate::model::ModelError;
use crate::model::config::Config;

pub(super) struct Block {
    attention: Attention,
    attention_norms: [Option<Norm>; 2],
    mlp: Mlp,
    mlp_norms: [Option<Norm>; 2],
    /// Whether both read what comes into the block.
    parallel: bool,
}

impl Block {
    pub fn load(loader: &mut Loader, config: &Config, index: usize) -> Result<Self, ModelError> {
        let names = config.names;
        let at = |name: &str| format!("{}{index}.{name}", names.block);
        let mut norms = |names: [Option<&str>; 2]| -> Result<[Option<Norm>; 2], ModelError> {
            let mut norm = |name: Option<&str>| name.map(|name| Norm::load(loader, config, &at(name), config.width));
            Ok([norm(names[0]).transpose()?, norm(names[1]).transpose()?])
        };
        let (attention_norms, mlp_norms) = (norms(names.attention_norms)?, norms(names.mlp_norms)?);
        Ok(Self {
            attention: Attention::load(loader, config, &config.layers[index], &at)?,
            attention_norms,
            mlp: Mlp::load(loader, config, &config.layers[index].mlp, &at)?,
            mlp_norms,
            parallel: config.parallel,
        })
    }

    /// x [t, D] -> [t, D]. `cache` is the memory and the block's number in it.
    pub fn forward(
        &self,
        x: &Tensor,
        angles: Option<&Angles>,
        cache: Option<(&mut Cache, usize)>,
    ) -> Result<Tensor, ModelError> {
        let attended = added(x, x, &self.attention_norms, |x, onto| self.attention.forward(x, angles, cache, onto))?;
        let read = if self.parallel { x } else { &attended };
        added(read, &attended, &self.mlp_norms, |x, onto| self.mlp.forward(x, onto))
    }
}

/// onto + after(part(before(x))). Without a norm after it the part adds to the residual itself, which is faster.
fn added(
    x: &Tensor,
    onto: &Tensor,
    [before, after]: &[Option<Norm>; 2],
    part: impl FnOnce(&Tensor, Option<&Tensor>) -> Result<Tensor, ModelError>,
) -> Result<Tensor, ModelError> {
    let normed = before.as_ref().map(|norm| norm.forward(x)).transpose()?;
    let x = normed.as_ref().unwrap_or(x);
    match after {
        None => part(x, Some(onto)),
        Some(after) => Ok((after.forward(&part(x, None)?)? + onto)?),
    }
}
