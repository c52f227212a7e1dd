//! The map: two principal components of the bank's vectors at this block, one point per emotion.

use egui::{Align2, Color32, Pos2, Rect, Stroke, TextStyle, Ui, pos2, vec2};
use egui_plot::{HLine, Plot, PlotPoint, PlotTransform, Points, VLine};

use super::theme::{self, Palette};
use super::widgets::{advice_ui, caption_ui, segmented_ui, title_ui};
use super::{Command, View, format};
use crate::emotion;
use crate::figure::map::MapColour;
use crate::geometry::{Axis, Map, Point, labels};

/// Points nearer to the pointer than this are under it.
const REACH: f32 = 12.0;
/// Most active emotions that are labelled.
const TOP: usize = 6;

/// The menu of a clicked point.
#[derive(Clone, Copy)]
pub struct MapMenu {
    emotion: usize,
    at: Pos2,
}

pub fn map_ui(ui: &mut Ui, view: &View, menu: &mut Option<MapMenu>, out: &mut Vec<Command>) {
    title_ui(ui, "Map", |ui| {
        if view.session.bank.is_some() {
            controls_ui(ui, view, out);
        }
    });
    let map = match view.map {
        Some(Ok(map)) => map.clone(),
        Some(Err(error)) => {
            let (first, hint) = error.split_once('\n').unwrap_or((error, ""));
            advice_ui(ui, first, hint);
            return;
        }
        None if view.session.bank.is_some() => {
            advice_ui(ui, "Computing the map…", "");
            return;
        }
        None => {
            advice_ui(ui, "No bank is open", "Open, import or build one below the conversation");
            return;
        }
    };
    let [x, y] = &map.axes;
    caption_ui(ui, format!("↑ {}", axis_text(y, &map))).on_hover_text(AXIS_HELP);
    let below = format!("→ {}", axis_text(x, &map));
    let font = TextStyle::Small.resolve(ui.style());
    let wrapped = ui.painter().layout(below.clone(), font, Color32::WHITE, ui.available_width());
    let legend = legend_height(view.settings.map_colour, ui.available_width()) + wrapped.size().y;
    let height = (ui.available_height() - legend - 10.0).max(80.0);
    plot_ui(ui, view, &map, height, menu, out);
    caption_ui(ui, below).on_hover_text(AXIS_HELP);
    colour_ui(ui, view, out);
    legend_ui(ui, view.settings.map_colour, &map);
    menu_ui(ui, view, menu, out);
}

const AXIS_HELP: &str = "Principal component of the emotion vectors, its share of their total variance, and Pearson's r of its \
    coordinates with human ratings of valence and arousal (Russell & Mehrabian 1977). n is the number of rated words";

/// `PC1 · 28 % of variance · valence r 0.74, arousal r 0.11 (n = 45)`
fn axis_text(axis: &Axis, map: &Map) -> String {
    let mut parts = vec![format!("PC{}", axis.component)];
    if let Some(share) = map.explained.get(axis.component.wrapping_sub(1)) {
        parts.push(format!("{:.0} % of variance", share * 100.0));
    }
    match (axis.valence_r, axis.arousal_r) {
        (Some(valence), Some(arousal)) => parts.push(format!(
            "valence {}, arousal {} (n\u{a0}=\u{a0}{})",
            format::correlation(valence),
            format::correlation(arousal),
            axis.n
        )),
        _ => parts.push(format!("too few rated words for r (n\u{a0}=\u{a0}{})", axis.n)),
    }
    parts.join(" · ")
}

fn controls_ui(ui: &mut Ui, view: &View, out: &mut Vec<Command>) {
    let mut settings = view.settings.clone();
    let last = match view.map {
        Some(Ok(map)) => map.explained.len().max(2),
        _ => settings.components[0].max(settings.components[1]),
    };
    ui.spacing_mut().item_spacing.x = 4.0;
    for (index, name) in [(1, "y"), (0, "x")] {
        let other = settings.components[1 - index];
        let before = settings.components[index];
        let value = egui::DragValue::new(&mut settings.components[index]).range(1..=last).speed(0.05).prefix("PC");
        let full = format!("Component on the {name} axis");
        ui.add(value).accessible_name(full.clone()).on_hover_text(full);
        if settings.components[index] == other {
            // The same component twice is a line: the axes change places.
            settings.components[1 - index] = before;
        }
        ui.label(theme::small(name).color(theme::palette(ui).weak));
    }
    if settings != *view.settings {
        out.push(Command::Settings(Box::new(settings)));
    }
}

