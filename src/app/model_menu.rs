//! The model's menu: what the open model is, how and where the next one is kept, and the ways to open it.

use egui::Ui;

use super::state::Settings;
use super::theme;
use super::top_bar::{entry_ui, facts_ui, menu_label, recent_ui};
use super::widgets::segmented_ui;
use super::{Command, View, format};
use crate::model::{DeviceChoice, ModelInfo, Precision};

pub fn model_menu_ui(ui: &mut Ui, view: &View, out: &mut Vec<Command>) {
    let model = view.session.model.as_ref();
    let name = model.map(|model| named(&model.info));
    let label = menu_label("Model", name.as_deref());
    let response = ui.menu_button(label, |ui| {
        ui.set_width(330.0);
        if let Some(model) = model {
            let info = &model.info;
            facts_ui(
                ui,
                "model facts",
                &[
                    ("Architecture", info.architecture.clone()),
                    ("Parameters", format::count(info.parameters)),
                    ("Blocks", format!("{} (0 to {})", info.blocks, info.blocks.saturating_sub(1))),
                    ("Width", info.width.to_string()),
                    ("Heads", format!("{} ({} for keys)", info.heads, info.kv_heads)),
                    ("Context", format!("{} tokens", info.context)),
                    ("Weights", format!("{} in the file, kept as {}", info.dtype, info.precision)),
                    ("Device", info.device.clone()),
                    ("Memory", memory(info)),
                    (
                        "Chat template",
                        if info.chat_template { "its own".into() } else { "plain Human / Assistant".into() },
                    ),
                    ("Folder", format::place(&model.path)),
                ],
            );
            for warning in info.caveat.iter().chain(&info.warnings) {
                ui.label(theme::small(warning).color(theme::palette(ui).warning));
            }
            ui.separator();
        }
        precision_ui(ui, view, out);
        device_ui(ui, view.settings, &DeviceChoice::known(), out);
        ui.separator();
        entry_ui(ui, Command::OpenInside, out);
        entry_ui(ui, Command::OpenModel, out);
        entry_ui(ui, Command::OpenModelFile, out);
        entry_ui(ui, Command::OpenFromHub, out);
        recent_ui(ui, &view.settings.recent_models, model.map(|model| model.path.as_path()), Command::OpenModelAt, out);
    });
    let tooltip = model.map_or("No model is open".into(), |model| format!("The open model, on {}", model.info.device));
    response.response.on_hover_text(tooltip);
}

/// What the model is called, and which accelerator holds it.
fn named(info: &ModelInfo) -> String {
    if info.device == DeviceChoice::Cpu.to_string() {
        return info.id.clone();
    }
    format!("{} on {}", info.id, info.device)
}

/// What the weights take, and what rounding cost them.
fn memory(info: &ModelInfo) -> String {
    let size = format!("{:.1} MB", info.memory as f64 / 1e6);
    match info.rounding {
        Some(share) => format!("{size}, rounding error {:.2} % (rms)", 100.0 * share),
        None => size,
    }
}

/// How the next model is kept.
fn precision_ui(ui: &mut Ui, view: &View, out: &mut Vec<Command>) {
    let mut settings = view.settings.clone();
    let options = [
        (Precision::AsStored, "f32", "Weights in 32 bits, as they are in the file"),
        (Precision::Q8_0, "Q8_0", "Weights rounded to 8 bits: a quarter of the memory, faster replies, slower prompts"),
    ];
    ui.horizontal(|ui| {
        ui.label("The next model is kept as");
        if segmented_ui(ui, &mut settings.precision, &options) {
            out.push(Command::Settings(Box::new(settings)));
        }
    });
}

/// Where the next model is kept; nothing where there is only one place.
fn device_ui(ui: &mut Ui, settings: &Settings, known: &[DeviceChoice], out: &mut Vec<Command>) {
    if known.iter().all(|choice| matches!(choice, DeviceChoice::Auto | DeviceChoice::Cpu)) {
        return;
    }
    let mut settings = settings.clone();
    let option = |choice: &DeviceChoice| match *choice {
        DeviceChoice::Auto => (*choice, "Auto", "The accelerator if it answers, else the processor"),
        DeviceChoice::Cpu => (*choice, "CPU", "The processor"),
        DeviceChoice::Cuda(_) => (*choice, "CUDA", "The first NVIDIA graphics card"),
        DeviceChoice::Metal => (*choice, "Metal", "Apple's graphics processor"),
    };
    let options: Vec<_> = known.iter().map(option).collect();
    ui.horizontal(|ui| {
        ui.label("It runs on");
        if segmented_ui(ui, &mut settings.device, &options) {
            out.push(Command::Settings(Box::new(settings)));
        }
    });
}

#[cfg(test)]
mod tests {
    use egui_kittest::Harness;
    use egui_kittest::kittest::Queryable as _;

    use super::*;

    /// The device which a click on a label of the menu chooses.
    fn chosen(known: &'static [DeviceChoice], label: &str) -> Option<DeviceChoice> {
        let draw = |ui: &mut Ui, out: &mut Vec<Command>| device_ui(ui, &Settings::default(), known, out);
        let mut harness = Harness::new_ui_state(draw, Vec::new());
        harness.query_by_label(label)?.click();
        harness.run();
        match harness.state().as_slice() {
            [Command::Settings(settings)] => Some(settings.device),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_menu_offers_the_devices_of_the_build() {
        use DeviceChoice::{Auto, Cpu, Cuda, Metal};
        assert_eq!(chosen(&[Auto, Cpu, Cuda(0)], "CUDA"), Some(Cuda(0)));
        assert_eq!(chosen(&[Auto, Cpu, Metal], "CPU"), Some(Cpu));
        assert_eq!(chosen(&[Auto, Cpu, Metal], "CUDA"), None);
        assert_eq!(chosen(&[Auto, Cpu], "CPU"), None, "there is nothing to choose");
    }
}
