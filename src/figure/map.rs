//! The map as a picture for papers and slides: light paper, every emotion labelled, axes with their share of variance, r and n.

use serde::{Deserialize, Serialize};

use super::drawing::{Anchor, Drawing, Mark};
use super::paper::{self, FAINT, GRID, INK, MIDDLE, Scale, minus, text_width};
use crate::emotion::{self, Rgb, categorical, diverging};
use crate::geometry::labels::{Placed, Rect, place};
use crate::geometry::{Axis, Map, Point, paper_clusters};

/// What the colour of a point stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MapColour {
    /// k-means cluster.
    #[default]
    Cluster,
    /// Human valence, where there is one.
    Valence,
    /// Human arousal, where there is one.
    Arousal,
}

impl std::str::FromStr for MapColour {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "cluster" => Ok(Self::Cluster),
            "valence" => Ok(Self::Valence),
            "arousal" => Ok(Self::Arousal),
            _ => Err(format!("{text:?} is nothing that colours can stand for\nChoose cluster, valence or arousal")),
        }
    }
}

const WIDTH: f64 = 1200.0;
const HEIGHT: f64 = 900.0;
const LEGEND: f64 = 210.0;
const PLOT: Rect = Rect { left: 80.0, top: 40.0, width: WIDTH - 80.0 - LEGEND - 20.0, height: HEIGHT - 40.0 - 75.0 };
const RADIUS: f64 = 4.0;
const FONT: f64 = 10.0;
/// Points without a rating.
const UNRATED: Rgb = [170, 170, 170];

/// Draws the map. Points which nobody rated are grey when the colour stands for a rating.
pub fn map_drawing(map: &Map, colour: MapColour) -> Drawing {
    let title = format!("Map of {} emotion vectors at block {}", map.points.len(), map.block);
    let mut drawing = paper::sheet(&title, WIDTH, HEIGHT, PLOT.left);

    let xs = Scale::of(map.points.iter().map(|point| point.x));
    let ys = Scale::of(map.points.iter().map(|point| point.y));
    draw_axes(&mut drawing, map, &xs, &ys);
    let at = |point: &Point| {
        (PLOT.left + xs.share(point.x) * PLOT.width, PLOT.top + (1.0 - ys.share(point.y)) * PLOT.height)
    };
    draw_points(&mut drawing, map, colour, &map.points.iter().map(at).collect::<Vec<_>>());
    match colour {
        MapColour::Cluster => draw_clusters(&mut drawing, map),
        MapColour::Valence => draw_ramp(&mut drawing, "valence"),
        MapColour::Arousal => draw_ramp(&mut drawing, "arousal"),
    }
    drawing
}

fn draw_points(drawing: &mut Drawing, map: &Map, colour: MapColour, points: &[(f64, f64)]) {
    let sizes: Vec<(f64, f64)> =
        map.points.iter().map(|point| (text_width(&point.emotion, FONT), FONT * 1.1)).collect();
    let labels = place(points, &sizes, RADIUS, PLOT);
    for ((x, y), Placed { rect, .. }) in points.iter().zip(&labels).filter(|(_, label)| label.distance > 7.0) {
        let to = (x.clamp(rect.left, rect.left + rect.width), y.clamp(rect.top, rect.top + rect.height));
        drawing.line((*x, *y), to, [153; 3], 0.5);
    }
    for (point, (x, y)) in map.points.iter().zip(points) {
        drawing.disc(*x, *y, RADIUS, colour_of(point, colour), Some(&point.emotion));
    }
    for (point, Placed { rect, .. }) in map.points.iter().zip(&labels) {
        drawing.text(rect.left, rect.top + rect.height * 0.82, FONT, INK, &point.emotion);
    }
}

