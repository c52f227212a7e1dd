//! What the window does: clicks and keys in, requests and steering out, played with a scripted engine.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod window_support;

use std::path::PathBuf;

use circumplex::INSIDE;
use circumplex::app::{Command, ListOrder, Settings};
use circumplex::bank::Bank;
use circumplex::corpus::Source;
use circumplex::engine::{Event, Request, Work};
use circumplex::job::Progress;
use circumplex::model::{ModelInfo, Precision};
use circumplex::steering::{Scope, Steering, Term};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use window_support::{
    FixedPicker, Stage, bank, model_info, prompt_tokens, stage, stage_with, stage_with_cache, tokens,
};

const SIZE: [f32; 2] = [1280.0, 800.0];

fn open() -> Stage {
    let mut stage = stage(Settings::default(), SIZE);
    stage.ready("My dog ran away.");
    stage
}

fn index(name: &str) -> usize {
    bank().emotions.iter().position(|emotion| emotion == name).unwrap()
}

fn steer_calm(stage: &mut Stage, strength: f32) {
    let terms = vec![Term { name: "calm".into(), strength }];
    stage.apply(Command::Steering(Steering { terms, ..Steering::default() }));
    stage.settle();
}

fn search(stage: &mut Stage, text: &str) {
    let field = stage.harness.get_by_label("Search emotions");
    field.focus();
    field.type_text(text);
    stage.settle();
}

fn strength(stage: &Stage) -> f32 {
    stage.script.steering.get().unwrap().terms[0].strength
}

#[test]
fn a_typed_prompt_is_run() {
    let mut stage = stage(Settings { max_tokens: 9, seed: 3, ..Settings::default() }, SIZE);
    stage.open_model();
    stage.settle();
    let prompt = stage.harness.get_by_label("Prompt");
    prompt.focus();
    prompt.type_text("My dog ran away.");
    stage.settle();
    stage.harness.get_by_label("Run").click();
    stage.settle();
    let requests = stage.requests();
    let [Request::Run(run)] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!((run.prompt.as_str(), run.chat, run.max_tokens, run.sampling.seed), ("My dog ran away.", true, 9, 3));
}

#[test]
fn an_empty_prompt_is_not_run() {
    let mut stage = stage(Settings::default(), SIZE);
    stage.ready("  ");
    stage.harness.get_by_label("Run").click();
    stage.settle();
    assert!(stage.requests().is_empty());
}

#[test]
fn enter_in_the_prompt_runs_it() {
    let mut stage = open();
    stage.harness.get_by_label("Prompt").focus();
    stage.settle();
    stage.harness.key_press(egui::Key::Enter);
    stage.settle();
    assert!(matches!(stage.requests().as_slice(), [Request::Run(_)]));
}

#[test]
fn a_moved_slider_reaches_the_engine() {
    let mut stage = open();
    steer_calm(&mut stage, 0.1);
    stage.harness.get_by_label("Strength of calm").set_value_accesskit(0.25);
    stage.settle();
    assert!((strength(&stage) - 0.25).abs() < 1e-6);
}

#[test]
fn a_typed_strength_reaches_the_engine_beyond_the_slider() {
    let mut stage = open();
    steer_calm(&mut stage, 0.1);
    stage.harness.get_by_label("Strength of calm as a number").click();
    stage.settle();
    stage.harness.key_combination_modifiers(egui::Modifiers::COMMAND, &[egui::Key::A]);
    stage.harness.event(egui::Event::Text("-0.75".into()));
    stage.harness.key_press(egui::Key::Enter);
    stage.settle();
    assert!((strength(&stage) + 0.75).abs() < 1e-6, "{}", strength(&stage));
}

#[test]
fn a_slider_keeps_a_typed_value_beyond_its_end() {
    let mut stage = open();
    steer_calm(&mut stage, 0.8);
    stage.settle();
    assert_eq!(strength(&stage), 0.8);
}

#[test]
fn the_plus_beside_an_emotion_steers_with_it() {
    let mut stage = open();
    search(&mut stage, "serene");
    stage.harness.get_by_label("Steer serene").click();
    stage.settle();
    assert_eq!(stage.script.steering.get().unwrap().terms[0].name, "serene");
    stage.harness.get_by_label("Stop steering serene").click();
    stage.settle();
    assert!(stage.script.steering.get().unwrap().terms.is_empty());
}

#[test]
fn the_scope_reaches_the_engine() {
    let mut stage = open();
    steer_calm(&mut stage, 0.1);
    stage.harness.get_by_label("Reply").click();
    stage.settle();
    assert_eq!(stage.script.steering.get().unwrap().scope, Scope::Reply);
}

