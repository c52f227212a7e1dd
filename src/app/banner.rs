//! A message above the panels: an error, or the report of a finished job.

use egui::{Frame, Margin, Stroke, Ui, vec2};

use super::Command;
use super::state::Notice;
use super::theme::{self, PAD, RADIUS};
use super::widgets::{Sign, sign_button_ui};

/// First line strong, second line a hint, and a cross that dismisses it.
pub fn banner_ui(ui: &mut Ui, notice: &Notice, out: &mut Vec<Command>) {
    let palette = theme::palette(ui);
    let (fill, mark) = if notice.error { (palette.error_card, palette.error) } else { (palette.card, palette.accent) };
    let frame = Frame::NONE
        .fill(fill)
        .stroke(Stroke::new(1.0, mark.gamma_multiply(0.6)))
        .corner_radius(RADIUS)
        .inner_margin(Margin { left: PAD as i8 + 8, right: PAD as i8, top: 8, bottom: 8 });
    let response = frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing.y = 2.0;
        let (first, rest) = notice.message.split_once('\n').unwrap_or((&notice.message, ""));
        let text_width = ui.available_width() - 36.0;
        ui.scope(|ui| {
            ui.set_max_width(text_width);
            ui.label(egui::RichText::new(capitalised(first)).color(palette.strong));
            if !rest.is_empty() {
                ui.label(theme::small(rest).color(palette.text));
            }
        });
    });
    let rect = response.response.rect;
    let bar = egui::Rect::from_min_max(rect.min + vec2(8.0, 10.0), egui::pos2(rect.min.x + 11.0, rect.max.y - 10.0));
    ui.painter().rect_filled(bar, 1.5, mark);
    let cross = egui::Rect::from_center_size(rect.right_center() - vec2(24.0, 0.0), vec2(24.0, 24.0));
    if sign_button_ui(ui, cross, ui.scope_id().with("dismiss"), Sign::Cross, "Dismiss message").clicked() {
        out.push(Command::DismissNotice);
    }
}

/// Library errors start in lower case, sentences in a window do not.
fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
