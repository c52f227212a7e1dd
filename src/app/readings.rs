//! Readings at the tokens in focus: which vectors are most and least active there.

use egui::{Align2, Rect, Sense, TextStyle, Ui, pos2, vec2};

use super::theme;
use super::widgets::{advice_ui, caption_line_ui, score_bar, text_in};
use super::{Command, View, format};

const LINE: f32 = 20.0;

pub fn readings_ui(ui: &mut Ui, view: &View, out: &mut Vec<Command>) {
    let palette = theme::palette(ui);
    let heading = view.session.run.as_ref().zip(view.session.focus()).map(|(run, span)| (run.excerpt(span), span));
    let (Some(scores), Some((excerpt, span))) = (view.focus, heading) else {
        ui.label(theme::heading("Readings").color(palette.strong));
        advice_ui(ui, "Nothing has been read yet", "Run a prompt: the most and least active vectors are listed here");
        return;
    };
    let title = theme::heading(format!("Readings at “{excerpt}”")).color(palette.strong);
    ui.add(egui::Label::new(title).truncate());
    let answer_at = view.session.run.as_ref().and_then(|run| run.answer_at());
    let place = match (span.last - span.first, answer_at == Some(span.first)) {
        (0, true) => "about to answer".to_owned(),
        (0, false) => format!("token {}", span.first),
        _ => format!("mean of tokens {}–{}", span.first, span.last),
    };
    caption_line_ui(ui, format!("{place} · {}", view.measure()));
    ui.add_space(2.0);

    let mut order: Vec<usize> = (0..scores.len()).filter(|&emotion| scores[emotion].is_finite()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let lines = (((ui.available_height() - 20.0) / LINE).floor().max(1.0) as usize).min(order.len().div_ceil(2));
    let lowest: Vec<usize> = order.iter().rev().take(lines).copied().collect();
    ui.spacing_mut().item_spacing = vec2(14.0, 0.0);
    ui.columns(2, |columns| {
        for (column, (name, emotions)) in
            columns.iter_mut().zip([("Most active", &order[..lines]), ("Least active", &lowest)])
        {
            caption_line_ui(column, name);
            for &emotion in emotions {
                line_ui(column, view, emotion, scores[emotion], out);
            }
        }
    });
}

fn line_ui(ui: &mut Ui, view: &View, emotion: usize, score: f32, out: &mut Vec<Command>) {
    let palette = theme::palette(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), LINE), Sense::click());
    let name = view.name(emotion);
    let text = format::score(view.settings.metric, score);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, format!("Reading: {name} {text}")));
    if response.hovered() || response.has_focus() || view.session.hovered_emotion == Some(emotion) {
        ui.painter().rect_filled(rect, theme::CONTROL_RADIUS, palette.raised);
    }
    let colour = view.session.pin_of(emotion).map_or(palette.text, |_| palette.strong);
    let has_bar = rect.width() > 158.0;
    let name_end = rect.right() - if has_bar { 68.0 } else { 42.0 };
    let name_rect = Rect::from_min_max(rect.left_top() + vec2(4.0, 0.0), pos2(name_end, rect.bottom()));
    text_in(ui, name_rect, Align2::LEFT_CENTER, name, TextStyle::Body, colour);
    if has_bar {
        let bar = Rect::from_center_size(pos2(rect.right() - 54.0, rect.center().y), vec2(22.0, 5.0));
        score_bar(ui, bar, score / view.full_scale);
    }
    let number = Rect::from_min_max(pos2(rect.right() - 40.0, rect.top()), rect.right_bottom() - vec2(4.0, 0.0));
    text_in(ui, number, Align2::RIGHT_CENTER, text, TextStyle::Body, colour);
    if response.hovered() {
        out.push(Command::HoverEmotion(emotion));
    }
    if response.on_hover_text("Click to pin or unpin").clicked() {
        out.push(Command::TogglePin(emotion));
    }
}
