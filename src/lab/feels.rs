//! "How does he feel?" steering: how the probability of emotion words changes when a vector is added (the paper, at s = 0.5: matching
//! words rise, others fall), beside random directions of equal norm.

use serde::Serialize;

use super::prompts::Frame;
use super::{Lab, LabError, Measure, rank};
use crate::job::{Cancel, Sink};
use crate::model::{Logits, Tap, logprob};
use crate::steering::{BlockRange, Push, PushTally, RANDOM};

/// What steering did to the words.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Feels {
    pub measure: Measure,
    /// In residual norms, at each of the blocks; what is pushed at one block goes on to the next.
    pub strength: f32,
    pub blocks: BlockRange,
    pub words: Vec<String>,
    /// ln p of each word without steering, mean over frames, all its tokens summed.
    pub unsteered: Vec<f64>,
    /// Steered by the emotions of the words, in their order.
    pub steered: Rises,
    /// Steered by as many random directions, of seeds from 0.
    pub random: Rises,
}

/// Changes of ln p.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rises {
    /// Mean over frames, by what is pushed, then by word.
    pub change: Vec<Vec<f64>>,
    /// Pushes under which the word in the same place rises more than all others.
    pub matching: usize,
    /// Measured on the residuals, in residual norms, mean over pushed (token, block) pairs.
    pub mean_push: f64,
}

/// Frames and words as tokens.
struct Cloze {
    /// What the frame and all its words begin with.
    base: Vec<u32>,
    /// What is left of each word, at least one token.
    rests: Vec<Vec<u32>>,
}

/// Steers at every position of a frame and its word.
///
/// # Errors
/// No frames, an emotion or norm which the bank does not have, a frame longer than the context; [`LabError::Stopped`].
pub fn feels(
    lab: &Lab,
    frames: &[Frame],
    words: &[String],
    strength: f32,
    cancel: &Cancel,
    sink: Sink,
) -> Result<Feels, LabError> {
    if frames.is_empty() || words.is_empty() {
        return Err(LabError::NoPrompts);
    }
    let clozes: Vec<Cloze> = frames.iter().map(|frame| cloze(lab, &frame.text, words)).collect::<Result<_, _>>()?;
    let mut steps = super::Steps::new("Steering emotion words", frames.len() * (1 + 2 * words.len()), sink, cancel);
    let mut bare = Vec::new();
    for cloze in &clozes {
        steps.next()?;
        bare.push(logprobs(lab, cloze, &Push::default(), cancel)?.0);
    }
    let mut rises = |pushes: Vec<Push>| {
        let (mut change, mut tally) = (Vec::new(), PushTally::default());
        for push in pushes {
            let mut sums = vec![0.0; words.len()];
            for (cloze, bare) in clozes.iter().zip(&bare) {
                steps.next()?;
                let (steered, pushed) = logprobs(lab, cloze, &push, cancel)?;
                tally.add(pushed);
                for ((sum, steered), bare) in sums.iter_mut().zip(steered).zip(bare) {
                    *sum += (steered - bare) / frames.len() as f64;
                }
            }
            change.push(sums);
        }
        Ok::<_, LabError>(Rises { matching: matching(&change), change, mean_push: tally.mean() })
    };
    let own = words.iter().map(|word| lab.push(Some(word), strength, 0)).collect::<Result<_, _>>()?;
    let steered = rises(own)?;
    let seeds = 0..words.len() as u64;
    let random = rises(seeds.map(|seed| lab.push(Some(RANDOM), strength, seed)).collect::<Result<_, _>>()?)?;
    let column = |word: usize| bare.iter().map(|row| row[word]).sum::<f64>() / frames.len() as f64;
    Ok(Feels {
        measure: Measure { metric: "change in ln p", unit: "nats", block: None, n: frames.len(), of: "frames" },
        strength,
        blocks: lab.blocks,
        unsteered: (0..words.len()).map(column).collect(),
        words: words.to_vec(),
        steered,
        random,
    })
}

/// Rows whose own column is higher than all others.
fn matching(change: &[Vec<f64>]) -> usize {
    let own = |(row, values): (usize, &Vec<f64>)| {
        rank(values, row) == 1 && values.iter().filter(|value| **value == values[row]).count() == 1
    };
    change.iter().enumerate().filter(|row| own(*row)).count()
}

fn cloze(lab: &Lab, frame: &str, words: &[String]) -> Result<Cloze, LabError> {
    let mut base = lab.model.encode(frame)?;
    let full: Vec<Vec<u32>> =
        words.iter().map(|word| lab.model.encode(&format!("{frame} {word}"))).collect::<Result<_, _>>()?;
    for text in &full {
        let common = base.iter().zip(text).take_while(|(a, b)| a == b).count();
        base.truncate(common);
    }
    let short = words.iter().zip(&full).find(|(_, text)| base.is_empty() || text.len() <= base.len());
    if let Some((word, _)) = short {
        return Err(LabError::NoToken { frame: frame.to_owned(), word: word.clone() });
    }
    let rests = full.into_iter().map(|text| text[base.len()..].to_vec()).collect();
    Ok(Cloze { base, rests })
}

/// ln p of every word after the frame, its tokens summed.
fn logprobs(lab: &Lab, cloze: &Cloze, push: &Push, cancel: &Cancel) -> Result<(Vec<f64>, PushTally), LabError> {
    let longest = cloze.rests.iter().map(Vec::len).max().unwrap_or_default();
    let mut cache = lab.model.new_cache_for(cloze.base.len() + longest);
    let tap = |logits| Tap { push: Some((push, 0..usize::MAX)), residual: false, logits };
    let pass = lab.model.forward(&cloze.base, &mut cache, &tap(Logits::Last), cancel)?;
    let (first, mut tally) = (pass.logits.row(0), pass.tally);
    let mut sums = Vec::new();
    for rest in &cloze.rests {
        let mut sum = rest.first().map_or(0.0, |id| f64::from(logprob(first, *id)));
        if let [before @ .., _] = rest.as_slice()
            && !before.is_empty()
        {
            let pass = lab.model.forward(before, &mut cache, &tap(Logits::All), cancel)?;
            tally.add(pass.tally);
            sum += pass.logits.outer_iter().zip(&rest[1..]).map(|(row, id)| f64::from(logprob(row, *id))).sum::<f64>();
            cache.truncate(cloze.base.len())?;
        }
        sums.push(sum);
    }
    Ok((sums, tally))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_matches_when_its_own_word_alone_is_highest() {
        let change = [vec![2.0, 1.0, -1.0], vec![3.0, 3.0, 0.0], vec![0.0, 0.5, 0.6]];
        assert_eq!(matching(&change), 2);
        assert_eq!(matching(&[]), 0);
    }
}
