//! The list of all emotions of the bank with their scores at the tokens in focus: the equal of the map for keyboard and screen reader.

use egui::{Align2, Key, Rect, Role, Sense, TextStyle, Ui, WidgetInfo, pos2, vec2};

use super::state::ListOrder;
use super::theme::{self, ROW};
use super::widgets::{
    Sign, advice_ui, caption_line_ui, pin_marker, score_bar, segmented_ui, sign_button_ui, text_in, title_ui,
};
use super::{Command, Focus, View, format};

pub fn emotions_ui(ui: &mut Ui, view: &View, search: &mut String, focus: &mut Option<Focus>, out: &mut Vec<Command>) {
    let Some(bank) = &view.session.bank else {
        title_ui(ui, "Emotions", |_| {});
        advice_ui(ui, "No bank is open", "Open, import or build one");
        return;
    };
    let shown = shown(view, search);
    title_ui(ui, "Emotions", |ui| {
        let mut settings = view.settings.clone();
        let options =
            [(ListOrder::Score, "Score", "Highest score first"), (ListOrder::Name, "A–Z", "In alphabetical order")];
        if segmented_ui(ui, &mut settings.order, &options) {
            out.push(Command::Settings(Box::new(settings)));
        }
    });
    search_ui(ui, search, focus, &shown, bank.bank.emotions.len(), out);
    if let Some(error) = view.scores.error() {
        let (first, hint) = error.split_once('\n').unwrap_or((error, ""));
        ui.label(theme::small(first).color(theme::palette(ui).warning));
        caption_line_ui(ui, hint);
    } else {
        caption_line_ui(
            ui,
            if view.focus.is_some() { view.measure() } else { format!("{} emotions", bank.bank.emotions.len()) },
        );
    }
    if shown.is_empty() {
        advice_ui(ui, "No emotion matches", "Clear the search to see all of them");
        return;
    }
    ui.spacing_mut().item_spacing.y = 0.0;
    egui::ScrollArea::vertical().auto_shrink(false).show_rows(ui, ROW, shown.len(), |ui, rows| {
        for &emotion in &shown[rows] {
            row_ui(ui, view, emotion, out);
        }
    });
}

/// The emotions to list, in order.
fn shown(view: &View, search: &str) -> Vec<usize> {
    let Some(bank) = &view.session.bank else { return Vec::new() };
    let search = search.trim().to_lowercase();
    let mut shown: Vec<usize> = (0..bank.bank.emotions.len())
        .filter(|&emotion| bank.bank.emotions[emotion].to_lowercase().contains(&search))
        .collect();
    if let (ListOrder::Score, Some(scores)) = (view.settings.order, view.focus) {
        shown.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    }
    shown
}

fn search_ui(
    ui: &mut Ui,
    search: &mut String,
    focus: &mut Option<Focus>,
    shown: &[usize],
    all: usize,
    out: &mut Vec<Command>,
) {
    let field = egui::TextEdit::singleline(search)
        .hint_text(format!("Search {all} emotions"))
        .desired_width(f32::INFINITY)
        .margin(egui::Margin::symmetric(8, 4));
    let response = ui.add(field).accessible_name("Search emotions");
    if focus.take_if(|focus| *focus == Focus::Search).is_some() {
        response.request_focus();
    }
    if response.lost_focus()
        && ui.input(|input| input.key_pressed(Key::Enter))
        && let Some(&first) = shown.first()
    {
        out.push(Command::TogglePin(first));
    }
}

fn row_ui(ui: &mut Ui, view: &View, emotion: usize, out: &mut Vec<Command>) {
    let palette = theme::palette(ui);
    let name = view.name(emotion);
    let pin = view.session.pin_of(emotion);
    let score = view.focus.map(|scores| scores[emotion]);
    let metric = view.settings.metric;

    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::click());
    let enabled = ui.is_enabled();
    response.widget_info(|| {
        let mut info = WidgetInfo::selected(Role::CheckBox, enabled, pin.is_some(), name);
        info.current_text_value = score.map(|score| format::score_with_unit(metric, score));
        info
    });
    let steer_rect = Rect::from_center_size(pos2(rect.right() - 14.0, rect.center().y), vec2(20.0, 20.0));
    let inside = response.contains_pointer();
    if inside || view.session.hovered_emotion == Some(emotion) || response.has_focus() {
        ui.painter().rect_filled(rect, theme::CONTROL_RADIUS, palette.raised);
    }
    pin_marker(ui, pos2(rect.left() + 10.0, rect.center().y), pin.map(|pin| theme::pin(palette, pin.colour)));

    let colour = if pin.is_some() { palette.strong } else { palette.text };
    let name_rect = Rect::from_min_max(pos2(rect.left() + 22.0, rect.top()), pos2(rect.right() - 122.0, rect.bottom()));
    text_in(ui, name_rect, Align2::LEFT_CENTER, name, TextStyle::Body, colour);
    if let Some(score) = score {
        let bar = Rect::from_center_size(pos2(rect.right() - 96.0, rect.center().y), vec2(44.0, 6.0));
        score_bar(ui, bar, score / view.full_scale);
        let number =
            Rect::from_min_max(pos2(rect.right() - 72.0, rect.top()), pos2(rect.right() - 28.0, rect.bottom()));
        text_in(ui, number, Align2::RIGHT_CENTER, format::score(metric, score), TextStyle::Body, colour);
    }
    if inside {
        out.push(Command::HoverEmotion(emotion));
    }
    let steer = sign_button_ui(ui, steer_rect, response.id.with("steer"), Sign::Plus, &format!("Steer {name}"));
    if steer.clicked() {
        out.push(Command::Steer(name.to_owned()));
    }
    let response = response.on_hover_text_at_pointer(match score {
        Some(score) => format!(
            "The {name} vector is active at {} ({})\nClick to {} its highlight",
            format::score_with_unit(metric, score),
            view.measure(),
            if pin.is_some() { "unpin" } else { "pin" }
        ),
        None => format!("Click to {} the highlight of {name}", if pin.is_some() { "unpin" } else { "pin" }),
    });
    if response.clicked() {
        out.push(Command::TogglePin(emotion));
    }
}
