//! The decoder: embedding, blocks with a tap after each, final norm, head. One for every family.

mod attention;
mod block;
mod cache;
mod kernel;
mod linear;
mod loader;
pub(super) mod matrix;
mod mlp;
mod place;
mod portable;
pub(super) mod rope;

use std::ops::Range;

use candle_core::{Device, Tensor};
use ndarray::{Array2, Array3};

pub use cache::Cache;
pub(super) use kernel::widened;
pub(super) use loader::Loader;
pub(super) use place::Place;

use crate::job::Cancel;
use crate::model::ModelError;
use crate::model::config::Config;
use crate::steering::{BlockPush, Push, PushTally};
use block::Block;
use linear::{Linear, Norm};
use matrix::Matrix;
use rope::Angles;

/// What a pass adds to the residual, and what it gives back.
#[derive(Clone, Debug, Default)]
pub struct Tap<'a> {
    /// What is added after each block, and to which positions, counted from the start of the run. An empty push, or none, costs not
    /// a single operation, so that such a run is bit-identical.
    pub push: Option<(&'a Push, Range<usize>)>,
    /// Whether the residuals after every block are wanted.
    pub residual: bool,
    pub logits: Logits,
}

/// For which tokens of a pass the head runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Logits {
    #[default]
    None,
    Last,
    All,
}

/// What came out of one pass over t tokens.
#[derive(Clone, Debug)]
pub struct Pass {
    /// The residual stream after every block (after the push, before the final norm), [L, t, D].
    pub residual: Option<Array3<f32>>,
    /// [0, 1 or t, V]
    pub logits: Array2<f32>,
    /// What the push did, measured on the residuals.
    pub tally: PushTally,
}

pub(super) struct Decoder {
    config: Config,
    /// Where the blocks and the head are.
    device: Device,
    /// [V, D], in the processor's memory, which it need not leave: a text takes a few rows.
    embedding: Matrix,
    /// Learned positions, [context, D], beside the embedding.
    positions: Option<Tensor>,
    blocks: Vec<Block>,
    final_norm: Norm,
    head: Linear,
}