fn draw_axes(drawing: &mut Drawing, map: &Map, xs: &Scale, ys: &Scale) {
    let Rect { left, top, width, height } = PLOT;
    let (right, bottom) = (left + width, top + height);
    for tick in xs.ticks() {
        let x = left + xs.share(tick) * width;
        drawing.line((x, top), (x, bottom), GRID, 1.0);
        drawing.anchored(x, bottom + 16.0, 11.0, Anchor::Middle, FAINT, xs.label(tick));
    }
    for tick in ys.ticks() {
        let y = top + (1.0 - ys.share(tick)) * height;
        drawing.line((left, y), (right, y), GRID, 1.0);
        drawing.anchored(left - 6.0, y + 4.0, 11.0, Anchor::End, FAINT, ys.label(tick));
    }
    drawing.marks.push(Mark::Box { left, top, width, height, fill: None, stroke: Some([136; 3]) });
    let label = axis_label(map, &map.axes[0], "valence", map.axes[0].valence_r);
    drawing.anchored(left + width / 2.0, bottom + 42.0, 13.0, Anchor::Middle, INK, label);
    drawing.marks.push(Mark::Text {
        x: 26.0,
        y: top + height / 2.0,
        size: 13.0,
        anchor: Anchor::Middle,
        colour: INK,
        upwards: true,
        text: axis_label(map, &map.axes[1], "arousal", map.axes[1].arousal_r),
    });
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

fn draw_clusters(drawing: &mut Drawing, map: &Map) {
    let emotions: Vec<String> = map.points.iter().map(|point| point.emotion.clone()).collect();
    let clusters: Vec<usize> = map.points.iter().map(|point| point.cluster).collect();
    let x = WIDTH - LEGEND;
    drawing.text(x, PLOT.top + 10.0, 12.0, INK, "k-means cluster, mostly");
    for (cluster, paper) in paper_clusters(&emotions, &clusters).into_iter().enumerate() {
        let y = PLOT.top + 32.0 + 20.0 * cluster as f64;
        let members = clusters.iter().filter(|other| **other == cluster).count();
        let name = paper.map_or("of other words", |paper| emotion::clusters()[paper].name.as_str());
        drawing.disc(x + 6.0, y - 4.0, 5.0, categorical(cluster), None);
        drawing.text(x + 18.0, y, 11.0, INK, format!("{name} ({members})"));
    }
}

fn draw_ramp(drawing: &mut Drawing, rating: &str) {
    const STEPS: u8 = 32;
    let (x, top, height) = (WIDTH - LEGEND, PLOT.top + 24.0, 160.0);
    drawing.text(x, PLOT.top + 10.0, 12.0, INK, format!("human {rating}"));
    for step in 0..STEPS {
        let share = f64::from(step) / f64::from(STEPS);
        let value = 1.0 - 2.0 * f64::from(step) / f64::from(STEPS - 1);
        drawing.marks.push(Mark::Box {
            left: x,
            top: top + height * share,
            width: 16.0,
            height: height / f64::from(STEPS) + 0.3,
            fill: Some(diverging(value as f32, MIDDLE, false)),
            stroke: None,
        });
    }
    for (value, share) in [("1", 0.0), ("0", 0.5), ("−1", 1.0)] {
        drawing.text(x + 22.0, top + height * share + 4.0, 11.0, INK, value);
    }
    let y = top + height + 26.0;
    drawing.disc(x + 8.0, y - 4.0, 5.0, UNRATED, None);
    drawing.text(x + 22.0, y, 11.0, INK, "not rated");
}

fn colour_of(point: &Point, colour: MapColour) -> Rgb {
    let rated = |rating: Option<f64>| rating.map_or(UNRATED, |rating| diverging(rating as f32, MIDDLE, false));
    match colour {
        MapColour::Cluster => categorical(point.cluster),
        MapColour::Valence => rated(point.valence),
        MapColour::Arousal => rated(point.arousal),
    }
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
        let texts = texts(&map_drawing(&map(&["calm", "sad", "angry"]), MapColour::Cluster));
        assert!(texts.iter().any(|text| text == "PC1 (28 % of variance) · valence r = 0.74 (n = 45)"), "{texts:?}");
        assert!(texts.iter().any(|text| text == "PC2 (11 % of variance) · no arousal r (n = 45)"), "{texts:?}");
    }

    fn texts(drawing: &Drawing) -> Vec<String> {
        let text = |mark: &Mark| match mark {
            Mark::Text { text, .. } => Some(text.clone()),
            _ => None,
        };
        drawing.marks.iter().filter_map(text).collect()
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
            let drawing = map_drawing(&map(emotions), MapColour::Arousal);
            let finite = |mark: &Mark| match mark {
                Mark::Disc { x, y, .. } | Mark::Text { x, y, .. } => x.is_finite() && y.is_finite(),
                _ => true,
            };
            assert!(drawing.marks.iter().all(finite), "{drawing:?}");
        }
    }
}
