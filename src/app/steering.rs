//! Steering: one slider per steered emotion, and where and when the vectors are added.

use egui::{Rect, Ui, pos2, vec2};

use super::theme;
use super::widgets::{Sign, caption_ui, segmented_ui, sign_button_ui, text_in, title_ui};
use super::{Command, View, format};
use crate::steering::{BlockRange, ChangeRule, RANDOM, Scope, Steering};

/// Ends of the sliders, in residual norms. The typed value may go beyond.
const REACH: f32 = 0.5;
/// Ends of the typed value.
const LIMIT: f32 = 5.0;

pub fn steering_ui(ui: &mut Ui, view: &View, out: &mut Vec<Command>) {
    let palette = theme::palette(ui);
    let old = &view.session.steering;
    let mut new = old.clone();
    title_ui(ui, "Steering", |ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        let has = |name: &str| old.terms.iter().any(|term| term.name == name);
        let random = egui::Button::new(theme::small("+ random")).small();
        let tooltip = "Add a random direction of the same length: the control that tells whether the emotion matters";
        if ui.add_enabled(view.session.bank.is_some() && !has(RANDOM), random).on_hover_text(tooltip).clicked() {
            out.push(Command::Steer(RANDOM.into()));
        }
        if !old.terms.is_empty()
            && ui.add(egui::Button::new(theme::small("Clear")).small()).on_hover_text("Remove all steering").clicked()
        {
            out.push(Command::ClearSteering);
        }
    });
    if old.terms.is_empty() {
        caption_ui(
            ui,
            "Nothing is added to the residual stream. Press + beside an emotion, or click one on the map, to steer with it.",
        );
        return;
    }
    egui::ScrollArea::vertical().max_height(168.0).show(ui, |ui| terms_ui(ui, view, &mut new));
    ui.add_space(2.0);
    let label = |ui: &mut Ui, text: &str| {
        let (rect, _) = ui.allocate_exact_size(vec2(46.0, 22.0), egui::Sense::hover());
        text_in(ui, rect, egui::Align2::LEFT_CENTER, text, egui::TextStyle::Small, palette.weak);
    };
    ui.horizontal(|ui| {
        label(ui, "Tokens");
        segmented_ui(
            ui,
            &mut new.scope,
            &[
                (Scope::Both, "All", "Push every token"),
                (Scope::Prompt, "Prompt", "Push the prompt before the about-to-answer token"),
                (Scope::Reply, "Reply", "Push from the about-to-answer token on: it decides the first word"),
            ],
        );
    });
    ui.horizontal(|ui| {
        label(ui, "Blocks");
        blocks_ui(ui, view, &mut new);
    });
    ui.horizontal(|ui| {
        label(ui, "Change");
        segmented_ui(
            ui,
            &mut new.change,
            &[
                (
                    ChangeRule::FromHere,
                    "From here on",
                    "A change during a reply acts from the next token; the text so far keeps its old push",
                ),
                (
                    ChangeRule::FromStart,
                    "As if from start",
                    "A change during a reply reads the text again, as if it had held from the start",
                ),
            ],
        );
    });
    if new.terms.iter().any(|term| term.name == RANDOM) {
        ui.horizontal(|ui| {
            label(ui, "Seed");
            ui.add(egui::DragValue::new(&mut new.seed))
                .accessible_name("Seed of the random direction")
                .on_hover_text("Seed of the random direction");
        });
    }
    caption_ui(ui, sum_text(view, &new));
    if new != *old {
        out.push(Command::Steering(new));
    }
}

