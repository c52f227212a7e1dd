//! `circumplex generate`

use clap::Args;

#[derive(Args, Debug)]
pub struct GenerateArgs {}

pub fn run(_args: &GenerateArgs) -> anyhow::Result<()> {
    anyhow::bail!("not written yet")
}
