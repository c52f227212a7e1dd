//! The program as other programs run it: output, files and exit codes, on a tiny random model.

#![allow(clippy::unwrap_used, reason = "a failing helper fails its test")]

mod support;

use std::path::{Path, PathBuf};

use ndarray::{Array3, Axis};
use safetensors::SafeTensors;
use serde_json::Value;
use support::{bank_for, circumplex, open, tiny};
use tempfile::TempDir;

/// A tiny model and a bank for it.
struct Bench {
    folder: TempDir,
    model: PathBuf,
    bank: PathBuf,
}

fn bench() -> Bench {
    let (folder, model) = (tempfile::tempdir().unwrap(), tiny("llama-tied"));
    let path = folder.path().join("bank.safetensors");
    let mut bank = bank_for(&open(&model));
    bank.metadata.insert("source".into(), "import".into());
    bank.save(&path).unwrap();
    Bench { folder, model, bank: path }
}

impl Bench {
    /// The arguments, with `MODEL` and `BANK` put in.
    fn run(&self, args: &[&str]) -> support::Ran {
        let args: Vec<&str> = args
            .iter()
            .map(|arg| match *arg {
                "MODEL" => self.model.to_str().unwrap(),
                "BANK" => self.bank.to_str().unwrap(),
                other => other,
            })
            .collect();
        circumplex(&args)
    }

    #[track_caller]
    fn json(&self, args: &[&str]) -> Value {
        let ran = self.run(args);
        assert_eq!(ran.code, 0, "{}", ran.err);
        serde_json::from_str(&ran.out).unwrap()
    }

