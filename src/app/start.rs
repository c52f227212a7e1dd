//! What the window says while nothing is open: what to open, and how.

use std::path::PathBuf;

use egui::{Align2, Ui, vec2};

use super::commands::entry_of;
use super::picker::Pick;
use super::state::file_name;
use super::theme::{self, PAD};
use super::widgets::{PathAction, caption_ui, path_ui, primary_button_ui};
use super::{Command, View};
use crate::engine::Work;

const WIDTH: f32 = 540.0;

/// In the middle of the window while no model is open.
pub fn no_model_ui(ui: &mut Ui, view: &View, path: &mut String, out: &mut Vec<Command>) {
    let palette = theme::palette(ui);
    let width = WIDTH.min(ui.available_width() - 2.0 * PAD);
    let top = (ui.available_height() / 2.0 - 150.0).max(8.0);
    let left = (ui.available_width() - width) / 2.0;
    ui.add_space(top);
    ui.horizontal(|ui| {
        ui.add_space(left);
        ui.vertical(|ui| {
            ui.set_width(width);
            ui.label(egui::RichText::new("See and steer emotion vectors inside a language model").size(19.0).color(palette.strong));
            ui.add_space(2.0);
            ui.label(egui::RichText::new("Everything runs on this machine. Nothing is sent anywhere.").color(palette.weak));
            ui.add_space(PAD + 6.0);
            if view.session.is_working(Work::OpeningModel) || view.session.is_working(Work::FetchingModel) {
                opening_ui(ui, view, out);
                return;
            }
            step_ui(ui, "1", "Open a model");
            caption_ui(ui, "A folder with config.json, tokenizer.json and *.safetensors, of the Llama or GPT-2 family. Drop it anywhere on the window, choose it, or type its path.");
            ui.add_space(4.0);
            let action = path_ui(ui, "Model folder", "Path of a model folder", path);
            ui.horizontal(|ui| {
                open_row_ui(ui, "Open model", path, action, Pick::Model, Command::OpenModelAt, out);
                hub_button_ui(ui, out);
            });
            recent_ui(ui, &view.settings.recent_models, Command::OpenModelAt, out);
            ui.add_space(PAD);
            step_ui(ui, "2", "Open, import or build a bank of emotion vectors");
            caption_ui(ui, "A bank alone shows the map. Drop it on the window, or choose it in the bank menu above.");
            ui.add_space(PAD);
            step_ui(ui, "3", "Run a prompt, pin emotions, move the sliders");
            caption_ui(ui, "Every token is coloured by how active the pinned vectors are; a slider adds a vector to the running reply.");
        });
    });
}

fn hub_button_ui(ui: &mut Ui, out: &mut Vec<Command>) {
    let Some(entry) = entry_of(&Command::OpenFromHub) else { return };
    if ui.add_sized(vec2(190.0, 28.0), egui::Button::new(entry.label)).on_hover_text(entry.tooltip).clicked() {
        out.push(Command::OpenFromHub);
    }
}

fn step_ui(ui: &mut Ui, number: &str, text: &str) {
    let palette = theme::palette(ui);
    ui.horizontal(|ui| {
        let (rect, _) = ui.allocate_exact_size(vec2(20.0, 20.0), egui::Sense::hover());
        ui.painter().circle_filled(rect.center(), 10.0, palette.raised);
        ui.painter().text(
            rect.center(),
            Align2::CENTER_CENTER,
            number,
            egui::TextStyle::Small.resolve(ui.style()),
            palette.text,
        );
        ui.label(egui::RichText::new(text).color(palette.strong));
    });
}

fn opening_ui(ui: &mut Ui, view: &View, out: &mut Vec<Command>) {
    let palette = theme::palette(ui);
    let progress = view.session.job.as_ref().and_then(|job| job.progress.as_ref());
    let note = progress.map_or("Opening the model", |progress| progress.note.as_str());
    ui.label(egui::RichText::new(note).color(palette.strong));
    let share = progress
        .filter(|progress| progress.total > 0)
        .map_or(0.0, |progress| progress.done as f32 / progress.total as f32);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 6.0), egui::Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::ProgressIndicator, true, "Opening the model"));
    ui.painter().rect_filled(rect, 3.0, palette.raised);
    ui.painter().rect_filled(
        egui::Rect::from_min_size(rect.min, vec2(rect.width() * share.clamp(0.0, 1.0), 6.0)),
        3.0,
        palette.accent,
    );
    ui.add_space(4.0);
    let stopping = view.session.job.as_ref().is_some_and(|job| job.stopping);
    if ui.add_enabled(!stopping, egui::Button::new(if stopping { "Stopping…" } else { "Stop" })).clicked() {
        out.push(Command::Stop);
    }
}

/// Above the prompt while a model is open but no bank.
pub fn no_bank_ui(ui: &mut Ui, view: &View, path: &mut String, out: &mut Vec<Command>) {
    ui.horizontal(|ui| {
        ui.label(theme::heading("Open a bank of emotion vectors").color(theme::palette(ui).strong));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let idle = view.session.job.is_none();
            let tooltip = "Make a bank for this model from stories and neutral texts";
            if ui.add_enabled(idle, egui::Button::new("Build one…")).on_hover_text(tooltip).clicked() {
                out.push(Command::BuildBank);
            }
        });
    });
    caption_ui(
        ui,
        "Colours, readings, map and steering need one made for this model: a bank (.safetensors), or vectors to import (.npz, or a folder of them).",
    );
    let action = path_ui(ui, "Bank file", "Path of a bank or of vectors to import", path);
    open_row_ui(ui, "Open bank", path, action, Pick::Bank, Command::OpenBankAt, out);
    recent_ui(ui, &view.settings.recent_banks, Command::OpenBankAt, out);
}

fn open_row_ui(
    ui: &mut Ui,
    label: &str,
    path: &str,
    action: PathAction,
    pick: Pick,
    command: fn(PathBuf) -> Command,
    out: &mut Vec<Command>,
) {
    let typed = path.trim();
    let clicked = primary_button_ui(ui, label, !typed.is_empty(), vec2(120.0, 28.0)).clicked();
    if action == PathAction::Browse {
        out.push(Command::Browse(pick));
    } else if clicked || action == PathAction::Entered {
        out.push(command(PathBuf::from(typed)));
    }
}

fn recent_ui(ui: &mut Ui, recent: &[PathBuf], command: fn(PathBuf) -> Command, out: &mut Vec<Command>) {
    if recent.is_empty() {
        return;
    }
    ui.horizontal_wrapped(|ui| {
        ui.label(theme::small("Recent").color(theme::palette(ui).weak));
        for path in recent.iter().take(4) {
            let button = egui::Button::new(theme::small(file_name(path))).small();
            if ui.add(button).on_hover_text(path.display().to_string()).clicked() {
                out.push(command(path.clone()));
            }
        }
    });
}

/// Over everything while files hang over the window.
pub fn drop_hint_ui(ctx: &egui::Context) {
    let painter = ctx.layer_painter(egui::LayerId::new(egui::Order::Foreground, egui::Id::unique("drop hint")));
    let rect = ctx.content_rect();
    let visuals = &ctx.global_style().visuals;
    painter.rect_filled(rect, 0.0, visuals.panel_fill.gamma_multiply(0.85));
    let font = egui::FontId::proportional(22.0);
    painter.text(
        rect.center(),
        Align2::CENTER_CENTER,
        "Drop a model folder or a bank to open it",
        font,
        visuals.strong_text_color(),
    );
}
