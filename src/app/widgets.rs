//! Small parts which several panels share.

use egui::{
    Align2, Color32, Frame, Margin, Pos2, Rect, Response, Role, Sense, Stroke, StrokeKind, TextStyle, Ui, WidgetInfo,
    pos2, vec2,
};

use super::theme::{self, GAP, PAD, RADIUS};

/// The frame of a panel's card.
pub fn card(ui: &Ui) -> Frame {
    let palette = theme::palette(ui);
    Frame::NONE
        .fill(palette.card)
        .stroke(Stroke::new(1.0, palette.border))
        .corner_radius(RADIUS)
        .inner_margin(Margin::same(PAD as i8))
}

/// A card's title with a caption at the right.
pub fn title_ui(ui: &mut Ui, title: &str, right: impl FnOnce(&mut Ui)) {
    ui.horizontal(|ui| {
        ui.set_min_height(24.0);
        ui.label(theme::heading(title).color(theme::palette(ui).strong));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), right);
    });
}

/// Weak small text which wraps.
pub fn caption_ui(ui: &mut Ui, text: impl Into<String>) -> Response {
    let colour = theme::palette(ui).weak;
    ui.add(egui::Label::new(theme::small(text).color(colour)).wrap())
}

/// A weak one-line caption, cut where it does not fit.
pub fn caption_line_ui(ui: &mut Ui, text: impl Into<String>) -> Response {
    let colour = theme::palette(ui).weak;
    ui.add(egui::Label::new(theme::small(text).color(colour)).truncate())
}

/// A choice of few: all are seen, one is set. Returns whether it changed. `options`: value, label, tooltip.
pub fn segmented_ui<T: Copy + PartialEq>(ui: &mut Ui, value: &mut T, options: &[(T, &str, &str)]) -> bool {
    let mut changed = false;
    let palette = theme::palette(ui);
    Frame::NONE
        .fill(palette.sunken)
        .stroke(Stroke::new(1.0, palette.border))
        .corner_radius(theme::CONTROL_RADIUS + 1)
        .inner_margin(2)
        .show(ui, |ui| {
            ui.spacing_mut().item_spacing.x = 2.0;
            ui.spacing_mut().button_padding = vec2(7.0, 1.0);
            ui.spacing_mut().interact_size.y = 20.0;
            ui.horizontal(|ui| {
                let mut options: Vec<_> = options.iter().collect();
                if ui.layout().prefer_right_to_left() {
                    options.reverse();
                }
                for (option, label, tooltip) in options {
                    let selected = *value == *option;
                    let (fill, text) =
                        if selected { (palette.hovered, palette.strong) } else { (Color32::TRANSPARENT, palette.weak) };
                    let button = egui::Button::new(theme::small(*label).color(text))
                        .fill(fill)
                        .stroke(Stroke::NONE)
                        .selected(selected);
                    let response = ui.add(button).on_hover_text(*tooltip);
                    response.widget_info(|| WidgetInfo::selected(Role::RadioButton, true, selected, *label));
                    if response.clicked() && !selected {
                        *value = *option;
                        changed = true;
                    }
                }
            });
        });
    changed
}

/// The one button of a panel that matters most. While it is disabled it looks like any other.
pub fn primary_button_ui(ui: &mut Ui, label: &str, enabled: bool, size: egui::Vec2) -> Response {
    let palette = theme::palette(ui);
    let button = if enabled {
        egui::Button::new(egui::RichText::new(label).color(palette.on_accent)).fill(palette.accent).stroke(Stroke::NONE)
    } else {
        egui::Button::new(label.to_owned())
    };
    ui.add_enabled_ui(enabled, |ui| ui.add_sized(size, button)).inner
}

