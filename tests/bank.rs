//! Banks: the file, the recipe (on a made-up model and frozen numpy values) and the import.

#![allow(clippy::unwrap_used, reason = "a test which panics has failed")]

#[path = "bank/file.rs"]
mod file;
#[path = "bank/import.rs"]
mod import;
#[path = "bank/recipe.rs"]
mod recipe;

use circumplex::bank::{Bank, Baseline};
use ndarray::{Array1, Array2, Array3};

/// A complete bank of made-up numbers: 3 emotions, blocks 0 to 3, width 4.
fn small_bank() -> Bank {
    let baseline = |shift: f32| Baseline {
        mean: Array2::from_shape_fn((4, 3), |(l, e)| shift + (l * 3 + e) as f32),
        std: Array2::from_shape_fn((4, 3), |(l, e)| 1.0 + shift + (l + e) as f32),
    };
    let metadata = [
        ("model", "toy"),
        ("model_sha256", "00"),
        ("start_token", "50"),
        ("variance", "0.5"),
        ("neutral_components", "[1,1,1,1]"),
        ("corpus", "stories.jsonl"),
        ("corpus_sha256", "11"),
        ("stories", "6"),
        ("created_by", "circumplex test"),
        ("license", ""),
        ("favourite_colour", "blue"),
    ];
    Bank {
        emotions: ["calm", "on edge", "sad"].map(str::to_owned).to_vec(),
        blocks: vec![0, 1, 2, 3],
        vectors: Array3::from_shape_fn((3, 4, 4), |(e, l, d)| (e * 7 + l * 3 + d * d) as f32 - 4.5),
        raw: Some(Array3::from_shape_fn((3, 4, 4), |(e, l, d)| (e * 5 + l + d) as f32 - 3.5)),
        residual_norm: Some(Array1::from_vec(vec![1.0, 2.0, 3.0, 4.0])),
        neutral_mean: Some(Array2::from_shape_fn((4, 4), |(l, d)| (l + d) as f32)),
        baseline: Some(baseline(0.0)),
        answer: Some(baseline(0.25)),
        raw_baseline: Some(baseline(0.5)),
        raw_answer: None,
        metadata: metadata.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
    }
}

/// What other tests share: the folder with the real models and vectors, where it is there.
fn shared(path: &str) -> Option<std::path::PathBuf> {
    let path = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")).join(path);
    if !path.exists() {
        eprintln!("skipped: {} is not there", path.display());
        return None;
    }
    Some(path)
}
