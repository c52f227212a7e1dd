//! What the window knows: settings that are kept between starts, and the session.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::run::Run;
use crate::bank::{Bank, VectorSet};
use crate::engine::{RunId, Sampling, Work};
use crate::figure::map::MapColour;
use crate::is_inside;
use crate::job::Progress;
use crate::model::{DeviceChoice, Keep, ModelInfo, Precision};
use crate::reading::Metric;
use crate::steering::Steering;

/// Most paths kept per menu.
const RECENT: usize = 6;

/// Kept between starts. What cannot be read falls back to the default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    pub theme: Appearance,
    pub metric: Metric,
    pub scale: Scale,
    pub map_colour: MapColour,
    /// Components on the x and y axis of the map, from 1.
    pub components: [usize; 2],
    pub order: ListOrder,
    pub chat: bool,
    pub max_tokens: usize,
    /// Most tokens a second; 0: as fast as the model goes.
    pub pace: u32,
    pub temperature: f64,
    pub top_p: f64,
    pub seed: u64,
    /// How the next model that opens is kept in memory.
    pub precision: Precision,
    /// And on which device.
    pub device: DeviceChoice,
    pub recent_models: Vec<PathBuf>,
    pub recent_banks: Vec<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: Appearance::default(),
            metric: Metric::default(),
            scale: Scale::default(),
            map_colour: MapColour::default(),
            components: [1, 2],
            order: ListOrder::default(),
            chat: true,
            max_tokens: 120,
            pace: 0,
            temperature: 0.7,
            top_p: 0.95,
            seed: 0,
            precision: Precision::default(),
            device: DeviceChoice::default(),
            recent_models: Vec::new(),
            recent_banks: Vec::new(),
        }
    }
}

impl Settings {
    /// Settings from their stored form; the default when there are none or they cannot be read.
    pub fn from_json(json: Option<&str>) -> Self {
        let mut settings: Self = json.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
        settings.components = settings.components.map(|component| component.max(1));
        if !settings.device.is_built_in() {
            // Stored by another build; this one's menu could not take it back.
            settings.device = DeviceChoice::Auto;
        }
        settings
    }

    pub fn to_json(&self) -> String {
        // Plain data serialises; should it not, the next start has the defaults.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// How and where the next model that opens is kept.
    pub fn keep(&self) -> Keep {
        Keep { precision: self.precision, device: self.device }
    }

    pub fn sampling(&self) -> Sampling {
        Sampling { temperature: self.temperature, top_p: self.top_p, seed: self.seed }
    }
}

/// Puts a path to the front of its recent list. What is inside the program has an entry of its own in the menu.
pub fn remember(recent: &mut Vec<PathBuf>, path: &Path) {
    if is_inside(path) {
        return;
    }
    recent.retain(|known| known != path);
    recent.insert(0, path.to_owned());
    recent.truncate(RECENT);
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Appearance {
    #[default]
    System,
    Dark,
    Light,
}

/// What full colour means in the highlight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// The same for every text: 3 sd under z, 0.3 under cosine; a dot product has no natural scale and takes the percentile.
    #[default]
    Fixed,
    /// The 99th percentile of |score| over the pinned emotions in this text.
    Percentile,
}

/// Order of the emotion list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ListOrder {
    #[default]
    Name,
    Score,
}

/// The open model.
pub struct OpenModel {
    pub info: Arc<ModelInfo>,
    pub path: PathBuf,
}

/// The open bank.
pub struct OpenBank {
    pub bank: Arc<Bank>,
    pub path: PathBuf,
    pub caveat: Option<String>,
    /// Another number for every bank opened: what was computed from one is never taken for another's.
    pub id: u64,
}

impl OpenBank {
    /// The file's name, for titles.
    pub fn name(&self) -> String {
        file_name(&self.path)
    }
}

/// The last part of a path, for titles.
pub fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// The work under way.
pub struct Job {
    pub work: Work,
    pub progress: Option<Progress>,
    /// Stop was asked for and has not come through yet.
    pub stopping: bool,
}

/// A pinned emotion with its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin {
    pub emotion: usize,
    /// Index into the pin colours, kept for as long as the pin stays.
    pub colour: usize,
}

/// A message above the panels.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    pub error: bool,
    /// The first line says what happened, the second what to do.
    pub message: String,
}

