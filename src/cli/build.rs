//! `circumplex build`

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;

use super::common::{ModelArg, cancel_on_ctrl_c, open_model, progress_on_stderr, stopped_or};
use crate::bank::{Recipe, build};
use crate::corpus::Source;
use crate::model::Model;

/// Build a bank: the emotion vectors of a model, from stories
#[derive(Args, Debug)]
pub struct BuildArgs {
    #[command(flatten)]
    model: ModelArg,
    /// Stories, one JSON object a line: {"emotion": ..., "text": ...}; the shipped ones without it
    #[arg(long, value_name = "F")]
    stories: Option<PathBuf>,
    /// Texts about nothing in particular, one JSON object a line: {"text": ...}; the shipped ones without it
    #[arg(long, value_name = "F")]
    neutral: Option<PathBuf>,
    /// Bank to write (.safetensors)
    #[arg(long, value_name = "BANK")]
    out: PathBuf,
    /// First token of a story that counts
    #[arg(long, value_name = "N", default_value_t = 50)]
    start_token: usize,
    /// Share of the neutral variance that is projected out of the vectors
    #[arg(long, value_name = "X", default_value_t = 0.5)]
    variance: f64,
    /// Continue where an earlier build was stopped
    #[arg(long)]
    resume: bool,
}

pub fn run(args: &BuildArgs) -> anyhow::Result<()> {
    let cancel = cancel_on_ctrl_c();
    let model = open_model(&args.model, &cancel)?;
    let recipe = Recipe {
        stories: Source::from_option(args.stories.as_deref()),
        neutral: Source::from_option(args.neutral.as_deref()),
        start_token: args.start_token,
        variance: args.variance,
        model_sha256: Model::weights_sha256(args.model.path())?,
        license: String::new(),
    };
    let report = build(&model, &recipe, &args.out, args.resume, &cancel, &mut progress_on_stderr())
        .map_err(|error| stopped_or(error, &cancel))?;
    if let Some(percent) = report.resumed_at_percent {
        eprintln!("continued from {percent} %");
    }
    let mut out = io::stdout().lock();
    writeln!(out, "{report}")?;
    writeln!(out, "{}", args.out.display())?;
    Ok(())
}
