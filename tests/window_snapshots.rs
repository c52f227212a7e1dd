//! Pictures of the Explore view in each of its states, in both themes, drawn by the software raster with a scripted engine.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod window_support;

use std::time::Duration;

use circumplex::app::{Appearance, Command, Settings, Span};
use circumplex::engine::{Event, Work};
use circumplex::figure::map::MapColour;
use circumplex::job::Progress;
use circumplex::steering::{Steering, Term};
use egui_kittest::SnapshotResults;
use egui_kittest::kittest::Queryable as _;
use window_support::{Stage, stage, stage_with_cache};

const SIZE: [f32; 2] = [1080.0, 700.0];

/// Plays `play` in both themes and compares the pictures.
#[track_caller]
fn check(name: &str, settings: &Settings, play: impl Fn(&mut Stage)) {
    let mut results = SnapshotResults::new();
    for (suffix, theme) in [("dark", Appearance::Dark), ("light", Appearance::Light)] {
        let mut stage = stage(Settings { theme, ..settings.clone() }, SIZE);
        play(&mut stage);
        stage.settle();
        stage.harness.snapshot(format!("explore_{name}_{suffix}"));
        results.extend_harness(&mut stage.harness);
    }
}

fn steer(stage: &mut Stage) {
    let terms = [("calm", 0.12), ("desperate", -0.05), ("random", 0.0)];
    let terms = terms.map(|(name, strength)| Term { name: name.into(), strength }).into();
    stage.apply(Command::Steering(Steering { terms, ..Steering::default() }));
}

#[test]
fn empty() {
    check("empty", &Settings { recent_models: vec!["models/tiny-chat".into()], ..Settings::default() }, |_| {});
}

#[test]
fn loading() {
    check("loading", &Settings::default(), |stage| {
        stage.tell(Event::Began(Work::OpeningModel));
        let left = Some(Duration::from_secs(14));
        let progress = Progress { done: 62, total: 100, note: "Loading weights".into(), left };
        stage.tell(Event::Progress(Work::OpeningModel, progress));
    });
}

#[test]
fn no_bank() {
    check("no_bank", &Settings::default(), |stage| stage.open_model());
}

#[test]
fn model_card() {
    check("model_card", &Settings::default(), |stage| {
        stage.open_model();
        stage.harness.get_by_label_contains("Model  ").click();
    });
}

#[test]
fn no_run() {
    let settings = Settings { map_colour: MapColour::Valence, ..Settings::default() };
    check("no_run", &settings, |stage| {
        stage.open_model();
        stage.open_bank();
    });
}

#[test]
fn running() {
    check("running", &Settings::default(), |stage| {
        stage.ready("My dog ran away two days ago. I have looked everywhere.");
        stage.run();
        stage.stream(1, 12);
    });
}

#[test]
fn finished() {
    check("finished", &Settings::default(), |stage| {
        stage.ready("My dog ran away two days ago. I have looked everywhere.");
        steer(stage);
        stage.run();
        stage.stream(1, usize::MAX);
        stage.finish(1, 67);
        stage.apply(Command::Select(Some(Span::of(26, 31))));
    });
}

#[test]
fn hovered_token() {
    check("hovered_token", &Settings::default(), |stage| {
        stage.ready("My dog ran away two days ago. I have looked everywhere.");
        stage.run();
        stage.stream(1, usize::MAX);
        stage.finish(1, 0);
        stage.harness.get_by_label("worry").hover();
    });
}

#[test]
fn error() {
    check("error", &Settings::default(), |stage| {
        stage.ready("My dog ran away two days ago. I have looked everywhere.");
        stage.run();
        stage.stream(1, usize::MAX);
        stage.finish(1, 0);
        stage.tell(Event::Failed {
            work: Work::OpeningBank,
            message: "the bank has vectors of width 64, the model has width 24: other.safetensors\nBuild a bank for this model, or open the model it was built for".into(),
        });
    });
}

#[test]
fn hub_dialog() {
    let mut results = SnapshotResults::new();
    for (suffix, theme) in [("dark", Appearance::Dark), ("light", Appearance::Light)] {
        let cache = tempfile::tempdir().unwrap();
        let settings = Settings { theme, ..Settings::default() };
        let mut stage = stage_with_cache(settings, SIZE, cache.path(), &["HuggingFaceTB/SmolLM2-135M-Instruct"]);
        stage.settle();
        stage.apply(Command::OpenFromHub);
        stage.settle();
        stage.harness.get_by_label("Qwen/Qwen3-0.6B").click();
        stage.settle();
        stage.harness.remove_cursor();
        stage.settle();
        stage.harness.snapshot(format!("explore_hub_dialog_{suffix}"));
        results.extend_harness(&mut stage.harness);
    }
}

#[test]
fn build_dialog() {
    check("build_dialog", &Settings::default(), |stage| {
        stage.open_model();
        stage.settle();
        stage.apply(Command::BuildBank);
    });
}
