//! The timeline: scores of the pinned emotions over the tokens.

use egui::{Color32, Stroke, Ui};
use egui_plot::{GridInput, GridMark, HLine, Line, Plot, PlotPoints, VLine};

use super::state::Span;
use super::theme;
use super::widgets::{advice_ui, caption_line_ui};
use super::{Command, View, format};

/// Points drawn per line at most: the extremes of each stretch stay.
const POINTS: usize = 1200;

pub fn timeline_ui(ui: &mut Ui, view: &View, out: &mut Vec<Command>) {
    let session = view.session;
    let Some(run) = &session.run else { return };
    ui.horizontal(|ui| {
        ui.label(theme::heading("Timeline").color(theme::palette(ui).strong));
        ui.add_space(4.0);
        caption_line_ui(ui, format!("{} over tokens", view.measure()));
    });
    let palette = theme::palette(ui);
    let mut shown: Vec<(usize, Color32)> =
        session.pins.iter().map(|pin| (pin.emotion, theme::pin(palette, pin.colour))).collect();
    if let Some(emotion) = session.hovered_emotion.filter(|&emotion| session.pin_of(emotion).is_none()) {
        shown.push((emotion, theme::palette(ui).text));
    }
    if shown.is_empty() {
        advice_ui(ui, "No emotion is pinned", "Pin one or more to see their lines");
        return;
    }
    let rows = view.scores.rows();
    // The first token is an attention sink: its score would set the scale for all others.
    let from = usize::from(rows > 1);
    let lines = shown.into_iter().map(|(emotion, colour)| {
        let scores: Vec<f32> = (from..rows).filter_map(|token| view.scores.at(token, emotion)).collect();
        let width = if session.hovered_emotion == Some(emotion) { 2.4 } else { 1.6 };
        Line::new(view.name(emotion), PlotPoints::from(thinned(&scores, from)))
            .stroke(Stroke::new(width, colour))
            .allow_hover(false)
    });

    let answer_at = run.answer_at();
    let lines: Vec<Line<'_>> = lines.collect();
    let response = Plot::new("timeline plot")
        .show_background(false)
        .show_grid([false, true])
        .grid_color(palette.border)
        .allow_scroll(false)
        .allow_zoom(false)
        .allow_drag(false)
        .allow_boxed_zoom(false)
        .allow_axis_zoom_drag(false)
        .show_crosshair(false)
        .set_margin_fraction(egui::vec2(0.01, 0.12))
        .include_x(0.0)
        .include_x(rows.max(2) as f64 - 1.0)
        .include_y(-view.full_scale / 2.0)
        .include_y(view.full_scale / 2.0)
        .custom_x_axes(vec![axis_x(ui)])
        .custom_y_axes(vec![axis_y(ui)])
        .y_grid_spacer(few_marks)
        .label_formatter(|_| None)
        .show(ui, |plot| {
            plot.hline(HLine::new("zero", 0.0).stroke(Stroke::new(1.0, palette.weak)).allow_hover(false));
            if let Some(answer_at) = answer_at {
                let mark = VLine::new("about to answer", answer_at as f64);
                plot.vline(mark.stroke(Stroke::new(1.5, palette.accent)).allow_hover(false));
            }
            for (position, _) in &run.changes {
                let mark = VLine::new("steering changed", *position as f64);
                plot.vline(
                    mark.stroke(Stroke::new(1.0, palette.warning))
                        .style(egui_plot::LineStyle::dashed_loose())
                        .allow_hover(false),
                );
            }
            if let Some(token) = session.hovered_token.or(session.selection.map(|span| span.last)) {
                plot.vline(
                    VLine::new("token", token as f64).stroke(Stroke::new(1.0, palette.strong)).allow_hover(false),
                );
            }
            for line in lines {
                plot.line(line);
            }
            plot.pointer_coordinate()
        });
    let token = response.inner.map(|at| at.x.round()).filter(|&x| x >= 0.0 && (x as usize) < rows).map(|x| x as usize);
    if let Some(token) = token.filter(|_| response.response.contains_pointer()) {
        out.push(Command::HoverToken(token));
        if response.response.clicked() {
            out.push(Command::Select(Some(Span::of(token, token))));
        }
    }
}

