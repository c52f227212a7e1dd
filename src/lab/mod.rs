//! The laboratory: experiments of Sofroniew et al. 2026 on any model and its bank, and the report of all of them.
//!
//! One file an experiment: it measures, and gives a struct of numbers which says its metric, block, unit and n. `pictures` and
//! `markdown` make something to look at out of these, `write` puts all into a folder.

mod error;
mod feels;
mod implicit;
mod lens;
mod map;
mod markdown;
mod pictures;
mod prompts;
mod quantities;
mod replies;
mod report;
mod samples;
mod sweep;
mod words;
mod write;

pub use error::LabError;
pub use feels::{Feels, Rises, feels};
pub use implicit::{BlockHits, Implicit, Reading, implicit};
pub use lens::{Lens, LensRow, TopToken, lens};
pub use map::{BlockComponents, MapResult, map};
pub use markdown::markdown;
pub use pictures::pictures;
pub use prompts::{Frame, Implicit as ImplicitPrompt, Kind, Open, Prompts, Quantity};
pub use quantities::{Curve, Direction, Quantities, QuantitySweep, quantities};
pub use replies::{Replies, SteeredReply, SteeringMeans, replies};
pub use report::{About, Options, Part, Report, measure};
pub use samples::{Sample, Samples, samples};
pub use sweep::{LEAST_DISTINCT_PAIRS, MOST_OF_ONE_WORD, RangeTried, ReadingTried, StrengthTried, Sweep, Texts, sweep};
pub use words::{Repetition, repetition};
pub use write::write;

use std::time::{Duration, Instant};

use ndarray::{Array2, ArrayView2, Axis};
use serde::Serialize;

use crate::bank::{Bank, VectorSet};
use crate::engine::Sampling;
use crate::job::{Cancel, Progress, Sink};
use crate::model::{Message, Model};
use crate::reading::{Metric, scores};
use crate::steering::{BlockRange, Push, Steering, Term, resolve};

/// A model, its bank, and where and how it is read and steered.
#[derive(Clone, Copy)]
pub struct Lab<'a> {
    pub model: &'a Model,
    pub bank: &'a Bank,
    /// Block which is read.
    pub block: usize,
    /// Blocks which are steered.
    pub blocks: BlockRange,
    pub vectors: VectorSet,
}

/// What the numbers of a result are.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measure {
    pub metric: &'static str,
    pub unit: &'static str,
    /// Block read; none where none is.
    pub block: Option<usize>,
    pub n: usize,
    /// What n counts.
    pub of: &'static str,
}

impl<'a> Lab<'a> {
    /// With what the bank says where nothing is asked.
    ///
    /// # Errors
    /// A bank which does not fit the model, a block it does not hold.
    pub fn new(
        model: &'a Model,
        bank: &'a Bank,
        block: Option<usize>,
        blocks: Option<BlockRange>,
        vectors: Option<VectorSet>,
    ) -> Result<Self, LabError> {
        let info = model.info();
        bank.check_fits(info.width, info.blocks)?;
        let block = block.unwrap_or_else(|| bank.default_block(info.blocks));
        bank.block_index(block)?;
        let blocks = blocks.unwrap_or_else(|| bank.default_blocks(info.blocks));
        let vectors = vectors.unwrap_or_else(|| bank.default_vectors());
        bank.vectors_of(vectors)?;
        Ok(Self { model, bank, block, blocks, vectors })
    }

    /// Places of emotions in the bank.
    fn places(&self, emotions: &[String]) -> Result<Vec<usize>, LabError> {
        Ok(emotions.iter().map(|emotion| self.bank.index_of(emotion)).collect::<Result<_, _>>()?)
    }

    /// Residuals [L, D] after every block at the token before the reply to a user's message.
    fn before_reply(&self, text: &str, cancel: &Cancel) -> Result<Array2<f32>, LabError> {
        let tokens = self.model.encode_chat(&[Message::user(text)])?;
        self.model.check_text(&tokens)?;
        let last = tokens.len() - 1;
        let residuals = self.model.residuals(&[tokens], cancel)?;
        let residual = residuals.first().ok_or(LabError::NoResiduals)?;
        Ok(residual.index_axis(Axis(1), last).to_owned())
    }

