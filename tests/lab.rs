//! The whole report: on a tiny random model with a made-up bank, and, where it is, on a real one against numbers from transformers.

#![allow(clippy::unwrap_used, reason = "a failing helper fails its test")]

mod support;

use std::path::Path;

use circumplex::bank::{Bank, Baseline, VectorSet};
use circumplex::corpus::Situation;
use circumplex::emotion;
use circumplex::job::{Cancel, Progress, silent};
use circumplex::lab::{
    self, Frame, ImplicitPrompt, Kind, Lab, LabError, Open, Options, Prompts, Quantity, Report, Texts,
};
use circumplex::model::Model;
use ndarray::{Array1, Array2, Array3, s};
use serde_json::Value;
use support::{circumplex, open, shared, tiny};

/// All 171 words with directions of sines, and baselines which are not those of any text.
fn bank_for(model: &Model) -> Bank {
    let (blocks, width) = (model.info().blocks, model.info().width);
    let emotions: Vec<String> = emotion::words().iter().map(|word| (*word).to_owned()).collect();
    let vectors = Array3::from_shape_fn((emotions.len(), blocks, width), |(emotion, block, column)| {
        ((emotion * 97 + block * 31 + column * (1 + emotion % 7)) as f32 * 0.7).sin()
    });
    let baseline = || Some(Baseline { mean: Array2::zeros((blocks, 171)), std: Array2::from_elem((blocks, 171), 2.0) });
    Bank {
        residual_norm: Some(Array1::from_shape_fn(blocks, |block| 2.0 + block as f32)),
        baseline: baseline(),
        answer: baseline(),
        ..Bank::of_vectors(emotions, (0..blocks).collect(), vectors)
    }
}

/// Short enough for a tiny model's context.
fn prompts() -> Prompts {
    let strings = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<String>>();
    let implicit = |emotion: &str, text: &str| ImplicitPrompt { emotion: emotion.into(), text: text.into() };
    let shipped = Prompts::shipped().unwrap();
    Prompts {
        implicit: vec![implicit("sad", "a b"), implicit("calm", "b c"), implicit("angry", "c"), implicit("sad", "d")],
        quantities: vec![Quantity {
            name: "steps".into(),
            unit: "steps".into(),
            text: "a {} b".into(),
            values: vec![1.0, 2.0, 4.0, 8.0],
            up: strings(&["sad"]),
            down: strings(&["calm"]),
        }],
        feels: ["a b", "c"].map(|text| Frame { text: text.into() }).to_vec(),
        open: vec![Open { kind: Kind::Message, text: "a".into() }, Open { kind: Kind::Story, text: "b c".into() }],
        names: shipped.names,
    }
}

fn measure(model: &Model, bank: &Bank) -> Report {
    let lab = Lab::new(model, bank, None, None, None).unwrap();
    lab::measure(&lab, &prompts(), &Options::default(), &Cancel::new(), &mut silent).unwrap()
}

#[test]
fn a_sweep_finds_defaults_which_the_bank_can_hold() {
    let model = open(&tiny("llama-tied"));
    let mut bank = bank_for(&model);
    let prompts = prompts();
    let situation =
        |emotion: &str, text: &str| Situation { emotion: emotion.into(), text: text.into(), reply: "a".into() };
    let texts = Texts {
        situations: &[situation("sad", "a b"), situation("no such emotion", "b"), situation("calm", "c a")],
        frames: &prompts.feels,
        words: &prompts.twelve(),
        open: &prompts.open,
        reply_emotions: &["calm".to_owned()],
    };
    let found = lab::sweep(&model, &bank, &texts, &Cancel::new(), &mut silent).unwrap();
    assert_eq!((found.readings.len(), found.readings[0].n), (model.info().blocks, 2));
    assert!(found.readings.iter().all(|one| one.reciprocal_rank > 0.0 && one.reciprocal_rank <= 1.0));
    let best = found.readings.iter().find(|one| one.block == found.block).unwrap();
    assert!(best.valence_r.is_some());
    found.write_into(&mut bank);
    bank.metadata.insert("source".into(), "import".into());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bank.safetensors");
    bank.save(&path).unwrap();
    let bank = Bank::open(&path).unwrap();
    assert_eq!((bank.default_block(9), bank.default_vectors()), (found.block, found.vectors));
    assert_eq!((bank.default_blocks(9), bank.default_strength()), (found.blocks, found.strength));
}

