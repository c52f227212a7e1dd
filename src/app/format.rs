//! Numbers and texts as the window writes them: with a true minus sign, and never without their unit.

use std::path::Path;

use crate::is_inside;
use crate::reading::Metric;

/// Where something that is open comes from.
pub fn place(path: &Path) -> String {
    if is_inside(path) { "inside the program".into() } else { path.display().to_string() }
}

/// Unit of a metric, for after a number; empty where there is none.
pub fn unit(metric: Metric) -> &'static str {
    match metric {
        Metric::Z => " sd",
        Metric::Cosine | Metric::Dot => "",
    }
}

/// A score with its sign, without its unit: the sign must be readable without colour.
pub fn score(metric: Metric, value: f32) -> String {
    if !value.is_finite() {
        return "–".into();
    }
    signed(
        f64::from(value),
        match metric {
            Metric::Z => 1,
            Metric::Cosine => 2,
            Metric::Dot if value.abs() >= 100.0 => 0,
            Metric::Dot => 1,
        },
    )
}

/// A score with sign and unit.
pub fn score_with_unit(which: Metric, value: f32) -> String {
    format!("{}{}", score(which, value), unit(which))
}

/// A number with its sign; what rounds to zero has none.
pub fn signed(value: f64, decimals: usize) -> String {
    let digits = format!("{:.decimals$}", value.abs());
    if !digits.contains(|digit: char| ('1'..='9').contains(&digit)) {
        return digits;
    }
    format!("{}{digits}", if value < 0.0 { '−' } else { '+' })
}

/// A correlation: `r 0.74`, without the sign's plus, and in one piece.
pub fn correlation(r: f64) -> String {
    format!("r\u{a0}{}{:.2}", if r < -0.004_999 { "−" } else { "" }, r.abs())
}

/// Parameters of a model: `3.4 M`.
pub fn count(value: u64) -> String {
    let value = value as f64;
    match value {
        v if v >= 1e9 => format!("{:.1} G", v / 1e9),
        v if v >= 1e8 => format!("{:.0} M", v / 1e6),
        v if v >= 1e6 => format!("{:.1} M", v / 1e6),
        v if v >= 1e4 => format!("{:.0} k", v / 1e3),
        v => format!("{v:.0}"),
    }
}

/// Bytes of a file or in memory: `1.5 GB`.
pub fn bytes(value: u64) -> String {
    let value = value as f64;
    if value >= 999.5e6 { format!("{:.1} GB", value / 1e9) } else { format!("{:.0} MB", value / 1e6) }
}

/// Time left: `0:14`, `1:02:03`.
pub fn left(left: std::time::Duration) -> String {
    let secs = left.as_secs();
    let (hours, minutes, secs) = (secs / 3600, secs / 60 % 60, secs % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{secs:02}") } else { format!("{minutes}:{secs:02}") }
}

/// Text with its white space made visible, as tokens are shown.
pub fn visible(text: &str) -> String {
    text.chars()
        .filter_map(|c| match c {
            '\n' => Some('↵'),
            '\r' => None,
            '\t' => Some('→'),
            c if c.is_control() => Some('·'),
            c => Some(c),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_have_a_sign_and_a_unit() {
        assert_eq!(score_with_unit(Metric::Z, 3.12), "+3.1 sd");
        assert_eq!(score_with_unit(Metric::Z, -0.42), "−0.4 sd");
        assert_eq!(score_with_unit(Metric::Z, -0.04), "0.0 sd");
        assert_eq!(score_with_unit(Metric::Cosine, 0.256), "+0.26");
        assert_eq!(score_with_unit(Metric::Dot, -1234.5), "−1234");
        assert_eq!(score_with_unit(Metric::Z, f32::NAN), "– sd");
    }

    #[test]
    fn time_left_reads_as_a_clock() {
        assert_eq!(left(std::time::Duration::from_secs(14)), "0:14");
        assert_eq!(left(std::time::Duration::from_secs(3723)), "1:02:03");
    }

    #[test]
    fn white_space_becomes_visible() {
        assert_eq!(visible("a\n\tb"), "a↵→b");
    }

    #[test]
    fn correlations_keep_their_sign() {
        assert_eq!(correlation(-0.739), "r\u{a0}−0.74");
        assert_eq!(correlation(0.64), "r\u{a0}0.64");
    }
}
