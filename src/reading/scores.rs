//! Residuals to scores, as matrix products.

use ndarray::{Array2, ArrayView1, ArrayView2};

use super::{Metric, ReadingError};
use crate::bank::{Bank, BankError, Baseline, VectorSet};

/// Scores [T, E] of residuals [T, D] at one block of the model, in bank order. Row `answer_at`, the token before the reply, is scored
/// against the answer baseline; this makes a difference under z only.
///
/// A residual equal to the neutral mean has no direction: its cosine is 0.
///
/// # Errors
/// What the bank does not have, residuals of another width or with values which are not finite, `answer_at` beyond the text, and under
/// z a baseline whose standard deviation is 0.
pub fn scores(
    bank: &Bank,
    set: VectorSet,
    block: usize,
    metric: Metric,
    residual: ArrayView2<f32>,
    answer_at: Option<usize>,
) -> Result<Array2<f32>, ReadingError> {
    let (tokens, width) = residual.dim();
    if width != bank.width() {
        return Err(ReadingError::Width { bank: bank.width(), residual: width });
    }
    if let Some(row) = answer_at.filter(|row| *row >= tokens) {
        return Err(ReadingError::NoToken { token: row, tokens });
    }
    if let Some(token) = residual.outer_iter().position(|row| row.iter().any(|value| !value.is_finite())) {
        return Err(ReadingError::NotFinite { token, block });
    }
    let units = bank.unit_vectors(block, set)?;
    match metric {
        Metric::Dot => Ok(residual.dot(&units.t())),
        Metric::Cosine => cosine(bank, block, residual, units.view()),
        Metric::Z => {
            let token = Standard::token(bank, set, block)?;
            let answer = answer_at.map(|_| Standard::answer(bank, set, block)).transpose()?;
            let mut scores = residual.dot(&units.t());
            for (row, mut scores) in scores.outer_iter_mut().enumerate() {
                let standard = answer.as_ref().filter(|_| answer_at == Some(row)).unwrap_or(&token);
                scores -= &standard.mean;
                scores /= &standard.std;
            }
            Ok(scores)
        }
    }
}

fn cosine(
    bank: &Bank,
    block: usize,
    residual: ArrayView2<f32>,
    units: ArrayView2<f32>,
) -> Result<Array2<f32>, ReadingError> {
    let mean = bank.neutral_mean.as_ref().ok_or_else(|| needs("the cosine metric", "neutral_mean"))?;
    let centred = &residual - &mean.row(bank.block_index(block)?);
    let mut scores = centred.dot(&units.t());
    for (mut scores, row) in scores.outer_iter_mut().zip(centred.outer_iter()) {
        let norm = row.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt() as f32;
        if norm > 0.0 {
            scores /= norm;
        }
    }
    Ok(scores)
}

/// What z is measured against: mean and standard deviation of every emotion, [E].
struct Standard<'a> {
    mean: ArrayView1<'a, f32>,
    std: ArrayView1<'a, f32>,
}

impl<'a> Standard<'a> {
    fn token(bank: &'a Bank, set: VectorSet, block: usize) -> Result<Self, ReadingError> {
        let (baseline, tensor) = match set {
            VectorSet::Denoised => (&bank.baseline, "baseline_mean"),
            VectorSet::Raw => (&bank.raw_baseline, "raw_baseline_mean"),
        };
        let baseline = baseline.as_ref().ok_or_else(|| needs("the z metric", tensor))?;
        Self::new(bank, baseline, block)
    }

    fn answer(bank: &'a Bank, set: VectorSet, block: usize) -> Result<Self, ReadingError> {
        let (baseline, tensor) = match set {
            VectorSet::Denoised => (&bank.answer, "answer_mean"),
            VectorSet::Raw => (&bank.raw_answer, "raw_answer_mean"),
        };
        let baseline = baseline.as_ref().ok_or_else(|| needs("the z metric before the reply", tensor))?;
        Self::new(bank, baseline, block)
    }

    fn new(bank: &Bank, baseline: &'a Baseline, block: usize) -> Result<Self, ReadingError> {
        let index = bank.block_index(block)?;
        let (mean, std) = (baseline.mean.row(index), baseline.std.row(index));
        match std.iter().position(|std| *std <= 0.0) {
            Some(emotion) => Err(ReadingError::FlatBaseline { emotion: bank.emotions[emotion].clone(), block }),
            None => Ok(Self { mean, std }),
        }
    }
}

fn needs(what: &str, tensor: &'static str) -> ReadingError {
    ReadingError::Bank(BankError::Needs { what: what.to_owned(), tensor })
}
