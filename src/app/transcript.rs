//! The text of the run, token by token, coloured by the scores. Only the lines in view are drawn.

use egui::{Color32, Pos2, Rect, Role, Sense, TextStyle, Ui, WidgetInfo, pos2, vec2};

use super::layout::{Layout, Line};
use super::run::Run;
use super::state::Span;
use super::theme::{self, Palette};
use super::widgets::outline;
use super::{Command, View, format};

/// Height of a token's text.
const TEXT: f32 = 20.0;
/// Height of the bars below it: one bar per pin, up for positive and down for negative.
const BARS: f32 = 10.0;
/// Space between lines.
const LEADING: f32 = 6.0;
/// Space above the reply, where its heading goes.
const SECTION: f32 = 20.0;

/// The layout of the run in view, kept between frames.
#[derive(Default)]
pub struct Transcript {
    run: u64,
    texts: Vec<String>,
    layout: Layout,
}

impl Transcript {
    fn update(&mut self, ui: &Ui, run: &Run, wrap: f32) {
        let line_height = TEXT + BARS + LEADING;
        // Only a chat has an answer to head.
        let reply = if run.tokens.len() > run.prompt_tokens { run.prompt_tokens } else { usize::MAX };
        if self.run != run.id || run.tokens.len() < self.texts.len() {
            self.run = run.id;
            self.texts.clear();
            self.layout = Layout::default();
        }
        if !self.layout.fits(wrap, line_height, reply) {
            self.layout = Layout::new(wrap, line_height, SECTION, reply);
        }
        self.texts.extend(run.tokens[self.texts.len()..].iter().map(|token| display(&token.text)));
        let font = TextStyle::Body.resolve(ui.style());
        self.layout.extend(self.texts.iter().map(String::as_str), |text| {
            ui.painter().layout_no_wrap(text.to_owned(), font.clone(), Color32::WHITE).size().x + 2.0
        });
    }
}

/// A token as shown: with white space made visible, and never without width.
fn display(text: &str) -> String {
    if text.is_empty() { "·".into() } else { format::visible(text) }
}

/// Draws the transcript. Hovering gives numbers, a click or drag selects.
pub fn transcript_ui(ui: &mut Ui, view: &View, run: &Run, transcript: &mut Transcript, out: &mut Vec<Command>) {
    let streaming = run.summary.is_none();
    egui::ScrollArea::vertical().auto_shrink(false).stick_to_bottom(streaming).show_viewport(ui, |ui, viewport| {
        let width = (ui.available_width() - 10.0).floor();
        transcript.update(ui, run, width);
        let height = SECTION + transcript.layout.height();
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::click_and_drag());
        response.widget_info(|| WidgetInfo::labeled(Role::Group, true, "Transcript"));
        let origin = rect.min + vec2(0.0, SECTION);
        let at = |pos: Pos2| transcript.layout.token_at(pos.x - origin.x, pos.y - origin.y);

        section_ui(
            ui,
            pos2(origin.x, origin.y - SECTION),
            if run.request.chat { "Prompt, as the chat template renders it" } else { "Text" },
        );
        for &line in transcript.layout.visible(viewport.top() - SECTION, viewport.bottom()) {
            if line.first == run.prompt_tokens && line.first > 0 {
                section_ui(
                    ui,
                    origin + vec2(0.0, line.y - SECTION),
                    if run.request.chat { "Reply" } else { "Continuation" },
                );
            }
            line_ui(ui, view, run, transcript, origin, line);
        }

        let hovered = response.hover_pos().and_then(at);
        if let Some(token) = hovered {
            out.push(Command::HoverToken(token));
            egui::Tooltip::always_open(ui.ctx().clone(), ui.layer_id(), response.id, egui::PopupAnchor::Pointer)
                .gap(14.0)
                .show(|ui| tooltip_ui(ui, view, run, token));
        }
        let pointed = response.interact_pointer_pos().and_then(at);
        if response.dragged()
            && let (Some(from), Some(to)) = (ui.input(|input| input.pointer.press_origin()).and_then(at), pointed)
        {
            let span = Some(Span::of(from, to));
            if view.session.selection != span {
                out.push(Command::Select(span));
            }
        }
        if response.clicked() {
            let span = pointed.map(|token| Span::of(token, token)).filter(|span| view.session.selection != Some(*span));
            out.push(Command::Select(span));
        }
    });
}

fn section_ui(ui: &Ui, at: Pos2, name: &str) {
    let palette = theme::palette(ui);
    ui.painter().text(at, egui::Align2::LEFT_TOP, name, TextStyle::Small.resolve(ui.style()), palette.weak);
}