fn axis_x(ui: &Ui) -> egui_plot::AxisHints<'static> {
    let font = egui::TextStyle::Small.resolve(ui.style());
    egui_plot::AxisHints::new_x()
        .tick_label_font(font)
        .tick_label_color(theme::palette(ui).weak)
        .label_spacing(egui::Rangef::new(24.0, 30.0))
        .formatter(|mark, _| {
            if mark.value >= 0.0 && mark.value.fract().abs() < 1e-6 {
                format!("{:.0}", mark.value)
            } else {
                String::new()
            }
        })
}

fn axis_y(ui: &Ui) -> egui_plot::AxisHints<'static> {
    let font = egui::TextStyle::Small.resolve(ui.style());
    egui_plot::AxisHints::new_y()
        .tick_label_font(font)
        .tick_label_color(theme::palette(ui).weak)
        .label_spacing(egui::Rangef::new(14.0, 20.0))
        .min_thickness(34.0)
        .formatter(|mark, _| format::signed(mark.value, decimals(mark.step_size)))
}

/// Decimals which tell marks this far apart.
fn decimals(step_size: f64) -> usize {
    (-step_size.log10().floor()).clamp(0.0, 6.0) as usize
}

/// Round values, about four of them between the bounds.
fn few_marks(input: GridInput) -> Vec<GridMark> {
    let (low, high) = input.bounds;
    let rough = (high - low) / 4.0;
    if !rough.is_finite() || rough <= 0.0 {
        return Vec::new();
    }
    let power = 10f64.powf(rough.log10().floor());
    let step_size =
        [1.0, 2.0, 5.0, 10.0].map(|round| round * power).into_iter().find(|step| *step >= rough).unwrap_or(rough);
    let marks = (low / step_size).ceil() as i64..=(high / step_size).floor() as i64;
    marks.map(|mark| GridMark { value: mark as f64 * step_size, step_size }).collect()
}

/// Points of a line, at most [`POINTS`]: of each stretch its lowest and highest.
fn thinned(scores: &[f32], first: usize) -> Vec<[f64; 2]> {
    let point = |index: usize| [(index + first) as f64, f64::from(scores[index])];
    if scores.len() <= POINTS {
        return (0..scores.len()).map(point).collect();
    }
    let stretch = scores.len().div_ceil(POINTS / 2);
    let mut points = Vec::with_capacity(POINTS + 2);
    for start in (0..scores.len()).step_by(stretch) {
        let indices = start..(start + stretch).min(scores.len());
        let low = indices.clone().min_by(|&a, &b| scores[a].total_cmp(&scores[b]));
        let high = indices.max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
        if let (Some(low), Some(high)) = (low, high) {
            points.push(point(low.min(high)));
            if low != high {
                points.push(point(low.max(high)));
            }
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_the_extremes() {
        let mut scores = vec![0.0; 10_000];
        scores[4321] = 9.0;
        scores[4322] = -9.0;
        let points = thinned(&scores, 1);
        assert!(points.len() <= POINTS + 2);
        assert!(points.contains(&[4322.0, 9.0]) && points.contains(&[4323.0, -9.0]));
    }

    #[test]
    fn marks_are_few_and_round() {
        let marks = few_marks(GridInput { bounds: (-1.7, 2.3), base_step_size: 0.01 });
        assert_eq!(marks.iter().map(|mark| mark.value).collect::<Vec<_>>(), [-1.0, 0.0, 1.0, 2.0]);
    }

    #[test]
    fn a_short_line_is_kept_whole() {
        assert_eq!(thinned(&[1.0, 2.0], 1), [[1.0, 1.0], [2.0, 2.0]]);
    }
}
