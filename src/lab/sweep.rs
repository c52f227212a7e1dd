//! The sweep: at which block a model is best read, and at which blocks and how strongly it is best steered. What is found becomes the
//! defaults of its bank.
//!
//! The block is chosen by the shipped situations, not by the prompts of the other experiments, which are to stay unseen.

use serde::Serialize;

use super::{Frame, Lab, LabError, Open, Replies, feels, mean, rank, replies};
use crate::bank::{Bank, VectorSet};
use crate::corpus::Situation;
use crate::geometry;
use crate::job::{Cancel, Progress, Sink};
use crate::model::Model;
use crate::steering::{BlockRange, RANDOM};

/// Strengths at which replies are tried, in residual norms.
const STRENGTHS: [f32; 8] = [0.03, 0.05, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3];
/// Strength at which ranges of blocks are compared.
const FEELS: f32 = 0.5;
/// Ranges of blocks whose replies are tried.
const RANGES_KEPT: usize = 2;
/// A reply which is still readable has no word more often, and no fewer different pairs of words.
pub const MOST_OF_ONE_WORD: f64 = 0.15;
pub const LEAST_DISTINCT_PAIRS: f64 = 0.6;

/// |r| of the first component with valence and of the second with arousal from which a map counts as ordered as people order emotions.
const MAP_VALENCE_R: f64 = 0.8;
const MAP_AROUSAL_R: f64 = 0.6;

/// What was tried and what was found best.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sweep {
    pub readings: Vec<ReadingTried>,
    pub ranges: Vec<RangeTried>,
    pub strengths: Vec<StrengthTried>,
    pub block: usize,
    pub vectors: VectorSet,
    pub blocks: BlockRange,
    /// In residual norms, at each of the blocks.
    pub strength: f32,
}

/// Reading at one block with one set of vectors.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReadingTried {
    pub block: usize,
    pub vectors: VectorSet,
    /// Mean of 1 / (place of the situation's own emotion among all of the bank), read before the reply.
    pub reciprocal_rank: f64,
    /// Situations read.
    pub n: usize,
    /// |r| of the first component with valence and of the second with arousal; none with fewer than three rated words.
    pub valence_r: Option<f64>,
    pub arousal_r: Option<f64>,
}

/// "He feels" at one range of blocks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RangeTried {
    pub blocks: BlockRange,
    /// Words which rise more than all others under their own vector.
    pub matching: usize,
    pub words: usize,
    /// Change of ln p of the own word less the mean change of the others, in nats.
    pub margin: f64,
}

/// Replies at one strength.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StrengthTried {
    pub blocks: BlockRange,
    pub strength: f32,
    /// Mean z which a reply steered by an emotion gains in it, less what it gains by `random`, in sd.
    pub gain: f64,
    /// Of the emotion under which it is worst, as in [`super::Repetition`].
    pub top_word: f64,
    pub distinct_pairs: f64,
}

/// What the sweep is done with.
pub struct Texts<'a> {
    pub situations: &'a [Situation],
    pub frames: &'a [Frame],
    pub words: &'a [String],
    pub open: &'a [Open],
    pub reply_emotions: &'a [String],
}

impl Sweep {
    /// Writes what was found into the bank, as its defaults.
    pub fn write_into(&self, bank: &mut Bank) {
        for (key, value) in [
            ("default_block", self.block.to_string()),
            ("default_vectors", self.vectors.to_string()),
            ("default_blocks", self.blocks.to_string()),
            ("default_strength", self.strength.to_string()),
        ] {
            bank.metadata.insert(key.to_owned(), value);
        }
    }
}

