//! From sums to vectors: differences of means, the neutral components projected out, norms and baselines.

use ndarray::{Array1, Array2, Array3, Axis, s};
use rayon::prelude::*;

use super::plan::Plan;
use super::sums::{BlockSums, Sums};
use super::{Recipe, ResidualSource};
use crate::bank::{Bank, BankError, Baseline};
use crate::geometry::{Eigen, GeometryError};
use crate::job::Cancel;

/// A vector shorter than this share of its raw length is rounding.
const ZERO: f64 = 1e-9;

/// Everything that stories and neutral tokens decide.
pub(super) struct Directions {
    pub(super) blocks: Vec<BlockDirections>,
}

pub(super) struct BlockDirections {
    pub(super) vectors: Set,
    pub(super) raw: Set,
    neutral_mean: Array1<f32>,
    components: usize,
}

/// One set of vectors at one block.
pub(super) struct Set {
    /// As stored, [E, D].
    stored: Array2<f32>,
    /// v̂, [E, D].
    pub(super) units: Array2<f64>,
    /// Token baseline, [E].
    mean: Array1<f64>,
    std: Array1<f64>,
}

impl Directions {
    pub(super) fn components(&self) -> Vec<usize> {
        self.blocks.iter().map(|block| block.components).collect()
    }
}

/// Finishes the vectors, once all stories and neutral texts are in the sums.
pub(super) fn directions(sums: &Sums, plan: &Plan, variance: f64, cancel: &Cancel) -> Result<Directions, BankError> {
    let blocks = sums.blocks.par_iter().enumerate();
    let blocks: Result<Vec<_>, BankError> =
        blocks.map(|(block, sums)| at_block(block, sums, plan, variance, cancel)).collect();
    Ok(Directions { blocks: blocks? })
}

fn at_block(
    block: usize,
    sums: &BlockSums,
    plan: &Plan,
    variance: f64,
    cancel: &Cancel,
) -> Result<BlockDirections, BankError> {
    let positions = plan.report.neutral_positions as f64;
    let mean = &sums.neutral / positions;
    let column = mean.view().insert_axis(Axis(1));
    let mut covariance = &sums.products / positions - column.dot(&column.t());
    // The two halves of a product differ by rounding.
    covariance = (&covariance + &covariance.t()) / 2.0;

    let counts = Array1::from_iter(plan.stories_of.iter().map(|count| *count as f64));
    let means = &sums.stories / &counts.insert_axis(Axis(1));
    let mut raw = means;
    let over_emotions = raw.sum_axis(Axis(0)) / raw.nrows() as f64;
    raw -= &over_emotions;

    let neutral = neutral_components(covariance.clone(), variance, cancel)?;
    let vectors = &raw - &raw.dot(&neutral.t()).dot(&neutral);
    let lengths = |rows: &Array2<f64>| rows.map_axis(Axis(1), |row| row.dot(&row).sqrt());
    let (raw_lengths, lengths) = (lengths(&raw), lengths(&vectors));
    let mean_length = over_emotions.dot(&over_emotions).sqrt();
    let zero = raw_lengths
        .iter()
        .zip(&lengths)
        .position(|(raw, left)| *raw <= ZERO * mean_length || *left <= ZERO * raw || *left == 0.0);
    if let Some(emotion) = zero {
        return Err(BankError::ZeroVector { emotion: plan.emotions[emotion].clone(), block });
    }
    Ok(BlockDirections {
        vectors: Set::new(&vectors, &mean, &covariance),
        raw: Set::new(&raw, &mean, &covariance),
        neutral_mean: mean.mapv(|value| value as f32),
        components: neutral.nrows(),
    })
}

/// The fewest components with at least this share of the variance, as orthonormal rows.
fn neutral_components(covariance: Array2<f64>, variance: f64, cancel: &Cancel) -> Result<Array2<f64>, BankError> {
    let width = covariance.nrows();
    if variance == 0.0 {
        return Ok(Array2::zeros((0, width)));
    }
    let eigen = Eigen::new(covariance, cancel).map_err(|error| match error {
        GeometryError::Stopped => BankError::Stopped,
        error => BankError::Numbers(error.to_string()),
    })?;
    let total: f64 = eigen.values().iter().map(|value| value.max(0.0)).sum();
    if total == 0.0 {
        return Err(BankError::Numbers("the neutral texts all give the same residual".to_owned()));
    }
    let mut share = 0.0;
    let count = eigen.values().iter().take_while(|value| {
        let more = share < variance;
        share += value.max(0.0) / total;
        more
    });
    let count = count.count();
    Ok(eigen.vectors(count))
}

