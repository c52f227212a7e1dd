//! Lines over a common row of values, evenly spaced: one line a name, with a legend.

use super::drawing::{Anchor, Drawing, Mark};
use super::paper::{self, FAINT, GRID, INK, Scale, text_width};
use crate::emotion::categorical;

const WIDTH: f64 = 820.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 70.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 60.0;
const LEGEND: f64 = 230.0;

/// What a picture of lines shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Lines<'a> {
    pub title: String,
    /// Label of the axis across, with its unit.
    pub across: String,
    /// Label of the axis upwards, with its unit.
    pub up: String,
    /// The values across, from the left.
    pub ticks: Vec<String>,
    /// Name in the legend, and a value for each tick.
    pub lines: Vec<(String, &'a [f32])>,
}

/// Draws the lines. Values which are not finite are left out.
pub fn lines_drawing(lines: &Lines) -> Drawing {
    let mut drawing = paper::sheet(&lines.title, WIDTH, HEIGHT, 20.0);
    let (width, height) = (WIDTH - LEFT - LEGEND, HEIGHT - TOP - BOTTOM);
    let values = lines.lines.iter().flat_map(|(_, values)| values.iter());
    let scale = Scale::of(values.filter(|value| value.is_finite()).map(|value| f64::from(*value)));
    let step = width / lines.ticks.len().max(1) as f64;
    let x = |index: usize| LEFT + step * (index as f64 + 0.5);
    let y = |value: f64| TOP + height * (1.0 - scale.share(value));

    for tick in scale.ticks() {
        drawing.line((LEFT, y(tick)), (LEFT + width, y(tick)), GRID, 1.0);
        drawing.anchored(LEFT - 6.0, y(tick) + 4.0, 11.0, Anchor::End, FAINT, scale.label(tick));
    }
    for (index, tick) in lines.ticks.iter().enumerate() {
        drawing.anchored(x(index), TOP + height + 16.0, 10.0, Anchor::Middle, FAINT, tick);
    }
    drawing.marks.push(Mark::Box { left: LEFT, top: TOP, width, height, fill: None, stroke: Some([136; 3]) });
    drawing.anchored(LEFT + width / 2.0, HEIGHT - 16.0, 12.0, Anchor::Middle, INK, &lines.across);
    drawing.marks.push(Mark::Text {
        x: 20.0,
        y: TOP + height / 2.0,
        size: 12.0,
        anchor: Anchor::Middle,
        colour: INK,
        upwards: true,
        text: lines.up.clone(),
    });
    for (number, (name, values)) in lines.lines.iter().enumerate() {
        let colour = categorical(number);
        let points: Vec<(f64, f64)> = values
            .iter()
            .enumerate()
            .filter(|(_, value)| value.is_finite())
            .map(|(index, value)| (x(index), y(f64::from(*value))))
            .collect();
        for pair in points.windows(2) {
            drawing.line(pair[0], pair[1], colour, 2.0);
        }
        for (x, y) in &points {
            drawing.disc(*x, *y, 2.5, colour, Some(name));
        }
        let (left, top) = (LEFT + width + 18.0, TOP + 12.0 + 20.0 * number as f64);
        drawing.disc(left, top - 4.0, 5.0, colour, None);
        let size = (11.0 * (LEGEND - 36.0) / text_width(name, 11.0)).min(11.0);
        drawing.text(left + 12.0, top, size, INK, name);
    }
    drawing
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines<'a>(values: &'a [f32]) -> Lines<'a> {
        Lines {
            title: "t".into(),
            across: "mg".into(),
            up: "z (sd)".into(),
            ticks: vec!["1".into(), "2".into(), "4".into()],
            lines: vec![("afraid".into(), values)],
        }
    }

    fn count(drawing: &Drawing, is: fn(&Mark) -> bool) -> usize {
        drawing.marks.iter().filter(|mark| is(mark)).count()
    }

    #[test]
    fn a_line_joins_its_points_and_higher_values_lie_higher() {
        let drawing = lines_drawing(&lines(&[0.0, 1.0, 3.0]));
        // Three points and one in the legend.
        assert_eq!(count(&drawing, |mark| matches!(mark, Mark::Disc { .. })), 4);
        assert_eq!(count(&drawing, |mark| matches!(mark, Mark::Line { width: 2.0, .. })), 2);
        let heights: Vec<f64> = drawing
            .marks
            .iter()
            .filter_map(|mark| match mark {
                Mark::Disc { y, title: Some(_), .. } => Some(*y),
                _ => None,
            })
            .collect();
        assert!(heights.is_sorted_by(|a, b| a > b), "{heights:?}");
    }

    #[test]
    fn values_which_are_not_finite_are_left_out() {
        let drawing = lines_drawing(&lines(&[f32::NAN, 1.0, 3.0]));
        assert_eq!(count(&drawing, |mark| matches!(mark, Mark::Line { width: 2.0, .. })), 1);
    }
}
