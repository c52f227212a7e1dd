//! What figures share: light paper and its colours, scales with round ticks, the minus sign, widths of texts.

use super::drawing::{Drawing, Mark};
use crate::emotion::Rgb;

const PAPER: Rgb = [255, 255, 255];
/// Middle of the diverging scale, dark enough to be seen on paper.
pub const MIDDLE: Rgb = [225, 221, 214];
pub const INK: Rgb = [34, 34, 34];
pub const FAINT: Rgb = [85, 85, 85];
pub const GRID: Rgb = [230, 230, 230];

/// Empty paper with a title, which begins at `left`.
pub fn sheet(title: &str, width: f64, height: f64, left: f64) -> Drawing {
    let mut drawing = Drawing { title: title.to_owned(), width, height, marks: Vec::new() };
    drawing.marks.push(Mark::Box { left: 0.0, top: 0.0, width, height, fill: Some(PAPER), stroke: None });
    drawing.text(left, 26.0, 15.0, INK, title);
    drawing
}

/// From data to a share of the axis, with round ticks.
pub struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    /// The range of the values and a twentieth more on both sides.
    pub fn of(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        let margin = 0.05 * (high - low);
        if margin > 0.0 && margin.is_finite() {
            return Self { low: low - margin, high: high + margin };
        }
        let middle = if low.is_finite() { low } else { 0.0 };
        Self { low: middle - 1.0, high: middle + 1.0 }
    }

    pub fn share(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }

    /// A round step, of which four to ten fit.
    fn step(&self) -> f64 {
        let rough = (self.high - self.low) / 8.0;
        let power = 10_f64.powf(rough.log10().floor());
        [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| *step >= rough).unwrap_or(rough)
    }

    pub fn ticks(&self) -> impl Iterator<Item = f64> {
        let step = self.step();
        let (first, last) = ((self.low / step).ceil() as i64, (self.high / step).floor() as i64);
        (first..=last).map(move |tick| tick as f64 * step)
    }

    pub fn label(&self, tick: f64) -> String {
        let step = self.step();
        let decimals = (-step.log10().floor()).clamp(0.0, 12.0) as usize;
        if !(1e-6..1e6).contains(&step) { minus(format!("{tick:.1e}")) } else { minus(format!("{tick:.decimals$}")) }
    }
}

/// The minus sign of typography.
pub fn minus(number: String) -> String {
    number.replace('-', "−")
}

/// Width of a text in the usual sans-serif faces, generous rather than short.
pub fn text_width(text: &str, size: f64) -> f64 {
    let narrow = |character: char| if "fijlrtI.,' -".contains(character) { 0.36 } else { 0.58 };
    let wide = |character: char| if "mwMW".contains(character) { 0.86 } else { narrow(character) };
    size * text.chars().map(wide).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_ticks(low: f64, high: f64, expected: &[&str]) {
        let scale = Scale { low, high };
        assert_eq!(scale.ticks().map(|tick| scale.label(tick)).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn ticks_are_round() {
        check_ticks(-1.1, 2.2, &["−1.0", "−0.5", "0.0", "0.5", "1.0", "1.5", "2.0"]);
        check_ticks(-30.0, 30.0, &["−30", "−20", "−10", "0", "10", "20", "30"]);
        check_ticks(0.001, 0.009, &["0.001", "0.002", "0.003", "0.004", "0.005", "0.006", "0.007", "0.008", "0.009"]);
    }
}
