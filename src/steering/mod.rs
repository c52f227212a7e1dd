//! Steering: which vectors are added to the residual, how strongly, at which blocks and positions.

mod resolve;
mod spec;

pub use resolve::{RANDOM, SteeringError, resolve};
pub use spec::{parse_blocks, parse_term};

use std::ops::Range;

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

impl Scope {
    /// The positions pushed in a text whose prompt has this many tokens.
    pub fn positions(self, prompt_tokens: usize) -> Range<usize> {
        let answer_at = prompt_tokens.saturating_sub(1);
        match self {
            Scope::Both => 0..usize::MAX,
            Scope::Prompt => 0..answer_at,
            Scope::Reply => answer_at..usize::MAX,
        }
    }
}

impl std::str::FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "both" => Ok(Scope::Both),
            "prompt" => Ok(Scope::Prompt),
            "reply" => Ok(Scope::Reply),
            _ => Err(format!("{text:?} is not a scope\nChoose both, prompt or reply")),
        }
    }
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

impl std::fmt::Display for BlockRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
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

impl Push {
    /// Adds nothing anywhere.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }
}

impl PushTally {
    /// Mean over pushed (token, block) pairs, in residual norms; 0 without steering.
    pub fn mean(&self) -> f64 {
        if self.pairs == 0 { 0.0 } else { self.sum / self.pairs as f64 }
    }

    /// Counts the pushes of one more stretch of text.
    pub fn add(&mut self, more: PushTally) {
        self.tokens += more.tokens;
        self.pairs += more.pairs;
        self.sum += more.sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reply_starts_at_the_token_before_it() {
        let pushed = |scope: Scope| (0..6).filter(|position| scope.positions(4).contains(position)).collect::<Vec<_>>();
        assert_eq!(pushed(Scope::Both), [0, 1, 2, 3, 4, 5]);
        assert_eq!(pushed(Scope::Prompt), [0, 1, 2]);
        assert_eq!(pushed(Scope::Reply), [3, 4, 5]);
    }

    #[test]
    fn a_mean_of_nothing_is_zero() {
        assert_eq!(PushTally::default().mean(), 0.0);
    }
}
