//! The terminal: one file per subcommand. With `--json` a command prints one JSON object to standard output; progress and messages go
//! to standard error. Exit codes: 0 done, 1 the work failed, 2 wrong usage, 130 stopped.

mod bank;
mod build;
mod check;
mod common;
mod dump;
mod fetch;
mod generate;
mod info;
mod map;
mod read;
mod report;
mod screenshot;
mod sweep;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// See and steer the emotion vectors inside a language model on your own machine
///
/// Without a command the window opens.
#[derive(Parser)]
#[command(name = "circumplex", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    Info(info::InfoArgs),
    Fetch(fetch::FetchArgs),
    Dump(dump::DumpArgs),
    Build(build::BuildArgs),
    Check(check::CheckArgs),
    Read(read::ReadArgs),
    Generate(generate::GenerateArgs),
    Map(map::MapArgs),
    Sweep(sweep::SweepArgs),
    Report(report::ReportArgs),
    #[command(subcommand)]
    Bank(bank::BankCommand),
    Screenshot(screenshot::ScreenshotArgs),
}

/// Runs the program with these arguments (the first is the program's own name).
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(usage) => {
            // A closed pipe on the other side is no failure of ours.
            let _ = usage.print();
            return ExitCode::from(usage.exit_code() as u8);
        }
    };
    let result = match cli.command {
        None => crate::app::run_window(),
        Some(Command::Info(args)) => info::run(&args),
        Some(Command::Fetch(args)) => fetch::run(&args),
        Some(Command::Dump(args)) => dump::run(&args),
        Some(Command::Build(args)) => build::run(&args),
        Some(Command::Check(args)) => check::run(&args),
        Some(Command::Read(args)) => read::run(&args),
        Some(Command::Generate(args)) => generate::run(&args),
        Some(Command::Map(args)) => map::run(&args),
        Some(Command::Sweep(args)) => sweep::run(&args),
        Some(Command::Report(args)) => report::run(&args),
        Some(Command::Bank(command)) => bank::run(&command),
        Some(Command::Screenshot(args)) => screenshot::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => common::report(&error),
    }
}
