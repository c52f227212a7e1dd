//! What a check found.

use std::fmt;

use serde::Serialize;

/// A rule which a text breaks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Problem {
    /// Number of the line, from 1; none where the whole file is meant.
    pub line: Option<usize>,
    pub emotion: Option<String>,
    pub what: String,
}

/// Figures and problems of one file.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// What was counted, in a fixed order: a name and a number.
    pub figures: Vec<(&'static str, f64)>,
    pub problems: Vec<Problem>,
}

impl Report {
    pub(super) fn figure(&mut self, name: &'static str, value: f64) {
        self.figures.push((name, value));
    }

    pub(super) fn whole(&mut self, what: String) {
        self.problems.push(Problem { line: None, emotion: None, what });
    }

    pub(super) fn line(&mut self, line: usize, emotion: &str, what: String) {
        self.problems.push(Problem { line: Some(line), emotion: Some(emotion.to_owned()), what });
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}")?;
            self.emotion.iter().try_for_each(|emotion| write!(f, " ({emotion})"))?;
            f.write_str(": ")?;
        }
        f.write_str(&self.what)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.figures {
            let digits = if value.fract() == 0.0 { 0 } else { 3 };
            writeln!(f, "{value:>10.digits$} {name}")?;
        }
        self.problems.iter().try_for_each(|problem| writeln!(f, "{problem}"))?;
        write!(f, "{:>10} problems", self.problems.len())
    }
}
