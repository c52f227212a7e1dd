//! The window. It draws what the session holds and talks to the engine only through requests, events and the steering slot.
//!
//! Panels are functions: they get a [`View`] to look at, and return [`Command`]s which [`App`] carries out.

mod banner;
mod build_dialog;
mod commands;
mod conversation;
mod emotions;
mod format;
mod headless;
mod hub_dialog;
mod layout;
mod logic;
mod map;
mod model_menu;
mod picker;
mod prompt;
mod readings;
mod run;
mod scores;
mod start;
mod state;
mod status_bar;
mod steering;
mod theme;
mod timeline;
mod top_bar;
mod transcript;
mod ui;
mod widgets;

pub use commands::Command;
pub use headless::{Scene, screenshot};
pub use picker::{Pick, Picker, SystemPicker};
pub use scores::{Spawn, at_once, on_a_thread};
pub use state::{Appearance, ListOrder, Notice, Pin, Scale, Session, Settings, Span};
pub use theme::{background, install as install_theme};

use crate::engine::Handle;
use crate::model::Hub;

/// Where the settings lie in eframe's storage.
const SETTINGS: &str = "settings";

/// Texts being typed and popups that are open: of no meaning outside the panel that shows them.
#[derive(Default)]
pub(crate) struct Drafts {
    search: String,
    prompt: String,
    model_path: String,
    /// Run the prompt as soon as the model inside is open with its bank.
    runs_first: bool,
    bank_path: String,
    build: Option<build_dialog::BuildDraft>,
    hub: Option<hub_dialog::HubDraft>,
    map_menu: Option<map::MapMenu>,
    focus: Option<Focus>,
}

/// A field which is to get the keyboard in the next frame.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Focus {
    Prompt,
    Search,
}

/// What panels look at.
pub(crate) struct View<'a> {
    settings: &'a Settings,
    session: &'a Session,
    scores: &'a scores::Scores,
    /// Scores of every emotion at the tokens in focus.
    focus: Option<&'a [f32]>,
    /// The score which has full colour.
    full_scale: f32,
    map: Option<&'a Result<std::sync::Arc<crate::geometry::Map>, String>>,
}

impl View<'_> {
    /// What the numbers are: `z (sd), block 5, denoised`.
    fn measure(&self) -> String {
        let metric = match self.settings.metric {
            crate::reading::Metric::Z => "z in sd",
            crate::reading::Metric::Cosine => "centred cosine",
            crate::reading::Metric::Dot => "dot product",
        };
        let vectors = match self.session.vectors {
            crate::bank::VectorSet::Denoised => "denoised",
            crate::bank::VectorSet::Raw => "raw",
        };
        format!("{metric} · block {} · {vectors}", self.session.block)
    }

    fn name(&self, emotion: usize) -> &str {
        self.session.bank.as_ref().and_then(|bank| bank.bank.emotions.get(emotion)).map_or("", String::as_str)
    }
}

/// The window's state and logic. Drawn by eframe, by tests and by `circumplex screenshot` alike.
pub struct App {
    settings: Settings,
    session: Session,
    scores: scores::Scores,
    maps: scores::Maps,
    transcript: transcript::Transcript,
    drafts: Drafts,
    engine: Handle,
    picker: Box<dyn Picker>,
    hub: Hub,
}

impl App {
    /// A window for this engine, whose models from Hugging Face come from `hub`. The context it is drawn in needs [`install_theme`].
    pub fn new(engine: Handle, settings: Settings, picker: Box<dyn Picker>, spawn: Spawn, hub: Hub) -> Self {
        Self {
            settings,
            session: Session::default(),
            scores: scores::Scores::default(),
            maps: scores::Maps::new(spawn),
            transcript: transcript::Transcript::default(),
            drafts: Drafts::default(),
            engine,
            picker,
            hub,
        }
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub fn session(&self) -> &Session {
        &self.session
    }

    /// One frame without eframe: takes in events, then draws.
    pub fn show(&mut self, ui: &mut egui::Ui) {
        self.drain();
        self.frame_ui(ui);
    }
}

impl eframe::App for App {
    fn logic(&mut self, _ctx: &egui::Context, _frame: &mut eframe::Frame) {
        self.drain();
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        self.frame_ui(ui);
    }

    fn save(&mut self, storage: &mut dyn eframe::Storage) {
        storage.set_string(SETTINGS, self.settings.to_json());
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        visuals.panel_fill.to_normalized_gamma_f32()
    }
}

/// Opens the window and returns when it is closed.
pub fn run_window() -> anyhow::Result<()> {
    let options = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default()
            .with_title("Circumplex")
            .with_app_id("circumplex")
            .with_inner_size([1440.0, 900.0])
            .with_min_inner_size([1080.0, 680.0])
            .with_icon(egui::IconData::default())
            .with_drag_and_drop(true),
        ..Default::default()
    };
    let create =
        |cc: &eframe::CreationContext<'_>| -> Result<Box<dyn eframe::App>, Box<dyn std::error::Error + Send + Sync>> {
            install_theme(&cc.egui_ctx);
            let ctx = cc.egui_ctx.clone();
            // A little later, so that a burst of events makes one frame.
            let wake = move || ctx.request_repaint_after(std::time::Duration::from_millis(10));
            let engine = crate::engine::start(wake)?;
            let stored = cc.storage.and_then(|storage| storage.get_string(SETTINGS));
            let settings = Settings::from_json(stored.as_deref());
            let picker = Box::new(SystemPicker::default());
            let mut app = App::new(engine, settings, picker, on_a_thread, Hub::from_env());
            app.open_inside();
            Ok(Box::new(app))
        };
    eframe::run_native("Circumplex", options, Box::new(create)).map_err(|error| {
        anyhow::anyhow!("the window could not be opened: {error}\nEverything it does also runs from the terminal: see circumplex --help")
    })
}
