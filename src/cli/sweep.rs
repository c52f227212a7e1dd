//! `circumplex sweep`

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use super::common::{
    BankArg, ModelArg, cancel_on_ctrl_c, open_bank_for, open_model, print_json, progress_on_stderr, stopped_or,
};
use crate::corpus::{self, Source};
use crate::lab::{self, Options, Prompts, Sweep};

/// Find the block to read, and the blocks and strength to steer with, and write them into a bank as its defaults
#[derive(Args, Debug)]
pub struct SweepArgs {
    #[command(flatten)]
    model: ModelArg,
    #[command(flatten)]
    bank: BankArg,
    /// Bank to write: the same, with the defaults
    #[arg(long, value_name = "BANK")]
    out: PathBuf,
    /// Print all that was tried as one JSON object
    #[arg(long)]
    json: bool,
}

/// Of the shipped situations every so many-th is read.
const EVERY: usize = 4;

pub fn run(args: &SweepArgs) -> anyhow::Result<()> {
    let cancel = cancel_on_ctrl_c();
    let mut bank = open_bank_for(&args.bank, &args.model)?;
    let model = open_model(&args.model, &cancel)?;
    let prompts = Prompts::shipped()?;
    let situations = corpus::situations(&Source::Shipped).context("the shipped situations cannot be read")?.items;
    let situations: Vec<_> = situations.into_iter().step_by(EVERY).collect();
    let texts = lab::Texts {
        situations: &situations,
        frames: &prompts.feels,
        words: &prompts.twelve(),
        open: &prompts.open,
        reply_emotions: &Options::default().reply_emotions,
    };
    let found = lab::sweep(&model, &bank, &texts, &cancel, &mut progress_on_stderr())
        .map_err(|error| stopped_or(error, &cancel))?;
    // Before the bank is written: what took so long is not to be lost where it cannot be.
    if args.json {
        print_json(&found)?
    } else {
        print(&found)?
    }
    found.write_into(&mut bank);
    Ok(bank.save(&args.out)?)
}

fn print(found: &Sweep) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let number = |r: Option<f64>| r.map_or("none".to_owned(), |r| format!("{r:.2}"));
    writeln!(out, "block  vectors   1/rank  valence |r|  arousal |r|")?;
    for one in &found.readings {
        let (valence, arousal) = (number(one.valence_r), number(one.arousal_r));
        writeln!(out, "{:5}  {:8}  {:6.3}  {valence:>11}  {arousal:>11}", one.block, one.vectors, one.reciprocal_rank)?;
    }
    writeln!(out, "\nblocks  words matched  margin (nats)")?;
    for one in &found.ranges {
        let matched = format!("{} of {}", one.matching, one.words);
        writeln!(out, "{:6}  {matched:>13}  {:13.2}", one.blocks.to_string(), one.margin)?;
    }
    writeln!(out, "\nblocks  strength  gain (sd)  top word  distinct pairs")?;
    for one in &found.strengths {
        let (blocks, strength) = (one.blocks.to_string(), one.strength);
        writeln!(out, "{blocks:6}  {strength:8}  {:9.2}  {:8.2}  {:14.2}", one.gain, one.top_word, one.distinct_pairs)?;
    }
    let Sweep { block, vectors, blocks, strength, .. } = found;
    writeln!(out, "\nread block {block} ({vectors}), steer blocks {blocks} by {strength} residual norms")?;
    Ok(())
}
