//! `circumplex map`

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;

use super::common::{BankArg, Usage, open_bank, print_json};
use crate::bank::VectorSet;
use crate::figure::csv::map_csv;
use crate::figure::map::{MapColour, axis_label, map_drawing};
use crate::figure::raster;
use crate::figure::svg::svg;
use crate::geometry::{Map, map};
use crate::model::INSIDE_CAVEAT;

/// Map the emotion vectors of one block: principal components, clusters, correlation with human ratings
#[derive(Args, Debug)]
pub struct MapArgs {
    #[command(flatten)]
    bank: BankArg,
    /// Block of the model [default: the bank's own]
    #[arg(long, value_name = "N")]
    block: Option<usize>,
    /// Principal component across
    #[arg(long, value_name = "K", default_value_t = 1)]
    x: usize,
    /// Principal component upwards
    #[arg(long, value_name = "K", default_value_t = 2)]
    y: usize,
    /// denoised or raw [default: the bank's own]
    #[arg(long, value_name = "SET")]
    vectors: Option<VectorSet>,
    /// What colours stand for in a picture: cluster, valence or arousal
    #[arg(long, value_name = "C", default_value = "cluster", value_parser = str::parse::<MapColour>)]
    colour: MapColour,
    /// Print one JSON object
    #[arg(long, conflicts_with = "out")]
    json: bool,
    /// Picture (.svg, .png) or table (.csv) to write
    #[arg(long, value_name = "F")]
    out: Option<PathBuf>,
}

pub fn run(args: &MapArgs) -> anyhow::Result<()> {
    if let Some(out) = &args.out {
        kind(out)?;
    }
    let bank = open_bank(&args.bank)?;
    if args.bank.bank.is_none() {
        eprintln!("{INSIDE_CAVEAT}");
    }
    let block = args.block.unwrap_or_else(|| bank.default_block(bank.model_blocks()));
    let set = args.vectors.unwrap_or_else(|| bank.default_vectors());
    let map = map(&bank, block, set, args.x, args.y)?;
    if let Some(out) = &args.out {
        return write(out, &map, args.colour);
    }
    if args.json {
        return print_json(&map);
    }
    print(&map, set)
}

/// Sharp in print: 2400 pixels across.
const PIXELS_PER_POINT: f32 = 2.0;

#[derive(Clone, Copy)]
enum Kind {
    Svg,
    Png,
    Csv,
}

fn kind(out: &Path) -> anyhow::Result<Kind> {
    match out.extension().and_then(|extension| extension.to_str()) {
        Some("svg") => Ok(Kind::Svg),
        Some("png") => Ok(Kind::Png),
        Some("csv") => Ok(Kind::Csv),
        _ => Err(Usage(format!(
            "unknown kind of picture: {}\nUse a name that ends in .svg, .png or .csv",
            out.display()
        ))
        .into()),
    }
}

fn write(out: &Path, map: &Map, colour: MapColour) -> anyhow::Result<()> {
    let bytes = match kind(out)? {
        Kind::Svg => svg(&map_drawing(map, colour)).into_bytes(),
        Kind::Png => raster::draw(&map_drawing(map, colour), PIXELS_PER_POINT)?.png()?,
        Kind::Csv => map_csv(map).into_bytes(),
    };
    fs::write(out, bytes).with_context(|| format!("cannot write: {}", out.display()))
}

fn print(map: &Map, set: VectorSet) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let [x, y] = &map.axes;
    writeln!(out, "{} {set} vectors at block {}", map.points.len(), map.block)?;
    writeln!(out, "x: {}", axis_label(map, x, "valence", x.valence_r))?;
    writeln!(out, "y: {}", axis_label(map, y, "arousal", y.arousal_r))?;
    writeln!(out, "{:>9} {:>9}  cluster  emotion", "x", "y")?;
    for point in &map.points {
        writeln!(out, "{:>9.3} {:>9.3}  {:>7}  {}", point.x, point.y, point.cluster, point.emotion)?;
    }
    Ok(())
}
