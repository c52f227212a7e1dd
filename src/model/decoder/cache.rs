//! Keys and values of the tokens already read, so that the next token costs one row.

use candle_core::Tensor;
use candle_nn::kv_cache::KvCache;

use crate::model::ModelError;

/// Keys and values grow by this many positions at a time.
const STEP: usize = 256;

/// The memory of one run. It belongs to the model that made it.
pub struct Cache {
    blocks: Vec<KvCache>,
    len: usize,
    planned: usize,
}

impl Cache {
    pub(in crate::model) fn new(blocks: usize, context: usize, planned: usize) -> Self {
        Self { blocks: (0..blocks).map(|_| KvCache::new(0, STEP.min(context))).collect(), len: 0, planned }
    }

    /// Tokens the run will have at least.
    pub(super) fn planned(&self) -> usize {
        self.planned
    }

    /// Number of tokens read; the next one has this position.
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.blocks.iter_mut().for_each(KvCache::reset);
        self.len = 0;
    }

    /// Forgets all but the first `len` tokens.
    pub fn truncate(&mut self, len: usize) -> Result<(), ModelError> {
        if len >= self.len {
            return Ok(());
        }
        for block in &mut self.blocks {
            let kept = match (block.k()?, block.v()?) {
                (Some(keys), Some(values)) if len > 0 => Some((keys.narrow(0, 0, len)?, values.narrow(0, 0, len)?)),
                _ => None,
            };
            block.reset();
            if let Some((keys, values)) = kept {
                block.append(&keys, &values)?;
            }
        }
        self.len = len;
        Ok(())
    }

    pub(in crate::model) fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Adds keys and values [t, kv width] of one block, and returns those of all positions.
    pub(super) fn append(
        &mut self,
        block: usize,
        keys: &Tensor,
        values: &Tensor,
    ) -> Result<(Tensor, Tensor), ModelError> {
        Ok(self.blocks[block].append(&keys.contiguous()?, &values.contiguous()?)?)
    }

    /// After every block has appended: `tokens` more have been read.
    pub(super) fn advance(&mut self, tokens: usize) {
        self.len += tokens;
    }
}
