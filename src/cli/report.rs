//! `circumplex report`

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use clap::Args;

use super::common::{
    BankArg, ModelArg, Usage, cancel_on_ctrl_c, open_bank_for, open_model, print_json, progress_on_stderr, stopped_or,
};
use crate::bank::{Bank, VectorSet};
use crate::lab::{self, Lab, Options, Prompts, Report};
use crate::model::Model;
use crate::steering::{self, BlockRange};

/// Measure a model with its bank: map, implicit situations, quantities, logit lens, steering, samples
#[derive(Args, Debug)]
pub struct ReportArgs {
    #[command(flatten)]
    model: ModelArg,
    #[command(flatten)]
    bank: BankArg,
    /// Block to read [default: the bank's own]
    #[arg(long, value_name = "N")]
    block: Option<usize>,
    /// Blocks to steer, as in 3-5 [default: the bank's own]
    #[arg(long, value_name = "A-B", value_parser = steering::parse_blocks)]
    blocks: Option<BlockRange>,
    /// Strength of the steered replies, in residual norms [default: the bank's own]
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    strength: Option<f32>,
    /// denoised or raw [default: the bank's own]
    #[arg(long, value_name = "SET")]
    vectors: Option<VectorSet>,
    /// Folder for report.md, report.json and the pictures
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print the whole report as one JSON object too
    #[arg(long)]
    json: bool,
}

pub fn run(args: &ReportArgs) -> anyhow::Result<()> {
    if let Some(strength) = args.strength.filter(|strength| !strength.is_finite()) {
        return Err(Usage(format!("--strength {strength} is not a finite number")).into());
    }
    let cancel = cancel_on_ctrl_c();
    let bank = open_bank_for(&args.bank, &args.model)?;
    let model = open_model(&args.model, &cancel)?;
    let lab = Lab::new(&model, &bank, args.block, args.blocks, args.vectors)?;
    // Minutes of work should not end in a folder that cannot be made.
    fs::create_dir_all(&args.out).with_context(|| format!("cannot make the folder: {}", args.out.display()))?;
    let begun = Instant::now();
    let options = Options { strength: args.strength, ..Options::default() };
    let mut report = lab::measure(&lab, &Prompts::shipped()?, &options, &cancel, &mut progress_on_stderr())
        .map_err(|error| stopped_or(error, &cancel))?;
    report.caveats.extend(other_weights(&bank, args)?);
    let files = lab::write(&report, &args.out)?;
    eprintln!("measured in {:.1} s", begun.elapsed().as_secs_f64());
    if args.json {
        return print_json(&report);
    }
    print(&report, &files)
}

/// Other weights of the same shape are a caveat, not an error.
fn other_weights(bank: &Bank, args: &ReportArgs) -> anyhow::Result<Option<String>> {
    let Some(built_for) = bank.metadata.get("model_sha256") else { return Ok(None) };
    let found = Model::weights_sha256(args.model.path())?;
    Ok((found != *built_for)
        .then(|| "The bank was built for other weights than this model's, so its readings may mean little.".to_owned()))
}

/// The main numbers, each with its n.
fn print(report: &Report, files: &[PathBuf]) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    for caveat in &report.caveats {
        writeln!(out, "caution: {caveat}")?;
    }
    if let Some(found) = report.implicit.measured() {
        let n = found.measure.n;
        writeln!(out, "implicit situations: {} of {n} right, {} of {n} among three", found.first, found.first_three)?;
    }
    if let Some(found) = report.quantities.measured() {
        writeln!(out, "quantity sweeps: {} of {} curves as expected", found.as_expected, found.expected)?;
    }
    if let Some(found) = report.lens.measured() {
        writeln!(out, "logit lens: {} of {} emotions named", found.hits, found.measure.n)?;
    }
    if let Some(found) = report.feels.measured() {
        let (words, random) = (found.words.len(), found.random.matching);
        writeln!(out, "he feels: {} of {words} words match, random {random}", found.steered.matching)?;
    }
    for file in files {
        writeln!(out, "{}", file.display())?;
    }
    Ok(())
}
