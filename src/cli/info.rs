//! `circumplex info`

use std::io::Write;

use clap::Args;

use super::common::{ModelArg, cancel_on_ctrl_c, open_model, print_json};
use crate::model::ModelInfo;

/// Show what a model is
#[derive(Args, Debug)]
pub struct InfoArgs {
    #[command(flatten)]
    model: ModelArg,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &InfoArgs) -> anyhow::Result<()> {
    let model = open_model(&args.model, &cancel_on_ctrl_c())?;
    if args.json {
        return print_json(model.info());
    }
    print_table(model.info())
}

fn print_table(info: &ModelInfo) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let rows = [
        ("Model", info.id.clone()),
        ("Architecture", info.architecture.clone()),
        ("Parameters", grouped(info.parameters)),
        ("Type in the file", info.dtype.clone()),
        ("Kept as", kept(info)),
        ("Device", info.device.clone()),
        ("Blocks", info.blocks.to_string()),
        ("Width", info.width.to_string()),
        ("Heads", format!("{}, {} of keys and values", info.heads, info.kv_heads)),
        ("Vocabulary", grouped(info.vocab as u64)),
        ("Context", format!("{} tokens", grouped(info.context as u64))),
        ("Chat template", if info.chat_template { "yes" } else { "no" }.into()),
    ];
    for (name, value) in rows {
        writeln!(out, "{name:<18}{value}")?;
    }
    if let Some(caveat) = &info.caveat {
        writeln!(out, "{:<18}{caveat}", "Note")?;
    }
    for warning in &info.warnings {
        writeln!(out, "{:<18}{warning}", "Warning")?;
    }
    Ok(())
}

/// How the weights are in memory, and what rounding has cost.
fn kept(info: &ModelInfo) -> String {
    let memory = format!("{}, {} bytes", info.precision, grouped(info.memory));
    match info.rounding {
        Some(share) => format!("{memory}, rounding error {:.2} % of the weights (rms)", 100.0 * share),
        None => memory,
    }
}

/// Digits in groups of three: 3,422,464.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn groups_digits_in_threes() {
        assert_eq!([0, 999, 1_000, 3_422_464].map(grouped), ["0", "999", "1,000", "3,422,464"]);
    }
}
