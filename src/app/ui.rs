//! One frame: the panels of the Explore view, and the commands they return.

use egui::{Frame, Margin, Panel, Ui};

use super::state::Appearance;
use super::theme::{self, GUTTER, PAD};
use super::{
    App, Command, View, banner, build_dialog, commands, conversation, emotions, hub_dialog, logic, map, prompt,
    readings, start, status_bar, steering, timeline, top_bar, widgets,
};

impl App {
    /// Draws one frame and carries out what was done in it.
    pub(super) fn frame_ui(&mut self, ui: &mut Ui) {
        let ctx = ui.ctx().clone();
        let wanted = match self.settings.theme {
            Appearance::System => egui::ThemePreference::System,
            Appearance::Dark => egui::ThemePreference::Dark,
            Appearance::Light => egui::ThemePreference::Light,
        };
        if ctx.options(|options| options.theme_preference) != wanted {
            ctx.set_theme(wanted);
        }

        if self.scores.update(&self.session, self.settings.metric) {
            // Rows are still missing: finite work, a share of it in each frame.
            ctx.request_repaint();
        }
        self.maps.update(&ctx, &self.session, self.settings.components);

        let mut out = commands::pressed(&ctx);
        out.extend(Self::dropped(&ctx));
        self.panels_ui(ui, &mut out);
        build_dialog::build_dialog_ui(&ctx, &mut self.drafts.build, &mut out);
        hub_dialog::hub_dialog_ui(&ctx, &self.hub, &mut self.drafts.hub, &mut out);
        if ctx.input(|input| !input.raw.hovered_files.is_empty()) {
            start::drop_hint_ui(&ctx);
        }

        let hovered = (self.session.hovered_emotion.take(), self.session.hovered_token.take());
        let acted = out.iter().any(|command| !matches!(command, Command::HoverEmotion(_) | Command::HoverToken(_)));
        for command in out {
            self.apply(&ctx, command);
        }
        // What is under the pointer is known at the end of a frame, and shown in the next.
        if acted || hovered != (self.session.hovered_emotion, self.session.hovered_token) {
            ctx.request_repaint();
        }
    }

    fn panels_ui(&mut self, ui: &mut Ui, out: &mut Vec<Command>) {
        let palette = theme::palette(ui);
        ui.painter().rect_filled(ui.max_rect(), 0.0, palette.base);
        let has_prompt = self.has_prompt();
        let Self { settings, session, scores, maps, transcript, drafts, .. } = self;
        let full_scale = scores.full_scale(settings.scale, settings.metric, &session.pins, session.lead());
        let focus = session.focus().and_then(|span| scores.over(span));
        let can = |command: &Command| logic::can(session, has_prompt, command);
        let view = View { settings, session, scores, focus: focus.as_deref(), full_scale, map: maps.shown() };

        let bar = Frame::NONE.fill(palette.card).inner_margin(Margin::symmetric(PAD as i8, 8));
        Panel::top("top bar").exact_size(44.0).frame(bar).resizable(false).show(ui, |ui| {
            top_bar::top_bar_ui(ui, &view, can, out);
        });
        Panel::bottom("status bar")
            .exact_size(32.0)
            .frame(bar.inner_margin(Margin::symmetric(PAD as i8, 4)))
            .resizable(false)
            .show(ui, |ui| {
                status_bar::status_bar_ui(ui, &view, out);
            });
        if let Some(notice) = &view.session.notice {
            let frame = Frame::NONE.outer_margin(Margin {
                left: GUTTER as i8,
                right: GUTTER as i8,
                top: GUTTER as i8,
                bottom: 0,
            });
            Panel::top("notice").frame(frame).resizable(false).show_separator_line(false).show(ui, |ui| {
                banner::banner_ui(ui, notice, out);
            });
        }

        let card = widgets::card(ui);
        let width = ui.available_width();
        if view.session.model.is_none() && view.session.bank.is_none() {
            let whole = Frame::NONE.inner_margin(Margin::same(GUTTER as i8));
            egui::CentralPanel::default().frame(whole).show(ui, |ui| {
                let start = |ui: &mut Ui| start::no_model_ui(ui, &view, &mut drafts.model_path, out);
                egui::CentralPanel::default().frame(card).show(ui, start);
            });
            return;
        }
        let side = Frame::NONE.inner_margin(Margin::same(GUTTER as i8));
        let below = card.outer_margin(Margin { top: GUTTER as i8, ..Margin::ZERO });
        Panel::left("left")
            .default_size((width * 0.21).clamp(288.0, 330.0))
            .size_range(288.0..=420.0)
            .frame(side)
            .show_separator_line(false)
            .show(ui, |ui| {
                Panel::bottom("steering").resizable(false).show_separator_line(false).frame(below).show(ui, |ui| {
                    steering::steering_ui(ui, &view, out);
                });
                egui::CentralPanel::default().frame(card).show(ui, |ui| {
                    emotions::emotions_ui(ui, &view, &mut drafts.search, &mut drafts.focus, out);
                });
            });
        Panel::right("right")
            .default_size((width * 0.28).clamp(330.0, 460.0))
            .size_range(330.0..=700.0)
            .frame(side)
            .show_separator_line(false)
            .show(ui, |ui| {
                let height = ui.available_height();
                Panel::bottom("readings")
                    .resizable(false)
                    .show_separator_line(false)
                    .exact_size((height * 0.36).clamp(170.0, 360.0))
                    .frame(below)
                    .show(ui, |ui| {
                        readings::readings_ui(ui, &view, out);
                    });
                egui::CentralPanel::default().frame(card).show(ui, |ui| {
                    map::map_ui(ui, &view, &mut drafts.map_menu, out);
                });
            });
        let centre = Frame::NONE.inner_margin(Margin::symmetric(0, GUTTER as i8));
        egui::CentralPanel::default().frame(centre).show(ui, |ui| {
            if view.session.model.is_none() {
                egui::CentralPanel::default()
                    .frame(card)
                    .show(ui, |ui| start::no_model_ui(ui, &view, &mut drafts.model_path, out));
                return;
            }
            Panel::bottom("prompt").resizable(false).show_separator_line(false).frame(below).show(ui, |ui| {
                prompt::prompt_ui(ui, &view, &mut drafts.prompt, &mut drafts.focus, can, out);
            });
            if view.session.run.is_some() && view.session.bank.is_some() {
                Panel::bottom("timeline")
                    .resizable(false)
                    .show_separator_line(false)
                    .exact_size(150.0)
                    .frame(below)
                    .show(ui, |ui| timeline::timeline_ui(ui, &view, out));
            }
            if view.session.bank.is_none() {
                Panel::bottom("no bank").resizable(false).show_separator_line(false).frame(below).show(ui, |ui| {
                    start::no_bank_ui(ui, &view, &mut drafts.bank_path, out);
                });
            }
            egui::CentralPanel::default().frame(card).show(ui, |ui| {
                conversation::conversation_ui(ui, &view, transcript, out);
            });
        });
    }
}