    /// z of these emotions (places) at one block for a residual [L, D] taken before a reply, against the answer baseline.
    fn z_before_reply(&self, block: usize, residual: ArrayView2<f32>, places: &[usize]) -> Result<Vec<f32>, LabError> {
        let row = residual.index_axis(Axis(0), block).insert_axis(Axis(0));
        let all = scores(self.bank, self.vectors, block, Metric::Z, row, Some(0))?;
        Ok(places.iter().map(|place| all[[0, *place]]).collect())
    }

    /// What pushes one emotion, or `random`, at the blocks steered; nothing for none.
    fn push(&self, name: Option<&str>, strength: f32, seed: u64) -> Result<Push, LabError> {
        let terms = name.map(|name| Term { name: name.to_owned(), strength }).into_iter().collect();
        let steering = Steering { terms, blocks: Some(self.blocks), seed, ..Steering::default() };
        Ok(resolve(&steering, self.bank, self.vectors, self.model.info().blocks)?)
    }
}

/// Temperature 0.7 and top-p 0.95, as `circumplex generate` has them, so that a text can be had again there.
fn sampling(seed: u64) -> Sampling {
    Sampling { temperature: TEMPERATURE, top_p: TOP_P, seed }
}

const TEMPERATURE: f64 = 0.7;
const TOP_P: f64 = 0.95;

/// Counts the steps of an experiment, and looks at the cancel flag before each.
struct Steps<'a> {
    note: &'static str,
    sink: Sink<'a>,
    cancel: &'a Cancel,
    begun: Instant,
    done: u64,
    total: u64,
}

impl<'a> Steps<'a> {
    fn new(note: &'static str, total: usize, sink: Sink<'a>, cancel: &'a Cancel) -> Self {
        Self { note, sink, cancel, begun: Instant::now(), done: 0, total: total as u64 }
    }

    /// Before every step.
    fn next(&mut self) -> Result<(), LabError> {
        if self.cancel.is_cancelled() {
            return Err(LabError::Stopped);
        }
        let left = time_left(self.begun, self.done, self.total);
        (self.sink)(Progress { done: self.done, total: self.total, note: self.note.to_owned(), left });
        self.done += 1;
        Ok(())
    }
}

/// Estimated from what was done since the beginning.
fn time_left(begun: Instant, done: u64, total: u64) -> Option<Duration> {
    let share = total.saturating_sub(done) as f64 / done as f64;
    Duration::try_from_secs_f64(begun.elapsed().as_secs_f64() * share).ok()
}

/// Mean of what there is; none where there is nothing.
fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, n) = values.fold((0.0, 0), |(sum, n), value| (sum + value, n + 1));
    (n > 0).then(|| sum / f64::from(n))
}

/// Place of one score among all, from 1; those which are equal do not count as before it.
fn rank<T: PartialOrd>(scores: &[T], index: usize) -> usize {
    1 + scores.iter().filter(|score| **score > scores[index]).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranks_count_who_is_before() {
        assert_eq!([0, 1, 2, 3].map(|index| rank(&[0.5, 2.0, 0.5, -1.0], index)), [2, 1, 2, 4]);
    }

    proptest! {
        #[test]
        fn the_highest_has_rank_one(scores in prop::collection::vec(-1e6_f32..1e6, 1..20)) {
            let ranks: Vec<usize> = (0..scores.len()).map(|index| rank(&scores, index)).collect();
            let order = crate::reading::ranking(&scores);
            prop_assert_eq!(ranks[order[0]], 1);
            prop_assert!(order.windows(2).all(|pair| ranks[pair[0]] <= ranks[pair[1]]));
        }
    }

    #[test]
    fn a_mean_of_nothing_is_none() {
        assert_eq!((mean([1.0, 2.0].into_iter()), mean([].into_iter())), (Some(1.5), None));
    }

    #[test]
    fn no_time_is_left_to_tell_before_anything_is_done() {
        assert_eq!(time_left(Instant::now(), 0, 10), None);
        assert_eq!(time_left(Instant::now(), 10, 10), Some(Duration::ZERO));
    }

    #[test]
    fn steps_report_and_stop() {
        let cancel = Cancel::new();
        let mut seen = Vec::new();
        let mut sink = |progress: Progress| seen.push((progress.done, progress.total));
        let mut steps = Steps::new("Testing", 2, &mut sink, &cancel);
        steps.next().unwrap();
        steps.next().unwrap();
        cancel.cancel();
        assert!(matches!(steps.next(), Err(LabError::Stopped)));
        assert_eq!(seen, [(0, 2), (1, 2)]);
    }
}
