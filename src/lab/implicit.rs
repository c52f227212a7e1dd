//! Implicit emotion: messages which name no emotion, read at the token before the reply (the paper's 12x12 matrix with a strong
//! diagonal).

use ndarray::Array2;
use serde::Serialize;

use super::prompts::Implicit as Prompt;
use super::{Lab, LabError, Measure, mean, rank};
use crate::job::{Cancel, Sink};

/// What was read before the replies.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Implicit {
    pub measure: Measure,
    pub emotions: Vec<String>,
    pub prompts: Vec<Reading>,
    /// Prompts whose own emotion is the highest of all.
    pub first: usize,
    /// Prompts whose own emotion is among the three highest.
    pub first_three: usize,
    /// Mean z, by emotion of the prompts, then by emotion read.
    pub mean: Vec<Vec<f64>>,
    /// The same counts at every block of the bank.
    pub blocks: Vec<BlockHits>,
}

/// One prompt.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reading {
    pub emotion: String,
    pub text: String,
    /// In sd, by emotion.
    pub z: Vec<f32>,
    /// Place of its own emotion among all, from 1.
    pub rank: usize,
}

/// How often the own emotion was on top at one block.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BlockHits {
    pub block: usize,
    pub first: usize,
    pub first_three: usize,
}

/// Reads the emotions which occur among the prompts.
///
/// # Errors
/// No prompts, an emotion or baseline which the bank does not have, a prompt longer than the context; [`LabError::Stopped`].
pub fn implicit(lab: &Lab, prompts: &[Prompt], cancel: &Cancel, sink: Sink) -> Result<Implicit, LabError> {
    if prompts.is_empty() {
        return Err(LabError::NoPrompts);
    }
    let mut emotions: Vec<String> = Vec::new();
    for prompt in prompts {
        if !emotions.contains(&prompt.emotion) {
            emotions.push(prompt.emotion.clone());
        }
    }
    let places = lab.places(&emotions)?;
    let mut steps = super::Steps::new("Reading implicit situations", prompts.len(), sink, cancel);
    let mut residuals: Vec<Array2<f32>> = Vec::new();
    for prompt in prompts {
        steps.next()?;
        residuals.push(lab.before_reply(&prompt.text, cancel)?);
    }
    let read = |block: usize| {
        let reading = |(prompt, residual): (&Prompt, &Array2<f32>)| {
            let z = lab.z_before_reply(block, residual.view(), &places)?;
            let own = emotions.iter().position(|emotion| *emotion == prompt.emotion).unwrap_or_default();
            let rank = rank(&z, own);
            Ok(Reading { emotion: prompt.emotion.clone(), text: prompt.text.clone(), z, rank })
        };
        prompts.iter().zip(&residuals).map(reading).collect::<Result<Vec<_>, LabError>>()
    };
    let hits = |block: usize, readings: &[Reading]| BlockHits {
        block,
        first: readings.iter().filter(|reading| reading.rank == 1).count(),
        first_three: readings.iter().filter(|reading| reading.rank <= 3).count(),
    };
    let mut blocks = Vec::new();
    for block in &lab.bank.blocks {
        if cancel.is_cancelled() {
            return Err(LabError::Stopped);
        }
        blocks.push(hits(*block, &read(*block)?));
    }
    let readings = read(lab.block)?;
    let BlockHits { first, first_three, .. } = hits(lab.block, &readings);
    let measure = Measure { metric: "z", unit: "sd", block: Some(lab.block), n: prompts.len(), of: "prompts" };
    Ok(Implicit { measure, mean: means(&emotions, &readings), emotions, prompts: readings, first, first_three, blocks })
}

fn means(emotions: &[String], readings: &[Reading]) -> Vec<Vec<f64>> {
    let cell = |emotion: &String, column: usize| {
        let own = readings.iter().filter(|reading| reading.emotion == *emotion);
        mean(own.map(|reading| f64::from(reading.z[column]))).unwrap_or(f64::NAN)
    };
    emotions.iter().map(|emotion| (0..emotions.len()).map(|column| cell(emotion, column)).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matrix_is_the_mean_of_each_emotions_prompts() {
        let reading =
            |emotion: &str, z: &[f32]| Reading { emotion: emotion.into(), text: String::new(), z: z.into(), rank: 1 };
        let readings = [reading("sad", &[1.0, 0.0]), reading("calm", &[-1.0, 2.0]), reading("sad", &[3.0, -1.0])];
        let emotions = ["sad", "calm"].map(str::to_owned);
        assert_eq!(means(&emotions, &readings), [[2.0, -0.5], [-1.0, 2.0]]);
    }
}