impl Decoder {
    /// Takes all tensors, and gives warnings about what is odd.
    pub fn load(loader: &mut Loader, config: Config) -> Result<(Self, Vec<String>), ModelError> {
        let (names, mut warnings) = (config.names, Vec::new());
        let (embedding, head) = load_ends(loader, &config, &mut warnings)?;
        let positions = match names.positions {
            Some(name) => Some(loader.take(name, &[config.context, config.width])?),
            None => None,
        };
        let mut blocks = Vec::new();
        for index in 0..config.layers.len() {
            blocks.push(Block::load(loader, &config, index)?);
        }
        let final_norm = Norm::load(loader, &config, names.final_norm, config.width)?;
        let device = loader.place().device().clone();
        Ok((Self { config, device, embedding, positions, blocks, final_norm, head }, warnings))
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Runs tokens at the positions from `start`, which are known to fit. Looks at `cancel` between blocks.
    pub fn forward(
        &self,
        tokens: &[u32],
        start: usize,
        mut cache: Option<&mut Cache>,
        tap: &Tap,
        cancel: &Cancel,
    ) -> Result<Pass, ModelError> {
        let (count, width) = (tokens.len(), self.config.width);
        let length = cache.as_ref().map_or(0, |cache| cache.planned()).max(start + count);
        let angles = self.config.ropes.iter().map(|rope| rope.angles(start, count, length, &self.device));
        let angles: Vec<Angles> = angles.collect::<Result<_, _>>()?;
        let mut h = self.embed(tokens, start)?.to_device(&self.device)?;
        let mut residual = Vec::with_capacity(if tap.residual { self.blocks.len() * count * width } else { 0 });
        let mut tally = PushTally::default();
        for (index, block) in self.blocks.iter().enumerate() {
            if cancel.is_cancelled() {
                return Err(ModelError::Cancelled);
            }
            let angles = angles.get(self.config.layers[index].rope);
            h = block.forward(&h, angles, cache.as_deref_mut().map(|cache| (cache, index)))?;
            if let Some((push, rows)) = pushed_rows(tap, index, start, count) {
                h = add(&h, push, rows, &mut tally)?;
            }
            if tap.residual {
                residual.extend(h.flatten_all()?.to_vec1::<f32>()?);
            }
        }
        if let Some(cache) = cache {
            cache.advance(count);
        }
        let residual = match tap.residual {
            true => Some(matrix3(residual, (self.blocks.len(), count, width))?),
            false => None,
        };
        Ok(Pass { residual, logits: self.logits(&h, tap.logits)?, tally })
    }

    fn embed(&self, tokens: &[u32], start: usize) -> Result<Tensor, ModelError> {
        let h = self.embedding.rows(tokens)?;
        let h = match self.config.embedding_scale {
            Some(scale) => (h * f64::from(scale))?,
            None => h,
        };
        let Some(positions) = &self.positions else { return Ok(h) };
        let positions = positions.narrow(0, start, tokens.len())?.flatten_all()?.to_vec1::<f32>()?;
        let mut values = h.flatten_all()?.to_vec1::<f32>()?;
        values.iter_mut().zip(positions).for_each(|(x, position)| *x += position);
        Ok(Tensor::from_vec(values, h.shape(), &Device::Cpu)?)
    }

    /// Where the model computes.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Residuals after the last block, [t, D], through the final norm, the head and its cap.
    pub fn logits(&self, h: &Tensor, which: Logits) -> Result<Array2<f32>, ModelError> {
        let count = h.dim(0)?;
        let (first, rows) = match which {
            Logits::None => return Ok(Array2::zeros((0, self.config.vocab))),
            Logits::Last => (count - 1, 1),
            Logits::All => (0, count),
        };
        let h = self.final_norm.forward(&h.narrow(0, first, rows)?.contiguous()?)?;
        let mut logits = self.head.forward(&h)?.flatten_all()?.to_vec1::<f32>()?;
        if let Some(cap) = self.config.final_cap {
            logits.iter_mut().for_each(|x| *x = cap * (*x / cap).tanh());
        }
        Array2::from_shape_vec((rows, self.config.vocab), logits).map_err(wrong_size)
    }
}

/// The embedding and the head, which are one matrix when tied. It may then be saved under either name; where both are there and
/// differ, they are not tied, whatever config.json says.
fn load_ends(loader: &mut Loader, config: &Config, warnings: &mut Vec<String>) -> Result<(Matrix, Linear), ModelError> {
    let (names, shape) = (config.names, [config.vocab, config.width]);
    let place = loader.place().clone();
    let one = |matrix: Matrix| Ok((matrix.clone(), Linear::new(vec![matrix], None, &place)?));
    if config.tied && !loader.has(names.embedding) && loader.has_exact(names.head) {
        return one(loader.take_stack_exact(names.head, &shape)?);
    }
    let embedding = loader.take_stack(names.embedding, &shape)?;
    if config.tied && !loader.has_exact(names.head) {
        return one(embedding);
    }
    let head = loader.take_stack_exact(names.head, &shape)?;
    if !config.tied {
        return Ok((embedding, Linear::new(vec![head], None, &place)?));
    }
    let differ = embedding.dense()?.ne(&head.dense()?)?.flatten_all()?.max(0)?.to_scalar::<u8>()? != 0;
    if !differ {
        loader.forget(&head, config.vocab * config.width);
        return one(embedding);
    }
    warnings.push(format!(
        "`tie_word_embeddings` is true, but `{}` differs from the embedding: it is used as it is",
        names.head
    ));
    Ok((embedding, Linear::new(vec![head], None, &place)?))
}

/// The push of this block and the rows of the pass it falls on, if any.
fn pushed_rows<'a>(tap: &Tap<'a>, block: usize, start: usize, count: usize) -> Option<(&'a BlockPush, Range<usize>)> {
    let (push, positions) = tap.push.as_ref()?;
    let push = push.blocks.iter().find(|push| push.block == block)?;
    let first = positions.start.max(start);
    let end = positions.end.min(start + count);
    (first < end).then(|| (push, first - start..end - start))
}

/// Adds to some rows of h, and tallies how far they moved.
fn add(h: &Tensor, push: &BlockPush, rows: Range<usize>, tally: &mut PushTally) -> Result<Tensor, ModelError> {
    let width = push.delta.len();
    let mut values = h.flatten_all()?.to_vec1::<f32>()?;
    for row in values[rows.start * width..rows.end * width].chunks_exact_mut(width) {
        let mut moved = 0.0;
        for (x, delta) in row.iter_mut().zip(&push.delta) {
            let before = *x;
            *x += delta;
            moved += (f64::from(*x) - f64::from(before)).powi(2);
        }
        tally.sum += moved.sqrt() / f64::from(push.residual_norm);
    }
    tally.pairs += rows.len();
    tally.tokens = rows.len();
    Ok(Tensor::from_vec(values, h.shape(), h.device())?)
}

fn matrix3(values: Vec<f32>, shape: (usize, usize, usize)) -> Result<Array3<f32>, ModelError> {
    Array3::from_shape_vec(shape, values).map_err(wrong_size)
}

fn wrong_size(error: ndarray::ShapeError) -> ModelError {
    ModelError::Compute(candle_core::Error::wrap(error))
}