    /// `residual` [L, T, D] of a dump.
    #[track_caller]
    fn dump(&self, name: &str, args: &[&str]) -> Array3<f32> {
        let out = self.folder.path().join(name);
        let start = ["dump", "--model", "MODEL", "--tokens", "5,9,17,4,8", "--out", out.to_str().unwrap()];
        let ran = self.run(&[&start, args].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
        residual(&out)
    }
}

fn residual(path: &Path) -> Array3<f32> {
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let tensor = file.tensor("residual").unwrap();
    let values = tensor.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let [blocks, tokens, width] = tensor.shape().try_into().unwrap();
    Array3::from_shape_vec((blocks, tokens, width), values).unwrap()
}

const GENERATE: [&str; 9] = ["generate", "--model", "MODEL", "--prompt", "a b c", "--max-tokens", "8", "--seed", "5"];

#[test]
fn dump_adds_strength_times_norm_times_unit_vector_at_the_first_block() {
    let bench = bench();
    let plain = bench.dump("plain.safetensors", &[]);
    let steered = bench.dump("steered.safetensors", &["--bank", "BANK", "--steer", "calm=0.5", "--blocks", "1-2"]);
    assert_eq!(steered.index_axis(Axis(0), 0), plain.index_axis(Axis(0), 0), "nothing is pushed before the range");

    let bank = bank_for(&open(&bench.model));
    let vector = bank.vectors.index_axis(Axis(0), 0).index_axis(Axis(0), 1).to_owned();
    let length = vector.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    let push = vector.mapv(|x| (0.5 * 3.0 * f64::from(x) / length) as f32);
    for (before, after) in plain.index_axis(Axis(0), 1).rows().into_iter().zip(steered.index_axis(Axis(0), 1).rows()) {
        for ((before, after), push) in before.iter().zip(after).zip(&push) {
            assert!((before + push - after).abs() <= 1e-6 * (1.0 + before.abs()), "{before} + {push} is not {after}");
        }
    }
    assert_ne!(steered.index_axis(Axis(0), 2), plain.index_axis(Axis(0), 2));
}

#[test]
fn a_steered_dump_is_the_same_token_by_token() {
    let bench = bench();
    let steer = ["--bank", "BANK", "--steer", "angry=-0.3", "--blocks", "0-1"];
    let whole = bench.dump("whole.safetensors", &steer);
    let cached = bench.dump("cached.safetensors", &[&steer[..], &["--cached"]].concat());
    assert!((whole - cached).iter().all(|difference| difference.abs() < 1e-5));
}

#[test]
fn generate_with_every_strength_zero_equals_no_steering_bit_for_bit() {
    let bench = bench();
    let plain = bench.json(&[&GENERATE[..], &["--json"]].concat());
    let zero = ["--bank", "BANK", "--steer", "calm=0", "--steer", "random=0", "--json"];
    let zero = bench.json(&[&GENERATE[..], &zero].concat());
    assert_eq!(plain, zero);
    assert_eq!(plain["steered_tokens"], 0);
    assert_eq!(plain["mean_push"], 0.0);
    assert!(!plain["tokens"].as_array().unwrap().is_empty());
}

#[test]
fn generate_reports_the_push_and_compares() {
    let bench = bench();
    let steer = ["--bank", "BANK", "--steer", "at ease=0.25", "--blocks", "1", "--compare", "--json"];
    let steered = bench.json(&[&GENERATE[..], &steer].concat());
    let plain = bench.json(&[&GENERATE[..], &["--json"]].concat());
    assert_eq!(steered["baseline"]["tokens"], plain["tokens"]);
    assert_eq!(steered["baseline"]["text"], plain["text"]);
    // The last token of the reply is never read.
    let positions = steered["prompt_tokens"].as_u64().unwrap() + steered["tokens"].as_array().unwrap().len() as u64 - 1;
    assert_eq!(steered["steered_tokens"].as_u64().unwrap(), positions);
    assert!((steered["mean_push"].as_f64().unwrap() - 0.25).abs() < 1e-5, "{steered}");
    let pieces = |reply: &Value| -> String {
        reply["tokens"].as_array().unwrap().iter().map(|token| token["text"].as_str().unwrap()).collect()
    };
    assert_eq!(steered["text"], pieces(&steered));
}

#[track_caller]
fn check_fails(args: &[&str], code: i32, parts: &[&str]) {
    let ran = bench().run(args);
    assert_eq!(ran.code, code, "{}", ran.err);
    for part in parts {
        assert!(ran.err.contains(part), "{part:?} is not in: {}", ran.err);
    }
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
    assert_eq!(ran.out, "");
}

#[test]
fn wrong_usage_exits_with_2() {
    check_fails(&["generate"], 2, &["--prompt"]);
    check_fails(&[&GENERATE[..], &["--temperature", "-1"]].concat(), 2, &["temperature"]);
    check_fails(&[&GENERATE[..], &["--top-p", "0"]].concat(), 2, &["top-p"]);
    check_fails(&[&GENERATE[..], &["--blocks", "3-1"]].concat(), 2, &["3-1"]);
    check_fails(&[&GENERATE[..], &["--bank", "BANK", "--steer", "calm=warm"]].concat(), 2, &["warm"]);
    check_fails(&[&GENERATE[..], &["--steer", "calm=0.1"]].concat(), 2, &["--bank"]);
    check_fails(&["dump", "--model", "MODEL", "--tokens", "1,x", "--out", "f"], 2, &["x"]);
    check_fails(&["info", "--model", "MODEL", "--device", "gpu"], 2, &["cuda:N"]);
}

#[test]
fn failed_work_exits_with_1_and_says_what_to_do() {
    check_fails(&["info", "--model", "no/such/folder"], 1, &["no/such/folder", "\n"]);
    check_fails(&[&GENERATE[..], &["--bank", "BANK", "--steer", "hangry=0.1"]].concat(), 1, &["hangry"]);
    check_fails(
        &[&GENERATE[..], &["--bank", "BANK", "--steer", "calm=0.1", "--blocks", "9"]].concat(),
        1,
        &["9-9", "0-2"],
    );
    check_fails(&["generate", "--model", "MODEL", "--prompt", ""], 1, &["no text"]);
    check_fails(&["generate", "--model", "MODEL", "--prompt", &"a ".repeat(500)], 1, &["can read only"]);
    check_fails(&["dump", "--model", "MODEL", "--tokens", "99999", "--out", "f"], 1, &["99999"]);
    check_fails(&["dump", "--model", "MODEL", "--tokens", "5", "--out", "no/such/folder/f"], 1, &["no/such/folder/f"]);
}

#[test]
fn info_names_the_device() {
    let bench = bench();
    assert_eq!(bench.json(&["info", "--model", "MODEL", "--device", "cpu", "--json"])["device"], "cpu");
    let table = bench.run(&["info", "--model", "MODEL", "--device", "cpu"]).out;
    assert!(table.lines().any(|line| line.split_whitespace().eq(["Device", "cpu"])), "{table}");
}

#[test]
fn a_device_which_is_not_there_is_refused_wherever_a_model_is_loaded() {
    let says = ["the device cuda:99 cannot be used", "\n", "--device cpu"];
    let no_such = ["--model", "MODEL", "--device", "cuda:99"];
    for command in [
        &["info"][..],
        &["read", "--bank", "BANK", "--text", "a"],
        &["generate", "--prompt", "a"],
        &["build", "--out", "f"],
        &["dump", "--tokens", "5", "--out", "f"],
        &["screenshot", "--out", "f"],
    ] {
        check_fails(&[command, &no_such].concat(), 1, &says);
    }
}

#[test]
fn a_bank_of_another_width_is_refused() {
    let bench = bench();
    let other = tiny("llama-biased");
    let steer = ["--bank", "BANK", "--steer", "calm=0.1"];
    let ran = bench.run(&[&["generate", "--model", other.to_str().unwrap(), "--prompt", "a"], &steer[..]].concat());
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("24") && ran.err.contains("30"), "{}", ran.err);
}