/// A small square button with a painted sign instead of text.
pub fn sign_button_ui(ui: &mut Ui, rect: Rect, id: egui::Id, sign: Sign, name: &str) -> Response {
    let response = ui.interact(rect, id, Sense::click()).on_hover_text(name);
    let enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, name));
    let palette = theme::palette(ui);
    let active = response.hovered() || response.has_focus();
    if active {
        ui.painter().rect_filled(rect, theme::CONTROL_RADIUS, palette.hovered);
    }
    let stroke = Stroke::new(1.3, if active { palette.strong } else { palette.weak });
    let (c, r) = (rect.center(), 4.0);
    let painter = ui.painter();
    match sign {
        Sign::Plus => {
            painter.line_segment([c - vec2(r, 0.0), c + vec2(r, 0.0)], stroke);
            painter.line_segment([c - vec2(0.0, r), c + vec2(0.0, r)], stroke);
        }
        Sign::Cross => {
            painter.line_segment([c - vec2(3.2, 3.2), c + vec2(3.2, 3.2)], stroke);
            painter.line_segment([c + vec2(-3.2, 3.2), c + vec2(3.2, -3.2)], stroke);
        }
    }
    response
}

/// What a [`sign_button_ui`] shows.
#[derive(Clone, Copy)]
pub enum Sign {
    Plus,
    Cross,
}

/// A pin's marker: filled when pinned, a ring when not.
pub fn pin_marker(ui: &Ui, centre: Pos2, pin: Option<Color32>) {
    let palette = theme::palette(ui);
    match pin {
        Some(colour) => ui.painter().circle_filled(centre, 4.5, colour),
        None => ui.painter().circle_stroke(centre, 4.0, Stroke::new(1.0, palette.border)),
    };
}

/// A bar from the middle: right for positive, left for negative, so that the sign does not need colour. `value` in −1..1.
pub fn score_bar(ui: &Ui, rect: Rect, value: f32) {
    let palette = theme::palette(ui);
    let painter = ui.painter();
    let middle = rect.center().x;
    let value = if value.is_finite() { value.clamp(-1.0, 1.0) } else { 0.0 };
    let end = middle + value * rect.width() / 2.0;
    let bar = Rect::from_min_max(pos2(middle.min(end), rect.top()), pos2(middle.max(end), rect.bottom()));
    painter.rect_filled(bar, 1.0, theme::score_fill(palette, value.signum() * (0.35 + 0.65 * value.abs())));
    painter.vline(middle.round() + 0.5, rect.y_range().expand(2.0), Stroke::new(1.0, palette.border));
}

/// Writes text into a rectangle, cut at its edges.
pub fn text_in(ui: &Ui, rect: Rect, align: Align2, text: impl ToString, style: TextStyle, colour: Color32) {
    let font = style.resolve(ui.style());
    ui.painter().with_clip_rect(rect.expand2(vec2(0.0, 2.0)).intersect(ui.clip_rect())).text(
        align.pos_in_rect(&rect),
        align,
        text,
        font,
        colour,
    );
}

/// Centred advice for a panel with nothing to show yet.
pub fn advice_ui(ui: &mut Ui, strong: &str, weak: &str) {
    let palette = theme::palette(ui);
    let height = ui.available_height();
    ui.vertical_centered(|ui| {
        ui.add_space((height / 2.0 - 30.0).max(4.0));
        ui.label(egui::RichText::new(strong).color(palette.text));

        ui.label(theme::small(weak).color(palette.weak));
    });
}

/// A path field with a Browse button. Returns what was done with it.
pub fn path_ui(ui: &mut Ui, name: &str, hint: &str, path: &mut String) -> PathAction {
    let mut action = PathAction::None;
    ui.horizontal(|ui| {
        let size = vec2((ui.available_width() - 90.0 - GAP).max(120.0), 28.0);
        let field = egui::TextEdit::singleline(path)
            .hint_text(hint.to_owned())
            .align(Align2::LEFT_CENTER)
            .margin(Margin::symmetric(8, 4));
        let field = ui.add_sized(size, field).accessible_name(name.to_owned());
        if field.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter)) && !path.trim().is_empty() {
            action = PathAction::Entered;
        }
        let browse = ui.add_sized(vec2(90.0, 28.0), egui::Button::new("Browse…"));
        if browse.accessible_name(format!("Browse: {name}")).clicked() {
            action = PathAction::Browse;
        }
    });
    action
}

/// What a person did in a [`path_ui`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum PathAction {
    None,
    Entered,
    Browse,
}

/// A frame around a rectangle, drawn inside it.
pub fn outline(ui: &Ui, rect: Rect, colour: Color32, width: f32) {
    ui.painter().rect_stroke(rect, 3.0, Stroke::new(width, colour), StrokeKind::Inside);
}