/// Tokens first..=last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    pub first: usize,
    pub last: usize,
}

impl Span {
    pub fn of(a: usize, b: usize) -> Self {
        Self { first: a.min(b), last: a.max(b) }
    }

    pub fn contains(self, token: usize) -> bool {
        (self.first..=self.last).contains(&token)
    }
}

/// What is open and shown. Lives as long as the window.
#[derive(Default)]
pub struct Session {
    pub model: Option<OpenModel>,
    pub bank: Option<OpenBank>,
    pub run: Option<Run>,
    /// Asked for, with nothing to show yet.
    pub pending: Option<Run>,
    pub job: Option<Job>,
    pub notice: Option<Notice>,
    /// In the order in which they were pinned; the last one paints the highlight.
    pub pins: Vec<Pin>,
    pub selection: Option<Span>,
    pub hovered_token: Option<usize>,
    pub hovered_emotion: Option<usize>,
    pub steering: Steering,
    /// Block of the readings and the map, one of the bank's.
    pub block: usize,
    pub vectors: VectorSet,
    pub next_run: RunId,
    pub banks_opened: u64,
}

impl Session {
    /// The emotion which paints the highlight: the one under the pointer, else the last pinned.
    pub fn lead(&self) -> Option<usize> {
        self.hovered_emotion.or_else(|| self.pins.last().map(|pin| pin.emotion))
    }

    pub fn pin_of(&self, emotion: usize) -> Option<Pin> {
        self.pins.iter().copied().find(|pin| pin.emotion == emotion)
    }

    /// Pins an emotion in the first colour not in use, or unpins it.
    pub fn toggle_pin(&mut self, emotion: usize) {
        if self.pin_of(emotion).is_some() {
            self.pins.retain(|pin| pin.emotion != emotion);
            return;
        }
        let colour = (0..).find(|colour| self.pins.iter().all(|pin| pin.colour != *colour)).unwrap_or_default();
        self.pins.push(Pin { emotion, colour });
    }

    /// The tokens whose readings the lists show: under the pointer, else selected, else about to answer.
    pub fn focus(&self) -> Option<Span> {
        let run = self.run.as_ref()?;
        let last = run.tokens.len().checked_sub(1)?;
        let span = self.hovered_token.map(|token| Span::of(token, token)).or(self.selection);
        let span = span.or_else(|| run.answer_at().map(|token| Span::of(token, token))).unwrap_or(Span::of(last, last));
        (span.last <= last).then_some(span)
    }

    pub fn is_working(&self, work: Work) -> bool {
        self.job.as_ref().is_some_and(|job| job.work == work)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_survive_storage() {
        let settings = Settings { seed: 7, metric: Metric::Dot, ..Settings::default() };
        assert_eq!(Settings::from_json(Some(&settings.to_json())), settings);
    }

    #[test]
    fn broken_settings_fall_back() {
        for json in [None, Some(""), Some("{\"seed\": \"x\"}"), Some("[]")] {
            assert_eq!(Settings::from_json(json), Settings::default());
        }
        assert_eq!(Settings::from_json(Some("{\"components\":[0,2]}")).components, [1, 2]);
        let device = |json| Settings::from_json(Some(json)).device;
        assert_eq!(device("{\"device\":\"cpu\"}"), DeviceChoice::Cpu);
        let metal = if DeviceChoice::Metal.is_built_in() { DeviceChoice::Metal } else { DeviceChoice::Auto };
        assert_eq!(device("{\"device\":\"metal\"}"), metal);
    }

    #[test]
    fn recent_paths_are_unique_and_few() {
        let mut recent = Vec::new();
        for name in ["a", "b", "a", "c", "d", "e", "f", "g"] {
            remember(&mut recent, Path::new(name));
        }
        assert_eq!(recent, ["g", "f", "e", "d", "c", "a"].map(PathBuf::from));
    }

    #[test]
    fn a_pin_keeps_its_colour() {
        let mut session = Session::default();
        for emotion in [5, 6, 7] {
            session.toggle_pin(emotion);
        }
        session.toggle_pin(6);
        session.toggle_pin(9);
        assert_eq!(session.pin_of(7).map(|pin| pin.colour), Some(2));
        assert_eq!(session.pin_of(9).map(|pin| pin.colour), Some(1));
        assert_eq!(session.lead(), Some(9));
    }
}
