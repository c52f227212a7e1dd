//! The dialog which opens a model from Hugging Face: one of a short list, or any by its name.

use egui::{Align2, Context, Rect, Role, Sense, TextStyle, Ui, WidgetInfo, pos2, vec2};

use super::theme::{self, PAD, ROW};
use super::widgets::{caption_ui, primary_button_ui, text_in};
use super::{Command, format};
use crate::model::Hub;

const WIDTH: f32 = 560.0;
const HEIGHT: f32 = 28.0;

/// A model of the list.
struct Offer {
    name: &'static str,
    parameters: u64,
    /// Bytes to download.
    bytes: u64,
    chat: bool,
    /// The owner asks for a licence to be accepted first.
    gated: bool,
}

const fn offer(name: &'static str, parameters: u64, bytes: u64, chat: bool) -> Offer {
    Offer { name, parameters, bytes, chat, gated: false }
}

/// Open models of the families the program reads, small ones first.
const OFFERS: [Offer; 9] = [
    offer("HuggingFaceTB/SmolLM2-135M-Instruct", 135_000_000, 271_000_000, true),
    offer("openai-community/gpt2", 124_000_000, 550_000_000, false),
    offer("HuggingFaceTB/SmolLM2-360M-Instruct", 362_000_000, 726_000_000, true),
    offer("EleutherAI/pythia-410m", 405_000_000, 913_000_000, false),
    offer("Qwen/Qwen2.5-0.5B-Instruct", 494_000_000, 995_000_000, true),
    offer("Qwen/Qwen3-0.6B", 596_000_000, 1_515_000_000, true),
    Offer { gated: true, ..offer("google/gemma-3-1b-it", 1_000_000_000, 2_033_000_000, true) },
    offer("TinyLlama/TinyLlama-1.1B-Chat-v1.0", 1_100_000_000, 2_202_000_000, true),
    Offer { gated: true, ..offer("meta-llama/Llama-3.2-1B-Instruct", 1_236_000_000, 2_481_000_000, true) },
];

/// What has been typed, and what of it and of the list is in the cache.
pub struct HubDraft {
    name: String,
    named_in_cache: bool,
    offers_in_cache: [bool; OFFERS.len()],
    fresh: bool,
}

impl HubDraft {
    pub fn new(hub: &Hub) -> Self {
        let offers_in_cache = OFFERS.map(|offer| hub.has(offer.name));
        Self { name: String::new(), named_in_cache: false, offers_in_cache, fresh: true }
    }

    fn set(&mut self, name: &str, hub: &Hub) {
        name.clone_into(&mut self.name);
        self.named_in_cache = hub.has(self.name.trim());
    }

    fn offer(&self) -> Option<&'static Offer> {
        OFFERS.iter().find(|offer| offer.name == self.name.trim())
    }
}

/// Shows the dialog while there is a draft.
pub fn hub_dialog_ui(ctx: &Context, hub: &Hub, draft: &mut Option<HubDraft>, out: &mut Vec<Command>) {
    let Some(open) = draft else { return };
    let frame = egui::Frame::popup(&ctx.global_style()).inner_margin(egui::Margin::same(18));
    let modal = egui::Modal::new(egui::Id::unique("hub dialog")).frame(frame).show(ctx, |ui| {
        ui.set_width(WIDTH);
        dialog_ui(ui, hub, open, out)
    });
    if modal.inner || modal.should_close() {
        *draft = None;
    }
}

/// Returns whether the dialog is done with.
fn dialog_ui(ui: &mut Ui, hub: &Hub, draft: &mut HubDraft, out: &mut Vec<Command>) -> bool {
    let palette = theme::palette(ui);
    ui.label(theme::heading("Open from Hugging Face").color(palette.strong));
    if hub.offline {
        let text = "HF_HUB_OFFLINE is set, so the network is not used: models in the cache can be opened.";
        ui.add(egui::Label::new(theme::small(text).color(palette.warning)).wrap());
    } else {
        caption_ui(
            ui,
            format!(
                "Downloads a model from {} once, into the Hugging Face cache, where other programs find it too. Nothing you write or read leaves this machine.",
                hub.site()
            ),
        );
    }
    ui.add_space(PAD);
    ui.label("Model");
    let entered = name_ui(ui, hub, draft);
    ui.add_space(PAD);
    list_ui(ui, hub, draft);
    ui.add_space(PAD);
    hint_ui(ui, hub, draft);
    ui.add_space(PAD);
    actions_ui(ui, hub, draft, entered, out)
}

/// The field for the name. Returns whether Enter was pressed in it.
fn name_ui(ui: &mut Ui, hub: &Hub, draft: &mut HubDraft) -> bool {
    let mut name = draft.name.clone();
    let field = egui::TextEdit::singleline(&mut name)
        .hint_text("owner/name, as on huggingface.co")
        .align(Align2::LEFT_CENTER)
        .margin(egui::Margin::symmetric(8, 4));
    let response = ui.add_sized(vec2(ui.available_width(), HEIGHT), field).accessible_name("Model on Hugging Face");
    if std::mem::take(&mut draft.fresh) {
        response.request_focus();
    }
    if response.changed() {
        draft.set(&name, hub);
    }
    response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter))
}

