//! The prompt box with Run and Stop, and how the reply is sampled.

use egui::{DragValue, Response, Ui, vec2};

use super::commands::entry_of;
use super::state::Settings;
use super::theme;
use super::widgets::{primary_button_ui, segmented_ui};
use super::{Command, Focus, View};
use crate::engine::Work;

pub fn prompt_ui(
    ui: &mut Ui,
    view: &View,
    text: &mut String,
    focus: &mut Option<Focus>,
    can: impl Fn(&Command) -> bool,
    out: &mut Vec<Command>,
) {
    ui.horizontal(|ui| {
        let width = ui.available_width() - 96.0 - ui.spacing().item_spacing.x;
        let hint = if view.settings.chat {
            "Say something to the model…"
        } else {
            "Text for the model to read and continue…"
        };
        let field = egui::TextEdit::multiline(text)
            .hint_text(hint)
            .desired_rows(3)
            .desired_width(width)
            .margin(egui::Margin::symmetric(10, 8))
            .return_key(egui::KeyboardShortcut::new(egui::Modifiers::SHIFT, egui::Key::Enter));
        let response = ui.add(field).accessible_name("Prompt");
        if focus.take_if(|focus| *focus == Focus::Prompt).is_some() {
            response.request_focus();
        }
        if response.has_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter) && input.modifiers.is_none()) {
            out.push(Command::Run);
        }
        ui.vertical(|ui| {
            let size = vec2(96.0, 30.0);
            let run = primary_button_ui(ui, "Run", can(&Command::Run), size);
            command_of(run, Command::Run, out);
            let stopping = view.session.job.as_ref().is_some_and(|job| job.stopping);
            let running = view.session.is_working(Work::Running);
            let label = if running && stopping { "Stopping…" } else { "Stop" };
            let enabled = running && can(&Command::Stop);
            let stop = ui.add_enabled_ui(enabled, |ui| ui.add_sized(size, egui::Button::new(label))).inner;
            command_of(stop, Command::Stop, out);
        });
    });
    ui.add_space(2.0);
    sampling_ui(ui, view, out);
}

/// Gives a button the tooltip and the shortcut of its command.
fn command_of(response: Response, command: Command, out: &mut Vec<Command>) {
    let Some(entry) = entry_of(&command) else { return };
    let shortcut =
        entry.shortcut.map_or(String::new(), |shortcut| format!(" ({})", response.ctx.format_shortcut(&shortcut)));
    if response.on_hover_text(format!("{}{shortcut}", entry.tooltip)).clicked() {
        out.push(command);
    }
}

fn sampling_ui(ui: &mut Ui, view: &View, out: &mut Vec<Command>) {
    let mut settings = view.settings.clone();
    let context = view.session.model.as_ref().map_or(usize::MAX, |model| model.info.context);
    let narrow = ui.available_width() < 640.0;
    let chat = |ui: &mut Ui, settings: &mut Settings| {
        let options = [
            (true, "Chat", "Render the prompt as one user turn with the model's chat template"),
            (false, "Plain text", "Give the model the text as it is"),
        ];
        segmented_ui(ui, &mut settings.chat, &options);
        ui.add_space(6.0);
        let value = DragValue::new(&mut settings.max_tokens).range(0..=context).speed(1);
        number_ui(ui, "Tokens", "Longest reply, in tokens. 0 reads the prompt only", value);
        let value = DragValue::new(&mut settings.pace)
            .range(0..=200)
            .speed(0.2)
            .custom_formatter(|pace, _| if pace < 1.0 { "full".to_owned() } else { format!("{pace:.0} tok/s") });
        number_ui(
            ui,
            "Pace",
            "Most tokens a second, so that a reply can be followed and steered by hand. 0 is full speed",
            value,
        );
    };
    let numbers = |ui: &mut Ui, settings: &mut Settings| {
        let tooltip = "0 always takes the most likely token; 1 samples from the model's own distribution";
        let value = DragValue::new(&mut settings.temperature).range(0.0..=2.0).speed(0.01).max_decimals(2);
        number_ui(ui, "Temperature", tooltip, value);
        let value = DragValue::new(&mut settings.top_p).range(0.01..=1.0).speed(0.005).max_decimals(2);
        number_ui(ui, "Top-p", "Sample from the most likely tokens whose probabilities add up to this", value);
        number_ui(ui, "Seed", "The same seed gives the same reply", DragValue::new(&mut settings.seed));
    };
    ui.horizontal(|ui| {
        chat(ui, &mut settings);
        if !narrow {
            numbers(ui, &mut settings);
        }
    });
    if narrow {
        ui.horizontal(|ui| numbers(ui, &mut settings));
    }
    if settings != *view.settings {
        out.push(Command::Settings(Box::new(settings)));
    }
}

fn number_ui(ui: &mut Ui, name: &str, tooltip: &str, value: DragValue<'_>) {
    ui.label(theme::small(name).color(theme::palette(ui).weak));
    ui.add(value).accessible_name(name.to_owned()).on_hover_text(tooltip);
    ui.add_space(4.0);
}
