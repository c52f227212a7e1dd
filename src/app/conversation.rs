//! The conversation: a legend of what the colours mean, and the transcript.

use egui::{Rect, Role, Sense, Ui, WidgetInfo, vec2};

use super::state::Scale;
use super::theme;
use super::transcript::{Transcript, transcript_ui};
use super::widgets::{advice_ui, caption_line_ui, segmented_ui, title_ui};
use super::{Command, View, format};
use crate::engine::Work;
use crate::reading::Metric;

pub fn conversation_ui(ui: &mut Ui, view: &View, transcript: &mut Transcript, out: &mut Vec<Command>) {
    title_ui(ui, "Conversation", |ui| {
        if view.session.bank.is_some() && view.session.run.is_some() {
            scale_ui(ui, view, out);
        }
    });
    let session = view.session;
    let Some(run) = &session.run else {
        let strong =
            if session.is_working(Work::Running) { "Reading the prompt…" } else { "Type a prompt below and run it" };
        let weak = match session.bank {
            Some(_) => "Every token is then coloured by the vectors pinned in the list",
            None => "Without a bank the model replies, but nothing is read from it",
        };
        advice_ui(ui, strong, weak);
        return;
    };
    if session.bank.is_some() {
        pins_ui(ui, view, out);
    }
    ui.add_space(4.0);
    ui.scope(|ui| {
        if session.pending.is_some() {
            // The next run is on its way.
            ui.multiply_opacity(0.5);
        }
        transcript_ui(ui, view, run, transcript, out);
    });
}

/// The pinned emotions as the key to the bars, and what is highlighted.
fn pins_ui(ui: &mut Ui, view: &View, out: &mut Vec<Command>) {
    let palette = theme::palette(ui);
    let session = view.session;
    if session.pins.is_empty() && session.hovered_emotion.is_none() {
        caption_line_ui(ui, "Pin an emotion in the list or on the map to highlight it here");
        return;
    }
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        for pin in &session.pins {
            let name = view.name(pin.emotion);
            let leads = session.lead() == Some(pin.emotion);
            let text =
                egui::RichText::new(format!("     {name}")).color(if leads { palette.strong } else { palette.text });
            let fill = if leads { palette.hovered } else { palette.raised };
            let chip = ui.add(egui::Button::new(text).fill(fill).stroke(egui::Stroke::NONE).small());
            let dot = Rect::from_center_size(chip.rect.left_center() + vec2(13.0, 0.0), vec2(8.0, 8.0));
            ui.painter().rect_filled(dot, 2.0, theme::pin(palette, pin.colour));
            let chip = chip.accessible_name(format!("Unpin {name}"));
            if chip.hovered() {
                out.push(Command::HoverEmotion(pin.emotion));
            }
            if chip.on_hover_text("Pinned: its bar stands under every token, up for positive. Click to unpin").clicked()
            {
                out.push(Command::TogglePin(pin.emotion));
            }
        }
        if let Some(lead) = session.lead() {
            ui.add_space(4.0);
            caption_line_ui(ui, format!("colour: {} · {}", view.name(lead), view.measure()));
        }
    });
}

/// The colour scale with its numbers, and the choice between the two scales.
fn scale_ui(ui: &mut Ui, view: &View, out: &mut Vec<Command>) {
    let mut settings = view.settings.clone();
    let fixed = match view.settings.metric {
        Metric::Z => "±3 sd",
        Metric::Cosine => "±0.3",
        Metric::Dot => "fixed",
    };
    let options = [
        (
            Scale::Fixed,
            fixed,
            "One scale for every text, so that two texts can be compared. A dot product has none and takes the percentile",
        ),
        (
            Scale::Percentile,
            "p99",
            "The 99th percentile of the pinned vectors' scores in this text has full colour, as in the paper",
        ),
    ];
    if segmented_ui(ui, &mut settings.scale, &options) {
        out.push(Command::Settings(Box::new(settings)));
    }
    let palette = theme::palette(ui);
    let (metric, end) = (view.settings.metric, view.full_scale);
    ui.label(theme::small(format::score_with_unit(metric, end)).color(palette.weak));
    let (rect, response) = ui.allocate_exact_size(vec2(84.0, 10.0), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, "Colour scale"));
    let steps = 42;
    for step in 0..steps {
        let value = (step as f32 + 0.5) / steps as f32 * 2.0 - 1.0;
        let left = rect.left() + rect.width() * step as f32 / steps as f32;
        let cell = Rect::from_min_size(egui::pos2(left, rect.top()), vec2(rect.width() / steps as f32, rect.height()));
        ui.painter().rect_filled(cell, 0.0, theme::score_fill(palette, value));
    }
    ui.painter().rect_stroke(rect, 1.0, (1.0, palette.border), egui::StrokeKind::Outside);
    ui.label(theme::small(format::score_with_unit(metric, -end)).color(palette.weak));
}
