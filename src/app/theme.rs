//! The look of the window: every colour, space and text size is decided here, once for dark and once for light.

use egui::{Color32, CornerRadius, FontFamily, FontId, Margin, Shadow, Stroke, TextStyle, Theme, Visuals, vec2};

use crate::emotion::{self, Rgb};

/// Space between neighbours in a row or column.
pub const GAP: f32 = 6.0;
/// Space between groups and around the contents of a card.
pub const PAD: f32 = 12.0;
/// Space between cards.
pub const GUTTER: f32 = 8.0;
/// Corner radius of cards and popups.
pub const RADIUS: u8 = 8;
/// Corner radius of controls.
pub const CONTROL_RADIUS: u8 = 5;
/// Height of a row in the lists.
pub const ROW: f32 = 24.0;

/// Colours of one theme.
#[derive(Clone, Copy, Debug)]
pub struct Palette {
    pub dark: bool,
    /// Behind the cards.
    pub base: Color32,
    /// Cards.
    pub card: Color32,
    /// Controls on a card.
    pub raised: Color32,
    /// Controls under the pointer, and rows.
    pub hovered: Color32,
    /// Fields and plots.
    pub sunken: Color32,
    pub border: Color32,
    pub strong: Color32,
    pub text: Color32,
    pub weak: Color32,
    pub accent: Color32,
    pub on_accent: Color32,
    pub warning: Color32,
    pub error: Color32,
    pub error_card: Color32,
}

const DARK: Palette = Palette {
    dark: true,
    base: Color32::from_rgb(15, 17, 21),
    card: Color32::from_rgb(23, 26, 32),
    raised: Color32::from_rgb(36, 41, 50),
    hovered: Color32::from_rgb(46, 53, 64),
    sunken: Color32::from_rgb(17, 20, 25),
    border: Color32::from_rgb(44, 50, 61),
    strong: Color32::from_rgb(240, 243, 247),
    text: Color32::from_rgb(205, 211, 220),
    weak: Color32::from_rgb(139, 149, 163),
    accent: Color32::from_rgb(45, 168, 148),
    on_accent: Color32::from_rgb(8, 24, 21),
    warning: Color32::from_rgb(224, 170, 72),
    error: Color32::from_rgb(240, 118, 108),
    error_card: Color32::from_rgb(50, 28, 30),
};

const LIGHT: Palette = Palette {
    dark: false,
    base: Color32::from_rgb(233, 236, 240),
    card: Color32::from_rgb(253, 253, 254),
    raised: Color32::from_rgb(236, 239, 243),
    hovered: Color32::from_rgb(224, 229, 235),
    sunken: Color32::from_rgb(246, 247, 249),
    border: Color32::from_rgb(214, 219, 226),
    strong: Color32::from_rgb(17, 22, 29),
    text: Color32::from_rgb(45, 53, 64),
    weak: Color32::from_rgb(96, 106, 120),
    accent: Color32::from_rgb(13, 124, 107),
    on_accent: Color32::from_rgb(255, 255, 255),
    warning: Color32::from_rgb(146, 95, 8),
    error: Color32::from_rgb(180, 40, 34),
    error_card: Color32::from_rgb(253, 236, 234),
};

/// The colours in force.
pub fn palette(ui: &egui::Ui) -> &'static Palette {
    if ui.visuals().dark_mode { &DARK } else { &LIGHT }
}

/// The window's background before anything is drawn.
pub fn background(theme: Theme) -> Color32 {
    of(theme).base
}

fn of(theme: Theme) -> &'static Palette {
    match theme {
        Theme::Dark => &DARK,
        Theme::Light => &LIGHT,
    }
}

/// A colour of [`emotion`] for egui.
pub fn colour([r, g, b]: Rgb) -> Color32 {
    Color32::from_rgb(r, g, b)
}

/// Colour of a score in units of the scale's end (−1..1), over a card.
pub fn score_fill(palette: &Palette, value: f32) -> Color32 {
    let [r, g, b, _] = palette.card.to_array();
    colour(emotion::diverging(value, [r, g, b], palette.dark))
}

/// Text which stands out on this fill.
pub fn text_on(palette: &Palette, fill: Color32) -> Color32 {
    let [r, g, b, _] = fill.to_array();
    let light = emotion::text_on([r, g, b]) == [255, 255, 255];
    match (light, palette.dark) {
        (true, true) => palette.strong,
        (false, false) => palette.strong,
        (true, false) => palette.card,
        (false, true) => palette.base,
    }
}

/// Colour of the n-th pin. The colours which could be taken for the score scale's come last.
pub fn pin(palette: &Palette, index: usize) -> Color32 {
    const ORDER: [usize; 10] = [2, 3, 4, 7, 9, 5, 6, 8, 1, 0];
    let pure = colour(emotion::categorical(ORDER[index % ORDER.len()]));
    let (end, share) = if palette.dark { (Color32::WHITE, 0.15) } else { (Color32::BLACK, 0.28) };
    pure.lerp_to_gamma(end, share)
}

/// Text which heads a card.
pub fn heading(text: impl Into<String>) -> egui::RichText {
    egui::RichText::new(text).text_style(TextStyle::Heading)
}

/// Text of captions and units.
pub fn small(text: impl Into<String>) -> egui::RichText {
    egui::RichText::new(text).text_style(TextStyle::Small)
}

