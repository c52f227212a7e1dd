//! What the subcommands share: options, opening files with progress, printing, and exit codes.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use crate::bank::Bank;
use crate::job::{Cancel, Progress};
use crate::model::{DeviceChoice, Hub, Keep, Model, ModelInfo, Precision, hub_name};
use crate::steering::{self, BlockRange, Push, Steering};
use crate::{INSIDE, is_inside};

/// Wrong usage which clap cannot see: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// The person stopped the work: exit code 130.
#[derive(Debug, thiserror::Error)]
#[error("stopped")]
pub struct Stopped;

/// `--model`
#[derive(Args, Debug, Clone)]
pub struct ModelArg {
    /// Model: a folder (config.json, tokenizer.json, *.safetensors), a GGUF file, or the owner/name of a model on Hugging Face, which is
    /// downloaded once into its usual cache [default: the model inside]
    #[arg(long, value_name = "M")]
    pub model: Option<PathBuf>,
    /// How matrices are kept: f32 (quantised ones as in their file), or q8_0, a quarter of the memory and faster
    #[arg(long, value_name = "P", default_value = "f32")]
    pub precision: Precision,
    /// Where the model runs: auto (the accelerator this program was built with, if it answers), cpu, cuda, cuda:N or metal
    #[arg(long, value_name = "D", default_value = "auto")]
    pub device: DeviceChoice,
    /// Never use the network: an owner/name must be in the cache
    #[arg(long)]
    pub offline: bool,
}

impl ModelArg {
    /// How and where the model is kept.
    pub fn keep(&self) -> Keep {
        Keep { precision: self.precision, device: self.device }
    }

    /// What is to be opened: without `--model` the model inside.
    pub fn path(&self) -> &Path {
        self.model.as_deref().unwrap_or(Path::new(INSIDE))
    }
}

/// `--bank`
#[derive(Args, Debug, Clone)]
pub struct BankArg {
    /// Bank of emotion vectors (.safetensors) [default: that of the model inside]
    #[arg(long, value_name = "B")]
    pub bank: Option<PathBuf>,
}

impl BankArg {
    /// What is to be opened: without `--bank` the bank of the model inside.
    pub fn path(&self) -> &Path {
        self.bank.as_deref().unwrap_or(Path::new(INSIDE))
    }
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
    /// The vectors to add. Needs a bank only when there is something to steer.
    ///
    /// # Errors
    /// A bad term, a bank which does not fit the model, or what [`steering::resolve`] reports.
    pub fn push(&self, bank: &BankArg, model: &ModelArg, info: &ModelInfo, seed: u64) -> anyhow::Result<Push> {
        if self.steer.is_empty() {
            return Ok(Push::default());
        }
        let bank = open_bank_for(bank, model)?;
        bank.check_fits(info.width, info.blocks)?;
        let term = |text: &String| steering::parse_term(text, bank.default_strength()).map_err(Usage);
        let terms = self.steer.iter().map(term).collect::<Result<_, _>>()?;
        let steering = Steering { terms, blocks: self.blocks, seed, ..Steering::default() };
        Ok(steering::resolve(&steering, &bank, bank.default_vectors(), info.blocks)?)
    }
}

/// Opens the model of `--model`, with progress on standard error.
pub fn open_model(arg: &ModelArg, cancel: &Cancel) -> anyhow::Result<Model> {
    fetch_missing(arg, cancel)?;
    let model = Model::open_as(arg.path(), arg.keep(), cancel, &mut progress_on_stderr())
        .map_err(|error| stopped_or(error, cancel))?;
    if let Some(caveat) = &model.info().caveat {
        eprintln!("{}: {caveat}", model.info().id);
    }
    Ok(model)
}

/// Downloads the model of `--model` if it is the name of one which the cache does not have.
pub fn fetch_missing(arg: &ModelArg, cancel: &Cancel) -> anyhow::Result<()> {
    let mut hub = Hub::from_env();
    hub.offline |= arg.offline;
    match arg.model.as_deref().and_then(hub_name) {
        Some(name) if !hub.has(name) => fetch(&hub, name, cancel).map(drop),
        _ => Ok(()),
    }
}

/// Downloads a model, with progress on standard error.
pub fn fetch(hub: &Hub, name: &str, cancel: &Cancel) -> anyhow::Result<PathBuf> {
    hub.fetch(name, cancel, &mut progress_on_stderr()).map_err(|error| stopped_or(error, cancel))
}

/// The error of stopped work is its stop.
pub fn stopped_or(error: impl Into<anyhow::Error>, cancel: &Cancel) -> anyhow::Error {
    if cancel.is_cancelled() { Stopped.into() } else { error.into() }
}

/// Opens the bank of `--bank`.
pub fn open_bank(arg: &BankArg) -> anyhow::Result<Bank> {
    Ok(Bank::open(arg.path())?)
}

/// Opens the bank of `--bank` for the model of `--model`. The bank inside is for the model inside alone.
pub fn open_bank_for(arg: &BankArg, model: &ModelArg) -> anyhow::Result<Bank> {
    if arg.bank.is_none() && !is_inside(model.path()) {
        let model = model.path().display();
        let problem = format!("no bank is named for {model}, and the one inside belongs to the model inside");
        return Err(Usage(format!("{problem}\nName one with --bank, or make one with circumplex build")).into());
    }
    open_bank(arg)
}

/// Prints one JSON object to standard output.
pub fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, value)?;
    writeln!(out)?;
    out.flush().context("standard output")
}

/// A cancel flag which Ctrl-C sets. A second Ctrl-C ends the program at once.
pub fn cancel_on_ctrl_c() -> Cancel {
    let cancel = Cancel::new();
    let flag = cancel.clone();
    // Fails only if a handler is there already, and that one serves.
    let _ = ctrlc::set_handler(move || {
        if flag.is_cancelled() {
            std::process::exit(130);
        }
        flag.cancel();
    });
    cancel
}

/// A progress sink for the terminal: one line which rewrites itself, or a line per tenth where standard error is a file.
pub fn progress_on_stderr() -> impl FnMut(Progress) {
    let terminal = std::io::stderr().is_terminal();
    let mut shown = String::new();
    move |progress| {
        let percent = (progress.done * 100).checked_div(progress.total);
        let left = progress.left.map_or(String::new(), |left| {
            let secs = left.as_secs();
            format!(", {}:{:02} left", secs / 60, secs % 60)
        });
        let line = match percent {
            Some(percent) if terminal => format!("{}: {percent} %{left}", progress.note),
            Some(percent) => format!("{}: {} %", progress.note, percent / 10 * 10),
            None => progress.note.clone(),
        };
        if line == shown {
            return;
        }
        if terminal {
            let end = if progress.total > 0 && progress.done >= progress.total { "\n" } else { "" };
            eprint!("\r\x1b[K{line}{end}");
        } else {
            eprintln!("{line}");
        }
        shown = line;
    }
}

/// Prints the error and picks the exit code.
pub fn report(error: &anyhow::Error) -> ExitCode {
    if error.is::<Stopped>() {
        eprintln!("\nstopped");
        return ExitCode::from(130);
    }
    let closed_pipe = error.chain().any(|cause| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
    });
    if closed_pipe {
        return ExitCode::SUCCESS;
    }
    eprintln!("error: {error:#}");
    ExitCode::from(if error.is::<Usage>() { 2 } else { 1 })
}