#[test]
fn a_report_on_a_tiny_model_has_every_part_and_picture() {
    let model = open(&tiny("llama-tied"));
    let bank = bank_for(&model);
    let report = measure(&model, &bank);
    assert_eq!(report, measure(&model, &bank), "a report is the same every time");

    let folder = tempfile::tempdir().unwrap();
    let files = lab::write(&report, &folder.path().join("deep/report")).unwrap();
    let text = std::fs::read_to_string(&files[0]).unwrap();
    assert!(!text.contains("Not measured"), "{text}");
    let json: Value = serde_json::from_slice(&std::fs::read(&files[1]).unwrap()).unwrap();
    for part in ["about", "map", "implicit", "quantities", "lens", "feels", "replies", "samples"] {
        assert!(json[part].is_object() && json[part]["not_measured"].is_null(), "{part}");
    }
    let pictures = &files[2..];
    assert_eq!(pictures.len(), 5, "{pictures:?}");
    for picture in pictures {
        let name = picture.file_name().unwrap().to_str().unwrap();
        assert!(text.contains(&format!("]({name})")), "{name} is not shown");
        assert!(std::fs::read_to_string(picture).unwrap().starts_with("<svg"));
    }
    // Texts of the model are there in full.
    assert_eq!(json["replies"]["replies"].as_array().unwrap().len(), 7);
    assert_eq!(text.matches("(seed ").count(), 3);
}

#[test]
fn a_push_is_measured_and_no_strength_changes_nothing() {
    let model = open(&tiny("llama-tied"));
    let bank = bank_for(&model);
    let report = measure(&model, &bank);
    let feels = report.feels.measured().unwrap();
    for rises in [&feels.steered, &feels.random] {
        assert!((rises.mean_push - 0.5).abs() < 1e-4, "{}", rises.mean_push);
        assert_eq!((rises.change.len(), rises.change[0].len()), (3, 3));
    }
    let replies = report.replies.measured().unwrap();
    for reply in &replies.replies {
        let expected = if reply.steering.is_some() { 0.1 } else { 0.0 };
        assert!((reply.mean_push - expected).abs() < 1e-4, "{reply:?}");
    }
    // Without strength nothing changes, not even in the last bit.
    let lab = Lab::new(&model, &bank, None, None, None).unwrap();
    let prompts = prompts();
    let none = lab::feels(&lab, &prompts.feels, &prompts.twelve(), 0.0, &Cancel::new(), &mut silent).unwrap();
    assert!(none.steered.change.iter().flatten().all(|change| *change == 0.0));
}

#[test]
fn readings_of_implicit_prompts_are_those_of_the_bank() {
    let model = open(&tiny("llama-tied"));
    let bank = bank_for(&model);
    let report = measure(&model, &bank);
    let implicit = report.implicit.measured().unwrap();
    let tokens = model.encode_chat(&[circumplex::model::Message::user("b c")]).unwrap();
    let residuals = model.residuals(std::slice::from_ref(&tokens), &Cancel::new()).unwrap();
    let h = residuals[0].slice(s![report.about.block, tokens.len() - 1, ..]).to_owned();
    let place = bank.index_of("calm").unwrap();
    let unit = bank.unit_vector(place, report.about.block, VectorSet::Denoised).unwrap();
    // The made-up baseline has mean 0 and standard deviation 2.
    assert!((implicit.prompts[1].z[1] - h.dot(&unit) / 2.0).abs() < 1e-4, "{:?}", implicit.prompts[1]);
}

#[test]
fn a_bank_of_vectors_alone_gives_the_map_and_the_lens_and_says_why_nothing_else() {
    let model = open(&tiny("llama-tied"));
    let whole = bank_for(&model);
    let bank = Bank::of_vectors(whole.emotions, whole.blocks, whole.vectors);
    let report = measure(&model, &bank);
    assert!(report.map.measured().is_some() && report.lens.measured().is_some() && report.samples.measured().is_some());
    let text = lab::markdown(&report);
    assert_eq!(text.matches("Not measured").count(), 4, "{text}");
    assert!(text.contains("baseline\\_mean") && text.contains("residual\\_norm"), "{text}");
}