fn colour_ui(ui: &mut Ui, view: &View, out: &mut Vec<Command>) {
    let mut settings = view.settings.clone();
    let options = [
        (
            MapColour::Cluster,
            "Cluster",
            "Coloured by k-means cluster of the vectors, each named after the word in its middle",
        ),
        (MapColour::Valence, "Valence", "Coloured by people's ratings of pleasure; unrated words stay grey"),
        (MapColour::Arousal, "Arousal", "Coloured by people's ratings of arousal; unrated words stay grey"),
    ];
    ui.horizontal(|ui| {
        ui.label(theme::small("Colour").color(theme::palette(ui).weak));
        if segmented_ui(ui, &mut settings.map_colour, &options) {
            out.push(Command::Settings(Box::new(settings)));
        }
    });
}

fn fill(palette: &Palette, colour: MapColour, point: &Point) -> Color32 {
    let rating = match colour {
        MapColour::Cluster => return theme::colour(emotion::categorical(point.cluster)),
        MapColour::Valence => point.valence,
        MapColour::Arousal => point.arousal,
    };
    rating.map_or(palette.border, |rating| rating_fill(palette, rating as f32))
}

/// Colour of a rating in −1..1. The middle is a grey which is seen on the plot.
fn rating_fill(palette: &Palette, rating: f32) -> Color32 {
    let [r, g, b, _] = palette.weak.to_array();
    theme::colour(emotion::diverging(rating * 1.3, [r, g, b], palette.dark))
}

fn plot_ui(ui: &mut Ui, view: &View, map: &Map, height: f32, menu: &mut Option<MapMenu>, out: &mut Vec<Command>) {
    let palette = theme::palette(ui);
    let colour = view.settings.map_colour;
    let axis = Stroke::new(1.0, palette.border);
    let hovered = view.session.hovered_emotion;
    let response = Plot::new("map plot")
        .height(height)
        .data_aspect(1.0)
        .show_axes(false)
        .show_grid(false)
        .show_crosshair(false)
        .allow_scroll(false)
        .set_margin_fraction(vec2(0.09, 0.07))
        .label_formatter(|_| None)
        .show(ui, |plot| {
            plot.vline(VLine::new("x zero", 0.0).stroke(axis).allow_hover(false));
            plot.hline(HLine::new("y zero", 0.0).stroke(axis).allow_hover(false));
            for (index, point) in map.points.iter().enumerate() {
                let radius = if hovered == Some(index) { 5.5 } else { 3.5 };
                let points = Points::new(point.emotion.as_str(), [point.x, point.y]);
                plot.points(points.color(fill(palette, colour, point)).radius(radius).allow_hover(false));
            }
        });
    let (rect, transform) = (response.response.rect, response.transform);
    labels_ui(ui, view, map, rect, &transform);

    let pointer = response.response.hover_pos();
    let nearest = pointer.and_then(|pointer| nearest(map, &transform, pointer));
    if let Some(emotion) = nearest {
        out.push(Command::HoverEmotion(emotion));
        let response = response.response.on_hover_cursor(egui::CursorIcon::PointingHand);
        response.clone().on_hover_ui_at_pointer(|ui| point_tooltip_ui(ui, view, &map.points[emotion], emotion));
        if response.clicked()
            && let Some(at) = pointer
        {
            *menu = Some(MapMenu { emotion, at });
        }
    } else if response.response.clicked() {
        *menu = None;
    }
}

fn screen(transform: &PlotTransform, point: &Point) -> Pos2 {
    transform.position_from_point(&PlotPoint::new(point.x, point.y))
}

fn nearest(map: &Map, transform: &PlotTransform, pointer: Pos2) -> Option<usize> {
    let distances = map.points.iter().map(|point| screen(transform, point).distance(pointer));
    let nearest = distances.enumerate().min_by(|a, b| a.1.total_cmp(&b.1))?;
    (nearest.1 <= REACH).then_some(nearest.0)
}