#[test]
fn check_finds_nothing_in_the_shipped_texts_and_names_the_line_in_others() {
    let ran = circumplex(&["check", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let found: Value = serde_json::from_str(&ran.out).unwrap();
    for what in ["stories", "situations", "neutral dialogues"] {
        assert_eq!(found[what]["problems"], Value::Array(Vec::new()), "{what}");
    }
    assert_eq!(found["stories"]["figures"]["texts"], 2052.0);

    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "{\"emotion\": \"calm\", \"text\": \"It was a calm day.\"}\n").unwrap();
    let sizes = ["--per-emotion", "1", "--different-words", "1", "--names", "0"];
    let ran = circumplex(&[&["check", "--stories", file.path().to_str().unwrap()], &sizes[..]].concat());
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert!(ran.out.contains("line 1 (calm): says \"calm\"") && ran.out.contains("has 5 words"), "{}", ran.out);
    assert!(!ran.out.contains("situations"), "{}", ran.out);
    assert!(ran.err.contains("2 problems found"), "{}", ran.err);

    std::fs::write(file.path(), "{\"emotion\": 3}\n").unwrap();
    let ran = circumplex(&["check", "--neutral", file.path().to_str().unwrap()]);
    assert!(ran.code == 1 && ran.err.contains("line 1: missing field `text`"), "{}", ran.err);
}

#[test]
fn build_takes_the_shipped_stories() {
    let bench = bench();
    let (out, neutral) = (bench.folder.path().join("shipped.safetensors"), bench.folder.path().join("n.jsonl"));
    let args = ["build", "--model", "MODEL", "--out", out.to_str().unwrap(), "--start-token", "10"];
    let ran = bench.run(&args);
    assert!(ran.code == 1 && ran.err.contains("400 first lines too long for the model"), "{}", ran.err);
    std::fs::write(&neutral, "{\"text\": \"Is it so?\\n\\nIt is.\"}\n{\"text\": \"Two or three?\"}\n").unwrap();
    let ran = bench.run(&[&args[..], &["--neutral", neutral.to_str().unwrap()]].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    let found = bench.json(&["bank", "inspect", out.to_str().unwrap(), "--json"]);
    assert_eq!(found["metadata"]["corpus"], "the shipped texts");
    assert_eq!(found["emotions"].as_array().unwrap().len(), 171);
}
