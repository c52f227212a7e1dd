//! What several integration tests share.
#![allow(clippy::unwrap_used, reason = "a failing helper fails its test")]
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::path::{Path, PathBuf};
use std::process::Command;

use circumplex::bank::Bank;
use circumplex::job::{Cancel, silent};
use circumplex::model::Model;
use ndarray::{Array1, Array3};

/// A folder of the tiny random models which lie beside the frozen references.
pub fn tiny(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference").join(name)
}

/// A file or folder of the shared test data, or none with a word to the reader where it is not there.
pub fn shared(path: &str) -> Option<PathBuf> {
    let full = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(path);
    if !full.exists() {
        println!("skipped: ../shared/{path} is not here");
        return None;
    }
    Some(full)
}

pub fn open(path: &Path) -> Model {
    Model::open(path, &Cancel::new(), &mut silent).unwrap()
}

/// A bank for a model of this shape: three emotions whose directions come from sines, so that they differ at every block.
pub fn bank_for(model: &Model) -> Bank {
    let (blocks, width) = (model.info().blocks, model.info().width);
    let vectors = Array3::from_shape_fn((3, blocks, width), |(emotion, block, column)| {
        ((emotion * 97 + block * 31 + column) as f32 * 0.7).sin()
    });
    let emotions = ["calm", "angry", "at ease"].map(String::from).to_vec();
    let bank = Bank::of_vectors(emotions, (0..blocks).collect(), vectors);
    Bank { residual_norm: Some(Array1::from_shape_fn(blocks, |block| 2.0 + block as f32)), ..bank }
}

/// What a run of the program left behind.
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// Runs the program.
pub fn circumplex(args: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_circumplex")).args(args).output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}
