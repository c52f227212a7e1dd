//! The top bar: menu, model, bank, block, metric, theme. The model has a menu of its own (`model_menu`).

use egui::{Ui, vec2};

use super::commands::{entry_of, menu_ui};
use super::model_menu::model_menu_ui;
use super::state::{Appearance, file_name};
use super::theme::{self, PAD};
use super::widgets::{caption_ui, segmented_ui};
use super::{Command, View, format};
use crate::bank::VectorSet;
use crate::reading::Metric;

pub fn top_bar_ui(ui: &mut Ui, view: &View, can: impl Fn(&Command) -> bool, out: &mut Vec<Command>) {
    ui.horizontal_centered(|ui| {
        let palette = theme::palette(ui);
        ui.spacing_mut().item_spacing.x = PAD;
        let brand = egui::Button::new(egui::RichText::new("Circumplex").size(16.0).color(palette.strong))
            .frame_when_inactive(false);
        let (menu, _) = egui::containers::menu::MenuButton::from_button(brand).ui(ui, |ui| menu_ui(ui, can, out));
        menu.on_hover_text("Menu: everything the window can do, with its shortcuts");
        ui.separator();
        model_menu_ui(ui, view, out);
        bank_menu_ui(ui, view, out);
        ui.separator();
        block_ui(ui, view, out);
        metric_ui(ui, view, out);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| theme_ui(ui, view, out));
    });
}

pub(super) fn menu_label(what: &str, name: Option<&str>) -> String {
    let name = name.unwrap_or("none open");
    let name = if name.chars().count() > 30 {
        format!("{}…", name.chars().take(29).collect::<String>())
    } else {
        name.to_owned()
    };
    format!("{what}  {name}  ▾")
}

fn bank_menu_ui(ui: &mut Ui, view: &View, out: &mut Vec<Command>) {
    let bank = view.session.bank.as_ref();
    let name = bank.map(|bank| bank.name());
    let mark = if bank.is_some_and(|bank| bank.caveat.is_some()) { "Bank (!)" } else { "Bank" };
    let response = ui.menu_button(menu_label(mark, name.as_deref()), |ui| {
        ui.set_width(330.0);
        if let Some(open) = bank {
            let bank = &open.bank;
            let meta = |key: &str| bank.metadata.get(key).cloned().unwrap_or_else(|| "not said".into());
            let blocks: Vec<String> = bank.blocks.iter().map(usize::to_string).collect();
            facts_ui(
                ui,
                "bank facts",
                &[
                    ("Emotions", bank.emotions.len().to_string()),
                    ("Blocks", blocks.join(", ")),
                    ("Built for", meta("model")),
                    ("Stories", meta("stories")),
                    ("Baselines", if bank.baseline.is_some() { "yes".into() } else { "none: only dot works".into() }),
                    ("File", format::place(&open.path)),
                ],
            );
            if let Some(caveat) = &open.caveat {
                ui.label(theme::small(caveat).color(theme::palette(ui).warning));
            }
            ui.separator();
            ui.horizontal(|ui| {
                ui.label("Vectors");
                let mut vectors = view.session.vectors;
                let options = [
                    (VectorSet::Denoised, "Denoised", "The main directions of neutral text are projected out"),
                    (VectorSet::Raw, "Raw", "As averaged from the stories"),
                ];
                if bank.raw.is_some() && segmented_ui(ui, &mut vectors, &options) {
                    out.push(Command::Vectors(vectors));
                } else if bank.raw.is_none() {
                    caption_ui(ui, "one set: this bank holds no raw vectors");
                }
            });
            ui.separator();
        }
        entry_ui(ui, Command::OpenBank, out);
        if view.session.model.is_some() {
            entry_ui(ui, Command::BuildBank, out);
        }
        recent_ui(ui, &view.settings.recent_banks, bank.map(|bank| bank.path.as_path()), Command::OpenBankAt, out);
    });
    let tooltip = bank.and_then(|bank| bank.caveat.as_deref()).unwrap_or("The open bank of emotion vectors");
    response.response.on_hover_text(tooltip);
}

