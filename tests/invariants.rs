//! Reads the sources and holds the direction of dependency which ARCHITECTURE.md states.

#![allow(clippy::unwrap_used, reason = "a failing helper fails its test")]

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Lines of the code, without comments and without test modules at the end of a file.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
        .map(|(number, line)| (number + 1, line.split("//").next().unwrap_or_default()))
}

/// Asserts that none of `words` occurs in the code under src, but in files for which `allowed` holds.
#[track_caller]
fn check_only(words: &[&str], allowed: impl Fn(&str) -> bool) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut used = false;
    for path in sources(&root) {
        let name = path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
        let text = fs::read_to_string(&path).unwrap();
        for (number, line) in code_lines(&text) {
            if words.iter().any(|word| line.contains(word)) {
                used = true;
                if !allowed(&name) {
                    found.push(format!("src/{name}:{number}: {}", line.trim()));
                }
            }
        }
    }
    assert!(used, "nothing uses {words:?}: this check no longer checks anything");
    assert!(found.is_empty(), "these may not use {words:?}:\n{}", found.join("\n"));
}

#[test]
fn only_the_model_knows_candle() {
    check_only(&["candle_"], |file| file.starts_with("model/"));
}

#[test]
fn only_the_window_and_the_raster_know_egui() {
    check_only(&["egui::", "eframe::", "egui_plot::"], |file| {
        file.starts_with("app/") || file.starts_with("figure/raster/")
    });
}

#[test]
fn only_the_hub_knows_the_network() {
    check_only(&["hf_hub", "std::net", "ureq"], |file| file.starts_with("model/hub/"));
}

#[test]
fn only_the_fronts_use_anyhow() {
    check_only(&["anyhow"], |file| file.starts_with("app/") || file.starts_with("cli/"));
}

#[test]
fn science_knows_neither_the_model_nor_the_fronts() {
    check_only(&["crate::model", "crate::engine", "crate::app", "crate::cli"], |file| {
        !["emotion/", "corpus/", "bank/", "geometry/", "reading/", "steering/"]
            .iter()
            .any(|module| file.starts_with(module))
    });
}

#[test]
fn the_laboratory_knows_no_front() {
    check_only(&["crate::app", "crate::cli"], |file| !file.starts_with("lab/"));
}

#[test]
fn threads_have_names() {
    check_only(&["thread::Builder"], |_| true);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for path in sources(&root) {
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains("thread::spawn("), "{}: use thread::Builder and name the thread", path.display());
    }
}