/// Tries blocks, then ranges of blocks, then strengths.
///
/// # Errors
/// A bank without norms or baselines or which does not fit the model, no texts; [`LabError::Stopped`].
pub fn sweep(model: &Model, bank: &Bank, texts: &Texts, cancel: &Cancel, sink: Sink) -> Result<Sweep, LabError> {
    let lab = Lab::new(model, bank, None, None, None)?;
    let readings = try_readings(&lab, texts.situations, cancel, sink)?;
    let best = best_reading(&readings).ok_or(LabError::NoPrompts)?;
    let lab = Lab::new(model, bank, Some(best.block), None, Some(best.vectors))?;

    let mut ranges = Vec::new();
    for blocks in ranges_of(model.info().blocks, &bank.blocks) {
        let lab = Lab { blocks, ..lab };
        let note = format!("Steering words at blocks {blocks}");
        let sink = &mut |progress: Progress| sink(Progress { note: note.clone(), ..progress });
        let found = feels(&lab, texts.frames, texts.words, FEELS, cancel, sink)?;
        let margin = margin(&found.steered.change);
        ranges.push(RangeTried { blocks, matching: found.steered.matching, words: texts.words.len(), margin });
    }
    let mut order: Vec<&RangeTried> = ranges.iter().collect();
    order.sort_by(|a, b| b.matching.cmp(&a.matching).then(b.margin.total_cmp(&a.margin)));

    let mut strengths = Vec::new();
    for range in order.iter().take(RANGES_KEPT) {
        for strength in STRENGTHS {
            let lab = Lab { blocks: range.blocks, ..lab };
            let note = format!("Steering replies at blocks {} by {strength}", range.blocks);
            let sink = &mut |progress: Progress| sink(Progress { note: note.clone(), ..progress });
            let found = replies(&lab, texts.open, texts.reply_emotions, strength, cancel, sink)?;
            strengths.push(tried(&found));
        }
    }
    let readable = strengths.iter().filter(|tried| tried.is_readable());
    let chosen = readable.max_by(|a, b| a.gain.total_cmp(&b.gain));
    // Where nothing stays readable, the least of the strengths.
    let StrengthTried { blocks, strength, .. } = *chosen.or(strengths.first()).ok_or(LabError::NoPrompts)?;
    let (block, vectors) = (best.block, best.vectors);
    Ok(Sweep { readings, ranges, strengths, block, vectors, blocks, strength })
}

/// Where the map of any block is ordered by valence and arousal, the best of those; else the best of all.
fn best_reading(readings: &[ReadingTried]) -> Option<&ReadingTried> {
    let ordered = readings.iter().any(ReadingTried::is_ordered);
    let candidates = readings.iter().filter(|tried| tried.is_ordered() || !ordered);
    candidates.max_by(|a, b| a.worth().total_cmp(&b.worth()))
}

impl ReadingTried {
    fn is_ordered(&self) -> bool {
        self.valence_r.is_some_and(|r| r >= MAP_VALENCE_R) && self.arousal_r.is_some_and(|r| r >= MAP_AROUSAL_R)
    }

    /// A block is good when it tells the emotion of a situation and lays the emotions out as people rate them.
    fn worth(&self) -> f64 {
        self.reciprocal_rank * self.valence_r.unwrap_or(1.0) * self.arousal_r.unwrap_or(1.0)
    }
}

impl StrengthTried {
    pub fn is_readable(&self) -> bool {
        self.top_word <= MOST_OF_ONE_WORD && self.distinct_pairs >= LEAST_DISTINCT_PAIRS
    }
}

/// Reads the situations whose emotion the bank has, at every block with both sets of vectors.
fn try_readings(
    lab: &Lab,
    situations: &[Situation],
    cancel: &Cancel,
    sink: Sink,
) -> Result<Vec<ReadingTried>, LabError> {
    let own = |situation: &Situation| lab.bank.index_of(&situation.emotion).ok();
    let known: Vec<(&Situation, usize)> = situations.iter().filter_map(|one| Some((one, own(one)?))).collect();
    let sets =
        if lab.bank.raw.is_some() { vec![VectorSet::Raw, VectorSet::Denoised] } else { vec![VectorSet::Denoised] };
    let kinds: Vec<(usize, VectorSet)> =
        lab.bank.blocks.iter().flat_map(|block| sets.iter().map(|set| (*block, *set))).collect();
    if known.is_empty() {
        return Err(LabError::NoPrompts);
    }
    let all: Vec<usize> = (0..lab.bank.emotions.len()).collect();
    let mut sums = vec![0.0; kinds.len()];
    let mut steps = super::Steps::new("Reading situations", known.len(), sink, cancel);
    for (situation, own) in &known {
        steps.next()?;
        let residual = lab.before_reply(&situation.text, cancel)?;
        for (sum, (block, vectors)) in sums.iter_mut().zip(&kinds) {
            let z = Lab { vectors: *vectors, ..*lab }.z_before_reply(*block, residual.view(), &all)?;
            *sum += 1.0 / rank(&z, *own) as f64;
        }
    }
    let n = known.len();
    let tried = |(sum, (block, vectors)): (f64, (usize, VectorSet))| {
        let components = geometry::components(lab.bank, block, vectors, 2)?;
        let valence_r = components.first().and_then(|one| one.valence_r).map(f64::abs);
        let arousal_r = components.get(1).and_then(|one| one.arousal_r).map(f64::abs);
        Ok(ReadingTried { block, vectors, reciprocal_rank: sum / n as f64, n, valence_r, arousal_r })
    };
    sums.into_iter().zip(kinds).map(tried).collect()
}

