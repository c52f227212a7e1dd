//! `circumplex generate`

use std::io::Write;

use anyhow::bail;
use clap::Args;
use serde::Serialize;

use super::common::{BankArg, ModelArg, SteerArgs, Stopped, cancel_on_ctrl_c, open_model, print_json};
use crate::engine::{Plan, Reply, Sampling, Steered, generate};
use crate::job::Cancel;
use crate::model::{Message, Model};
use crate::steering::{ChangeRule, Scope};

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
    #[arg(long, value_name = "X", default_value_t = 0.7, allow_negative_numbers = true)]
    temperature: f64,
    /// Sample among the most likely tokens which together have this probability
    #[arg(long, value_name = "X", default_value_t = 0.95, allow_negative_numbers = true)]
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
    let push = args.steer.push(&args.bank, &args.model, model.info(), args.seed)?;

    let mut session = Session { model: &model, prompt: &prompt, max_tokens: args.max_tokens, sampling, cancel };
    let steered = Steered { push: push.into(), scope: args.scope, change: ChangeRule::default() };
    let (reply, tokens) = session.reply(&steered)?;
    let baseline = if args.compare {
        let (_, tokens) = session.reply(&Steered::none())?;
        Some(Baseline { text: text_of(&tokens), tokens })
    } else {
        None
    };
    let output = Output {
        prompt_tokens: prompt.len(),
        text: text_of(&tokens),
        tokens,
        steered_tokens: reply.tally.tokens,
        mean_push: reply.tally.mean(),
        baseline,
    };
    if args.json {
        return print_json(&output);
    }
    print(&output)
}

fn print(output: &Output) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", output.text.trim_end())?;
    if output.steered_tokens > 0 {
        let percent = output.mean_push * 100.0;
        eprintln!("steered {} tokens, mean push {percent:.1} % of the residual norm", output.steered_tokens);
    }
    if let Some(baseline) = &output.baseline {
        writeln!(out, "\nWithout steering, from the same seed:\n{}", baseline.text.trim_end())?;
    }
    Ok(())
}

fn text_of(tokens: &[Token]) -> String {
    tokens.iter().map(|token| token.text.as_str()).collect()
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
