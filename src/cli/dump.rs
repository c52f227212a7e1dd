//! `circumplex dump`

use clap::Args;

#[derive(Args, Debug)]
pub struct DumpArgs {}

pub fn run(_args: &DumpArgs) -> anyhow::Result<()> {
    anyhow::bail!("not written yet")
}