#[test]
fn a_clicked_emotion_is_pinned_and_unpinned() {
    let mut stage = open();
    stage.harness.get_by_label("afraid").click();
    stage.settle();
    assert!(stage.harness.state().session().pin_of(index("afraid")).is_some());
    stage.harness.get_by_label("afraid").click();
    stage.settle();
    assert!(stage.harness.state().session().pin_of(index("afraid")).is_none());
}

#[test]
fn the_search_filters() {
    let mut stage = open();
    assert!(stage.harness.query_by_label("afraid").is_some());
    search(&mut stage, "sereN");
    assert!(stage.harness.query_by_label("serene").is_some());
    assert!(stage.harness.query_by_label("afraid").is_none());
}

#[test]
fn the_list_can_be_ordered_by_score() {
    let mut stage = stage(Settings { order: ListOrder::Score, ..Settings::default() }, SIZE);
    stage.ready("My dog ran away.");
    stage.run();
    stage.stream(1, 3);
    let names = ["sad", "miserable", "afraid", "calm", "relaxed"];
    let shown: Vec<_> = names.iter().filter(|name| stage.harness.query_by_label(name).is_some()).collect();
    assert!(!shown.contains(&&"calm") && !shown.contains(&&"relaxed"), "{shown:?}");
}

#[test]
fn stop_cancels_the_run() {
    let mut stage = open();
    stage.run();
    stage.stream(1, 3);
    stage.harness.get_by_label("Stop").click();
    stage.settle();
    let (_, cancel) = stage.script.requests.try_iter().last().unwrap();
    assert!(cancel.is_cancelled());
    stage.tell(Event::Ended { work: Work::Running, cancelled: true });
    stage.settle();
    assert!(stage.harness.state().session().job.is_none());
}

#[test]
fn events_of_an_old_run_are_dropped() {
    let mut stage = open();
    for run in [1, 2] {
        stage.run();
        stage.stream(run, 2);
        stage.tell(Event::Ended { work: Work::Running, cancelled: false });
        stage.settle();
    }
    stage.tell(tokens(1, 20, 22, &["late"]));
    stage.settle();
    let run = stage.harness.state().session().run.as_ref().unwrap();
    assert_eq!((run.id, run.tokens.len()), (2, prompt_tokens().len() + 2));
    assert!(stage.harness.query_by_label("late").is_none());
}

#[test]
fn a_failing_open_keeps_what_was_open() {
    let mut stage = open();
    stage.run();
    stage.stream(1, 2);
    stage.tell(Event::Ended { work: Work::Running, cancelled: false });
    stage.tell(Event::Began(Work::OpeningModel));
    stage.tell(Event::Failed {
        work: Work::OpeningModel,
        message: "no config.json in the folder x\nChoose a model folder".into(),
    });
    stage.tell(Event::Ended { work: Work::OpeningModel, cancelled: false });
    stage.settle();
    let session = stage.harness.state().session();
    assert!(session.model.is_some() && session.bank.is_some() && session.run.is_some());
    assert!(stage.harness.query_by_label("No config.json in the folder x").is_some());
    stage.harness.get_by_label("Dismiss message").click();
    stage.settle();
    assert!(stage.harness.state().session().notice.is_none());
}

#[test]
fn a_failing_run_keeps_the_one_before() {
    let mut stage = open();
    stage.run();
    stage.stream(1, 2);
    stage.tell(Event::Ended { work: Work::Running, cancelled: false });
    stage.settle();
    stage.run();
    stage
        .tell(Event::Failed { work: Work::Running, message: "the text is longer than the context\nShorten it".into() });
    stage.tell(Event::Ended { work: Work::Running, cancelled: false });
    stage.settle();
    assert_eq!(stage.harness.state().session().run.as_ref().map(|run| run.id), Some(1));
}

#[test]
fn a_path_opens_a_model() {
    let mut stage = stage(Settings::default(), SIZE);
    stage.settle();
    let field = stage.harness.get_by_label("Model folder");
    field.focus();
    field.type_text("models/a");
    stage.settle();
    stage.harness.get_by_label("Open model").click();
    stage.settle();
    assert!(matches!(stage.requests().as_slice(), [Request::OpenModel(path, _)] if path.as_os_str() == "models/a"));
}

/// Plays the answer of the engine to the command.
fn open_inside(stage: &mut Stage) {
    stage.tell(Event::ModelOpened { info: std::sync::Arc::new(model_info()), path: INSIDE.into() });
    stage.tell(Event::BankOpened { bank: std::sync::Arc::new(bank()), path: INSIDE.into() });
    stage.settle();
}

