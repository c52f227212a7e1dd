//! Steering: which vectors are added to the residual, how strongly, at which blocks and positions.

use serde::{Deserialize, Serialize};

/// Which positions are pushed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Every position.
    #[default]
    Both,
    /// Positions before the about-to-answer token.
    Prompt,
    /// From the about-to-answer token (the last of the prompt) on, since that decides the first word.
    Reply,
}

/// What happens to the past when a strength changes during a reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeRule {
    /// Keep the cache: the new strength acts from the next token.
    #[default]
    FromHere,
    /// Fill the cache again: as if the new strength had acted from the start.
    FromStart,
}

/// An inclusive range of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BlockRange {
    pub first: usize,
    pub last: usize,
}

/// One slider: an emotion of the bank, or `random`, and its strength in residual norms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Term {
    pub name: String,
    pub strength: f32,
}

/// What the user asks for. Emotions add up, and pushes at several blocks accumulate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Steering {
    pub terms: Vec<Term>,
    /// `None`: the bank's default range.
    pub blocks: Option<BlockRange>,
    pub scope: Scope,
    pub change: ChangeRule,
    /// Seed of the `random` direction.
    pub seed: u64,
}

/// What is added at one block: s × residual_norm × v̂, summed over the terms.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockPush {
    pub block: usize,
    /// [D], never all zero.
    pub delta: Vec<f32>,
    /// The block's mean residual norm, the unit in which the push is reported.
    pub residual_norm: f32,
}

/// A steering resolved against a bank: the vectors to add, ascending by block. Empty when every strength is 0, and then the
/// model does no arithmetic at all, so that an unsteered run is bit-identical.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Push {
    pub blocks: Vec<BlockPush>,
}

/// What a push did, measured on the residuals before and after.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PushTally {
    /// Positions pushed.
    pub tokens: usize,
    /// (token, block) pairs pushed.
    pub pairs: usize,
    /// Sum over pairs of |h after − h before| / residual_norm.
    pub sum: f64,
}
