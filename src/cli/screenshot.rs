//! `circumplex screenshot`

use clap::Args;

#[derive(Args, Debug)]
pub struct ScreenshotArgs {}

pub fn run(_args: &ScreenshotArgs) -> anyhow::Result<()> {
    anyhow::bail!("not written yet")
}
