//! All experiments, one after another, as one result.

use std::time::Instant;

use serde::Serialize;

use super::{Feels, Implicit, Lab, LabError, Lens, MapResult, Prompts, Quantities, Replies, Samples, time_left};
use crate::bank::VectorSet;
use crate::job::{Cancel, Progress, Sink};
use crate::model::ModelInfo;
use crate::steering::BlockRange;

/// What a report is asked for besides model and bank.
#[derive(Clone, Debug)]
pub struct Options {
    /// Of "he feels", in residual norms.
    pub feels_strength: f32,
    /// Of the replies, in residual norms; the bank's own where none is asked.
    pub strength: Option<f32>,
    /// Emotions which replies are steered with.
    pub reply_emotions: Vec<String>,
}

impl Default for Options {
    /// As the paper has it: 0.5 for words.
    fn default() -> Self {
        Self {
            feels_strength: 0.5,
            strength: None,
            reply_emotions: ["calm", "angry", "sad", "joyful", "afraid"].map(str::to_owned).to_vec(),
        }
    }
}

/// What was measured, and where.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct About {
    pub model: ModelInfo,
    /// What the bank says of itself: its texts, and how many stories; none where it does not.
    pub corpus: Option<String>,
    pub stories: Option<String>,
    pub emotions: usize,
    pub vectors: VectorSet,
    /// Block read.
    pub block: usize,
    /// Blocks steered.
    pub blocks: BlockRange,
    /// Of the replies, in residual norms.
    pub strength: f32,
    pub program: String,
}

/// A result, or why there is none.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Part<T> {
    Measured(T),
    Missing { not_measured: String },
}

/// Everything.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    pub about: About,
    /// What to keep in mind, whole sentences.
    pub caveats: Vec<String>,
    pub map: Part<MapResult>,
    pub implicit: Part<Implicit>,
    pub quantities: Part<Quantities>,
    pub lens: Part<Lens>,
    pub feels: Part<Feels>,
    pub replies: Part<Replies>,
    pub samples: Part<Samples>,
}

impl<T> Part<T> {
    pub fn measured(&self) -> Option<&T> {
        match self {
            Self::Measured(result) => Some(result),
            Self::Missing { .. } => None,
        }
    }
}

/// Does all experiments. What one of them lacks (a tensor of the bank, an emotion, a context long enough) is said in its part, and the
/// others go on.
///
/// # Errors
/// [`LabError::Stopped`].
pub fn measure(
    lab: &Lab,
    prompts: &Prompts,
    options: &Options,
    cancel: &Cancel,
    sink: Sink,
) -> Result<Report, LabError> {
    let strength = options.strength.unwrap_or_else(|| lab.bank.default_strength());
    let twelve = prompts.twelve();
    let mut whole = Whole::new(weights(lab, prompts, twelve.len(), options.reply_emotions.len()), sink);
    Ok(Report {
        about: about(lab, strength),
        caveats: caveats(lab),
        map: whole.part(|sink| super::map(lab, cancel, sink))?,
        implicit: whole.part(|sink| super::implicit(lab, &prompts.implicit, cancel, sink))?,
        quantities: whole.part(|sink| super::quantities(lab, &prompts.quantities, cancel, sink))?,
        lens: whole.part(|sink| super::lens(lab, &prompts.names, cancel, sink))?,
        feels: whole.part(|sink| super::feels(lab, &prompts.feels, &twelve, options.feels_strength, cancel, sink))?,
        replies: whole
            .part(|sink| super::replies(lab, &prompts.open, &options.reply_emotions, strength, cancel, sink))?,
        samples: whole.part(|sink| super::samples(lab, &prompts.open, cancel, sink))?,
    })
}

