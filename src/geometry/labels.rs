//! Where the labels of a map go: beside their points, over no other label and no point as far as there is room. Greedy, in the order
//! given, so the same map always looks the same.

/// A rectangle, in pixels; y grows downwards.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rect {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
}

impl Rect {
    fn overlap(&self, other: &Rect) -> f64 {
        let across = (self.left + self.width).min(other.left + other.width) - self.left.max(other.left);
        let down = (self.top + self.height).min(other.top + other.height) - self.top.max(other.top);
        if across > 0.0 && down > 0.0 { across * down } else { 0.0 }
    }

    fn inside(&self, area: &Rect) -> bool {
        self.left >= area.left
            && self.top >= area.top
            && self.left + self.width <= area.left + area.width
            && self.top + self.height <= area.top + area.height
    }
}

/// A label and where it went.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placed {
    pub rect: Rect,
    /// Pixels from the point to the nearest edge of the label; a far label wants a line to its point.
    pub distance: f64,
    /// Whether it covers no label, no point and no edge.
    pub free: bool,
}

/// Distances from the point at which a place is tried, in pixels.
const DISTANCES: [f64; 6] = [3.0, 8.0, 14.0, 21.0, 30.0, 42.0];
/// Directions tried at each distance: right first, as text is read.
const DIRECTIONS: [(f64, f64); 8] =
    [(1.0, 0.0), (-1.0, 0.0), (0.0, -1.0), (0.0, 1.0), (0.7, -0.7), (0.7, 0.7), (-0.7, -0.7), (-0.7, 0.7)];

/// Places a label of each size beside each point, inside the area. `radius` is that of the points.
pub fn place(points: &[(f64, f64)], sizes: &[(f64, f64)], radius: f64, area: Rect) -> Vec<Placed> {
    let dots: Vec<Rect> = points
        .iter()
        .map(|(x, y)| Rect { left: x - radius, top: y - radius, width: 2.0 * radius, height: 2.0 * radius })
        .collect();
    let mut placed: Vec<Placed> = Vec::with_capacity(points.len());
    for (point, size) in points.iter().zip(sizes) {
        let mut best: Option<(f64, Placed)> = None;
        for distance in DISTANCES {
            for direction in DIRECTIONS {
                let rect = beside(*point, *size, direction, radius + distance);
                if !rect.inside(&area) {
                    continue;
                }
                let labels: f64 = placed.iter().map(|other| rect.overlap(&other.rect)).sum();
                let covered: f64 = dots.iter().map(|dot| rect.overlap(dot)).sum();
                let cost = labels + 2.0 * covered;
                if best.is_none_or(|(least, _)| cost < least) {
                    best = Some((cost, Placed { rect, distance, free: cost == 0.0 }));
                }
            }
            if best.is_some_and(|(cost, _)| cost == 0.0) {
                break;
            }
        }
        let outside = || Placed { rect: beside(*point, *size, (1.0, 0.0), radius), distance: 0.0, free: false };
        placed.push(best.map_or_else(outside, |(_, placed)| placed));
    }
    placed
}

/// The label in this direction, its nearest edge or corner at this distance.
fn beside((x, y): (f64, f64), (width, height): (f64, f64), (right, down): (f64, f64), distance: f64) -> Rect {
    let left = match right {
        0.0 => x - width / 2.0,
        right if right > 0.0 => x + right * distance,
        _ => x + right * distance - width,
    };
    let top = match down {
        0.0 => y - height / 2.0,
        down if down > 0.0 => y + down * distance,
        _ => y + down * distance - height,
    };
    Rect { left, top, width, height }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AREA: Rect = Rect { left: 0.0, top: 0.0, width: 200.0, height: 100.0 };

    #[test]
    fn a_lone_label_stands_right_of_its_point() {
        let placed = place(&[(50.0, 50.0)], &[(40.0, 10.0)], 2.0, AREA);
        assert_eq!(placed[0].rect, Rect { left: 55.0, top: 45.0, width: 40.0, height: 10.0 });
        assert!(placed[0].free);
    }

    #[test]
    fn at_the_right_edge_it_stands_left() {
        let placed = place(&[(195.0, 50.0)], &[(40.0, 10.0)], 2.0, AREA);
        assert_eq!(placed[0].rect.left, 150.0);
    }

    #[test]
    fn neighbours_do_not_overlap_while_there_is_room() {
        let points: Vec<(f64, f64)> = (0..8).map(|i| (100.0 + f64::from(i), 50.0)).collect();
        let placed = place(&points, &[(30.0, 10.0); 8], 2.0, AREA);
        for (i, a) in placed.iter().enumerate() {
            assert!(a.free && a.rect.inside(&AREA), "{a:?}");
            assert!(placed[..i].iter().all(|b| a.rect.overlap(&b.rect) == 0.0), "{a:?}");
        }
    }

    #[test]
    fn a_label_larger_than_the_area_is_still_placed() {
        let placed = place(&[(50.0, 50.0)], &[(400.0, 10.0)], 2.0, AREA);
        assert!(!placed[0].free);
    }
}