/// Rings around pinned and steered points, and names of those that matter now.
fn labels_ui(ui: &Ui, view: &View, map: &Map, rect: Rect, transform: &PlotTransform) {
    let palette = theme::palette(ui);
    let session = view.session;
    let painter = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
    for pin in &session.pins {
        if let Some(point) = map.points.get(pin.emotion) {
            painter.circle_stroke(screen(transform, point), 7.0, Stroke::new(2.0, theme::pin(palette, pin.colour)));
        }
    }
    let mut wanted: Vec<usize> = session.hovered_emotion.into_iter().collect();
    wanted.extend(session.pins.iter().map(|pin| pin.emotion));
    let steered =
        session.steering.terms.iter().filter_map(|term| map.points.iter().position(|point| point.emotion == term.name));
    wanted.extend(steered);
    let mut order: Vec<usize> = (0..map.points.len()).collect();
    let pinned = wanted.len();
    match view.focus {
        Some(scores) => order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a])),
        // Without a text the outermost words name the corners of the map.
        None => order.sort_by(|&a, &b| size(&map.points[b]).total_cmp(&size(&map.points[a]))),
    }
    wanted.extend(order.into_iter().take(if view.focus.is_some() { TOP } else { 3 * TOP }));
    let strong = pinned + if view.focus.is_some() { 3 } else { 0 };
    let mut labelled: Vec<usize> = Vec::new();
    for emotion in wanted {
        if emotion < map.points.len() && !labelled.contains(&emotion) {
            labelled.push(emotion);
        }
    }
    let galleys: Vec<_> = labelled
        .iter()
        .enumerate()
        .map(|(rank, &emotion)| {
            let name = &map.points[emotion].emotion;
            let text = match view.focus {
                Some(scores) => format!("{name} {}", format::score(view.settings.metric, scores[emotion])),
                None => name.clone(),
            };
            let colour = if rank < pinned { palette.strong } else { palette.text };
            painter.layout_no_wrap(text, TextStyle::Small.resolve(ui.style()), colour)
        })
        .collect();
    let sizes: Vec<_> = galleys.iter().map(|galley| (f64::from(galley.size().x), f64::from(galley.size().y))).collect();
    let others = (0..map.points.len()).filter(|emotion| !labelled.contains(emotion));
    let dots: Vec<(f64, f64)> = labelled
        .iter()
        .copied()
        .chain(others)
        .map(|emotion| screen(transform, &map.points[emotion]))
        .map(|at| (f64::from(at.x), f64::from(at.y)))
        .collect();
    let area = labels::Rect {
        left: f64::from(rect.left()),
        top: f64::from(rect.top()),
        width: f64::from(rect.width()),
        height: f64::from(rect.height()),
    };
    let places = labels::place(&dots, &sizes, 5.0, area);
    let mut drawn = Vec::new();
    for (rank, (galley, place)) in galleys.into_iter().zip(places).enumerate() {
        let label = Rect::from_min_size(pos2(place.rect.left as f32, place.rect.top as f32), galley.size());
        // What is pinned or under the pointer is always named; the most active may cover points, but no other name.
        let covers = drawn.iter().any(|other: &Rect| other.intersects(label));
        if rank >= pinned && (covers || (rank >= strong && !place.free)) {
            continue;
        }
        drawn.push(label);
        if place.distance > 8.0 {
            let at = pos2(dots[rank].0 as f32, dots[rank].1 as f32);
            painter.line_segment([at, label.clamp(at)], Stroke::new(1.0, palette.weak));
        }
        painter.rect_filled(label.expand(1.0), 2.0, palette.sunken.gamma_multiply(0.75));
        painter.galley(label.min.round(), galley, palette.text);
    }
}

fn size(point: &Point) -> f64 {
    point.x.hypot(point.y)
}

fn point_tooltip_ui(ui: &mut Ui, view: &View, point: &Point, emotion: usize) {
    let palette = theme::palette(ui);
    ui.label(egui::RichText::new(&point.emotion).color(palette.strong));
    if let Some(scores) = view.focus {
        let score = format::score_with_unit(view.settings.metric, scores[emotion]);
        ui.label(theme::small(format!("active at {score} ({})", view.measure())).color(palette.text));
    }
    let rating = match (point.valence, point.arousal) {
        (Some(valence), Some(arousal)) => {
            format!("rated by people: valence {}, arousal {}", format::signed(valence, 2), format::signed(arousal, 2))
        }
        _ => "not among the words rated by people".into(),
    };
    ui.label(theme::small(rating).color(palette.weak));
    ui.label(theme::small("Click to highlight or steer").color(palette.weak));
}

fn menu_ui(ui: &Ui, view: &View, menu: &mut Option<MapMenu>, out: &mut Vec<Command>) {
    let Some(MapMenu { emotion, at }) = *menu else { return };
    let name = view.name(emotion).to_owned();
    let area = egui::Area::new(ui.scope_id().with("map menu"))
        .order(egui::Order::Foreground)
        .fixed_pos(at + vec2(8.0, 8.0))
        .constrain(true);
    let mut close = false;
    let response = area.show(ui.ctx(), |ui| {
        egui::Frame::menu(ui.style()).show(ui, |ui| {
            ui.set_width(150.0);
            ui.label(egui::RichText::new(&name).color(theme::palette(ui).strong));
            let pinned = view.session.pin_of(emotion).is_some();
            let label = if pinned { "Remove highlight" } else { "Highlight" };
            for (label, command) in [(label, Command::TogglePin(emotion)), ("Steer", Command::Steer(name.clone()))] {
                if ui.add_sized(vec2(150.0, 24.0), egui::Button::new(label)).clicked() {
                    out.push(command);
                    close = true;
                }
            }
        });
    });
    let elsewhere = response.response.clicked_elsewhere() && ui.input(|input| input.pointer.any_click());
    let opened_now = ui.input(|input| input.pointer.interact_pos()) == Some(at);
    if close || (elsewhere && !opened_now) || ui.input(|input| input.key_pressed(egui::Key::Escape)) {
        *menu = None;
    }
}