pub(super) fn entry_ui(ui: &mut Ui, command: Command, out: &mut Vec<Command>) {
    let Some(entry) = entry_of(&command) else { return };
    if ui.button(entry.label).on_hover_text(entry.tooltip).clicked() {
        out.push(command);
        ui.close();
    }
}

pub(super) fn recent_ui(
    ui: &mut Ui,
    recent: &[std::path::PathBuf],
    open: Option<&std::path::Path>,
    command: fn(std::path::PathBuf) -> Command,
    out: &mut Vec<Command>,
) {
    let others: Vec<_> = recent.iter().filter(|path| Some(path.as_path()) != open).collect();
    if others.is_empty() {
        return;
    }
    caption_ui(ui, "Recent");
    for path in others {
        let button = egui::Button::new(file_name(path)).truncate();
        if ui.add(button).on_hover_text(path.display().to_string()).clicked() {
            out.push(command(path.clone()));
            ui.close();
        }
    }
}

pub(super) fn facts_ui(ui: &mut Ui, id: &str, facts: &[(&str, String)]) {
    let palette = theme::palette(ui);
    egui::Grid::new(id).num_columns(2).spacing([PAD, 3.0]).show(ui, |ui| {
        for (name, value) in facts {
            ui.label(theme::small(*name).color(palette.weak));
            ui.add(egui::Label::new(theme::small(value)).wrap());
            ui.end_row();
        }
    });
}

fn block_ui(ui: &mut Ui, view: &View, out: &mut Vec<Command>) {
    let Some(bank) = &view.session.bank else { return };
    let blocks = &bank.bank.blocks;
    let Some(at) = blocks.iter().position(|&block| block == view.session.block) else { return };
    let all =
        view.session.model.as_ref().map_or_else(|| blocks.last().map_or(0, |last| last + 1), |model| model.info.blocks);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 8.0;
        ui.label(egui::RichText::new("Block").color(theme::palette(ui).weak));
        let mut index = at;
        ui.spacing_mut().slider_width = 96.0;
        let slider = egui::Slider::new(&mut index, 0..=blocks.len().saturating_sub(1)).show_value(false);
        let response = ui.add_enabled(blocks.len() > 1, slider).accessible_name("Block");
        let response = response.on_hover_text(
            "The residual stream is read after this decoder block. Blocks are counted from 0. The emotion vectors, the readings and the map all belong to it",
        );
        if response.changed() && index != at {
            out.push(Command::Block(blocks[index]));
        }
        let text = format!("{} of {all}", view.session.block);
        ui.add_sized(vec2(46.0, 20.0), egui::Label::new(text));
    });
}

fn metric_ui(ui: &mut Ui, view: &View, out: &mut Vec<Command>) {
    if view.session.bank.is_none() {
        return;
    }
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 8.0;
        ui.label(egui::RichText::new("Metric").color(theme::palette(ui).weak));
        let mut settings = view.settings.clone();
        let options = [
            (Metric::Z, "z", "How many standard deviations the reading lies above neutral text, in sd. At the token before the reply, above other tokens before a reply"),
            (Metric::Cosine, "cosine", "Cosine between the emotion vector and the residual less its neutral mean, −1 to 1"),
            (Metric::Dot, "dot", "Plain projection on the unit vector, in the model's own units. Not comparable between emotions"),
        ];
        if segmented_ui(ui, &mut settings.metric, &options) {
            out.push(Command::Settings(Box::new(settings)));
        }
    });
}

fn theme_ui(ui: &mut Ui, view: &View, out: &mut Vec<Command>) {
    let mut settings = view.settings.clone();
    let options = [
        (Appearance::System, "Auto", "Follow the system"),
        (Appearance::Light, "Light", "Light theme"),
        (Appearance::Dark, "Dark", "Dark theme"),
    ];
    if segmented_ui(ui, &mut settings.theme, &options) {
        out.push(Command::Settings(Box::new(settings)));
    }
}
