//! Steered replies: neutral messages answered with and without a push, read again without it, and counted for repetition (the paper
//! steers behaviour at ±0.1; replications find that too much makes a model repeat itself).

use ndarray::Axis;
use serde::Serialize;

use super::prompts::{Kind, Open};
use super::{Lab, LabError, Measure, Repetition, mean, repetition, sampling};
use crate::engine::{Plan, Steered, generate};
use crate::job::{Cancel, Sink};
use crate::model::Message;
use crate::reading::{Metric, scores, span_mean};
use crate::steering::{BlockRange, ChangeRule, RANDOM, Scope};

/// Longest reply, in tokens.
pub(super) const MAX_TOKENS: usize = 80;

/// All replies and their means.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Replies {
    pub measure: Measure,
    /// In residual norms, at each of the blocks.
    pub strength: f32,
    pub blocks: BlockRange,
    pub temperature: f64,
    pub top_p: f64,
    pub max_tokens: usize,
    /// Emotions steered with and read.
    pub emotions: Vec<String>,
    /// Unsteered, by each emotion, by `random`.
    pub means: Vec<SteeringMeans>,
    pub replies: Vec<SteeredReply>,
}

/// One reply.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SteeredReply {
    pub prompt: String,
    /// Of the sampling, and of the direction of `random`.
    pub seed: u64,
    /// An emotion, or `random`; none without steering.
    pub steering: Option<String>,
    pub text: String,
    pub tokens: usize,
    pub repetition: Repetition,
    /// Mean z of each emotion over the reply, prompt and reply read in a fresh pass without steering; none for an empty reply.
    pub z: Option<Vec<f32>>,
    /// Measured on the residuals, in residual norms.
    pub mean_push: f64,
}

/// Means over the replies of one steering; none where no reply has the number.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SteeringMeans {
    pub steering: Option<String>,
    pub z: Option<Vec<f64>>,
    pub tokens: f64,
    pub top_word: Option<f64>,
    pub distinct_pairs: Option<f64>,
    pub mean_push: f64,
}

/// Answers the messages among the prompts.
///
/// # Errors
/// No message, an emotion, norm or baseline which the bank does not have; [`LabError::Stopped`].
pub fn replies(
    lab: &Lab,
    prompts: &[Open],
    emotions: &[String],
    strength: f32,
    cancel: &Cancel,
    sink: Sink,
) -> Result<Replies, LabError> {
    let messages: Vec<&Open> = prompts.iter().filter(|prompt| prompt.kind == Kind::Message).collect();
    if messages.is_empty() {
        return Err(LabError::NoPrompts);
    }
    let places = lab.places(emotions)?;
    let steerings: Vec<Option<&str>> =
        [None].into_iter().chain(emotions.iter().map(|name| Some(name.as_str()))).chain([Some(RANDOM)]).collect();
    let mut steps = super::Steps::new("Steering replies", messages.len() * steerings.len(), sink, cancel);
    let mut replies = Vec::new();
    for (message, seed) in messages.iter().zip(0..) {
        for steering in &steerings {
            steps.next()?;
            replies.push(reply(lab, &message.text, seed, *steering, strength, &places, cancel)?);
        }
    }
    let means = steerings.iter().map(|steering| means(*steering, &replies, emotions.len())).collect();
    Ok(Replies {
        measure: Measure { metric: "z", unit: "sd", block: Some(lab.block), n: messages.len(), of: "replies" },
        strength,
        blocks: lab.blocks,
        temperature: super::TEMPERATURE,
        top_p: super::TOP_P,
        max_tokens: MAX_TOKENS,
        emotions: emotions.to_vec(),
        means,
        replies,
    })
}

fn reply(
    lab: &Lab,
    message: &str,
    seed: u64,
    steering: Option<&str>,
    strength: f32,
    places: &[usize],
    cancel: &Cancel,
) -> Result<SteeredReply, LabError> {
    let model = lab.model;
    let prompt = model.encode_chat(&[Message::user(message)])?;
    model.check_text(&prompt)?;
    let push = lab.push(steering, strength, seed)?;
    let steered = Steered { push: push.into(), scope: Scope::Both, change: ChangeRule::default() };
    let plan = Plan { prompt: &prompt, max_tokens: MAX_TOKENS, sampling: sampling(seed), residuals: false };
    let reply = generate(model, &plan, &mut || steered.clone(), cancel, &mut |_| {})?;
    if reply.cancelled {
        return Err(LabError::Stopped);
    }
    let text = model.decode(&reply.ids);
    Ok(SteeredReply {
        prompt: message.to_owned(),
        seed,
        steering: steering.map(str::to_owned),
        repetition: repetition(&text),
        text,
        tokens: reply.ids.len(),
        z: read(lab, &prompt, &reply.ids, places, cancel)?,
        mean_push: reply.tally.mean(),
    })
}

/// Mean z over the reply, without its end token, in a pass of its own without steering.
fn read(
    lab: &Lab,
    prompt: &[u32],
    reply: &[u32],
    places: &[usize],
    cancel: &Cancel,
) -> Result<Option<Vec<f32>>, LabError> {
    let reply = reply.split(|id| lab.model.is_end(*id)).next().unwrap_or_default();
    if reply.is_empty() {
        return Ok(None);
    }
    let residuals = lab.model.residuals(&[[prompt, reply].concat()], cancel)?;
    let residual = residuals.first().ok_or(LabError::NoResiduals)?.index_axis(Axis(0), lab.block);
    let all = scores(lab.bank, lab.vectors, lab.block, Metric::Z, residual, None)?;
    let mean = span_mean(all.view(), prompt.len()..prompt.len() + reply.len());
    Ok(mean.map(|mean| places.iter().map(|place| mean[*place]).collect()))
}

fn means(steering: Option<&str>, replies: &[SteeredReply], emotions: usize) -> SteeringMeans {
    let own = || replies.iter().filter(|reply| reply.steering.as_deref() == steering);
    let z = |column: usize| mean(own().filter_map(|reply| Some(f64::from(reply.z.as_ref()?[column]))));
    SteeringMeans {
        steering: steering.map(str::to_owned),
        z: (0..emotions).map(z).collect(),
        tokens: mean(own().map(|reply| reply.tokens as f64)).unwrap_or_default(),
        top_word: mean(own().filter_map(|reply| reply.repetition.top_word)),
        distinct_pairs: mean(own().filter_map(|reply| reply.repetition.distinct_pairs)),
        mean_push: mean(own().map(|reply| reply.mean_push)).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_of_one_steering_and_pass_over_empty_replies() {
        let reply = |steering: Option<&str>, z: Option<Vec<f32>>| SteeredReply {
            prompt: String::new(),
            seed: 0,
            steering: steering.map(str::to_owned),
            text: String::new(),
            tokens: 0,
            repetition: repetition("a b a"),
            z,
            mean_push: 0.1,
        };
        let replies = [
            reply(None, Some(vec![9.0])),
            reply(Some("calm"), Some(vec![1.0])),
            reply(Some("calm"), None),
            reply(Some("calm"), Some(vec![2.0])),
        ];
        let found = means(Some("calm"), &replies, 1);
        assert_eq!((found.z, found.distinct_pairs), (Some(vec![1.5]), Some(1.0)));
        assert_eq!(means(Some("sad"), &replies, 1).z, None);
    }
}