/// Columns of the legend of clusters: none is narrower than the longest words.
fn legend_columns(width: f32) -> usize {
    if width < 340.0 { 3 } else { 4 }
}

fn legend_height(colour: MapColour, width: f32) -> f32 {
    const CLUSTERS: usize = 10;
    match colour {
        MapColour::Cluster => CLUSTERS.div_ceil(legend_columns(width)) as f32 * 18.0 + 4.0 + 34.0,
        MapColour::Valence | MapColour::Arousal => 24.0 + 34.0,
    }
}

fn legend_ui(ui: &mut Ui, colour: MapColour, map: &Map) {
    let palette = theme::palette(ui);
    let rating = match colour {
        MapColour::Cluster => return clusters_ui(ui, map),
        MapColour::Valence => "valence",
        MapColour::Arousal => "arousal",
    };
    ui.horizontal(|ui| {
        ui.label(theme::small("−1").color(palette.weak));
        let (rect, _) = ui.allocate_exact_size(vec2(90.0, 8.0), egui::Sense::hover());
        for step in 0..30 {
            let left = rect.left() + step as f32 * 3.0;
            let value = (step as f32 + 0.5) / 15.0 - 1.0;
            ui.painter().rect_filled(
                Rect::from_min_size(pos2(left, rect.top()), vec2(3.0, 8.0)),
                0.0,
                rating_fill(palette, value),
            );
        }
        let rated = map.points.iter().filter(|point| point.valence.is_some()).count();
        ui.label(
            theme::small(format!("+1  rated {rating}; {} words unrated", map.points.len() - rated)).color(palette.weak),
        );
    });
}

/// Clusters have no names of their own: each is called after the word in its middle.
fn clusters_ui(ui: &mut Ui, map: &Map) {
    let palette = theme::palette(ui);
    let clusters = map.points.iter().map(|point| point.cluster + 1).max().unwrap_or(0);
    let columns = legend_columns(ui.available_width());
    let column = (ui.available_width() - 8.0) / columns as f32;
    ui.spacing_mut().item_spacing = vec2(0.0, 1.0);
    ui.spacing_mut().interact_size.y = 17.0;
    let names: Vec<(usize, &str)> =
        (0..clusters).filter_map(|cluster| Some((cluster, central_word(map, cluster)?))).collect();
    for row in names.chunks(columns) {
        ui.horizontal(|ui| {
            for (cluster, word) in row {
                let (rect, _) = ui.allocate_exact_size(vec2(column, 17.0), egui::Sense::hover());
                ui.painter().circle_filled(
                    rect.left_center() + vec2(5.0, 0.0),
                    3.5,
                    theme::colour(emotion::categorical(*cluster)),
                );
                let text = Rect::from_min_max(rect.min + vec2(13.0, 0.0), rect.max);
                super::widgets::text_in(ui, text, Align2::LEFT_CENTER, word, TextStyle::Small, palette.weak);
            }
        });
    }
}

fn central_word(map: &Map, cluster: usize) -> Option<&str> {
    let members: Vec<&Point> = map.points.iter().filter(|point| point.cluster == cluster).collect();
    let n = members.len().max(1) as f64;
    let (x, y) = members.iter().fold((0.0, 0.0), |(x, y), point| (x + point.x / n, y + point.y / n));
    let middle = members.iter().min_by(|a, b| (a.x - x).hypot(a.y - y).total_cmp(&(b.x - x).hypot(b.y - y)))?;
    Some(&middle.emotion)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_says_its_component_variance_r_and_n() {
        let axis = Axis { component: 2, valence_r: Some(-0.104), arousal_r: Some(0.638), n: 45 };
        let map = Map { block: 4, explained: vec![0.28, 0.11], axes: [axis.clone(), axis.clone()], points: Vec::new() };
        assert_eq!(
            axis_text(&axis, &map),
            "PC2 · 11 % of variance · valence r\u{a0}−0.10, arousal r\u{a0}0.64 (n\u{a0}=\u{a0}45)"
        );
        let unrated = Axis { valence_r: None, arousal_r: None, n: 2, ..axis };
        assert_eq!(axis_text(&unrated, &map), "PC2 · 11 % of variance · too few rated words for r (n\u{a0}=\u{a0}2)");
    }
}
