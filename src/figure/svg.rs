//! The map as an SVG picture for papers and slides: no window, no fonts of its own, the same bytes every time.

use std::fmt::Write;

use crate::emotion::{self, Rgb, categorical, diverging};
use crate::geometry::labels::{Placed, Rect, place};
use crate::geometry::{Axis, Map, Point, paper_clusters};

/// What the colour of a point stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MapColour {
    /// k-means cluster.
    #[default]
    Cluster,
    /// Human valence, where there is one.
    Valence,
    /// Human arousal, where there is one.
    Arousal,
}

const WIDTH: f64 = 1200.0;
const HEIGHT: f64 = 900.0;
const LEGEND: f64 = 210.0;
const PLOT: Rect = Rect { left: 80.0, top: 40.0, width: WIDTH - 80.0 - LEGEND - 20.0, height: HEIGHT - 40.0 - 75.0 };
const RADIUS: f64 = 4.0;
const FONT: f64 = 10.0;
const PAPER: Rgb = [255, 255, 255];
/// Points without a rating.
const UNRATED: Rgb = [170, 170, 170];
/// Middle of the diverging scale, dark enough to be seen on paper.
const MIDDLE: Rgb = [225, 221, 214];

/// Draws the map. Points which nobody rated are grey when the colour stands for a rating.
pub fn map_svg(map: &Map, colour: MapColour) -> String {
    let mut svg = String::new();
    let (xs, ys) =
        (Scale::of(map.points.iter().map(|point| point.x)), Scale::of(map.points.iter().map(|point| point.y)));
    let at = |point: &Point| {
        (PLOT.left + xs.share(point.x) * PLOT.width, PLOT.top + (1.0 - ys.share(point.y)) * PLOT.height)
    };
    let points: Vec<(f64, f64)> = map.points.iter().map(at).collect();
    let sizes: Vec<(f64, f64)> = map.points.iter().map(|point| (text_width(&point.emotion), FONT * 1.1)).collect();
    let labels = place(&points, &sizes, RADIUS, PLOT);

    // Writing to a string cannot fail.
    let _ = write_map(&mut svg, map, colour, &points, &labels, [&xs, &ys]);
    svg
}