/// About how long each part takes, in passes of one token.
fn weights(lab: &Lab, prompts: &Prompts, words: usize, emotions: usize) -> [u64; 7] {
    /// A whole prompt costs about as much as so many single tokens.
    const PROMPT: usize = 8;
    let values: usize = prompts.quantities.iter().map(|prompt| prompt.values.len()).sum();
    let messages = prompts.open.iter().filter(|prompt| prompt.kind == super::Kind::Message).count();
    let parts = [
        lab.bank.blocks.len(),
        prompts.implicit.len() * PROMPT,
        values * PROMPT,
        lab.bank.emotions.len() / 8,
        prompts.feels.len() * (1 + 2 * words) * PROMPT / 2,
        messages * (2 + emotions) * (super::replies::MAX_TOKENS + PROMPT),
        prompts.open.len() * super::samples::MAX_TOKENS,
    ];
    parts.map(|weight| weight.max(1) as u64)
}

/// Makes one progress out of that of the parts.
struct Whole<'a> {
    weights: Vec<u64>,
    total: u64,
    before: u64,
    begun: Instant,
    sink: Sink<'a>,
}

impl<'a> Whole<'a> {
    fn new(weights: [u64; 7], sink: Sink<'a>) -> Self {
        let total = weights.iter().sum();
        // Taken from the end.
        let weights = weights.into_iter().rev().collect();
        Self { weights, total, before: 0, begun: Instant::now(), sink }
    }

    fn part<T>(&mut self, run: impl FnOnce(Sink) -> Result<T, LabError>) -> Result<Part<T>, LabError> {
        let weight = self.weights.pop().unwrap_or_default();
        let (before, total, begun) = (self.before, self.total, self.begun);
        let mut sink = |progress: Progress| {
            let done = before + (weight * progress.done).checked_div(progress.total).unwrap_or_default();
            (self.sink)(Progress { done, total, note: progress.note, left: time_left(begun, done, total) });
        };
        let result = run(&mut sink);
        self.before += weight;
        match result {
            Ok(result) => Ok(Part::Measured(result)),
            Err(LabError::Stopped) => Err(LabError::Stopped),
            Err(error) => Ok(Part::Missing { not_measured: error.to_string() }),
        }
    }
}

fn about(lab: &Lab, strength: f32) -> About {
    About {
        model: lab.model.info().clone(),
        corpus: lab.bank.metadata.get("corpus").cloned(),
        stories: lab.bank.metadata.get("stories").cloned(),
        emotions: lab.bank.emotions.len(),
        vectors: lab.vectors,
        block: lab.block,
        blocks: lab.blocks,
        strength,
        program: format!("Circumplex {}", env!("CARGO_PKG_VERSION")),
    }
}

fn caveats(lab: &Lab) -> Vec<String> {
    let info = lab.model.info();
    let mut caveats: Vec<String> = info.caveat.iter().map(|caveat| format!("{caveat}.")).collect();
    if !info.chat_template {
        caveats.push(
            "The model has no chat template: its turns are plain `Human:` and `Assistant:` lines, for which it may not be made."
                .to_owned(),
        );
    }
    if let Some(rounding) = info.rounding {
        let percent = 100.0 * rounding;
        caveats.push(format!("The weights were rounded to Q8_0 and lost {percent:.2} % (root mean square) by it."));
    }
    caveats
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_make_one_progress_and_a_failed_one_says_why() {
        let mut seen = Vec::new();
        let mut sink = |progress: Progress| seen.push((progress.done, progress.total));
        let mut whole = Whole::new([10, 30, 1, 1, 1, 1, 1], &mut sink);
        let half = |sink: Sink| {
            sink(Progress { done: 1, total: 2, note: String::new(), left: None });
            Ok(7)
        };
        assert_eq!(whole.part(half).unwrap(), Part::Measured(7));
        assert_eq!(whole.part(half).unwrap(), Part::Measured(7));
        let failed = whole.part(|_| Err::<u8, _>(LabError::NoPrompts)).unwrap();
        assert!(matches!(failed, Part::Missing { not_measured } if not_measured.contains("no prompts")));
        assert!(matches!(whole.part(|_| Err::<u8, _>(LabError::Stopped)), Err(LabError::Stopped)));
        assert_eq!(seen, [(5, 45), (25, 45)]);
    }
}