impl Set {
    fn new(vectors: &Array2<f64>, neutral_mean: &Array1<f64>, covariance: &Array2<f64>) -> Self {
        let stored = vectors.mapv(|value| value as f32);
        let mut units = stored.mapv(f64::from);
        for mut row in units.outer_iter_mut() {
            let length = row.dot(&row).sqrt();
            row /= length;
        }
        let mean = units.dot(neutral_mean);
        let variance = (units.dot(covariance) * &units).sum_axis(Axis(1));
        let std = variance.mapv(|variance| variance.max(0.0).sqrt());
        Self { stored, units, mean, std }
    }
}

/// Puts the bank together.
pub(super) fn bank(
    source: &dyn ResidualSource,
    recipe: &Recipe,
    plan: &Plan,
    sums: &Sums,
    directions: Directions,
) -> Result<Bank, BankError> {
    let (emotions, blocks, width) = (plan.emotions.len(), source.blocks(), source.width());
    let whole = |of: fn(&BlockDirections) -> &Set| {
        let mut vectors = Array3::zeros((emotions, blocks, width));
        for (block, directions) in directions.blocks.iter().enumerate() {
            vectors.slice_mut(s![.., block, ..]).assign(&of(directions).stored);
        }
        vectors
    };
    let per_emotion = |row: &dyn Fn(usize) -> Array1<f64>| {
        let mut values = Array2::zeros((blocks, emotions));
        for (block, mut values) in values.outer_iter_mut().enumerate() {
            values.assign(&row(block).mapv(|value| value as f32));
        }
        values
    };
    let token = |of: fn(&BlockDirections) -> &Set| Baseline {
        mean: per_emotion(&|block| of(&directions.blocks[block]).mean.clone()),
        std: per_emotion(&|block| of(&directions.blocks[block]).std.clone()),
    };
    let questions = plan.report.questions as f64;
    let answer = |set: usize| {
        let mean = |block: usize| &sums.blocks[block].answers.row(2 * set) / questions;
        let std = |block: usize| {
            let square = &sums.blocks[block].answers.row(2 * set + 1) / questions;
            (square - mean(block).mapv(|mean| mean * mean)).mapv(|variance| variance.max(0.0).sqrt())
        };
        Baseline { mean: per_emotion(&mean), std: per_emotion(&std) }
    };
    let positions = plan.report.story_positions as f64;
    let mut neutral_mean = Array2::zeros((blocks, width));
    for (mut row, directions) in neutral_mean.outer_iter_mut().zip(&directions.blocks) {
        row.assign(&directions.neutral_mean);
    }
    let metadata = [
        ("model", source.id()),
        ("model_sha256", recipe.model_sha256.clone()),
        ("start_token", recipe.start_token.to_string()),
        ("variance", recipe.variance.to_string()),
        ("neutral_components", serde_json::json!(directions.components()).to_string()),
        ("corpus", recipe.stories.name()),
        ("corpus_sha256", plan.corpus_sha256.clone()),
        ("stories", plan.report.stories.to_string()),
        ("created_by", concat!("circumplex ", env!("CARGO_PKG_VERSION")).to_owned()),
        ("license", recipe.license.clone()),
    ];
    Ok(Bank {
        emotions: plan.emotions.clone(),
        blocks: (0..blocks).collect(),
        vectors: whole(|directions| &directions.vectors),
        raw: Some(whole(|directions| &directions.raw)),
        residual_norm: Some(Array1::from_iter(sums.blocks.iter().map(|sums| (sums.norm[0] / positions) as f32))),
        neutral_mean: Some(neutral_mean),
        baseline: Some(token(|directions| &directions.vectors)),
        answer: Some(answer(0)),
        raw_baseline: Some(token(|directions| &directions.raw)),
        raw_answer: Some(answer(1)),
        metadata: metadata.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
    })
}