fn line_ui(ui: &Ui, view: &View, run: &Run, transcript: &Transcript, origin: Pos2, line: Line) {
    let palette = theme::palette(ui);
    let font = TextStyle::Body.resolve(ui.style());
    let lead = view.session.lead();
    for token in line.first..line.end {
        let (x, width) = transcript.layout.spans[token];
        let cell = Rect::from_min_size(origin + vec2(x, line.y), vec2(width, TEXT));
        let score = lead.and_then(|lead| view.scores.at(token, lead));
        let fill = score.map(|score| theme::score_fill(palette, score / view.full_scale));
        if let Some(fill) = fill {
            ui.painter().rect_filled(cell, 2.0, fill);
        }
        let colour = fill.map_or(palette.text, |fill| theme::text_on(palette, fill));
        let galley = ui.painter().layout_no_wrap(transcript.texts[token].clone(), font.clone(), colour);
        let middle = cell.center().y - galley.size().y / 2.0;
        ui.painter().galley(pos2((cell.left() + 1.0).round(), middle.round()), galley, colour);
        bars(ui, view, palette, cell, token);
        if run.answer_at() == Some(token) {
            outline(ui, cell, palette.accent, 1.5);
            let at = cell.right_center() + vec2(6.0, 0.0);
            let font = TextStyle::Small.resolve(ui.style());
            ui.painter().text(at, egui::Align2::LEFT_CENTER, "← about to answer", font, palette.accent);
        }
        if view.session.selection.is_some_and(|span| span.contains(token)) {
            ui.painter().hline(cell.x_range(), cell.top() - 1.0, (2.0, palette.strong));
        }
        if view.session.hovered_token == Some(token) {
            outline(ui, cell.expand(1.0), palette.strong, 1.0);
        }
        let id = ui.scope_id().with(("token", token));
        ui.interact(cell, id, Sense::hover()).widget_info(|| {
            let mut info = WidgetInfo::labeled(Role::ListItem, true, run.tokens[token].text.trim());
            info.current_text_value = Some(describe(view, token));
            info
        });
    }
}

/// A bar for every pin, from a middle line: up for positive, down for negative.
fn bars(ui: &Ui, view: &View, palette: &Palette, cell: Rect, token: usize) {
    let pins = &view.session.pins;
    if pins.is_empty() {
        return;
    }
    let middle = cell.bottom() + 1.0 + BARS / 2.0;
    ui.painter().hline(cell.x_range(), middle, (1.0, palette.border));
    let each = ((cell.width() - 2.0) / pins.len() as f32).min(12.0);
    for (index, pin) in pins.iter().enumerate() {
        let Some(score) = view.scores.at(token, pin.emotion) else { continue };
        let height = (score / view.full_scale).clamp(-1.0, 1.0) * BARS / 2.0;
        let left = cell.left() + 1.0 + each * index as f32;
        let bar = Rect::from_two_pos(pos2(left, middle), pos2(left + (each - 1.0).max(1.0), middle - height));
        ui.painter().rect_filled(bar, 0.0, theme::pin(palette, pin.colour));
    }
}

/// The scores of a token in words, for screen readers.
fn describe(view: &View, token: usize) -> String {
    let metric = view.settings.metric;
    let scores = view.session.pins.iter().filter_map(|pin| {
        let score = view.scores.at(token, pin.emotion)?;
        Some(format!("{} {}", view.name(pin.emotion), format::score_with_unit(metric, score)))
    });
    scores.collect::<Vec<_>>().join(", ")
}

fn tooltip_ui(ui: &mut Ui, view: &View, run: &Run, token: usize) {
    let palette = theme::palette(ui);
    let Some(text) = run.tokens.get(token) else { return };
    ui.spacing_mut().item_spacing.y = 3.0;
    ui.label(egui::RichText::new(format!("“{}”", display(&text.text))).color(palette.strong));
    let mut facts = vec![format!("token {token}"), format!("id {}", text.id)];
    if let Some(logprob) = text.logprob {
        facts.push(format!("probability {:.1} %", f64::from(logprob).exp() * 100.0));
    }
    if run.answer_at() == Some(token) {
        facts.push("about to answer".into());
    }
    ui.label(theme::small(facts.join(" · ")).color(palette.weak));
    let lead = view.session.hovered_emotion.filter(|&emotion| view.session.pin_of(emotion).is_none());
    let shown: Vec<usize> = view.session.pins.iter().map(|pin| pin.emotion).chain(lead).collect();
    let metric = view.settings.metric;
    egui::Grid::new("token scores").num_columns(2).spacing([16.0, 2.0]).show(ui, |ui| {
        for emotion in shown {
            let Some(score) = view.scores.at(token, emotion) else { continue };
            let colour = view.session.pin_of(emotion).map_or(palette.text, |pin| theme::pin(palette, pin.colour));
            ui.label(egui::RichText::new(view.name(emotion)).color(colour));
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                ui.label(egui::RichText::new(format::score_with_unit(metric, score)).color(palette.strong));
            });
            ui.end_row();
        }
    });
    if view.session.bank.is_some() {
        let baseline = match (metric, run.answer_at() == Some(token), token) {
            (crate::reading::Metric::Z, true, _) => ", against other tokens about to answer",
            (_, _, 0) => ". The first token is an outlier: left out of spans and scales",
            _ => "",
        };
        ui.label(theme::small(format!("{}{baseline}", view.measure())).color(palette.weak));
    }
}
