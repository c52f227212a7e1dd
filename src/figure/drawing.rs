//! A picture as a list of marks, from which SVG and PNG are made alike.

use crate::emotion::Rgb;

/// Where a text is anchored, horizontally.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// Something drawn. Lengths are in points, from the upper left corner; `y` of a text is its baseline.
#[derive(Clone, Debug, PartialEq)]
pub enum Mark {
    Line {
        from: (f64, f64),
        to: (f64, f64),
        colour: Rgb,
        width: f64,
    },
    Box {
        left: f64,
        top: f64,
        width: f64,
        height: f64,
        fill: Option<Rgb>,
        stroke: Option<Rgb>,
    },
    /// `title` is what a viewer shows when the pointer rests on it.
    Disc {
        x: f64,
        y: f64,
        radius: f64,
        fill: Rgb,
        stroke: Rgb,
        title: Option<String>,
    },
    /// `upwards`: turned by a quarter, to be read from below.
    Text {
        x: f64,
        y: f64,
        size: f64,
        anchor: Anchor,
        colour: Rgb,
        upwards: bool,
        text: String,
    },
}

/// A whole picture. Marks lie over those before them.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawing {
    pub title: String,
    pub width: f64,
    pub height: f64,
    pub marks: Vec<Mark>,
}

impl Drawing {
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), colour: Rgb, width: f64) {
        self.marks.push(Mark::Line { from, to, colour, width });
    }

    /// A text which reads from left to right and begins at (x, y).
    pub fn text(&mut self, x: f64, y: f64, size: f64, colour: Rgb, text: impl Into<String>) {
        self.anchored(x, y, size, Anchor::Start, colour, text);
    }

    pub fn anchored(&mut self, x: f64, y: f64, size: f64, anchor: Anchor, colour: Rgb, text: impl Into<String>) {
        self.marks.push(Mark::Text { x, y, size, anchor, colour, upwards: false, text: text.into() });
    }

    pub fn disc(&mut self, x: f64, y: f64, radius: f64, fill: Rgb, title: Option<&str>) {
        let title = title.map(str::to_owned);
        self.marks.push(Mark::Disc { x, y, radius, fill, stroke: [68; 3], title });
    }
}
