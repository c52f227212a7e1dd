//! The dialog which starts the building of a bank.

use std::path::PathBuf;

use egui::{Context, DragValue, Ui};

use super::Command;
use super::picker::Pick;
use super::theme::{self, PAD};
use super::widgets::{PathAction, caption_ui, path_ui, primary_button_ui};
use crate::bank::Report;
use crate::corpus::Source;
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
    /// The request, once it is known where to write. Without a path of their own the shipped texts are taken.
    pub fn request(&self) -> Option<BuildRequest> {
        let path = |text: &str| Some(text.trim()).filter(|text| !text.is_empty()).map(PathBuf::from);
        Some(BuildRequest {
            stories: Source::from_option(path(&self.stories).as_deref()),
            neutral: Source::from_option(path(&self.neutral).as_deref()),
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
    let frame = egui::Frame::popup(&ctx.global_style()).inner_margin(egui::Margin::same(18));
    let modal = egui::Modal::new(egui::Id::unique("build dialog")).frame(frame).show(ctx, |ui| {
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
        (
            "Stories",
            "The shipped stories, or JSON lines: {\"emotion\": …, \"text\": …}",
            &mut build.stories,
            Pick::Stories,
        ),
        ("Neutral texts", "The shipped dialogues, or JSON lines: {\"text\": …}", &mut build.neutral, Pick::Neutral),
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
        let response = primary_button_ui(ui, "Build", ready, egui::vec2(90.0, 28.0))
            .on_disabled_hover_text("Say where to write the bank first");
        if response.clicked() {
            out.push(Command::Build(build.clone()));
        }
        close = ui.add_sized([90.0, 28.0], egui::Button::new("Cancel")).clicked();
    });
    close
}

/// What a build did, for the banner: what came out, and what was left out.
pub fn report_text(report: &Report) -> String {
    let first = format!(
        "Built a bank of {} emotions from {} stories and {} neutral texts",
        report.emotions, report.stories, report.neutral
    );
    let skipped = [
        (report.stories_too_short, "stories too short"),
        (report.neutral_too_short, "neutral texts too short"),
        (report.bad_stories.count + report.bad_neutral.count, "lines that could not be read"),
        (report.emotions_left_out.len(), "emotions without a usable story"),
        (report.questions_too_long, "questions too long"),
    ];
    let mut notes: Vec<String> =
        skipped.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    if !notes.is_empty() {
        notes = vec![format!("Skipped: {}", notes.join(", "))];
    }
    if report.texts_cut > 0 {
        notes.push(format!("{} texts were cut at the model's context", report.texts_cut));
    }
    if notes.is_empty() { first } else { format!("{first}\n{}", notes.join(". ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_what_was_left_out() {
        let report = Report { emotions: 171, stories: 2052, neutral: 100, ..Report::default() };
        assert_eq!(report_text(&report), "Built a bank of 171 emotions from 2052 stories and 100 neutral texts");
        let report = Report { stories_too_short: 3, texts_cut: 2, ..report };
        let text = report_text(&report);
        assert!(text.ends_with("\nSkipped: 3 stories too short. 2 texts were cut at the model's context"), "{text}");
    }

    #[test]
    fn a_request_needs_to_know_where_to_write() {
        let draft = BuildDraft { stories: "a".into(), ..BuildDraft::default() };
        assert!(draft.request().is_none());
        let request = BuildDraft { out: "c".into(), ..draft }.request().unwrap();
        assert_eq!((request.stories, request.neutral), (Source::File("a".into()), Source::Shipped));
    }
}
