//! A matrix as a picture: one coloured cell a number, blue below 0 and red above, with the number printed in it.

use super::drawing::{Anchor, Drawing, Mark};
use super::paper::{self, FAINT, INK, MIDDLE, minus, text_width};
use crate::emotion::diverging;

const CELL: (f64, f64) = (54.0, 26.0);
const FONT: f64 = 11.0;
const TOP: f64 = 64.0;

/// What a matrix picture shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix<'a> {
    pub title: String,
    /// Names of the rows, from the top.
    pub rows: &'a [String],
    /// What a row is: "prompts of".
    pub down: &'a str,
    pub columns: &'a [String],
    pub across: &'a str,
    /// By row, then by column.
    pub values: &'a [Vec<f64>],
    /// "sd", "nats".
    pub unit: &'a str,
}

/// Draws the matrix. The scale is symmetric, its end the greatest magnitude.
pub fn matrix_drawing(matrix: &Matrix) -> Drawing {
    let longest = |names: &[String]| names.iter().map(|name| text_width(name, FONT)).fold(0.0, f64::max);
    let left = 40.0 + longest(matrix.rows);
    let plot = (CELL.0 * matrix.columns.len() as f64, CELL.1 * matrix.rows.len() as f64);
    let names = longest(matrix.columns).min(110.0);
    let width = (left + plot.0 + 30.0).max(left + text_width(&matrix.title, 15.0));
    let height = TOP + plot.1 + names + 56.0;
    let mut drawing = paper::sheet(&matrix.title, width, height, 20.0);
    drawing.text(20.0, 46.0, FONT, FAINT, format!("rows: {} · columns: {}", matrix.down, matrix.across));

    let most = matrix.values.iter().flatten().filter(|value| value.is_finite()).fold(0.0_f64, |m, v| m.max(v.abs()));
    for (row, (name, values)) in matrix.rows.iter().zip(matrix.values).enumerate() {
        let top = TOP + CELL.1 * row as f64;
        drawing.anchored(left - 8.0, top + 17.0, FONT, Anchor::End, INK, name);
        for (column, value) in values.iter().enumerate() {
            draw_cell(&mut drawing, left + CELL.0 * column as f64, top, *value, most);
        }
    }
    for (column, name) in matrix.columns.iter().enumerate() {
        drawing.marks.push(Mark::Text {
            x: left + CELL.0 * (column as f64 + 0.5) + 4.0,
            y: TOP + plot.1 + 8.0,
            size: FONT,
            anchor: Anchor::End,
            colour: INK,
            upwards: true,
            text: name.clone(),
        });
    }
    let ends = format!("blue −{most:.2} to red {most:.2} {}", matrix.unit);
    drawing.text(20.0, height - 14.0, FONT, FAINT, ends);
    drawing
}

fn draw_cell(drawing: &mut Drawing, left: f64, top: f64, value: f64, most: f64) {
    let share = if most > 0.0 { value / most } else { 0.0 };
    let fill = diverging(share as f32, MIDDLE, false);
    let (width, height) = CELL;
    drawing.marks.push(Mark::Box { left, top, width, height, fill: Some(fill), stroke: None });
    let text = if value.is_finite() { minus(format!("{value:.2}")) } else { "–".to_owned() };
    // SVG texts have a white outline, on which only dark ink can be read.
    drawing.anchored(left + width / 2.0, top + 17.0, 10.0, Anchor::Middle, INK, text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_a_cell_and_a_number() {
        let names = ["calm", "sad"].map(str::to_owned);
        let matrix = Matrix {
            title: "t".into(),
            rows: &names,
            down: "prompts",
            columns: &names,
            across: "vectors",
            values: &[vec![1.0, -2.0], vec![0.0, f64::NAN]],
            unit: "sd",
        };
        let drawing = matrix_drawing(&matrix);
        let texts: Vec<&str> = drawing
            .marks
            .iter()
            .filter_map(|mark| match mark {
                Mark::Text { text, .. } => Some(text.as_str()),
                _ => None,
            })
            .collect();
        for expected in ["1.00", "−2.00", "0.00", "–", "blue −2.00 to red 2.00 sd"] {
            assert!(texts.contains(&expected), "{expected}: {texts:?}");
        }
        let cells: Vec<_> = drawing
            .marks
            .iter()
            .filter_map(|mark| match mark {
                Mark::Box { fill, .. } => *fill,
                _ => None,
            })
            .collect();
        let lowest = diverging(-1.0, MIDDLE, false);
        assert_eq!((cells.len(), cells[2], cells[3], cells[4]), (5, lowest, MIDDLE, MIDDLE));
    }

    #[test]
    fn an_empty_matrix_is_drawn() {
        let matrix =
            Matrix { title: String::new(), rows: &[], down: "", columns: &[], across: "", values: &[], unit: "" };
        assert!(matrix_drawing(&matrix).height.is_finite());
    }
}
