//! `circumplex read`

use clap::Args;

#[derive(Args, Debug)]
pub struct ReadArgs {}

pub fn run(_args: &ReadArgs) -> anyhow::Result<()> {
    anyhow::bail!("not written yet")
}
