//! The status bar: what the last run did, and the work under way with its Stop.

use egui::Ui;

use super::theme::{self, PAD};
use super::{Command, View, format};
use crate::engine::Work;

pub fn status_bar_ui(ui: &mut Ui, view: &View, out: &mut Vec<Command>) {
    ui.horizontal_centered(|ui| {
        let palette = theme::palette(ui);
        ui.spacing_mut().item_spacing.x = PAD;
        ui.label(theme::small(summary(view)).color(palette.weak));
        if let Some(caveat) = view.session.model.as_ref().and_then(|model| model.info.caveat.as_deref()) {
            ui.label(theme::small("teaching model").color(palette.warning)).on_hover_text(caveat);
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| job_ui(ui, view, out));
    });
}

fn summary(view: &View) -> String {
    let Some(run) = &view.session.run else {
        return if view.session.job.is_none() { "Ready".into() } else { String::new() };
    };
    let Some(summary) = &run.summary else {
        let reply = run.tokens.len().saturating_sub(run.prompt_tokens);
        return format!("{} prompt tokens · {reply} reply tokens so far", run.prompt_tokens);
    };
    let mut parts = vec![
        format!("{:.0} tok/s", summary.tokens_per_sec),
        format!("{} prompt + {} reply tokens", run.prompt_tokens, summary.generated),
    ];
    if summary.steered_tokens == 0 {
        parts.push("not steered".into());
    } else {
        parts.push(format!("steered {} tokens", summary.steered_tokens));
        parts.push(format!("mean push {:.1} % of the residual norm", summary.mean_push * 100.0));
    }
    if let Some((position, from_start)) = run.changes.last() {
        let rule = if *from_start { "as if from the start" } else { "from there on" };
        parts.push(format!("steering changed at token {position}, {rule}"));
    }
    if summary.cancelled {
        parts.push("stopped".into());
    }
    parts.join("  ·  ")
}

fn job_ui(ui: &mut Ui, view: &View, out: &mut Vec<Command>) {
    let Some(job) = &view.session.job else { return };
    let palette = theme::palette(ui);
    let label = if job.stopping { "Stopping…" } else { "Stop" };
    let button = egui::Button::new(theme::small(label)).small();
    let name = "Stop the work under way";
    if ui.add_enabled(!job.stopping, button).accessible_name(name).on_hover_text(name).clicked() {
        out.push(Command::Stop);
    }
    let what = match job.work {
        Work::OpeningModel => "Opening the model",
        Work::FetchingModel => "Downloading the model",
        Work::OpeningBank => "Opening the bank",
        Work::Building => "Building the bank",
        Work::Running => "Running",
    };
    let progress = job.progress.as_ref();
    if let Some(progress) = progress.filter(|progress| progress.total > 0) {
        let share = progress.done as f32 / progress.total as f32;
        let left = progress.left.map_or(String::new(), |left| format!("  {} left", format::left(left)));
        ui.label(theme::small(format!("{:.0} %{left}", share * 100.0)).color(palette.text));
        let (rect, response) = ui.allocate_exact_size(egui::vec2(140.0, 6.0), egui::Sense::hover());
        response.widget_info(|| {
            let mut info = egui::WidgetInfo::labeled(egui::Role::ProgressIndicator, true, what);
            info.value = Some(f64::from(share));
            info
        });
        ui.painter().rect_filled(rect, 3.0, palette.raised);
        let done = egui::Rect::from_min_size(rect.min, egui::vec2(rect.width() * share.clamp(0.0, 1.0), rect.height()));
        ui.painter().rect_filled(done, 3.0, palette.accent);
    }
    let note = progress.map(|progress| progress.note.as_str()).filter(|note| !note.is_empty()).unwrap_or(what);
    ui.label(theme::small(note).color(palette.text));
}
