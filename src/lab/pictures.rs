//! The pictures of a report.

use super::{Curve, Direction, Feels, QuantitySweep, Report, Rises};
use crate::figure::drawing::Drawing;
use crate::figure::lines::{Lines, lines_drawing};
use crate::figure::map::{MapColour, map_drawing};
use crate::figure::matrix::{Matrix, matrix_drawing};

/// Every picture with the name of its file.
pub fn pictures(report: &Report) -> Vec<(String, Drawing)> {
    let mut pictures = Vec::new();
    let mut add = |name: String, drawing: Drawing| pictures.push((name, drawing));
    if let Some(found) = report.map.measured() {
        add("map.svg".to_owned(), map_drawing(&found.map, MapColour::Cluster));
    }
    if let Some(found) = report.implicit.measured() {
        let matrix = Matrix {
            title: format!("Implicit situations: mean z before the reply, block {}", report.about.block),
            rows: &found.emotions,
            down: "emotion of the prompts",
            columns: &found.emotions,
            across: "vector read",
            values: &found.mean,
            unit: "sd",
        };
        add("implicit.svg".to_owned(), matrix_drawing(&matrix));
    }
    if let Some(found) = report.quantities.measured() {
        for sweep in &found.sweeps {
            add(sweep_file(&sweep.name), sweep_drawing(sweep, report.about.block));
        }
    }
    if let Some(found) = report.feels.measured() {
        add("feels.svg".to_owned(), feels_drawing(found, &found.steered, &found.words, "vector added"));
        let seeds: Vec<String> = (0..found.random.change.len()).map(|seed| format!("random, seed {seed}")).collect();
        add("feels-random.svg".to_owned(), feels_drawing(found, &found.random, &seeds, "direction added"));
    }
    pictures
}

/// File of the picture of a sweep, of letters, digits and underscores.
pub(super) fn sweep_file(name: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
    format!("quantity-{}.svg", name.chars().map(plain).collect::<String>())
}

fn sweep_drawing(sweep: &QuantitySweep, block: usize) -> Drawing {
    lines_drawing(&Lines {
        title: format!("{}: z before the reply, block {block}", sweep.name.replace('_', " ")),
        across: format!("{} (evenly spaced)", sweep.unit),
        up: "z (sd)".to_owned(),
        ticks: sweep.values.iter().map(f64::to_string).collect(),
        lines: sweep.curves.iter().map(|curve| (legend(curve), curve.z.as_slice())).collect(),
    })
}

/// "sad ↑, ρ = 0.87"
fn legend(curve: &Curve) -> String {
    let way = match curve.expected {
        Some(Direction::Up) => " ↑",
        Some(Direction::Down) => " ↓",
        None => "",
    };
    let rho = curve.rho.map_or("no ρ".to_owned(), |rho| format!("ρ = {rho:.2}").replace('-', "−"));
    format!("{}{way}, {rho}", curve.emotion)
}

fn feels_drawing(feels: &Feels, rises: &Rises, rows: &[String], down: &str) -> Drawing {
    matrix_drawing(&Matrix {
        title: format!("Change in ln p of words, s = {} at blocks {}", feels.strength, feels.blocks),
        rows,
        down,
        columns: &feels.words,
        across: "word",
        values: &rises.change,
        unit: "nats",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_plain_names() {
        assert_eq!(sweep_file("a/b ü.c"), "quantity-a_b___c.svg");
    }

    #[test]
    fn a_legend_says_what_is_expected_and_rho() {
        let curve = |expected, rho| Curve { emotion: "sad".into(), expected, z: Vec::new(), rho };
        assert_eq!(legend(&curve(Some(Direction::Down), Some(-0.871))), "sad ↓, ρ = −0.87");
        assert_eq!(legend(&curve(None, None)), "sad, no ρ");
    }
}
