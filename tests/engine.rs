//! Generation and the engine thread, on a tiny random model.

#![allow(clippy::unwrap_used, reason = "a failing helper fails its test")]

mod support;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use circumplex::bank::{Bank, VectorSet};
use circumplex::engine::{self, Event, Plan, Reply, Request, RunRequest, Sampling, Steered, Step, generate};
use circumplex::job::Cancel;
use circumplex::model::{Keep, Model};
use circumplex::steering::{BlockRange, ChangeRule, Scope, Steering, Term, resolve};
use support::{bank_for, open, tiny};

const MODEL: &str = "llama-tied";
const PROMPT: [u32; 5] = [1, 5, 9, 17, 4];
const SAMPLING: Sampling = Sampling { temperature: 0.8, top_p: 0.9, seed: 3 };

fn steering(strength: f32) -> Steering {
    Steering {
        terms: vec![Term { name: "calm".into(), strength }],
        blocks: Some(BlockRange { first: 1, last: 1 }),
        ..Steering::default()
    }
}

fn steered(model: &Model, bank: &Bank, steering: &Steering) -> Steered {
    let push = resolve(steering, bank, VectorSet::Denoised, model.info().blocks).unwrap();
    Steered { push: Arc::new(push), scope: steering.scope, change: steering.change }
}

/// Generates 12 tokens; `at` gives the steering before each forward pass, counted from 0.
fn run(model: &Model, mut at: impl FnMut(usize) -> Steered, residuals: bool) -> (Reply, Vec<Step>) {
    let plan = Plan { prompt: &PROMPT, max_tokens: 12, sampling: SAMPLING, residuals };
    let mut steps = Vec::new();
    let mut asked = 0;
    let mut ask = || {
        asked += 1;
        at(asked - 1)
    };
    let reply = generate(model, &plan, &mut ask, &Cancel::new(), &mut |step| steps.push(step)).unwrap();
    (reply, steps)
}

fn logprobs(steps: &[Step]) -> Vec<(u32, u32)> {
    let token = |step: &Step| match step {
        Step::Token { id, logprob } => Some((*id, logprob.to_bits())),
        _ => None,
    };
    steps.iter().filter_map(token).collect()
}

#[test]
fn strength_zero_is_bit_identical_to_no_steering() {
    let model = open(&tiny(MODEL));
    let bank = bank_for(&model);
    let (plain, plain_steps) = run(&model, |_| Steered::none(), false);
    let (zero, zero_steps) = run(&model, |_| steered(&model, &bank, &steering(0.0)), false);
    assert_eq!(plain.ids, zero.ids);
    assert_eq!(logprobs(&plain_steps), logprobs(&zero_steps));
    assert_eq!((zero.tally.tokens, zero.tally.mean()), (0, 0.0));
}

#[test]
fn steering_is_measured_and_changes_the_reply() {
    let model = open(&tiny(MODEL));
    let bank = bank_for(&model);
    let (plain, _) = run(&model, |_| Steered::none(), false);
    let (pushed, _) = run(&model, |_| steered(&model, &bank, &steering(2.0)), false);
    assert_ne!(plain.ids, pushed.ids);
    assert_eq!(pushed.tally.tokens, PROMPT.len() + pushed.ids.len() - 1);
    assert!((pushed.tally.mean() - 2.0).abs() < 1e-4, "{}", pushed.tally.mean());
}

#[track_caller]
fn check_steered_tokens(scope: Scope, expected: impl Fn(usize) -> usize) {
    let model = open(&tiny(MODEL));
    let bank = bank_for(&model);
    let (reply, _) = run(&model, |_| steered(&model, &bank, &Steering { scope, ..steering(0.5) }), false);
    assert_eq!(reply.tally.tokens, expected(reply.ids.len()), "{scope:?}");
}

#[test]
fn the_scopes_share_out_the_positions() {
    let prompt = PROMPT.len();
    check_steered_tokens(Scope::Prompt, |_| prompt - 1);
    check_steered_tokens(Scope::Reply, |generated| generated);
    check_steered_tokens(Scope::Both, |generated| prompt + generated - 1);
}

/// A change before the fourth token of the reply.
fn changed(model: &Model, bank: &Bank, change: ChangeRule) -> (Reply, Vec<Step>) {
    let after = steered(model, bank, &Steering { change, ..steering(2.0) });
    run(model, |asked| if asked < 4 { Steered::none() } else { after.clone() }, true)
}

#[test]
fn a_change_from_here_on_keeps_what_was_and_changes_the_rest() {
    let model = open(&tiny(MODEL));
    let bank = bank_for(&model);
    let (plain, _) = run(&model, |_| Steered::none(), true);
    let (reply, steps) = changed(&model, &bank, ChangeRule::FromHere);
    assert_eq!(reply.ids[..3], plain.ids[..3]);
    assert_ne!(reply.ids, plain.ids);
    let at = PROMPT.len() + 3;
    assert!(
        steps.iter().any(|step| matches!(step, Step::Resteered { position, from_start: false } if *position == at))
    );
    assert_eq!(reply.tally.tokens, PROMPT.len() + reply.ids.len() - at);
}