#[test]
fn a_bank_opened_in_place_of_the_one_inside_runs_nothing() {
    let mut stage = stage(Settings::default(), SIZE);
    stage.apply(Command::OpenInside);
    stage.open_model();
    stage.open_bank();
    open_inside(&mut stage);
    assert!(!stage.requests().iter().any(|one| matches!(one, Request::Run(_))));
}

#[test]
fn the_model_inside_opens_with_its_bank_and_runs_a_first_prompt() {
    let mut stage = stage(Settings::default(), SIZE);
    stage.apply(Command::OpenInside);
    let requests = stage.requests();
    let [Request::OpenModel(model, _), Request::OpenBank(bank)] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!((model.to_str(), bank.to_str()), (Some(INSIDE), Some(INSIDE)));
    open_inside(&mut stage);
    let requests = stage.requests();
    let [Request::Run(run)] = requests.as_slice() else { panic!("{requests:?}") };
    assert!(run.chat && run.prompt.contains("boat"));
}

#[test]
fn the_model_inside_keeps_what_was_typed() {
    let mut stage = open();
    stage.apply(Command::OpenInside);
    open_inside(&mut stage);
    assert!(stage.requests().iter().any(|one| matches!(one, Request::Run(run) if run.prompt == "My dog ran away.")));
}

#[test]
fn a_teaching_model_is_called_one() {
    let mut stage = open();
    assert!(stage.harness.query_by_label("teaching model").is_none());
    let info = ModelInfo { caveat: Some("no evidence about other models".into()), ..model_info() };
    stage.tell(Event::ModelOpened { info: std::sync::Arc::new(info), path: INSIDE.into() });
    stage.settle();
    assert!(stage.harness.query_by_label("teaching model").is_some());
}

#[test]
fn another_model_closes_the_bank_inside_without_a_word() {
    let mut stage = open();
    stage.tell(Event::BankOpened { bank: std::sync::Arc::new(bank()), path: INSIDE.into() });
    stage.tell(Event::BankClosed { message: "it does not fit".into() });
    stage.settle();
    let session = stage.harness.state().session();
    assert!(session.bank.is_none() && session.notice.is_none());
}

#[test]
fn the_dialog_opens_a_model() {
    let mut stage = stage_with(Settings::default(), SIZE, FixedPicker::new(Some("models/picked")));
    stage.settle();
    stage.harness.get_by_label("Browse: Model folder").click();
    stage.settle();
    assert!(
        matches!(stage.requests().as_slice(), [Request::OpenModel(path, _)] if path.as_os_str() == "models/picked")
    );
}

#[test]
fn the_next_model_is_kept_as_chosen_in_the_menu() {
    let mut stage = open();
    stage.harness.get_by_label_contains("Model  ").click();
    stage.settle();
    stage.harness.get_by_label("Q8_0").click();
    stage.settle();
    stage.apply(Command::OpenModelAt("models/a".into()));
    assert!(matches!(stage.requests().as_slice(), [Request::OpenModel(_, keep)] if keep.precision == Precision::Q8_0));
}

#[test]
fn the_top_bar_names_the_accelerator() {
    let mut stage = open();
    assert!(stage.harness.query_by_label("Model  example-chat  ▾").is_some());
    let info = ModelInfo { device: "cuda:1".into(), ..model_info() };
    stage.tell(Event::ModelOpened { info: std::sync::Arc::new(info), path: "models/example-chat".into() });
    stage.settle();
    assert!(stage.harness.query_by_label("Model  example-chat on cuda:1  ▾").is_some());
}

#[derive(Debug)]
struct Dropped(PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &std::path::Path {
        &self.0
    }
    fn bytes(&self) -> Result<Vec<u8>, String> {
        Err("not read".into())
    }
}

fn drop_file(path: &str) -> Vec<Request> {
    let mut stage = open();
    stage.harness.input_mut().dropped_files.push(std::sync::Arc::new(Dropped(path.into())));
    stage.settle();
    stage.requests()
}

#[test]
fn a_dropped_file_opens_as_a_bank() {
    let requests = drop_file("somewhere/bank.safetensors");
    assert!(matches!(requests.as_slice(), [Request::OpenBank(path)] if path.ends_with("bank.safetensors")));
}

#[test]
fn a_dropped_gguf_file_opens_as_a_model() {
    let requests = drop_file("somewhere/small.GGUF");
    assert!(matches!(requests.as_slice(), [Request::OpenModel(path, _)] if path.ends_with("small.GGUF")));
}

