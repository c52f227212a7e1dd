//! `circumplex read`

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::thread::{self, JoinHandle};

use anyhow::{Context, bail};
use clap::{ArgGroup, Args};
use ndarray::{Array2, Axis};
use serde::Serialize;

use super::common::{BankArg, ModelArg, Stopped, cancel_on_ctrl_c, open_bank_for, open_model, print_json, stopped_or};
use crate::bank::{Bank, VectorSet};
use crate::model::{Message, Model, ModelError};
use crate::reading::{Metric, scores, span_mean, top_and_bottom};

/// Emotions a token shows in the table, where none are named.
const SHOWN: usize = 3;
/// Emotions the summary shows at either end.
const SUMMARY: usize = 5;

/// Read the emotion vectors in a text, token by token
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("input").required(true))]
pub struct ReadArgs {
    #[command(flatten)]
    model: ModelArg,
    #[command(flatten)]
    bank: BankArg,
    /// Text to read
    #[arg(long, value_name = "T", group = "input")]
    text: Option<String>,
    /// File of text to read
    #[arg(long, value_name = "F", group = "input")]
    file: Option<PathBuf>,
    /// Render the text as one user turn; the last token is about to answer
    #[arg(long)]
    chat: bool,
    /// Block of the model [default: the bank's own]
    #[arg(long, value_name = "N")]
    block: Option<usize>,
    /// z (sd of the neutral baseline), cosine or dot
    #[arg(long, default_value_t)]
    metric: Metric,
    /// Emotion to read; may be repeated [default: all]
    #[arg(short = 'E', long = "emotion", value_name = "E")]
    emotions: Vec<String>,
    /// denoised or raw [default: the bank's own]
    #[arg(long, value_name = "SET")]
    vectors: Option<VectorSet>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Output {
    model: String,
    /// The bank's file.
    bank: String,
    block: usize,
    metric: Metric,
    tokens: Vec<Token>,
    emotions: Vec<String>,
    /// By token, then by emotion.
    scores: Vec<Vec<f32>>,
}

#[derive(Serialize)]
struct Token {
    index: usize,
    id: u32,
    text: String,
}

pub fn run(args: &ReadArgs) -> anyhow::Result<()> {
    let text = text(args)?;
    let bank = open_bank_for(&args.bank, &args.model)?;
    let chosen: Vec<usize> = if args.emotions.is_empty() {
        (0..bank.emotions.len()).collect()
    } else {
        args.emotions.iter().map(|emotion| bank.index_of(emotion)).collect::<Result<_, _>>()?
    };
    let digest = digest(&bank, args)?;
    let cancel = cancel_on_ctrl_c();
    let model = open_model(&args.model, &cancel)?;
    let info = model.info();
    bank.check_fits(info.width, info.blocks)?;
    let block = args.block.unwrap_or_else(|| bank.default_block(info.blocks));
    bank.block_index(block)?;

    let tokens = if args.chat { model.encode_chat(&[Message::user(&text)])? } else { model.encode(&text)? };
    model.check_text(&tokens)?;
    let residuals =
        model.residuals(std::slice::from_ref(&tokens), &cancel).map_err(|error| stopped_or(error, &cancel))?;
    if cancel.is_cancelled() {
        return Err(Stopped.into());
    }
    let Some(residual) = residuals.first() else { bail!("the model gave no residuals\nCheck its weights") };
    let set = args.vectors.unwrap_or_else(|| bank.default_vectors());
    let answer_at = args.chat.then(|| tokens.len() - 1);
    let all = scores(&bank, set, block, args.metric, residual.index_axis(Axis(0), block), answer_at)?;
    if let Some(digest) = digest {
        warn_of_other_weights(&bank, digest);
    }

    let output = Output {
        model: info.id.clone(),
        bank: args.bank.bank.as_ref().map(|path| path.display().to_string()).unwrap_or_default(),
        block,
        metric: args.metric,
        tokens: label(&model, &tokens),
        emotions: chosen.iter().map(|emotion| bank.emotions[*emotion].clone()).collect(),
        scores: all.outer_iter().map(|row| chosen.iter().map(|emotion| row[*emotion]).collect()).collect(),
    };
    if args.json {
        return print_json(&output);
    }
    print(&output, &all.select(Axis(1), &chosen), set, answer_at)
}

fn text(args: &ReadArgs) -> anyhow::Result<String> {
    let Some(path) = &args.file else { return Ok(args.text.clone().unwrap_or_default()) };
    let bytes = fs::read(path).with_context(|| format!("cannot read: {}", path.display()))?;
    String::from_utf8(bytes).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        anyhow::anyhow!("no UTF-8 at byte {place}: {}\nSave the text as UTF-8", path.display())
    })
}

fn label(model: &Model, tokens: &[u32]) -> Vec<Token> {
    let pieces = model.pieces(tokens);
    let token = |(index, (id, text)): (usize, (&u32, String))| Token { index, id: *id, text };
    tokens.iter().zip(pieces).enumerate().map(token).collect()
}

/// Reads the model's weights for their digest meanwhile, where the bank has one to compare with.
fn digest(bank: &Bank, args: &ReadArgs) -> anyhow::Result<Option<JoinHandle<Result<String, ModelError>>>> {
    if !bank.metadata.contains_key("model_sha256") {
        return Ok(None);
    }
    let path = args.model.path().to_owned();
    let thread = thread::Builder::new().name("weights digest".to_owned());
    Ok(Some(thread.spawn(move || Model::weights_sha256(&path))?))
}

/// Other weights of the same shape are a caveat, not an error.
fn warn_of_other_weights(bank: &Bank, digest: JoinHandle<Result<String, ModelError>>) {
    let Ok(Ok(found)) = digest.join() else { return };
    if bank.metadata.get("model_sha256").is_some_and(|built_for| *built_for != found) {
        eprintln!("caution: the bank was built for other weights than this model's, so its scores may mean little");
    }
}

fn print(output: &Output, scores: &Array2<f32>, set: VectorSet, answer_at: Option<usize>) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let unit = output.metric.unit();
    let metric = if unit.is_empty() { output.metric.to_string() } else { format!("{} ({unit})", output.metric) };
    writeln!(out, "{}, block {}, {set} vectors, metric {metric}", output.model, output.block)?;
    for (token, row) in output.tokens.iter().zip(&output.scores) {
        let (top, _) = top_and_bottom(row, SHOWN.min(row.len()));
        let named: Vec<String> = top.iter().map(|e| format!("{} {}", output.emotions[*e], signed(row[*e]))).collect();
        let mark = match token.index {
            index if Some(index) == answer_at => "  (about to answer)",
            0 => "  (first token, left out of means)",
            _ => "",
        };
        writeln!(out, "{:>5}  {:<18} {}{mark}", token.index, format!("{:?}", token.text), named.join("  "))?;
    }
    // The token before the reply has another baseline, so it is no part of the mean.
    let Some(mean) = span_mean(scores.view(), 1..answer_at.unwrap_or(scores.nrows())) else { return Ok(()) };
    let (top, bottom) = top_and_bottom(&mean.to_vec(), SUMMARY);
    let list = |indices: &[usize]| {
        indices.iter().map(|e| format!("{} {}", output.emotions[*e], signed(mean[*e]))).collect::<Vec<_>>().join("  ")
    };
    writeln!(out, "mean, highest: {}", list(&top))?;
    writeln!(out, "mean, lowest:  {}", list(&bottom))?;
    Ok(())
}

/// Two decimals, with the sign that makes it readable without colour.
fn signed(score: f32) -> String {
    format!("{score:+.2}").replace('-', "−")
}
