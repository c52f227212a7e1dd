//! One run: a prompt through the model, then a reply token by token, steered by what the slot holds at that moment.

use std::sync::Arc;

use ndarray::Array3;

use super::Sampling;
use crate::job::Cancel;
use crate::model::{self, Cache, Logits, Model, ModelError, Sampler, Tap};
use crate::steering::{ChangeRule, Push, PushTally, Scope};

/// A steering ready for the model.
#[derive(Clone, Debug, PartialEq)]
pub struct Steered {
    pub push: Arc<Push>,
    pub scope: Scope,
    pub change: ChangeRule,
}

impl Steered {
    /// Nothing is pushed.
    pub fn none() -> Self {
        Self { push: Arc::default(), scope: Scope::default(), change: ChangeRule::default() }
    }

    /// Whether the residuals are the same under both.
    fn acts_like(&self, other: &Steered) -> bool {
        self.push == other.push && (self.push.is_empty() || self.scope == other.scope)
    }
}

/// What to generate.
pub struct Plan<'a> {
    /// Not empty.
    pub prompt: &'a [u32],
    pub max_tokens: usize,
    pub sampling: Sampling,
    /// Report residuals, and so run the last token of the reply too, which nothing else would need.
    pub residuals: bool,
}

/// What happened, in order.
#[derive(Debug)]
pub enum Step {
    /// Tokens went through the model at positions from `first`. `residual` is [L, t, D], none unless the plan asks for it.
    Read { first: usize, residual: Option<Array3<f32>> },
    /// A token was chosen.
    Token { id: u32, logprob: f32 },
    /// The steering changed: it acts from this position on, or, `from_start`, everything so far is read again next.
    Resteered { position: usize, from_start: bool },
}

/// A finished run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply {
    pub ids: Vec<u32>,
    /// Measured on the residuals; after a change *from the start* that of the last reading.
    pub tally: PushTally,
    pub cancelled: bool,
}

/// Runs the prompt and generates. `steered` is asked before every token for the steering in force; `on` hears every step.
/// The reply ends at an end token (which it includes), at `max_tokens`, at the end of the context, or when cancelled.
///
/// # Errors
/// What the model reports: see [`ModelError`]. A cancel is none: what was generated before it is kept.
pub fn generate(
    model: &Model,
    plan: &Plan,
    steered: &mut dyn FnMut() -> Steered,
    cancel: &Cancel,
    on: &mut dyn FnMut(Step),
) -> Result<Reply, ModelError> {
    let mut reply = Reply::default();
    match fill(&mut reply, model, plan, steered, cancel, on) {
        Ok(()) | Err(ModelError::Cancelled) => {
            reply.cancelled = cancel.is_cancelled();
            Ok(reply)
        }
        Err(error) => Err(error),
    }
}

fn fill(
    reply: &mut Reply,
    model: &Model,
    plan: &Plan,
    steered: &mut dyn FnMut() -> Steered,
    cancel: &Cancel,
    on: &mut dyn FnMut(Step),
) -> Result<(), ModelError> {
    let Sampling { temperature, top_p, seed } = plan.sampling;
    let mut sampler = Sampler::new(temperature, top_p, seed);
    let mut cache = model.new_cache_for(plan.prompt.len() + plan.max_tokens);
    let mut text = plan.prompt.to_vec();
    let mut now = steered();

    let read = |tokens: &[u32], first: usize, now: &Steered, cache: &mut Cache, on: &mut dyn FnMut(Step)| {
        let positions = now.scope.positions(plan.prompt.len());
        let tap = Tap { push: Some((&*now.push, positions)), residual: plan.residuals, logits: Logits::Last };
        let pass = model.forward(tokens, cache, &tap, cancel)?;
        on(Step::Read { first, residual: pass.residual });
        Ok::<_, ModelError>((pass.logits, pass.tally))
    };

    let (mut logits, pushed) = read(&text, 0, &now, &mut cache, on)?;
    reply.tally.add(pushed);
    while reply.ids.len() < plan.max_tokens && text.len() < model.info().context && !cancel.is_cancelled() {
        let newest = steered();
        if !newest.acts_like(&now) {
            let from_start = newest.change == ChangeRule::FromStart;
            now = newest;
            on(Step::Resteered { position: text.len(), from_start });
            if from_start {
                cache.clear();
                (logits, reply.tally) = read(&text, 0, &now, &mut cache, on)?;
            }
        }
        let row = logits.row(logits.nrows() - 1);
        let id = sampler.sample(row)?;
        on(Step::Token { id, logprob: model::logprob(row, id) });
        text.push(id);
        reply.ids.push(id);
        let last = model.is_end(id) || reply.ids.len() == plan.max_tokens;
        if last && !plan.residuals {
            break;
        }
        let (next, pushed) = read(&[id], text.len() - 1, &now, &mut cache, on)?;
        logits = next;
        reply.tally.add(pushed);
        if last {
            break;
        }
    }
    Ok(())
}
