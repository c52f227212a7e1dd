//! `circumplex screenshot`: the window as a file, without a display.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn screenshot(out: &Path, options: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_circumplex"))
        .arg("screenshot")
        .arg("--out")
        .arg(out)
        .args(options)
        .output()
        .unwrap()
}

fn in_folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("window.png");
    (folder, out)
}

#[track_caller]
fn check_code(options: &[&str], code: i32, says: &str) {
    let (_folder, out) = in_folder();
    let output = screenshot(&out, options);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{errors}");
    assert!(errors.contains(says), "{errors}");
    assert!(!out.exists());
}

#[test]
fn the_window_has_the_size_asked_for() {
    let (_folder, out) = in_folder();
    let output = screenshot(&out, &["--size", "1100x720", "--theme", "light"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let picture = image::open(&out).unwrap().to_rgb8();
    assert_eq!(picture.dimensions(), (1100, 720));
    let colours: std::collections::BTreeSet<_> = picture.pixels().map(|pixel| pixel.0).collect();
    assert!(colours.len() > 100, "only {} colours", colours.len());
}

#[test]
fn bad_options_are_wrong_usage() {
    check_code(&["--size", "10x10"], 2, "1440x900");
    check_code(&["--view", "sideways"], 2, "explore");
}

#[test]
fn what_the_engine_cannot_open_is_a_failure() {
    check_code(&["--model", "no/such/folder"], 1, "no/such/folder");
    check_code(&["--bank", "no/such/bank.safetensors"], 1, "bank.safetensors");
}

#[test]
fn the_model_inside_runs_a_text_with_a_named_bank() {
    let (_folder, out) = in_folder();
    let bank = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/inside.safetensors");
    let output = screenshot(&out, &["--bank", bank, "--text", "My dog ran away."]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(out.exists());
}

#[test]
fn a_real_model_runs_its_text() {
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/models/tinystories-instruct-3m-chat");
    if !Path::new(model).exists() {
        println!("skipped: no {model}");
        return;
    }
    let (_folder, out) = in_folder();
    let output = screenshot(&out, &["--model", model, "--text", "My dog ran away."]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(image::open(&out).unwrap().to_rgb8().dimensions(), (1440, 900));
}