fn terms_ui(ui: &mut Ui, view: &View, steering: &mut Steering) {
    let mut removed = None;
    for (index, term) in steering.terms.iter_mut().enumerate() {
        let palette = theme::palette(ui);
        let name = if term.name == RANDOM { "random".to_owned() } else { term.name.clone() };
        ui.horizontal(|ui| {
            ui.set_min_height(24.0);
            let width = ui.available_width();
            let emotion = view
                .session
                .bank
                .as_ref()
                .and_then(|bank| bank.bank.emotions.iter().position(|emotion| *emotion == name));
            let colour = emotion
                .and_then(|emotion| view.session.pin_of(emotion))
                .map_or(palette.text, |pin| theme::pin(palette, pin.colour));
            ui.scope(|ui| {
                ui.set_width(74.0);
                ui.add(
                    egui::Label::new(egui::RichText::new(&name).color(if term.strength == 0.0 {
                        palette.weak
                    } else {
                        colour
                    }))
                    .truncate(),
                );
            });
            ui.spacing_mut().interact_size.y = 18.0;
            ui.spacing_mut().slider_width = (width - 74.0 - 62.0 - 24.0 - 24.0).max(40.0);
            // The handle stays at the end of the rail while the typed value is beyond it.
            let mut rail = term.strength.clamp(-REACH, REACH);
            let slider = egui::Slider::new(&mut rail, -REACH..=REACH).show_value(false).smart_aim(false).step_by(0.005);
            let slider = ui.add(slider).accessible_name(format!("Strength of {name}"));
            if slider.changed() {
                term.strength = rail;
            }
            slider.on_hover_text("Strength in residual norms per block, added at every block of the range");
            let value = egui::DragValue::new(&mut term.strength)
                .range(-LIMIT..=LIMIT)
                .speed(0.002)
                .custom_formatter(|value, _| format::signed(value, 3))
                .custom_parser(|text| text.replace('−', "-").trim().parse().ok());
            ui.add_sized(vec2(56.0, 22.0), value).accessible_name(format!("Strength of {name} as a number"));
            let centre = pos2(ui.max_rect().right() - 10.0, ui.min_rect().center().y);
            let rect = Rect::from_center_size(centre, vec2(20.0, 20.0));
            if sign_button_ui(
                ui,
                rect,
                ui.scope_id().with(("remove", &name)),
                Sign::Cross,
                &format!("Stop steering {name}"),
            )
            .clicked()
            {
                removed = Some(index);
            }
        });
    }
    if let Some(index) = removed {
        steering.terms.remove(index);
    }
}

/// The range in force, and how many blocks the model has.
fn range(view: &View, steering: &Steering) -> Option<(BlockRange, usize)> {
    let bank = &view.session.bank.as_ref()?.bank;
    let blocks = view.session.model.as_ref().map(|model| model.info.blocks);
    let blocks = blocks.unwrap_or_else(|| bank.blocks.last().map_or(1, |last| last + 1));
    Some((steering.blocks.unwrap_or_else(|| bank.default_blocks(blocks)), blocks))
}

fn blocks_ui(ui: &mut Ui, view: &View, steering: &mut Steering) {
    let Some((mut range, blocks)) = range(view, steering) else { return };
    let before = range;
    let last = blocks.saturating_sub(1);
    ui.spacing_mut().item_spacing.x = 4.0;
    ui.add_sized(vec2(34.0, 22.0), egui::DragValue::new(&mut range.first).range(0..=range.last.min(last)).speed(0.1))
        .accessible_name("First steered block");
    ui.label(theme::small("to").color(theme::palette(ui).weak));
    ui.add_sized(vec2(34.0, 22.0), egui::DragValue::new(&mut range.last).range(range.first..=last).speed(0.1))
        .accessible_name("Last steered block");
    if range != before {
        steering.blocks = Some(range);
    }
    if steering.blocks.is_none() {
        ui.label(theme::small("default").color(theme::palette(ui).weak));
    } else if ui
        .add(egui::Button::new(theme::small("Default")).small())
        .on_hover_text("Back to the bank's range")
        .clicked()
    {
        steering.blocks = None;
    }
}

/// What all the pushes come to, in words.
fn sum_text(view: &View, steering: &Steering) -> String {
    let Some((range, _)) = range(view, steering) else {
        return "Open a bank to steer".into();
    };
    let held =
        view.session.bank.as_ref().map_or(0, |bank| {
            bank.bank.blocks.iter().filter(|block| (range.first..=range.last).contains(block)).count()
        });
    let one: f32 = steering.terms.iter().map(|term| term.strength.abs()).sum();
    if held == 0 {
        return format!("The bank holds no vectors for blocks {} to {}: choose others", range.first, range.last);
    }
    if one == 0.0 {
        return "Every strength is 0: the run is exactly the unsteered one".into();
    }
    let most = if steering.terms.iter().filter(|term| term.strength != 0.0).count() > 1 { "at most " } else { "" };
    let blocks = if held == 1 { "block" } else { "blocks" };
    format!("{held} {blocks} × {one:.3} = {most}{:.2} residual norms pushed per token", one * held as f32)
}
