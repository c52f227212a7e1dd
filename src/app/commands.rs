//! Everything a person can do in the window. Widgets return commands, `App::apply` carries them out, and the menu and the keyboard
//! shortcuts are made from the same table.

use std::path::PathBuf;

use egui::{Key, KeyboardShortcut, Modifiers};

use super::build_dialog::BuildDraft;
use super::picker::Pick;
use super::state::{Settings, Span};
use crate::bank::VectorSet;
use crate::steering::Steering;

/// One action.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    // Of the menu.
    /// The model inside and its bank, with the prompt of the first start.
    OpenInside,
    OpenModel,
    OpenModelFile,
    OpenFromHub,
    OpenBank,
    BuildBank,
    Run,
    Stop,
    FocusPrompt,
    FocusSearch,
    PreviousBlock,
    NextBlock,
    ClearPins,
    ClearSteering,
    ToggleTheme,
    Quit,

    // Of the panels.
    OpenModelAt(PathBuf),
    OpenBankAt(PathBuf),
    /// Download this `owner/name` and open it.
    FetchModel(String),
    /// Show the file dialog for this.
    Browse(Pick),
    Build(BuildDraft),
    /// Fill the prompt box.
    Prompt(String),
    DismissNotice,
    TogglePin(usize),
    /// Add a steering slider for this emotion of the bank, or `random`.
    Steer(String),
    Steering(Steering),
    Settings(Box<Settings>),
    Block(usize),
    Vectors(VectorSet),
    Select(Option<Span>),
    /// This emotion is under the pointer.
    HoverEmotion(usize),
    /// This token is under the pointer.
    HoverToken(usize),
}

/// How the menu shows a command.
pub struct Entry {
    pub command: Command,
    pub label: &'static str,
    pub tooltip: &'static str,
    pub shortcut: Option<KeyboardShortcut>,
}

const fn entry(command: Command, label: &'static str, tooltip: &'static str) -> Entry {
    Entry { command, label, tooltip, shortcut: None }
}

const fn key(command: Command, label: &'static str, tooltip: &'static str, key: Key) -> Entry {
    Entry { command, label, tooltip, shortcut: Some(KeyboardShortcut::new(Modifiers::COMMAND, key)) }
}

/// The menu, in groups.
pub const MENU: &[&[Entry]] = &[
    &[
        entry(
            Command::OpenInside,
            "Open the model inside",
            "The small teaching model which comes with the program, and its bank",
        ),
        key(
            Command::OpenModel,
            "Open model…",
            "Choose a model folder: config.json, tokenizer.json and *.safetensors",
            Key::O,
        ),
        entry(Command::OpenModelFile, "Open GGUF file…", "Choose a model in a single file, as llama.cpp reads it"),
        key(
            Command::OpenFromHub,
            "Open from Hugging Face…",
            "Download a model from Hugging Face, or open one which was downloaded before",
            Key::D,
        ),
        key(Command::OpenBank, "Open bank…", "Choose a bank of emotion vectors, or a foreign file to import", Key::B),
        entry(Command::BuildBank, "Build bank…", "Make a bank for the open model from stories and neutral texts"),
    ],
    &[
        key(Command::Run, "Run", "Run the prompt through the model", Key::Enter),
        key(Command::Stop, "Stop", "Stop the work under way", Key::Period),
        key(Command::FocusPrompt, "Go to the prompt", "Type a prompt", Key::L),
        key(Command::FocusSearch, "Find an emotion", "Search the list of emotions", Key::F),
    ],
    &[
        key(Command::PreviousBlock, "Previous block", "Read one block earlier", Key::OpenBracket),
        key(Command::NextBlock, "Next block", "Read one block later", Key::CloseBracket),
        entry(Command::ClearPins, "Unpin all emotions", "Remove every highlight"),
        entry(Command::ClearSteering, "Remove all steering", "Run the model unsteered"),
        key(Command::ToggleTheme, "Light or dark", "Change between the light and the dark theme", Key::T),
    ],
    &[key(Command::Quit, "Quit", "Close the window", Key::Q)],
];

/// The menu's entry for a command.
pub fn entry_of(command: &Command) -> Option<&'static Entry> {
    MENU.iter().copied().flatten().find(|entry| entry.command == *command)
}

/// The commands whose shortcuts were pressed.
pub fn pressed(ctx: &egui::Context) -> Vec<Command> {
    ctx.input_mut(|input| {
        MENU.iter()
            .copied()
            .flatten()
            .filter(|entry| entry.shortcut.is_some_and(|shortcut| input.consume_shortcut(&shortcut)))
            .map(|entry| entry.command.clone())
            .collect()
    })
}

/// The menu's contents.
pub fn menu_ui(ui: &mut egui::Ui, enabled: impl Fn(&Command) -> bool, out: &mut Vec<Command>) {
    ui.set_min_width(210.0);
    for (index, group) in MENU.iter().enumerate() {
        if index > 0 {
            ui.separator();
        }
        for entry in *group {
            let mut button = egui::Button::new(entry.label);
            if let Some(shortcut) = &entry.shortcut {
                button = button.shortcut_text(ui.ctx().format_shortcut(shortcut));
            }
            let response = ui.add_enabled(enabled(&entry.command), button).on_hover_text(entry.tooltip);
            if response.clicked() {
                out.push(entry.command.clone());
                ui.close();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shortcut_is_used_once() {
        let shortcuts: Vec<_> = MENU.iter().copied().flatten().filter_map(|entry| entry.shortcut).collect();
        for (index, shortcut) in shortcuts.iter().enumerate() {
            assert!(!shortcuts[..index].contains(shortcut), "{shortcut:?}");
        }
    }

    #[test]
    fn labels_are_in_sentence_case_without_a_full_stop() {
        for entry in MENU.iter().copied().flatten() {
            for text in [entry.label, entry.tooltip] {
                assert!(text.starts_with(char::is_uppercase) && !text.ends_with('.'), "{text}");
            }
        }
    }

    #[test]
    fn a_command_finds_its_entry() {
        assert_eq!(entry_of(&Command::Run).map(|entry| entry.label), Some("Run"));
        assert!(entry_of(&Command::Block(1)).is_none());
    }
}