#[test]
fn a_change_from_the_start_reads_everything_again() {
    let model = open(&tiny(MODEL));
    let bank = bank_for(&model);
    let (reply, steps) = changed(&model, &bank, ChangeRule::FromStart);
    let again = steps.iter().skip_while(|step| !matches!(step, Step::Resteered { from_start: true, .. })).nth(1);
    let Some(Step::Read { first: 0, residual: Some(residual) }) = again else { panic!("{again:?}") };
    assert_eq!(residual.dim().1, PROMPT.len() + 3);

    // What it read is what a run steered from the start has there.
    let text: Vec<u32> = PROMPT.iter().chain(&reply.ids[..3]).copied().collect();
    let plan = Plan { prompt: &text, max_tokens: 0, sampling: SAMPLING, residuals: true };
    let from_start = steered(&model, &bank, &steering(2.0));
    let mut expected = None;
    generate(&model, &plan, &mut || from_start.clone(), &Cancel::new(), &mut |step| {
        if let Step::Read { residual, .. } = step {
            expected = residual;
        }
    })
    .unwrap();
    assert_eq!(expected.as_ref(), Some(residual));
    assert_eq!(reply.tally.tokens, PROMPT.len() + reply.ids.len());
}

#[test]
fn a_stopped_run_keeps_what_it_has() {
    let model = open(&tiny(MODEL));
    let plan = Plan { prompt: &PROMPT, max_tokens: 12, sampling: SAMPLING, residuals: false };
    let cancel = Cancel::new();
    let mut tokens = 0;
    let reply = generate(&model, &plan, &mut Steered::none, &cancel, &mut |step| {
        tokens += usize::from(matches!(step, Step::Token { .. }));
        if tokens == 2 {
            cancel.cancel();
        }
    })
    .unwrap();
    assert!(reply.cancelled);
    assert_eq!(reply.ids.len(), 2);
}

/// Events until the work ends.
fn until_ended(handle: &engine::Handle) -> Vec<Event> {
    let mut events = Vec::new();
    while let Some(event) = handle.next_event() {
        let ended = matches!(event, Event::Ended { .. });
        events.push(event);
        if ended {
            break;
        }
    }
    events
}

fn request(run: u64, max_tokens: usize) -> RunRequest {
    RunRequest { run, prompt: "a b".into(), chat: true, max_tokens, sampling: SAMPLING, pace: None }
}

/// An engine with the tiny model and a bank for it open.
fn engine_with_bank(folder: &tempfile::TempDir) -> engine::Handle {
    let handle = engine::start(|| {}).unwrap();
    handle.send(Request::OpenModel(tiny(MODEL), Keep::default()));
    let path = folder.path().join("bank.safetensors");
    let model = open(&tiny(MODEL));
    complete(bank_for(&model)).save(&path).unwrap();
    handle.send(Request::OpenBank(path));
    assert!(until_ended(&handle).iter().any(|event| matches!(event, Event::ModelOpened { .. })));
    let opened = until_ended(&handle);
    assert!(opened.iter().any(|event| matches!(event, Event::BankOpened { .. })), "{opened:?}");
    handle
}

/// The metadata which a file needs: an import may lack everything else.
fn complete(mut bank: Bank) -> Bank {
    bank.metadata.insert("source".into(), "import".into());
    bank
}

#[test]
fn a_failed_opening_keeps_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let handle = engine_with_bank(&folder);
    handle.send(Request::OpenModel(PathBuf::from("no/such/model"), Keep::default()));
    assert!(until_ended(&handle).iter().any(|event| matches!(event, Event::Failed { .. })));
    handle.send(Request::Run(request(1, 3)));
    let events = until_ended(&handle);
    let summary = events.iter().find_map(|event| match event {
        Event::RunEnded(summary) => Some(summary),
        _ => None,
    });
    assert_eq!(summary.map(|summary| summary.run), Some(1), "{events:?}");
}

#[test]
fn every_token_told_has_its_residual() {
    let folder = tempfile::tempdir().unwrap();
    let handle = engine_with_bank(&folder);
    handle.send(Request::Run(request(7, 4)));
    let mut rows = 0;
    for event in until_ended(&handle) {
        if let Event::Tokens(tokens) = event {
            assert_eq!(tokens.run, 7);
            assert_eq!(tokens.first, rows);
            assert_eq!(tokens.tokens.len(), tokens.residual.dim().1);
            rows += tokens.tokens.len();
        }
    }
    assert!(rows > 4);
}

#[test]
fn a_slider_moved_during_a_reply_changes_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let handle = engine_with_bank(&folder);
    handle.send(Request::Run(RunRequest { pace: Some(50.0), ..request(1, 40) }));
    let mut seen = 0;
    let mut summary = None;
    while let Some(event) = handle.next_event() {
        match event {
            Event::Tokens(tokens) => {
                seen += tokens.tokens.len();
                if seen > 12 {
                    handle.steer(steering(1.0));
                }
            }
            Event::RunEnded(ended) => summary = Some(ended),
            Event::Ended { .. } => break,
            _ => {}
        }
    }
    let summary = summary.unwrap();
    assert!(summary.steered_tokens > 0 && summary.steered_tokens < seen - 10, "{summary:?} of {seen}");
    assert!((summary.mean_push - 1.0).abs() < 1e-3, "{summary:?}");
}

#[test]
fn stop_ends_a_run_which_waits() {
    let folder = tempfile::tempdir().unwrap();
    let handle = engine_with_bank(&folder);
    // An hour for a token, so that only Stop can end it.
    handle.send(Request::Run(RunRequest { pace: Some(1.0 / 3600.0), ..request(1, 40) }));
    std::thread::sleep(Duration::from_millis(50));
    handle.stop();
    let events = until_ended(&handle);
    assert!(matches!(events.last(), Some(Event::Ended { cancelled: true, .. })), "{events:?}");
}

#[test]
fn steering_that_cannot_be_done_fails_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let handle = engine_with_bank(&folder);
    handle.steer(Steering { terms: vec![Term { name: "hangry".into(), strength: 0.1 }], ..Steering::default() });
    handle.send(Request::Run(request(1, 3)));
    let events = until_ended(&handle);
    assert!(events.iter().any(|event| matches!(event, Event::Failed { message, .. } if message.contains("hangry"))));
}
