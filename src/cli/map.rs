//! `circumplex map`

use clap::Args;

#[derive(Args, Debug)]
pub struct MapArgs {}

pub fn run(_args: &MapArgs) -> anyhow::Result<()> {
    anyhow::bail!("not written yet")
}