#[test]
fn pins_go_by_name_to_another_bank() {
    let mut stage = open();
    let old = bank();
    let mut emotions = old.emotions.clone();
    emotions.reverse();
    let other = Bank { emotions: emotions.clone(), ..old };
    stage.tell(Event::BankOpened { bank: std::sync::Arc::new(other), path: "other.safetensors".into() });
    stage.settle();
    let pins = &stage.harness.state().session().pins;
    let names: Vec<_> = pins.iter().map(|pin| emotions[pin.emotion].as_str()).collect();
    assert_eq!(names, ["calm", "desperate"]);
}

#[test]
fn shortcuts_do_what_the_menu_says() {
    let mut stage = open();
    let block = stage.harness.state().session().block;
    stage.harness.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::CloseBracket);
    stage.settle();
    assert_eq!(stage.harness.state().session().block, block + 1);
}

#[test]
fn a_click_on_a_token_selects_it() {
    let mut stage = open();
    stage.run();
    stage.stream(1, 6);
    stage.harness.get_by_label("days").click();
    stage.settle();
    let span = stage.harness.state().session().selection.unwrap();
    assert_eq!((span.first, span.last), (7, 7));
    assert!(stage.harness.query_by_label("Readings at “days”").is_some());
}

#[test]
fn tokens_tell_their_scores_to_a_screen_reader() {
    let mut stage = open();
    stage.run();
    stage.stream(1, 6);
    let value = stage.harness.get_by_label("days").accesskit_node().value().unwrap();
    assert!(value.contains("calm") && value.contains(" sd"), "{value}");
}

#[test]
fn an_idle_window_asks_for_no_frames() {
    let mut stage = open();
    stage.run();
    stage.stream(1, 6);
    stage.finish(1, 0);
    assert!(!stage.harness.ctx.has_requested_repaint());
}

#[test]
fn a_build_asks_for_its_three_paths() {
    let mut stage = stage_with(Settings::default(), SIZE, FixedPicker::new(Some("texts/a.jsonl")));
    stage.open_model();
    stage.settle();
    stage.harness.get_by_label("Build one…").click();
    stage.settle();
    for name in ["Stories", "Neutral texts", "Write the bank to"] {
        stage.harness.get_by_label(&format!("Browse: {name}")).click();
        stage.settle();
    }
    stage.harness.get_by_label("Build").click();
    stage.settle();
    let requests = stage.requests();
    let [Request::Build(build)] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!(
        (build.start_token, build.variance, build.stories.clone()),
        (50, 0.5, Source::File("texts/a.jsonl".into()))
    );
}

/// Moves over the map until a point is under the pointer, and clicks it.
fn click_a_point(stage: &mut Stage) -> String {
    for y in (160..420).step_by(9) {
        for x in (940..1240).step_by(9) {
            stage.harness.hover_at(egui::pos2(x as f32, y as f32));
            stage.settle();
            let Some(emotion) = stage.harness.state().session().hovered_emotion else { continue };
            let pos = egui::pos2(x as f32, y as f32);
            for pressed in [true, false] {
                let button = egui::PointerButton::Primary;
                stage.harness.event(egui::Event::PointerButton {
                    pos,
                    button,
                    pressed,
                    modifiers: egui::Modifiers::NONE,
                });
            }
            stage.settle();
            return bank().emotions[emotion].clone();
        }
    }
    panic!("no point on the map");
}

#[test]
fn a_click_on_the_map_offers_highlight_and_steer() {
    let mut stage = open();
    let emotion = click_a_point(&mut stage);
    stage.harness.get_by_label("Highlight").click();
    stage.settle();
    assert!(stage.harness.state().session().pin_of(index(&emotion)).is_some());
    assert!(stage.harness.query_by_label("Highlight").is_none(), "the menu stays open");
    stage.harness.remove_cursor();
    stage.settle();
    click_a_point(&mut stage);
    stage.harness.get_by_label("Steer").click();
    stage.settle();
    assert_eq!(stage.script.steering.get().unwrap().terms[0].name, emotion);
}

#[test]
fn a_drag_over_the_text_selects_a_span() {
    let mut stage = open();
    stage.run();
    stage.stream(1, 12);
    let (from, to) =
        (stage.harness.get_by_label("Two").rect().center(), stage.harness.get_by_label("long").rect().center());
    stage.harness.drag_at(from);
    stage.settle();
    stage.harness.hover_at(to);
    stage.settle();
    stage.harness.drop_at(to);
    stage.settle();
    let span = stage.harness.state().session().selection.unwrap();
    assert_eq!((span.first, span.last), (25, 29));
}