/// Gives a context the program's look in both themes.
pub fn install(ctx: &egui::Context) {
    // The arrows and signs which the text font lacks are in the monospaced one, also where there are no system fonts.
    let mut fonts = egui::FontDefinitions::default();
    let signs = fonts.families.get(&FontFamily::Monospace).cloned().unwrap_or_default();
    fonts.families.entry(FontFamily::Proportional).or_default().extend(signs);
    ctx.set_fonts(fonts);
    for theme in [Theme::Dark, Theme::Light] {
        ctx.style_mut_of(theme, |style| apply(style, of(theme)));
    }
}

fn apply(style: &mut egui::Style, palette: &Palette) {
    let proportional = |size| FontId::new(size, FontFamily::Proportional);
    style.text_styles = [
        (TextStyle::Heading, proportional(15.5)),
        (TextStyle::Body, proportional(13.5)),
        (TextStyle::Button, proportional(13.5)),
        (TextStyle::Small, proportional(12.0)),
        (TextStyle::Monospace, FontId::new(12.5, FontFamily::Monospace)),
    ]
    .into();
    let spacing = &mut style.spacing;
    spacing.item_spacing = vec2(GAP, GAP);
    spacing.button_padding = vec2(9.0, 3.0);
    spacing.interact_size = vec2(28.0, 24.0);
    spacing.menu_margin = Margin::same(8);
    spacing.window_margin = Margin::same(16);
    spacing.slider_width = 110.0;
    spacing.slider_rail_height = 4.0;
    spacing.combo_width = 60.0;
    spacing.icon_width = 15.0;
    spacing.icon_width_inner = 8.0;
    spacing.tooltip_width = 320.0;
    spacing.scroll.bar_width = 8.0;
    spacing.scroll.floating_width = 4.0;
    spacing.scroll.fade.strength = 0.0;
    style.interaction.selectable_labels = false;
    style.visuals = visuals(palette);
}

fn visuals(palette: &Palette) -> Visuals {
    let mut visuals = if palette.dark { Visuals::dark() } else { Visuals::light() };
    visuals.panel_fill = palette.base;
    visuals.window_fill = palette.card;
    visuals.window_stroke = Stroke::new(1.0, palette.border);
    visuals.window_corner_radius = CornerRadius::same(RADIUS);
    visuals.menu_corner_radius = CornerRadius::same(RADIUS);
    visuals.window_shadow = shadow(palette, 24);
    visuals.popup_shadow = shadow(palette, 12);
    visuals.extreme_bg_color = palette.sunken;
    visuals.text_edit_bg_color = Some(palette.sunken);
    visuals.faint_bg_color = palette.raised;
    visuals.code_bg_color = palette.raised;
    visuals.hyperlink_color = palette.accent;
    visuals.warn_fg_color = palette.warning;
    visuals.error_fg_color = palette.error;
    visuals.weak_text_color = Some(palette.weak);
    visuals.selection.bg_fill = palette.accent.gamma_multiply(if palette.dark { 0.35 } else { 0.22 });
    visuals.selection.stroke = Stroke::new(1.0, palette.accent);
    visuals.slider_trailing_fill = false;
    visuals.handle_shape = egui::style::HandleShape::Circle;
    visuals.disabled_alpha = 0.45;

    let widgets = &mut visuals.widgets;
    for (widget, fill, text, border) in [
        (&mut widgets.noninteractive, palette.card, palette.text, palette.border),
        (&mut widgets.inactive, palette.raised, palette.text, palette.border),
        (&mut widgets.hovered, palette.hovered, palette.strong, palette.weak),
        (&mut widgets.active, palette.hovered, palette.strong, palette.accent),
        (&mut widgets.open, palette.hovered, palette.strong, palette.border),
    ] {
        widget.bg_fill = fill;
        widget.weak_bg_fill = fill;
        widget.fg_stroke = Stroke::new(1.0, text);
        widget.bg_stroke = Stroke::new(1.0, border);
        widget.corner_radius = CornerRadius::same(CONTROL_RADIUS);
        widget.expansion = 0.0;
    }
    // Rails and boxes must be seen on a card.
    widgets.inactive.bg_fill = palette.border;
    visuals
}

fn shadow(palette: &Palette, blur: u8) -> Shadow {
    let strength = if palette.dark { 110 } else { 36 };
    Shadow { offset: [0, 4], blur, spread: 0, color: Color32::from_black_alpha(strength) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance(colour: Color32) -> f32 {
        let [r, g, b, _] = colour.to_array().map(|channel| {
            let share = f32::from(channel) / 255.0;
            if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }

    fn contrast(a: Color32, b: Color32) -> f32 {
        let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
        a.max(b) / a.min(b)
    }

    #[track_caller]
    fn check(text: Color32, ground: Color32, least: f32) {
        let contrast = contrast(text, ground);
        assert!(contrast >= least, "contrast {contrast:.2} of {text:?} on {ground:?} is below {least}");
    }

    #[test]
    fn text_can_be_read_in_both_themes() {
        for palette in [DARK, LIGHT] {
            for ground in [palette.base, palette.card, palette.raised, palette.sunken] {
                check(palette.text, ground, 7.0);
                check(palette.weak, ground, 4.5);
            }
            check(palette.on_accent, palette.accent, 4.5);
            check(palette.error, palette.error_card, 4.5);
            check(palette.warning, palette.card, 4.5);
        }
    }

    #[test]
    fn text_can_be_read_on_every_score() {
        for palette in [DARK, LIGHT] {
            for step in -20..=20 {
                let fill = score_fill(&palette, step as f32 / 20.0);
                check(text_on(&palette, fill), fill, 4.0);
            }
        }
    }
}