fn write_map(
    svg: &mut String,
    map: &Map,
    colour: MapColour,
    points: &[(f64, f64)],
    labels: &[Placed],
    [xs, ys]: [&Scale; 2],
) -> std::fmt::Result {
    let title = format!("Map of {} emotion vectors at block {}", map.points.len(), map.block);
    writeln!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" font-family="Helvetica, Arial, sans-serif" font-size="{FONT}">"#
    )?;
    writeln!(svg, "<title>{}</title>", escape(&title))?;
    writeln!(svg, r#"<rect width="{WIDTH}" height="{HEIGHT}" fill="{}"/>"#, hex(PAPER))?;
    writeln!(svg, r#"<text x="{}" y="26" font-size="15">{}</text>"#, PLOT.left, escape(&title))?;
    write_axes(svg, map, xs, ys)?;

    let colours: Vec<Rgb> = map.points.iter().map(|point| colour_of(point, colour)).collect();
    writeln!(svg, r##"<g stroke="#999999" stroke-width="0.5">"##)?;
    for ((x, y), label) in points.iter().zip(labels).filter(|(_, label)| label.distance > 7.0) {
        let Rect { left, top, width, height } = label.rect;
        let (to_x, to_y) = (x.clamp(left, left + width), y.clamp(top, top + height));
        writeln!(svg, r#"<line x1="{x:.1}" y1="{y:.1}" x2="{to_x:.1}" y2="{to_y:.1}"/>"#)?;
    }
    writeln!(svg, "</g>")?;
    writeln!(svg, r##"<g stroke="#444444" stroke-width="0.6">"##)?;
    for ((point, (x, y)), colour) in map.points.iter().zip(points).zip(colours) {
        let name = escape(&point.emotion);
        writeln!(
            svg,
            r#"<circle cx="{x:.1}" cy="{y:.1}" r="{RADIUS}" fill="{}"><title>{name}</title></circle>"#,
            hex(colour)
        )?;
    }
    writeln!(svg, "</g>")?;
    // The white outline keeps labels readable over lines and points.
    let outline = r##"paint-order="stroke" stroke="#ffffff" stroke-width="2" stroke-linejoin="round""##;
    writeln!(svg, r##"<g fill="#222222" {outline}>"##)?;
    for (point, label) in map.points.iter().zip(labels) {
        let (x, y) = (label.rect.left, label.rect.top + label.rect.height * 0.82);
        writeln!(svg, r#"<text x="{x:.1}" y="{y:.1}">{}</text>"#, escape(&point.emotion))?;
    }
    writeln!(svg, "</g>")?;
    match colour {
        MapColour::Cluster => write_clusters(svg, map)?,
        MapColour::Valence => write_ramp(svg, "valence")?,
        MapColour::Arousal => write_ramp(svg, "arousal")?,
    }
    writeln!(svg, "</svg>")
}

fn write_axes(svg: &mut String, map: &Map, xs: &Scale, ys: &Scale) -> std::fmt::Result {
    let Rect { left, top, width, height } = PLOT;
    let (right, bottom) = (left + width, top + height);
    writeln!(svg, r##"<g stroke="#e6e6e6" fill="#555555" font-size="11">"##)?;
    for tick in xs.ticks() {
        let x = left + xs.share(tick) * width;
        writeln!(svg, r#"<line x1="{x:.1}" y1="{top}" x2="{x:.1}" y2="{bottom}"/>"#)?;
        let y = bottom + 16.0;
        writeln!(svg, r#"<text x="{x:.1}" y="{y}" text-anchor="middle" stroke="none">{}</text>"#, xs.label(tick))?;
    }
    for tick in ys.ticks() {
        let y = top + (1.0 - ys.share(tick)) * height;
        writeln!(svg, r#"<line x1="{left}" y1="{y:.1}" x2="{right}" y2="{y:.1}"/>"#)?;
        let x = left - 6.0;
        writeln!(svg, r#"<text x="{x}" y="{:.1}" text-anchor="end" stroke="none">{}</text>"#, y + 4.0, ys.label(tick))?;
    }
    writeln!(svg, "</g>")?;
    writeln!(svg, r##"<rect x="{left}" y="{top}" width="{width}" height="{height}" fill="none" stroke="#888888"/>"##)?;
    let (x, y) = (left + width / 2.0, bottom + 42.0);
    let label = escape(&axis_label(map, &map.axes[0], "valence", map.axes[0].valence_r));
    writeln!(svg, r#"<text x="{x}" y="{y}" text-anchor="middle" font-size="13">{label}</text>"#)?;
    let y = top + height / 2.0;
    let label = escape(&axis_label(map, &map.axes[1], "arousal", map.axes[1].arousal_r));
    writeln!(
        svg,
        r#"<text x="26" y="{y}" text-anchor="middle" font-size="13" transform="rotate(-90 26 {y})">{label}</text>"#
    )
}

/// "PC1 (28 % of variance) · valence r = 0.74 (n = 45)"
pub fn axis_label(map: &Map, axis: &Axis, rating: &str, r: Option<f64>) -> String {
    let share = map.explained.get(axis.component - 1).map_or(0.0, |share| 100.0 * share);
    let name = format!("PC{} ({share:.0} % of variance)", axis.component);
    match r {
        Some(r) => format!("{name} · {rating} r = {} (n = {})", minus(format!("{r:.2}")), axis.n),
        None => format!("{name} · no {rating} r (n = {})", axis.n),
    }
}

fn write_clusters(svg: &mut String, map: &Map) -> std::fmt::Result {
    let emotions: Vec<String> = map.points.iter().map(|point| point.emotion.clone()).collect();
    let clusters: Vec<usize> = map.points.iter().map(|point| point.cluster).collect();
    let x = WIDTH - LEGEND;
    writeln!(svg, r#"<g font-size="11">"#)?;
    writeln!(svg, r#"<text x="{x}" y="{}" font-size="12">k-means cluster, mostly</text>"#, PLOT.top + 10.0)?;
    for (cluster, paper) in paper_clusters(&emotions, &clusters).into_iter().enumerate() {
        let y = PLOT.top + 32.0 + 20.0 * cluster as f64;
        let members = clusters.iter().filter(|other| **other == cluster).count();
        let name = paper.map_or("of other words", |paper| emotion::clusters()[paper].name.as_str());
        let fill = hex(categorical(cluster));
        writeln!(svg, r##"<circle cx="{}" cy="{}" r="5" fill="{fill}" stroke="#444444"/>"##, x + 6.0, y - 4.0)?;
        writeln!(svg, r#"<text x="{}" y="{y}">{} ({members})</text>"#, x + 18.0, escape(name))?;
    }
    writeln!(svg, "</g>")
}

fn write_ramp(svg: &mut String, rating: &str) -> std::fmt::Result {
    let (x, top, height) = (WIDTH - LEGEND, PLOT.top + 24.0, 160.0);
    writeln!(svg, r#"<g font-size="11">"#)?;
    writeln!(svg, r#"<text x="{x}" y="{}" font-size="12">human {rating}</text>"#, PLOT.top + 10.0)?;
    for step in 0..32 {
        let value = 1.0 - f64::from(step) / 15.5;
        let (y, fill) = (top + height * f64::from(step) / 32.0, hex(diverging(value as f32, MIDDLE, false)));
        writeln!(svg, r#"<rect x="{x}" y="{y:.1}" width="16" height="{:.1}" fill="{fill}"/>"#, height / 32.0 + 0.3)?;
    }
    for (value, share) in [("1", 0.0), ("0", 0.5), ("−1", 1.0)] {
        writeln!(svg, r#"<text x="{}" y="{:.1}">{value}</text>"#, x + 22.0, top + height * share + 4.0)?;
    }
    let y = top + height + 26.0;
    writeln!(svg, r##"<circle cx="{}" cy="{}" r="5" fill="{}" stroke="#444444"/>"##, x + 8.0, y - 4.0, hex(UNRATED))?;
    writeln!(svg, r#"<text x="{}" y="{y}">not rated</text>"#, x + 22.0)?;
    writeln!(svg, "</g>")
}

fn colour_of(point: &Point, colour: MapColour) -> Rgb {
    let rated = |rating: Option<f64>| rating.map_or(UNRATED, |rating| diverging(rating as f32, MIDDLE, false));
    match colour {
        MapColour::Cluster => categorical(point.cluster),
        MapColour::Valence => rated(point.valence),
        MapColour::Arousal => rated(point.arousal),
    }
}

/// From data to a share of the axis, with round ticks.
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    /// The range of the values and a twentieth more on both sides.
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        let margin = 0.05 * (high - low);
        if margin > 0.0 && margin.is_finite() {
            return Self { low: low - margin, high: high + margin };
        }
        let middle = if low.is_finite() { low } else { 0.0 };
        Self { low: middle - 1.0, high: middle + 1.0 }
    }

    fn share(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }

    /// A round step, of which four to ten fit.
    fn step(&self) -> f64 {
        let rough = (self.high - self.low) / 8.0;
        let power = 10_f64.powf(rough.log10().floor());
        [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| *step >= rough).unwrap_or(rough)
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        let step = self.step();
        let (first, last) = ((self.low / step).ceil() as i64, (self.high / step).floor() as i64);
        (first..=last).map(move |tick| tick as f64 * step)
    }

    fn label(&self, tick: f64) -> String {
        let step = self.step();
        let decimals = (-step.log10().floor()).clamp(0.0, 12.0) as usize;
        if step >= 1e6 || step < 1e-6 { minus(format!("{tick:.1e}")) } else { minus(format!("{tick:.decimals$}")) }
    }
}

/// The minus sign of typography.
fn minus(number: String) -> String {
    number.replace('-', "−")
}

/// Width of a text in the usual sans-serif faces, generous rather than short.
fn text_width(text: &str) -> f64 {
    let narrow = |character: char| if "fijlrtI.,' -".contains(character) { 0.36 } else { 0.58 };
    let wide = |character: char| if "mwMW".contains(character) { 0.86 } else { narrow(character) };
    FONT * text.chars().map(wide).sum::<f64>()
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

    fn map(emotions: &[&str]) -> Map {
        let point = |(i, emotion): (usize, &&str)| Point {
            emotion: (*emotion).to_owned(),
            x: i as f64,
            y: -(i as f64),
            cluster: i % 2,
            valence: (i == 0).then_some(-0.5),
            arousal: None,
        };
        let axis = |component, r| Axis { component, valence_r: r, arousal_r: r, n: 45 };
        Map {
            block: 4,
            explained: vec![0.28, 0.11],
            axes: [axis(1, Some(0.744)), axis(2, None)],
            points: emotions.iter().enumerate().map(point).collect(),
        }
    }

    #[test]
    fn axes_say_share_r_and_n() {
        let svg = map_svg(&map(&["calm", "sad", "angry"]), MapColour::Cluster);
        assert!(svg.contains("PC1 (28 % of variance) · valence r = 0.74 (n = 45)"), "{svg}");
        assert!(svg.contains("PC2 (11 % of variance) · no arousal r (n = 45)"), "{svg}");
    }

    #[test]
    fn names_are_escaped() {
        let svg = map_svg(&map(&["<b>&\"x\"", "a\u{0}b"]), MapColour::Valence);
        assert!(svg.contains("&lt;b&gt;&amp;&quot;x&quot;") && svg.contains(">ab<"), "{svg}");
    }

    #[test]
    fn colours_follow_the_choice() {
        let map = map(&["calm", "sad"]);
        assert_eq!(colour_of(&map.points[0], MapColour::Cluster), categorical(0));
        assert_eq!(colour_of(&map.points[0], MapColour::Valence), diverging(-0.5, MIDDLE, false));
        assert_eq!(colour_of(&map.points[0], MapColour::Arousal), UNRATED);
    }

    #[test]
    fn one_point_and_equal_points_are_drawn() {
        for emotions in [&[][..], &["calm"]] {
            let svg = map_svg(&map(emotions), MapColour::Arousal);
            assert!(!svg.contains("NaN") && !svg.contains("inf\""), "{svg}");
        }
    }

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
