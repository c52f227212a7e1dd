//! A drawing as SVG: no fonts of its own, the same bytes every time.

use std::fmt::Write;

use super::drawing::{Anchor, Drawing, Mark};
use crate::emotion::Rgb;

/// Keeps texts readable over lines and points. It is drawn first, as a text of its own, since many programs do not know `paint-order`.
const OUTLINE: &str =
    r##"fill="#ffffff" stroke="#ffffff" stroke-width="2" stroke-linejoin="round" aria-hidden="true""##;

/// The drawing as an SVG file.
pub fn svg(drawing: &Drawing) -> String {
    let mut svg = String::new();
    // Writing to a string cannot fail.
    let _ = write_svg(&mut svg, drawing);
    svg
}

fn write_svg(svg: &mut String, drawing: &Drawing) -> std::fmt::Result {
    let Drawing { title, width, height, marks } = drawing;
    writeln!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" font-family="Helvetica, Arial, sans-serif">"#
    )?;
    writeln!(svg, "<title>{}</title>", escape(title))?;
    for mark in marks {
        write_mark(svg, mark)?;
    }
    writeln!(svg, "</svg>")
}

fn write_mark(svg: &mut String, mark: &Mark) -> std::fmt::Result {
    match mark {
        Mark::Line { from: (x1, y1), to: (x2, y2), colour, width } => writeln!(
            svg,
            r#"<line x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}" stroke="{}" stroke-width="{width}"/>"#,
            hex(*colour)
        ),
        Mark::Box { left, top, width, height, fill, stroke } => {
            let [fill, stroke] = [fill, stroke].map(|colour| colour.map_or_else(|| "none".to_owned(), hex));
            writeln!(
                svg,
                r#"<rect x="{left:.1}" y="{top:.1}" width="{width:.1}" height="{height:.1}" fill="{fill}" stroke="{stroke}"/>"#
            )
        }
        Mark::Disc { x, y, radius, fill, stroke, title } => {
            let title = title.as_ref().map_or_else(String::new, |title| format!("<title>{}</title>", escape(title)));
            writeln!(
                svg,
                r#"<circle cx="{x:.1}" cy="{y:.1}" r="{radius}" fill="{}" stroke="{}" stroke-width="0.6">{title}</circle>"#,
                hex(*fill),
                hex(*stroke)
            )
        }
        Mark::Text { x, y, size, anchor, colour, upwards, text } => {
            let anchor = match anchor {
                Anchor::Start => "start",
                Anchor::Middle => "middle",
                Anchor::End => "end",
            };
            // Not rotate(-90 x y), which some programs turn about the wrong place.
            let place = if *upwards {
                format!(r#"transform="translate({x:.1} {y:.1}) rotate(-90)""#)
            } else {
                format!(r#"x="{x:.1}" y="{y:.1}""#)
            };
            let place = format!(r#"font-size="{size}" text-anchor="{anchor}" {place}"#);
            let text = escape(text);
            writeln!(svg, "<text {OUTLINE} {place}>{text}</text>")?;
            writeln!(svg, r#"<text fill="{}" {place}>{text}</text>"#, hex(*colour))
        }
    }
}

fn hex([r, g, b]: Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// Text for XML; characters which XML does not know are left out.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            character if character.is_control() || matches!(character, '\u{fffe}' | '\u{ffff}') => {}
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped() {
        let mut drawing = Drawing { title: "a & b".into(), width: 10.0, height: 10.0, marks: Vec::new() };
        drawing.text(0.0, 0.0, 8.0, [0; 3], "<b>&\"x\"");
        drawing.disc(1.0, 1.0, 1.0, [255, 0, 16], Some("a\u{0}b"));
        let svg = svg(&drawing);
        assert!(
            svg.contains("&lt;b&gt;&amp;&quot;x&quot;") && svg.contains(">ab<") && svg.contains("a &amp; b"),
            "{svg}"
        );
        assert!(svg.contains("#ff0010"), "{svg}");
    }

    #[test]
    fn a_turned_text_turns_around_its_anchor() {
        let text = Mark::Text {
            x: 3.0,
            y: 4.0,
            size: 9.0,
            anchor: Anchor::Middle,
            colour: [0; 3],
            upwards: true,
            text: "PC2".into(),
        };
        let svg = svg(&Drawing { title: String::new(), width: 10.0, height: 10.0, marks: vec![text] });
        assert!(svg.contains(r#"transform="translate(3.0 4.0) rotate(-90)">PC2<"#), "{svg}");
    }
}
