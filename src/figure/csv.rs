//! The map as a table.

use crate::geometry::Map;

/// The points of a map as CSV, in bank order: emotion, x, y, cluster, valence, arousal (the last two empty where nobody rated the
/// emotion).
pub fn map_csv(map: &Map) -> String {
    let mut table = String::from("emotion,x,y,cluster,valence,arousal\n");
    for point in &map.points {
        let rating = |rating: Option<f64>| rating.map_or_else(String::new, |rating| rating.to_string());
        let (emotion, valence, arousal) = (field(&point.emotion), rating(point.valence), rating(point.arousal));
        table.push_str(&format!("{emotion},{},{},{},{valence},{arousal}\n", point.x, point.y, point.cluster));
    }
    table
}

/// A field in quotes where it needs them (RFC 4180).
fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{Axis, Point};

    #[track_caller]
    fn check(emotion: &str, valence: Option<f64>, expected: &str) {
        let axis = || Axis { component: 1, valence_r: None, arousal_r: None, n: 0 };
        let point = Point { emotion: emotion.to_owned(), x: 0.5, y: -2.0, cluster: 3, valence, arousal: None };
        let map = Map { block: 4, explained: vec![1.0], axes: [axis(), axis()], points: vec![point] };
        assert_eq!(map_csv(&map).lines().skip(1).collect::<Vec<_>>().join("\n"), expected);
    }

    #[test]
    fn numbers_and_missing_ratings() {
        check("on edge", Some(-0.25), "on edge,0.5,-2,3,-0.25,");
        check("calm", None, "calm,0.5,-2,3,,");
    }

    #[test]
    fn odd_names_are_quoted() {
        check("a,b", None, "\"a,b\",0.5,-2,3,,");
        check("say \"no\"", None, "\"say \"\"no\"\"\",0.5,-2,3,,");
    }
}
