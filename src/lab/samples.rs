//! Samples: what the model writes without steering, every one shown and none drawn again.

use serde::Serialize;

use super::prompts::{Kind, Open};
use super::{Lab, LabError, Repetition, repetition, sampling};
use crate::engine::{Plan, Steered, generate};
use crate::job::{Cancel, Sink};
use crate::model::Message;

/// Longest text, in tokens.
pub(super) const MAX_TOKENS: usize = 120;

/// All samples.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Samples {
    pub temperature: f64,
    pub top_p: f64,
    pub max_tokens: usize,
    pub samples: Vec<Sample>,
}

/// One text.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sample {
    pub kind: Kind,
    pub prompt: String,
    pub seed: u64,
    /// What the model wrote after the prompt.
    pub text: String,
    pub tokens: usize,
    /// Whether the model ended it, rather than the limit.
    pub ended: bool,
    pub repetition: Repetition,
}

/// Answers messages and goes on with stories, with seeds from 0 in the order of the prompts.
///
/// # Errors
/// No prompts, a prompt longer than the context; [`LabError::Stopped`].
pub fn samples(lab: &Lab, prompts: &[Open], cancel: &Cancel, sink: Sink) -> Result<Samples, LabError> {
    if prompts.is_empty() {
        return Err(LabError::NoPrompts);
    }
    let mut steps = super::Steps::new("Writing samples", prompts.len(), sink, cancel);
    let mut samples = Vec::new();
    for (prompt, seed) in prompts.iter().zip(0..) {
        steps.next()?;
        samples.push(sample(lab, prompt, seed, cancel)?);
    }
    Ok(Samples { temperature: super::TEMPERATURE, top_p: super::TOP_P, max_tokens: MAX_TOKENS, samples })
}

fn sample(lab: &Lab, prompt: &Open, seed: u64, cancel: &Cancel) -> Result<Sample, LabError> {
    let tokens = match prompt.kind {
        Kind::Message => lab.model.encode_chat(&[Message::user(&prompt.text)])?,
        Kind::Story => lab.model.encode(&prompt.text)?,
    };
    lab.model.check_text(&tokens)?;
    let plan = Plan { prompt: &tokens, max_tokens: MAX_TOKENS, sampling: sampling(seed), residuals: false };
    let mut stream = lab.model.text_stream();
    let mut text = String::new();
    let reply = generate(lab.model, &plan, &mut Steered::none, cancel, &mut |step| {
        if let crate::engine::Step::Token { id, .. } = step {
            text += &stream.push(id);
        }
    })?;
    if reply.cancelled {
        return Err(LabError::Stopped);
    }
    Ok(Sample {
        kind: prompt.kind,
        prompt: prompt.text.clone(),
        seed,
        repetition: repetition(&text),
        text,
        tokens: reply.ids.len(),
        ended: reply.ids.last().is_some_and(|id| lab.model.is_end(*id)),
    })
}