fn list_ui(ui: &mut Ui, hub: &Hub, draft: &mut HubDraft) {
    let palette = theme::palette(ui);
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 18.0), Sense::hover());
    let columns = Columns::of(rect);
    for (rect, align, text) in [
        (columns.name, Align2::LEFT_CENTER, "Or one of these"),
        (columns.parameters, Align2::RIGHT_CENTER, "Parameters"),
        (columns.size, Align2::RIGHT_CENTER, "Download"),
    ] {
        text_in(ui, rect, align, text, TextStyle::Small, palette.weak);
    }
    ui.spacing_mut().item_spacing.y = 1.0;
    for (offer, in_cache) in OFFERS.iter().zip(draft.offers_in_cache) {
        let selected = draft.name.trim() == offer.name;
        if row_ui(ui, offer, in_cache, selected).clicked() {
            draft.set(offer.name, hub);
        }
    }
}

/// Where the parts of a row lie.
struct Columns {
    name: Rect,
    parameters: Rect,
    size: Rect,
    note: Rect,
}

impl Columns {
    fn of(rect: Rect) -> Self {
        let part = |from: f32, to: f32| {
            Rect::from_min_max(pos2(rect.left() + from, rect.top()), pos2(rect.left() + to, rect.bottom()))
        };
        Self {
            name: part(8.0, 290.0),
            parameters: part(280.0, 360.0),
            size: part(360.0, 440.0),
            note: part(460.0, WIDTH),
        }
    }
}

fn row_ui(ui: &mut Ui, offer: &Offer, in_cache: bool, selected: bool) -> egui::Response {
    let palette = theme::palette(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::click());
    let (parameters, size) = (format::count(offer.parameters), format::bytes(offer.bytes));
    let (note, colour) = match (in_cache, offer.gated, offer.chat) {
        (true, ..) => ("in the cache", palette.accent),
        (_, true, _) => ("needs a licence", palette.warning),
        (_, _, false) => ("plain text", palette.weak),
        _ => ("", palette.weak),
    };
    let enabled = ui.is_enabled();
    response.widget_info(|| {
        let mut info = WidgetInfo::selected(Role::RadioButton, enabled, selected, offer.name);
        info.current_text_value = Some(format!("{parameters} parameters, {size} to download {note}").trim_end().into());
        info
    });
    if selected {
        ui.painter().rect_filled(rect, theme::CONTROL_RADIUS, ui.visuals().selection.bg_fill);
    } else if response.hovered() || response.has_focus() {
        ui.painter().rect_filled(rect, theme::CONTROL_RADIUS, palette.raised);
    }
    if response.has_focus() {
        super::widgets::outline(ui, rect, palette.accent, 1.0);
    }
    let columns = Columns::of(rect);
    let strong = if selected { palette.strong } else { palette.text };
    text_in(ui, columns.name, Align2::LEFT_CENTER, offer.name, TextStyle::Body, strong);
    text_in(ui, columns.parameters, Align2::RIGHT_CENTER, &parameters, TextStyle::Body, strong);
    text_in(ui, columns.size, Align2::RIGHT_CENTER, &size, TextStyle::Body, strong);
    text_in(ui, columns.note, Align2::LEFT_CENTER, note, TextStyle::Small, colour);
    response.on_hover_text_at_pointer(format!(
        "{}\nAbout {size} to download; takes about {} of memory while it is open",
        if offer.chat { "Made for conversation" } else { "Made to continue plain text" },
        format::bytes(offer.parameters * 4)
    ))
}

/// One or two lines about the model which is named, always of the same height.
fn hint_ui(ui: &mut Ui, hub: &Hub, draft: &HubDraft) {
    let offer = draft.offer();
    let text = if draft.named_in_cache {
        "This model is in the cache: it opens without the network.".into()
    } else if let Some(offer) = offer.filter(|offer| offer.gated) {
        format!(
            "Its owner asks you to accept a licence first, on {}/{}. Then set HF_TOKEN, or run hf auth login in a terminal.",
            hub.site(),
            offer.name
        )
    } else if let Some(offer) = offer {
        format!("Downloads about {}. It can be stopped, and goes on where it stopped.", format::bytes(offer.bytes))
    } else {
        "The model must have config.json, tokenizer.json and *.safetensors. Its size is said once the download has begun.".into()
    };
    ui.allocate_ui(vec2(ui.available_width(), 34.0), |ui| {
        ui.set_min_height(34.0);
        caption_ui(ui, text);
    });
}

fn actions_ui(ui: &mut Ui, hub: &Hub, draft: &HubDraft, entered: bool, out: &mut Vec<Command>) -> bool {
    let name = draft.name.trim();
    let label = if draft.named_in_cache { "Open" } else { "Download and open" };
    let ready = draft.named_in_cache || Hub::is_name(name) && !hub.offline;
    let mut done = false;
    ui.horizontal(|ui| {
        let why = if hub.offline { "The network is switched off" } else { "Write owner/name, or choose a model above" };
        let button = primary_button_ui(ui, label, ready, vec2(160.0, HEIGHT)).on_disabled_hover_text(why);
        if ready && (button.clicked() || entered) {
            out.push(match draft.named_in_cache {
                true => Command::OpenModelAt(name.into()),
                false => Command::FetchModel(name.into()),
            });
            done = true;
        }
        done |= ui.add_sized([90.0, HEIGHT], egui::Button::new("Cancel")).clicked();
    });
    done
}

#[cfg(test)]
mod tests {
    use super::OFFERS;
    use crate::model::Hub;

    #[test]
    fn the_list_goes_by_size() {
        assert!(OFFERS.iter().map(|offer| offer.bytes).is_sorted());
        assert!(OFFERS.iter().all(|offer| Hub::is_name(offer.name)));
    }
}