#[test]
fn a_report_stops_and_tells_how_far_it_is() {
    let model = open(&tiny("llama-tied"));
    let bank = bank_for(&model);
    let lab = Lab::new(&model, &bank, None, None, None).unwrap();
    let cancel = Cancel::new();
    let mut seen: Vec<Progress> = Vec::new();
    let mut sink = |progress: Progress| {
        if progress.note.starts_with("Steering emotion words") {
            cancel.cancel();
        }
        seen.push(progress);
    };
    let result = lab::measure(&lab, &prompts(), &Options::default(), &cancel, &mut sink);
    assert!(matches!(result, Err(LabError::Stopped)));
    assert!(seen.is_sorted_by(|a, b| a.done <= b.done && a.total == b.total), "{seen:?}");
}

#[test]
fn a_bank_of_another_model_and_a_block_beyond_are_refused() {
    let (model, other) = (open(&tiny("llama-tied")), open(&tiny("llama-biased")));
    let bank = bank_for(&model);
    assert!(Lab::new(&other, &bank, None, None, None).is_err());
    assert!(Lab::new(&model, &bank, Some(99), None, None).is_err());
    assert!(Lab::new(&model, &bank, None, None, Some(VectorSet::Raw)).is_err());
}

/// tests/reference_bank/lab.py wrote the numbers, with transformers and the same made-up bank.
#[test]
fn lens_and_words_of_a_real_model_are_those_of_transformers() {
    let Some(path) = shared("models/tinystories-instruct-3m-chat") else { return };
    let expected: Value = serde_json::from_str(include_str!("reference_bank/lab.json")).unwrap();
    let model = open(&path);
    let bank = bank_for(&model);
    let lab = Lab::new(&model, &bank, None, None, None).unwrap();
    let prompts = Prompts::shipped().unwrap();
    let lens = lab::lens(&lab, &prompts.names, &Cancel::new(), &mut silent).unwrap();
    for (emotion, tokens) in expected["lens"].as_object().unwrap() {
        let row = lens.emotions.iter().find(|row| row.emotion == *emotion).unwrap();
        let ids: Vec<u32> = row.tokens.iter().map(|token| token.id).collect();
        assert_eq!(ids, serde_json::from_value::<Vec<u32>>(tokens.clone()).unwrap(), "{emotion}");
    }
    let feels = lab::feels(&lab, &prompts.feels, &prompts.twelve(), 0.5, &Cancel::new(), &mut silent).unwrap();
    let words: Vec<String> = serde_json::from_value(expected["words"].clone()).unwrap();
    assert_eq!(feels.words, words);
    let right: Vec<Vec<f64>> = serde_json::from_value(expected["change"].clone()).unwrap();
    for (ours, right) in feels.steered.change.iter().flatten().zip(right.iter().flatten()) {
        assert!((ours - right).abs() < 1e-3, "{ours} is not {right}");
    }
}

#[test]
fn the_command_writes_a_folder_and_prints_one_object() {
    let folder = tempfile::tempdir().unwrap();
    let path = tiny("llama-tied");
    let mut bank = bank_for(&open(&path));
    bank.metadata.insert("source".into(), "import".into());
    let file = folder.path().join("bank.safetensors");
    bank.save(&file).unwrap();
    let out = folder.path().join("out");
    let [model, bank, out] = [&path, &file, &out].map(|path| path.to_str().unwrap());
    let ran = circumplex(&["report", "--model", model, "--bank", bank, "--out", out, "--block", "1", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let printed: Value = serde_json::from_str(&ran.out).unwrap();
    let written: Value = serde_json::from_slice(&std::fs::read(format!("{out}/report.json")).unwrap()).unwrap();
    assert_eq!(printed, written);
    assert_eq!(printed["about"]["block"], 1);
    assert!(Path::new(out).join("map.svg").exists());
    assert!(ran.err.contains("measured in"), "{}", ran.err);

    let ran = circumplex(&["report", "--model", model, "--bank", bank, "--out", out, "--block", "99"]);
    assert!(ran.code == 1 && ran.err.contains("no block 99"), "{}", ran.err);
    let ran = circumplex(&["report", "--model", model, "--bank", bank, "--out", out, "--strength", "nan"]);
    assert!(ran.code == 2 && ran.err.contains("--strength"), "{}", ran.err);
    let ran = circumplex(&["report", "--model", model, "--bank", bank]);
    assert!(ran.code == 2 && ran.err.contains("--out"), "{}", ran.err);
}