/// Runs of an eighth, a quarter, three eighths and a half of the model's blocks, as far as the bank holds them.
fn ranges_of(model_blocks: usize, held: &[usize]) -> Vec<BlockRange> {
    let step = model_blocks.div_ceil(8);
    let mut ranges: Vec<BlockRange> = Vec::new();
    for width in [1, 2, 3, 4].map(|eighths| eighths * step) {
        for first in (0..model_blocks).step_by(step) {
            let range = BlockRange { first, last: first + width - 1 };
            if range.last < model_blocks && (range.first..=range.last).all(|block| held.contains(&block)) {
                ranges.push(range);
            }
        }
    }
    // A bank of single blocks far apart.
    if ranges.is_empty() {
        ranges.extend(held.iter().map(|block| BlockRange { first: *block, last: *block }));
    }
    ranges
}

/// Mean over the rows of their own value less the mean of the others.
fn margin(change: &[Vec<f64>]) -> f64 {
    let own = |(row, values): (usize, &Vec<f64>)| {
        let others = values.iter().enumerate().filter(|(column, _)| *column != row).map(|(_, value)| *value);
        values[row] - mean(others).unwrap_or_default()
    };
    mean(change.iter().enumerate().map(own)).unwrap_or_default()
}

fn tried(found: &Replies) -> StrengthTried {
    let z = |steering: Option<&str>, column: usize| {
        let means = found.means.iter().find(|means| means.steering.as_deref() == steering);
        means.and_then(|means| means.z.as_ref()).map(|z| z[column])
    };
    let gain = |(column, name): (usize, &String)| Some(z(Some(name), column)? - z(Some(RANDOM), column)?);
    let steered = || found.means.iter().filter(|means| means.steering.as_ref().is_some_and(|name| name != RANDOM));
    StrengthTried {
        blocks: found.blocks,
        strength: found.strength,
        gain: mean(found.emotions.iter().enumerate().filter_map(gain)).unwrap_or_default(),
        top_word: steered().filter_map(|means| means.top_word).fold(0.0, f64::max),
        distinct_pairs: steered().filter_map(|means| means.distinct_pairs).fold(1.0, f64::min),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_within_the_model_and_the_bank() {
        let all: Vec<usize> = (0..8).collect();
        let ranges = ranges_of(8, &all);
        assert_eq!(ranges.len(), 8 + 7 + 6 + 5);
        assert!(ranges.iter().all(|range| range.first <= range.last && range.last < 8));
        assert_eq!(ranges_of(12, &(0..12).collect::<Vec<_>>()).first(), Some(&BlockRange { first: 0, last: 1 }));
        let lonely = ranges_of(26, &[8, 17]);
        assert_eq!(lonely, [8, 17].map(|block| BlockRange { first: block, last: block }));
    }

    #[test]
    fn a_block_with_an_ordered_map_is_read_if_there_is_one() {
        let tried = |block, reciprocal_rank, arousal_r| ReadingTried {
            block,
            vectors: VectorSet::Denoised,
            reciprocal_rank,
            n: 10,
            valence_r: Some(0.9),
            arousal_r,
        };
        let readings = [tried(0, 0.1, Some(0.7)), tried(1, 0.3, Some(0.61)), tried(2, 0.4, Some(0.59))];
        assert_eq!(best_reading(&readings).unwrap().block, 1);
        assert_eq!(best_reading(&readings[2..]).unwrap().block, 2);
        assert_eq!(best_reading(&[tried(0, 0.1, None), tried(1, 0.3, None)]).unwrap().block, 1);
        assert_eq!(best_reading(&[]), None);
    }

    #[test]
    fn the_margin_is_the_own_word_less_the_others() {
        assert_eq!(margin(&[vec![3.0, 1.0, 0.0], vec![0.0, 1.0, 2.0]]), (2.5 + 0.0) / 2.0);
    }

    #[test]
    fn what_is_found_becomes_the_defaults_of_a_bank() {
        let mut bank = Bank::of_vectors(vec!["calm".into()], vec![0, 1, 2], ndarray::Array3::zeros((1, 3, 2)));
        let sweep = Sweep {
            readings: Vec::new(),
            ranges: Vec::new(),
            strengths: Vec::new(),
            block: 2,
            vectors: VectorSet::Raw,
            blocks: BlockRange { first: 0, last: 1 },
            strength: 0.15,
        };
        sweep.write_into(&mut bank);
        assert_eq!((bank.default_block(3), bank.default_vectors()), (2, VectorSet::Raw));
        assert_eq!((bank.default_blocks(3), bank.default_strength()), (sweep.blocks, 0.15));
    }
}
