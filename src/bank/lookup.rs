//! Questions a bank answers: where an emotion or block is, which vectors, and what to use when nothing is asked.

use ndarray::{Array1, Array2, ArrayView1, ArrayView3, Axis, s};

use super::{Bank, BankError, VectorSet};
use crate::steering::BlockRange;

/// Strength used when neither the user nor the bank says another, in residual norms.
const STRENGTH: f32 = 0.1;

impl Bank {
    /// Place of an emotion on every E axis.
    ///
    /// # Errors
    /// An unknown name, with those of the bank which are near.
    pub fn index_of(&self, emotion: &str) -> Result<usize, BankError> {
        self.emotions
            .iter()
            .position(|name| name == emotion)
            .ok_or_else(|| BankError::UnknownEmotion { name: emotion.to_owned(), near: self.names_near(emotion) })
    }

    /// Place on every L axis of a block of the model.
    ///
    /// # Errors
    /// A block which the bank does not hold.
    pub fn block_index(&self, block: usize) -> Result<usize, BankError> {
        self.blocks.binary_search(&block).map_err(|_| BankError::UnknownBlock { block, held: self.blocks.clone() })
    }

    /// Width D of the vectors.
    pub fn width(&self) -> usize {
        self.vectors.len_of(Axis(2))
    }

    /// How many blocks the model has, as far as the bank knows: its key `model_blocks` (an import may have it), else one more than
    /// the last block held, which is exact for a bank built here. Use the model's own number while it is open.
    pub fn model_blocks(&self) -> usize {
        let after_last = self.blocks.last().map_or(1, |last| last + 1);
        self.parsed::<usize>("model_blocks").unwrap_or(after_last).max(after_last)
    }

    /// Block to read when none is asked: the bank's own default, else floor(2N/3) of the model's N blocks or the nearest block the
    /// bank holds (the lower of two).
    pub fn default_block(&self, model_blocks: usize) -> usize {
        let own = self.parsed::<usize>("default_block").filter(|block| self.blocks.contains(block));
        let wanted = 2 * model_blocks / 3;
        own.or_else(|| self.blocks.iter().copied().min_by_key(|block| block.abs_diff(wanted))).unwrap_or(wanted)
    }

    /// Blocks to steer when none are asked: the bank's own default, else the middle third of the model's N blocks, floor(N/3) to
    /// floor(2N/3) − 1; where the bank holds none of these, its default block.
    pub fn default_blocks(&self, model_blocks: usize) -> BlockRange {
        if let Some(own) = self.metadata.get("default_blocks").and_then(|text| parse_range(text)) {
            return own;
        }
        let first = model_blocks / 3;
        let third = BlockRange { first, last: (2 * model_blocks / 3).saturating_sub(1).max(first) };
        if self.blocks.iter().any(|block| (third.first..=third.last).contains(block)) {
            return third;
        }
        let block = self.default_block(model_blocks);
        BlockRange { first: block, last: block }
    }

    /// Strength of a slider when none is asked, in residual norms.
    pub fn default_strength(&self) -> f32 {
        self.parsed::<f32>("default_strength").filter(|strength| strength.is_finite()).unwrap_or(STRENGTH)
    }

    /// Vectors to use when none are asked.
    pub fn default_vectors(&self) -> VectorSet {
        self.parsed("default_vectors").unwrap_or_default()
    }

    /// One of the two sets, [E, L, D].
    ///
    /// # Errors
    /// When the bank does not have `raw`.
    pub fn vectors_of(&self, set: VectorSet) -> Result<ArrayView3<'_, f32>, BankError> {
        match set {
            VectorSet::Denoised => Ok(self.vectors.view()),
            VectorSet::Raw => {
                let raw = self.raw.as_ref().map(|raw| raw.view());
                raw.ok_or_else(|| BankError::Needs { what: "a reading of raw vectors".to_owned(), tensor: "raw" })
            }
        }
    }

    /// v̂, [D], of one emotion (an index) at one block of the model.
    ///
    /// # Errors
    /// An unknown block, a set the bank does not have, a zero vector.
    pub fn unit_vector(&self, emotion: usize, block: usize, set: VectorSet) -> Result<Array1<f32>, BankError> {
        let vectors = self.vectors_of(set)?;
        let name = self
            .emotions
            .get(emotion)
            .ok_or_else(|| BankError::UnknownEmotion { name: format!("number {emotion}"), near: Vec::new() })?;
        let vector = vectors.slice_move(s![emotion, self.block_index(block)?, ..]);
        unit(vector).ok_or_else(|| BankError::ZeroVector { emotion: name.clone(), block })
    }

    /// v̂ of every emotion at one block of the model, [E, D].
    ///
    /// # Errors
    /// As [`Bank::unit_vector`].
    pub fn unit_vectors(&self, block: usize, set: VectorSet) -> Result<Array2<f32>, BankError> {
        let mut units = Array2::zeros((self.emotions.len(), self.width()));
        for (emotion, mut row) in units.outer_iter_mut().enumerate() {
            row.assign(&self.unit_vector(emotion, block, set)?);
        }
        Ok(units)
    }

    /// Whether the bank can belong to a model of this width and number of blocks. (Other weights of the same shape are a caveat, not
    /// an error: compare `model_sha256`.)
    ///
    /// # Errors
    /// Another width or number of blocks.
    pub fn check_fits(&self, width: usize, blocks: usize) -> Result<(), BankError> {
        let misfit = |why| Err(BankError::Misfit { why });
        if self.width() != width {
            return misfit(format!("the bank's vectors are {} wide, the model is {width}", self.width()));
        }
        let imported = self.metadata.get("source").is_some_and(|source| source == super::IMPORT);
        let known = !imported || self.metadata.contains_key("model_blocks");
        let held = self.model_blocks();
        if held > blocks || (known && held != blocks) {
            return misfit(format!("the bank is of a model with {held} blocks, the model has {blocks}"));
        }
        Ok(())
    }

    fn parsed<T: std::str::FromStr>(&self, key: &str) -> Option<T> {
        self.metadata.get(key)?.parse().ok()
    }

    /// Up to three names that differ little from this one.
    fn names_near(&self, name: &str) -> Vec<String> {
        let wanted = plain(name);
        let mut near: Vec<(usize, &String)> = self
            .emotions
            .iter()
            .map(|emotion| (distance(&wanted, &plain(emotion)), emotion))
            .filter(|(distance, emotion)| {
                *distance <= 1 + wanted.chars().count() / 3
                    || (wanted.len() >= 3 && plain(emotion).starts_with(&wanted))
            })
            .collect();
        near.sort();
        near.into_iter().take(3).map(|(_, emotion)| emotion.clone()).collect()
    }
}

/// A range written "3-5", or one block "4".
pub fn parse_range(text: &str) -> Option<BlockRange> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (first <= last).then_some(BlockRange { first, last })
}

/// The vector at length 1, or nothing if it has no direction. Its length is summed in f64.
pub(super) fn unit(vector: ArrayView1<f32>) -> Option<Array1<f32>> {
    let norm = vector.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
    (norm > 0.0 && norm.is_finite()).then(|| vector.mapv(|value| (f64::from(value) / norm) as f32))
}

fn plain(name: &str) -> String {
    name.to_lowercase().replace(['_', '-'], " ")
}

/// Levenshtein distance in characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
