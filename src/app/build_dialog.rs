//! The dialog which starts the building of a bank.

use std::path::PathBuf;

use egui::{Context, DragValue, Ui};

use super::Command;
use super::picker::Pick;
use super::theme::{self, PAD};
use super::widgets::{PathAction, caption_ui, path_ui, primary_button};
use crate::engine::BuildRequest;

/// What has been typed so far.
#[derive(Clone, Debug, PartialEq)]
pub struct BuildDraft {
    pub stories: String,
    pub neutral: String,
    pub out: String,
    pub start_token: usize,
    pub variance: f64,
    pub resume: bool,
}

impl Default for BuildDraft {
    fn default() -> Self {
        Self {
            stories: String::new(),
            neutral: String::new(),
            out: String::new(),
            start_token: 50,
            variance: 0.5,
            resume: true,
        }
    }
}

impl BuildDraft {
    /// The request, once all three paths are there.
    pub fn request(&self) -> Option<BuildRequest> {
        let path = |text: &str| Some(text.trim()).filter(|text| !text.is_empty()).map(PathBuf::from);
        Some(BuildRequest {
            stories: path(&self.stories)?,
            neutral: path(&self.neutral)?,
            out: path(&self.out)?,
            start_token: self.start_token,
            variance: self.variance,
            resume: self.resume,
        })
    }
}

/// Shows the dialog while there is a draft.
pub fn build_dialog_ui(ctx: &Context, draft: &mut Option<BuildDraft>, out: &mut Vec<Command>) {
    let Some(build) = draft else { return };
    let mut close = false;
    let modal = egui::Modal::new(egui::Id::unique("build dialog")).show(ctx, |ui| {
        ui.set_width(520.0);
        close = fields_ui(ui, build, out);
    });
    if close || modal.should_close() {
        *draft = None;
    }
}

fn fields_ui(ui: &mut Ui, build: &mut BuildDraft, out: &mut Vec<Command>) -> bool {
    ui.label(theme::heading("Build a bank for the open model").color(theme::palette(ui).strong));
    caption_ui(
        ui,
        "Runs every story through the model once and keeps the mean of each emotion's residuals at every block. It can be stopped, and goes on where it stopped.",
    );
    ui.add_space(PAD);
    for (name, hint, text, pick) in [
        ("Stories", "JSON lines: {\"emotion\": …, \"text\": …}", &mut build.stories, Pick::Stories),
        ("Neutral texts", "JSON lines: {\"text\": …}", &mut build.neutral, Pick::Neutral),
        ("Write the bank to", "Path of a new .safetensors file", &mut build.out, Pick::BankOut),
    ] {
        ui.label(name);
        if path_ui(ui, name, hint, text) == PathAction::Browse {
            out.push(Command::Browse(pick));
        }
        ui.add_space(4.0);
    }
    ui.horizontal(|ui| {
        let tooltip = "Residuals are averaged from this token of a story on: by then the emotion shows";
        ui.label("First token").on_hover_text(tooltip);
        ui.add(DragValue::new(&mut build.start_token).range(0..=100_000))
            .accessible_name("First token")
            .on_hover_text(tooltip);
        ui.add_space(PAD);
        let tooltip = "Directions which together explain this share of the variance of neutral text are projected out";
        ui.label("Neutral variance removed").on_hover_text(tooltip);
        let variance = DragValue::new(&mut build.variance).range(0.0..=0.99).speed(0.01).max_decimals(2);
        ui.add(variance).accessible_name("Neutral variance removed").on_hover_text(tooltip);
        ui.add_space(PAD);
        ui.checkbox(&mut build.resume, "Resume").on_hover_text("Go on where an earlier build of the same bank stopped");
    });
    ui.add_space(PAD);
    let mut close = false;
    ui.horizontal(|ui| {
        let ready = build.request().is_some();
        let response =
            ui.add_enabled(ready, primary_button(ui, "Build")).on_disabled_hover_text("Fill in the three paths first");
        if response.clicked() {
            out.push(Command::Build(build.clone()));
        }
        close = ui.button("Cancel").clicked();
    });
    close
}
