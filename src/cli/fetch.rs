//! `circumplex fetch`

use std::io::Write;

use clap::Args;

use super::common::{cancel_on_ctrl_c, fetch, print_json};
use crate::model::Hub;

/// Download a model from Hugging Face, or bring it up to date, and say where it is
///
/// It goes into the usual cache (HF_HOME), where other programs find it too. A download which was stopped or broke off goes on where it
/// stopped. Gated models need HF_TOKEN or `hf auth login`.
#[derive(Args, Debug)]
pub struct FetchArgs {
    /// The model's name on Hugging Face, as in Qwen/Qwen3-0.6B
    #[arg(value_name = "OWNER/NAME")]
    model: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &FetchArgs) -> anyhow::Result<()> {
    let path = fetch(&Hub::from_env(), &args.model, &cancel_on_ctrl_c())?;
    if args.json {
        return print_json(&serde_json::json!({ "model": args.model, "path": path }));
    }
    Ok(writeln!(std::io::stdout(), "{}", path.display())?)
}