#[test]
fn a_stop_shows_until_the_work_has_ended() {
    let mut stage = open();
    stage.run();
    stage.stream(1, 3);
    stage.harness.get_by_label("Stop the work under way").click();
    stage.settle();
    assert!(stage.harness.query_by_label("Stop").is_none());
    assert!(stage.harness.query_all_by_label("Stopping…").count() > 0);
}

/// The dialog of a fresh window, opened by its button.
fn hub_dialog(cache: &std::path::Path, names: &[&str]) -> Stage {
    let mut stage = stage_with_cache(Settings::default(), SIZE, cache, names);
    stage.settle();
    stage.harness.get_by_label("Open from Hugging Face…").click();
    stage.settle();
    stage
}

fn is_disabled(stage: &Stage, label: &str) -> bool {
    stage.harness.get_by_label(label).accesskit_node().is_disabled()
}

#[test]
fn a_listed_model_is_downloaded_and_opened() {
    let cache = tempfile::tempdir().unwrap();
    let mut stage = hub_dialog(cache.path(), &[]);
    assert!(is_disabled(&stage, "Download and open"), "nothing is named yet");
    stage.harness.get_by_label("Qwen/Qwen3-0.6B").click();
    stage.settle();
    assert!(stage.requests().is_empty(), "choosing alone asks for nothing");
    stage.harness.get_by_label("Download and open").click();
    stage.settle();
    let requests = stage.requests();
    let [Request::FetchModel(fetch)] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!((fetch.name.as_str(), fetch.hub.endpoint.as_str()), ("Qwen/Qwen3-0.6B", "https://huggingface.co"));
    assert!(stage.harness.query_by_label("Download and open").is_none(), "the dialog stays open");
}

#[test]
fn a_typed_name_is_downloaded_by_enter() {
    let cache = tempfile::tempdir().unwrap();
    let mut stage = hub_dialog(cache.path(), &[]);
    // The field has the keyboard from the start.
    stage.harness.event(egui::Event::Text("allenai/OLMo-2-0425-1B".into()));
    stage.settle();
    stage.harness.key_press(egui::Key::Enter);
    stage.settle();
    let requests = stage.requests();
    assert!(matches!(requests.as_slice(), [Request::FetchModel(fetch)] if fetch.name == "allenai/OLMo-2-0425-1B"));
}

#[test]
fn a_model_in_the_cache_is_opened_without_the_network() {
    let cache = tempfile::tempdir().unwrap();
    let mut stage = hub_dialog(cache.path(), &["openai-community/gpt2"]);
    let note = stage.harness.get_by_label("openai-community/gpt2").accesskit_node().value().unwrap();
    assert!(note.ends_with("in the cache"), "{note}");
    stage.harness.get_by_label("openai-community/gpt2").click();
    stage.settle();
    stage.harness.get_by_label("Open").click();
    stage.settle();
    let requests = stage.requests();
    assert!(
        matches!(requests.as_slice(), [Request::OpenModel(path, _)] if path.as_os_str() == "openai-community/gpt2")
    );
}

#[test]
fn half_a_name_is_not_downloaded() {
    let cache = tempfile::tempdir().unwrap();
    let mut stage = hub_dialog(cache.path(), &[]);
    stage.harness.event(egui::Event::Text("Qwen".into()));
    stage.settle();
    assert!(is_disabled(&stage, "Download and open"));
    stage.harness.key_press(egui::Key::Enter);
    stage.settle();
    assert!(stage.requests().is_empty());
}

#[test]
fn a_download_shows_how_far_it_is_and_can_be_stopped() {
    let cache = tempfile::tempdir().unwrap();
    let mut stage = hub_dialog(cache.path(), &[]);
    stage.apply(Command::FetchModel("Qwen/Qwen3-0.6B".into()));
    stage.tell(Event::Began(Work::FetchingModel));
    let note = "Downloading Qwen/Qwen3-0.6B (1.5 GB)";
    stage.tell(Event::Progress(Work::FetchingModel, Progress { done: 1, total: 4, note: note.into(), left: None }));
    stage.harness.key_press(egui::Key::Escape);
    stage.settle();
    assert!(stage.harness.query_all_by_label(note).count() > 0);
    assert!(stage.harness.query_by_label("25 %").is_some());
    stage.harness.get_by_label("Stop the work under way").click();
    stage.settle();
    let (_, cancel) = stage.script.requests.try_iter().last().unwrap();
    assert!(cancel.is_cancelled());
}
