//! `circumplex screenshot`

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, ValueEnum};

use super::common::{BankArg, ModelArg, cancel_on_ctrl_c, fetch_missing};

/// Draw the window into a PNG file, without a display
#[derive(Args, Debug)]
pub struct ScreenshotArgs {
    #[command(flatten)]
    model: ModelArg,
    #[command(flatten)]
    bank: BankArg,
    /// Picture to write
    #[arg(long, value_name = "F.png")]
    out: PathBuf,
    /// View to draw
    #[arg(long, value_name = "V", default_value = "explore")]
    view: View,
    /// Run this text as one user turn first [default: the prompt of the first start]
    #[arg(long, value_name = "T")]
    text: Option<String>,
    /// Width and height in pixels
    #[arg(long, value_name = "WxH", default_value = "1440x900", value_parser = size)]
    size: [usize; 2],
    #[arg(long, default_value = "dark")]
    theme: Theme,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum View {
    Explore,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Theme {
    Dark,
    Light,
}

/// `1440x900`. The least is what the panels need, the most what a picture may sensibly have.
fn size(text: &str) -> Result<[usize; 2], String> {
    let parse = || {
        let (width, height) = text.split_once('x')?;
        Some([width.parse().ok()?, height.parse().ok()?])
    };
    match parse() {
        Some(size @ [640..=8192, 480..=8192]) => Ok(size),
        _ => Err("give a size from 640x480 to 8192x8192, as in 1440x900".into()),
    }
}

pub fn run(args: &ScreenshotArgs) -> anyhow::Result<()> {
    // The one view so far; a new one will not compile without being drawn.
    let View::Explore = args.view;
    let theme = match args.theme {
        Theme::Dark => crate::app::Appearance::Dark,
        Theme::Light => crate::app::Appearance::Light,
    };
    fetch_missing(&args.model, &cancel_on_ctrl_c())?;
    let scene = crate::app::Scene {
        model: args.model.model.clone(),
        keep: args.model.keep(),
        bank: args.bank.bank.clone(),
        text: args.text.clone(),
        size: args.size,
        theme,
    };
    let png = crate::app::screenshot(&scene)?;
    std::fs::write(&args.out, png)
        .with_context(|| format!("the picture could not be written\nChoose another place than {}", args.out.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_bounded() {
        assert_eq!(size("1440x900"), Ok([1440, 900]));
        for bad in ["", "1440", "1440x", "x900", "1440X900", "-1x900", "10x10", "99999x900"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }
}
