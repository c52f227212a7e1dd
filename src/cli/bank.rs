//! `circumplex bank`

use clap::Subcommand;

/// Import, export, inspect and calibrate banks
#[derive(Subcommand, Debug)]
pub enum BankCommand {
    /// Placeholder
    None,
}

pub fn run(_command: &BankCommand) -> anyhow::Result<()> {
    anyhow::bail!("not written yet")
}
