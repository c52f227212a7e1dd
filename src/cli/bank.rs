//! `circumplex bank`

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::common::print_json;
use crate::bank::{Bank, Baseline, import};

/// Import and inspect banks of emotion vectors
#[derive(Subcommand, Debug)]
pub enum BankCommand {
    /// Import vectors from .npz files which other programs wrote
    Import {
        /// Folder of emotion_vectors_layer_{L}.npz, or an .npz with members layer_{L}__{emotion}
        path: PathBuf,
        /// Bank to write
        #[arg(long, value_name = "BANK")]
        out: PathBuf,
        /// Added to every layer number: -1 where the file counts blocks from 1
        #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true, value_parser = clap::value_parser!(i64).range(-1..=1))]
        block_shift: i64,
    },
    /// Show what a bank holds
    Inspect {
        bank: PathBuf,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

pub fn run(command: &BankCommand) -> anyhow::Result<()> {
    match command {
        BankCommand::Import { path, out, block_shift } => {
            let (bank, report) = import(path, *block_shift)?;
            bank.save(out)?;
            let mut out = io::stdout().lock();
            writeln!(out, "{}: {} emotions, width {}", report.layout, report.emotions, report.width)?;
            for (layer, block) in report.layers.iter().zip(&report.blocks) {
                writeln!(out, "layer {layer} is block {block} (after decoder block {block}, counted from 0)")?;
            }
            if *block_shift == 0 {
                eprintln!("if the file counts blocks otherwise, import again with --block-shift -1 or 1");
            }
            Ok(())
        }
        BankCommand::Inspect { bank, json } => {
            let bank = Bank::open(bank)?;
            if *json {
                return print_json(&summary(&bank));
            }
            print(&bank)
        }
    }
}

/// What is in a bank, without the numbers.
fn summary(bank: &Bank) -> Value {
    let tensors: Map<String, Value> =
        tensors(bank).into_iter().map(|(name, shape)| (name.to_owned(), json!(shape))).collect();
    json!({
        "format": bank.metadata.get("format"),
        "version": bank.metadata.get("version"),
        "emotions": bank.emotions,
        "blocks": bank.blocks,
        "width": bank.width(),
        "tensors": tensors,
        "metadata": bank.metadata,
    })
}

/// The tensors which are there, with their shapes.
fn tensors(bank: &Bank) -> Vec<(&'static str, Vec<usize>)> {
    let mut tensors = vec![("vectors", bank.vectors.shape().to_vec())];
    tensors.extend(bank.raw.as_ref().map(|raw| ("raw", raw.shape().to_vec())));
    tensors.extend(bank.residual_norm.as_ref().map(|norm| ("residual_norm", norm.shape().to_vec())));
    tensors.extend(bank.neutral_mean.as_ref().map(|mean| ("neutral_mean", mean.shape().to_vec())));
    let mut add = |baseline: &Option<Baseline>, mean, std| {
        if let Some(baseline) = baseline {
            tensors.push((mean, baseline.mean.shape().to_vec()));
            tensors.push((std, baseline.std.shape().to_vec()));
        }
    };
    add(&bank.baseline, "baseline_mean", "baseline_std");
    add(&bank.answer, "answer_mean", "answer_std");
    add(&bank.raw_baseline, "raw_baseline_mean", "raw_baseline_std");
    add(&bank.raw_answer, "raw_answer_mean", "raw_answer_std");
    tensors
}

fn print(bank: &Bank) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{} emotions, blocks {:?}, width {}", bank.emotions.len(), bank.blocks, bank.width())?;
    for (name, shape) in tensors(bank) {
        writeln!(out, "  {name} {shape:?}")?;
    }
    for (key, value) in &bank.metadata {
        writeln!(out, "  {key} = {value}")?;
    }
    Ok(())
}
