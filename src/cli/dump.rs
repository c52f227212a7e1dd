//! `circumplex dump`

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{ArgGroup, Args};
use ndarray::{Array2, Array3, Axis, concatenate};
use safetensors::tensor::{Dtype, TensorView, serialize_to_file};

use super::common::{BankArg, ModelArg, SteerArgs, cancel_on_ctrl_c, open_model, stopped_or};
use crate::job::Cancel;
use crate::model::{Logits, Message, Model, Pass, Tap};
use crate::steering::Scope;

/// Write the residuals and logits of a text to a file
///
/// The file holds `tokens` I64 [T], `residual` F32 [L, T, D] after every block, and `logits` F32 [T, V].
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("input").required(true))]
pub struct DumpArgs {
    #[command(flatten)]
    model: ModelArg,
    /// Text to run
    #[arg(long, value_name = "T", group = "input")]
    text: Option<String>,
    /// Render the text as one user turn
    #[arg(long, requires = "text")]
    chat: bool,
    /// Token ids to run, exactly as given
    #[arg(long, value_name = "IDS", group = "input", value_delimiter = ',')]
    tokens: Option<Vec<u32>>,
    /// Run token by token through the cache
    #[arg(long)]
    cached: bool,
    #[command(flatten)]
    bank: BankArg,
    #[command(flatten)]
    steer: SteerArgs,
    /// Seed of the direction of `random`
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// File to write (.safetensors)
    #[arg(long, value_name = "F")]
    out: PathBuf,
}

pub fn run(args: &DumpArgs) -> anyhow::Result<()> {
    let cancel = cancel_on_ctrl_c();
    let model = open_model(&args.model, &cancel)?;
    let tokens = tokens(&model, args)?;
    let push = args.steer.push(&args.bank, &args.model, model.info(), args.seed)?;
    let everywhere = Scope::Both.positions(tokens.len());
    let tap = Tap { push: Some((&push, everywhere)), residual: true, logits: Logits::All };
    let step = if args.cached { 1 } else { tokens.len() };
    let passes = run_in_steps(&model, &tokens, step, &tap, &cancel)?;
    write(&args.out, &tokens, &passes)
}

fn tokens(model: &Model, args: &DumpArgs) -> anyhow::Result<Vec<u32>> {
    let tokens = match (&args.text, &args.tokens) {
        (Some(text), _) if args.chat => model.encode_chat(&[Message::user(text)])?,
        (Some(text), _) => model.encode(text)?,
        (None, Some(tokens)) => return Ok(tokens.clone()),
        (None, None) => Vec::new(),
    };
    model.check_text(&tokens)?;
    Ok(tokens)
}

/// Runs the tokens `step` at a time through one cache.
fn run_in_steps(model: &Model, tokens: &[u32], step: usize, tap: &Tap, cancel: &Cancel) -> anyhow::Result<Vec<Pass>> {
    let mut cache = model.new_cache_for(tokens.len());
    let mut passes = Vec::new();
    for tokens in tokens.chunks(step.max(1)) {
        passes.push(model.forward(tokens, &mut cache, tap, cancel).map_err(|error| stopped_or(error, cancel))?);
    }
    Ok(passes)
}

fn write(path: &Path, tokens: &[u32], passes: &[Pass]) -> anyhow::Result<()> {
    let residuals: Vec<_> = passes.iter().filter_map(|pass| pass.residual.as_ref()).map(Array3::view).collect();
    let residual = concatenate(Axis(1), &residuals)?;
    let logits: Vec<_> = passes.iter().map(|pass| pass.logits.view()).collect();
    let logits: Array2<f32> = concatenate(Axis(0), &logits)?;

    let tokens_bytes: Vec<u8> = tokens.iter().flat_map(|id| i64::from(*id).to_le_bytes()).collect();
    let residual_bytes: Vec<u8> = residual.iter().flat_map(|x| x.to_le_bytes()).collect();
    let logits_bytes: Vec<u8> = logits.iter().flat_map(|x| x.to_le_bytes()).collect();
    let tensors = [
        ("tokens", TensorView::new(Dtype::I64, vec![tokens.len()], &tokens_bytes)?),
        ("residual", TensorView::new(Dtype::F32, residual.shape().to_vec(), &residual_bytes)?),
        ("logits", TensorView::new(Dtype::F32, logits.shape().to_vec(), &logits_bytes)?),
    ];
    serialize_to_file(tensors, None::<HashMap<String, String>>, path)
        .with_context(|| format!("cannot write {}", path.display()))
}
