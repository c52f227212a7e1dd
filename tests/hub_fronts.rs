//! The terminal and the engine with a hub on this machine: when the network is used, and when not.

#![allow(clippy::unwrap_used, reason = "a failing helper fails its test")]

mod hub_support;
mod support;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use circumplex::engine::{self, Event, FetchRequest, Request, Work};
use circumplex::model::Keep;
use hub_support::{Bench, NAME, bench, wait_for};
use support::open;

/// Runs the program with this hub as its own.
fn program(bench: &Bench, args: &[&str]) -> (i32, String, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_circumplex"));
    for key in ["HF_HUB_CACHE", "HF_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"] {
        command.env_remove(key);
    }
    command.env("HF_ENDPOINT", &bench.server.endpoint).env("HF_HOME", bench.home.path());
    let ran = command.args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (ran.status.code().unwrap_or(-1), text(ran.stdout), text(ran.stderr))
}

#[test]
fn the_program_fetches_a_named_model_once() {
    let bench = bench(|_| {});
    let info = ["info", "--model", NAME, "--json"];
    let (code, _, err) = program(&bench, &[&info[..], &["--offline"]].concat());
    assert!(code == 1 && err.contains("the network may not be used"), "{err}");
    assert!(bench.server.asked().is_empty());

    let (code, out, err) = program(&bench, &info);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("\"id\":\"owner/tiny-chat\"") && err.contains("Downloading owner/tiny-chat"), "{out}{err}");
    assert!(!bench.server.asked().is_empty());

    for more in [&[][..], &["--offline"]] {
        assert_eq!(program(&bench, &[&info[..], more].concat()).0, 0);
    }
    assert!(bench.server.asked().is_empty(), "what is in the cache is opened without the network");
}

#[test]
fn the_program_says_where_a_model_is() {
    let bench = bench(|_| {});
    let (code, out, err) = program(&bench, &["fetch", NAME, "--json"]);
    assert_eq!(code, 0, "{err}");
    let answer: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(answer["model"], NAME);
    open(Path::new(answer["path"].as_str().unwrap()));
    let (code, _, err) = program(&bench, &["fetch", "no-name"]);
    assert!(code == 1 && err.contains("owner/name"), "{err}");
}

#[test]
fn a_path_never_goes_to_the_network() {
    let bench = bench(|_| {});
    for path in ["./owner/tiny-chat", "tests/no-such-model", "no-such-model"] {
        let (code, _, err) = program(&bench, &["info", "--model", path]);
        assert!(code == 1 && err.contains("there is no model"), "{err}");
    }
    assert!(bench.server.asked().is_empty());
}

#[test]
fn the_engine_fetches_and_opens() {
    let bench = bench(|_| {});
    let handle = engine::start(|| {}).unwrap();
    handle.send(Request::FetchModel(FetchRequest { hub: bench.hub.clone(), name: NAME.into(), keep: Keep::default() }));
    let mut opened = None;
    let mut bytes = 0;
    loop {
        match handle.next_event().unwrap() {
            Event::Progress(Work::FetchingModel, progress) => bytes = bytes.max(progress.done),
            Event::ModelOpened { info, path } => opened = Some((info.id.clone(), path)),
            Event::Failed { message, .. } => panic!("{message}"),
            Event::Ended { work, cancelled } => {
                assert_eq!((work, cancelled), (Work::FetchingModel, false));
                break;
            }
            _ => {}
        }
    }
    assert_eq!(opened, Some((NAME.into(), PathBuf::from(NAME))), "opened again, it is found by its name");
    assert!(bytes > 10_000);
}

#[test]
fn the_engine_stops_a_download() {
    let bench = bench(|manners| manners.stall = Some(10_000));
    let handle = engine::start(|| {}).unwrap();
    handle.send(Request::FetchModel(FetchRequest { hub: bench.hub.clone(), name: NAME.into(), keep: Keep::default() }));
    wait_for(&bench.part(), 10_000);
    handle.stop();
    let asked = Instant::now();
    loop {
        match handle.next_event().unwrap() {
            Event::Failed { message, .. } => panic!("{message}"),
            Event::Ended { cancelled, .. } => {
                assert!(cancelled);
                break;
            }
            _ => {}
        }
    }
    assert!(asked.elapsed() < Duration::from_secs(5), "the server would be silent for 20 s");
}
