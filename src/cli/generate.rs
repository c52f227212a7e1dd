//! `circumplex generate`

use anyhow::bail;
use clap::Args;
use serde::Serialize;

use super::common::{BankArg, ModelArg, Stopped, cancel_on_ctrl_c, open_model, print_json, required};
use crate::bank::{Bank, VectorSet};
use crate::engine::{Plan, Reply, Sampling, Steered, generate};
use crate::job::Cancel;
use crate::model::{Message, Model};
use crate::steering::{self, BlockRange, ChangeRule, Push, Scope, Steering};

/// Continue a prompt, steered or not
#[derive(Args, Debug)]
pub struct GenerateArgs {
    #[command(flatten)]
    model: ModelArg,
    #[command(flatten)]
    bank: BankArg,
    /// Text to continue, or with --chat to answer
    #[arg(long, value_name = "P")]
    prompt: String,
    /// Render the prompt as one user turn
    #[arg(long)]
    chat: bool,
    #[command(flatten)]
    steer: SteerArgs,
    /// Positions to push: both, prompt or reply
    #[arg(long, default_value = "both", value_parser = str::parse::<Scope>)]
    scope: Scope,
    /// Longest reply, in tokens
    #[arg(long, value_name = "N", default_value_t = 64)]
    max_tokens: usize,
    /// 0 takes the most likely token
    #[arg(long, value_name = "X", default_value_t = 0.7)]
    temperature: f64,
    /// Sample among the most likely tokens which together have this probability
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    top_p: f64,
    /// Seed of the sampling and of the direction of `random`
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Also give the reply without steering, from the same seed
    #[arg(long)]
    compare: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Steering as `generate` and `dump` take it.
#[derive(Args, Debug)]
pub struct SteerArgs {
    /// Push an emotion, or `random`, by S residual norms (without S by the bank's default); may be repeated
    #[arg(long, value_name = "NAME[=S]")]
    steer: Vec<String>,
    /// Blocks to push at, as in 3-5; the bank's default without it
    #[arg(long, value_name = "A-B", value_parser = steering::parse_blocks)]
    blocks: Option<BlockRange>,
}

impl SteerArgs {
    /// Whether anything is to be steered, so that a bank is needed.
    pub fn wanted(&self) -> bool {
        !self.steer.is_empty()
    }

    /// The vectors to add.
    ///
    /// # Errors
    /// A bad term, or what [`steering::resolve`] reports.
    pub fn push(&self, bank: &Bank, set: VectorSet, model_blocks: usize, seed: u64) -> anyhow::Result<Push> {
        let terms = self
            .steer
            .iter()
            .map(|term| steering::parse_term(term, bank.default_strength()))
            .collect::<Result<_, _>>()
            .map_err(super::common::Usage)?;
        let steering = Steering { terms, blocks: self.blocks, seed, ..Steering::default() };
        Ok(steering::resolve(&steering, bank, set, model_blocks)?)
    }
}

#[derive(Serialize)]
struct Output {
    prompt_tokens: usize,
    tokens: Vec<Token>,
    text: String,
    steered_tokens: usize,
    mean_push: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline: Option<Baseline>,
}

#[derive(Serialize)]
struct Baseline {
    tokens: Vec<Token>,
    text: String,
}

#[derive(Serialize)]
struct Token {
    id: u32,
    text: String,
    logprob: f32,
}

pub fn run(args: &GenerateArgs) -> anyhow::Result<()> {
    let sampling = Sampling { temperature: args.temperature, top_p: args.top_p, seed: args.seed };
    check_sampling(&sampling)?;
    let cancel = cancel_on_ctrl_c();
    let model = open_model(&args.model, &cancel)?;
    let prompt =
        if args.chat { model.encode_chat(&[Message::user(&args.prompt)])? } else { model.encode(&args.prompt)? };
    model.check_text(&prompt)?;
    let push = if args.steer.wanted() {
        let bank = Bank::open(required(&args.bank.bank, "--bank", "bank")?)?;
        bank.check_fits(model.info().width, model.info().blocks)?;
        args.steer.push(&bank, bank.default_vectors(), model.info().blocks, args.seed)?
    } else {
        Push::default()
    };

    let mut session = Session { model: &model, prompt: &prompt, max_tokens: args.max_tokens, sampling, cancel };
    let steered = Steered { push: push.into(), scope: args.scope, change: ChangeRule::default() };
    let (reply, tokens) = session.reply(&steered)?;
    let baseline = if args.compare {
        let (unsteered, tokens) = session.reply(&Steered::none())?;
        Some(Baseline { tokens, text: model.decode(&unsteered.ids) })
    } else {
        None
    };
    let output = Output {
        prompt_tokens: prompt.len(),
        tokens,
        text: model.decode(&reply.ids),
        steered_tokens: reply.tally.tokens,
        mean_push: reply.tally.mean(),
        baseline,
    };
    if args.json {
        return print_json(&output);
    }
    println!("{}", output.text.trim_end());
    if output.steered_tokens > 0 {
        eprintln!(
            "steered {} tokens, mean push {:.1} % of the residual norm",
            output.steered_tokens,
            output.mean_push * 100.0
        );
    }
    if let Some(baseline) = output.baseline {
        println!("\nWithout steering, from the same seed:\n{}", baseline.text.trim_end());
    }
    Ok(())
}

fn check_sampling(sampling: &Sampling) -> anyhow::Result<()> {
    if !sampling.temperature.is_finite() || sampling.temperature < 0.0 {
        bail!(super::common::Usage(format!("--temperature {} is not 0 or more", sampling.temperature)));
    }
    if !(sampling.top_p > 0.0 && sampling.top_p <= 1.0) {
        bail!(super::common::Usage(format!("--top-p {} is not above 0 and at most 1", sampling.top_p)));
    }
    Ok(())
}

struct Session<'a> {
    model: &'a Model,
    prompt: &'a [u32],
    max_tokens: usize,
    sampling: Sampling,
    cancel: Cancel,
}

impl Session<'_> {
    fn reply(&mut self, steered: &Steered) -> anyhow::Result<(Reply, Vec<Token>)> {
        let plan = Plan { prompt: self.prompt, max_tokens: self.max_tokens, sampling: self.sampling, residuals: false };
        let mut stream = self.model.text_stream();
        let mut tokens = Vec::new();
        let reply = generate(self.model, &plan, &mut || steered.clone(), &self.cancel, &mut |step| {
            if let crate::engine::Step::Token { id, logprob } = step {
                tokens.push(Token { id, text: stream.push(id), logprob });
            }
        })?;
        if reply.cancelled {
            bail!(Stopped);
        }
        Ok((reply, tokens))
    }
}
