//! The decoder in candle's own operations, as it computes on an accelerator, here on the processor: against the frozen numbers of
//! transformers (tests/reference) and against our kernels.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use ndarray::{Array2, Array3, ArrayView2, Axis, concatenate};

use super::decoder::Place;
use super::*;
use crate::job::silent;
use crate::steering::{BlockPush, Push, PushTally};

/// As tests/model_reference.rs asks of our kernels.
const TOLERANCE: f32 = 1e-5;

const ALL: Tap<'static> = Tap { push: None, residual: true, logits: Logits::All };

fn reference(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference").join(name)
}

fn open(path: &Path, precision: Precision, place: Place) -> Model {
    Model::open_at(path, precision, place, &Cancel::new(), &mut silent).unwrap()
}

/// The same model in candle's operations and in ours.
fn both(path: &Path, precision: Precision) -> [Model; 2] {
    [Place::portable(), Place::on(Device::Cpu)].map(|place| open(path, precision, place))
}

fn frozen(path: &Path) -> HashMap<String, Tensor> {
    candle_core::safetensors::load(path, &Device::Cpu).unwrap()
}

fn ids(tensor: &Tensor) -> Vec<u32> {
    tensor.to_vec1::<i64>().unwrap().into_iter().map(|id| id as u32).collect()
}

/// Runs the tokens `step` at a time through one cache.
fn run(model: &Model, tokens: &[u32], step: usize, tap: &Tap) -> (Array3<f32>, Array2<f32>, PushTally) {
    let mut cache = model.new_cache_for(tokens.len());
    let mut tally = PushTally::default();
    let passes: Vec<_> = tokens
        .chunks(step)
        .map(|tokens| model.forward(tokens, &mut cache, tap, &Cancel::new()).unwrap())
        .inspect(|pass| tally.sum += pass.tally.sum)
        .collect();
    let residuals: Vec<_> = passes.iter().map(|pass| pass.residual.as_ref().unwrap().view()).collect();
    let logits: Vec<_> = passes.iter().map(|pass| pass.logits.view()).collect();
    (concatenate(Axis(1), &residuals).unwrap(), concatenate(Axis(0), &logits).unwrap(), tally)
}

/// Worst |a − b| / max(|b|, median over tokens of |b|), by L2 norms of rows.
fn worst(ours: ArrayView2<f32>, right: ArrayView2<f32>) -> f32 {
    assert_eq!(ours.shape(), right.shape());
    let norm = |row: ndarray::ArrayView1<f32>| row.dot(&row).sqrt();
    let mut norms: Vec<_> = right.outer_iter().map(norm).collect();
    norms.sort_by(f32::total_cmp);
    let median = norms[norms.len() / 2];
    let rows = ours.outer_iter().zip(right.outer_iter());
    rows.map(|(a, b)| norm((&a - &b).view()) / norm(b).max(median)).fold(0.0, f32::max)
}

#[track_caller]
fn assert_close(ours: &Array3<f32>, right: &Array3<f32>, most: f32) {
    assert_eq!(ours.shape(), right.shape());
    for (block, (ours, right)) in ours.outer_iter().zip(right.outer_iter()).enumerate() {
        let off = worst(ours, right);
        assert!(off < most, "block {block}: off by {off}");
    }
}

fn array3(tensor: &Tensor) -> Array3<f32> {
    let values = tensor.flatten_all().unwrap().to_vec1().unwrap();
    Array3::from_shape_vec(tensor.dims3().unwrap(), values).unwrap()
}

fn array2(tensor: &Tensor) -> Array2<f32> {
    let values = tensor.flatten_all().unwrap().to_vec1().unwrap();
    Array2::from_shape_vec(tensor.dims2().unwrap(), values).unwrap()
}

/// Compares a folder with the frozen numbers beside `expected`, at once and through the cache in steps of several sizes.
#[track_caller]
fn check(folder: &Path, expected: &Path) {
    let model = open(folder, Precision::AsStored, Place::portable());
    let expected = frozen(expected);
    for prompt in ["a", "b", "c"] {
        let of = |what: &str| &expected[&format!("{what}.{prompt}")];
        let tokens = ids(of("tokens"));
        for step in [tokens.len(), 1, 5] {
            let (residual, logits, _) = run(&model, &tokens, step, &ALL);
            assert_close(&residual, &array3(of("residual")), TOLERANCE);
            let off = worst(logits.view(), array2(of("logits")).view());
            assert!(off < TOLERANCE, "{}: logits off by {off}", folder.display());
        }
    }
}

/// Every frozen model: one or more of each family.
fn models() -> Vec<PathBuf> {
    let entries = reference("").read_dir().unwrap().map(|entry| entry.unwrap().path());
    let models: Vec<_> = entries.filter(|path| path.join("model.safetensors").is_file()).collect();
    assert!(models.len() > 20, "{models:?}");
    models
}

#[test]
fn every_family_equals_transformers() {
    for folder in models() {
        check(&folder, &folder.join("expected.safetensors"));
    }
}

#[test]
fn scaled_positions_equal_transformers() {
    for scaling in ["linear", "dynamic", "yarn", "llama3"] {
        let folder = tempfile::tempdir().unwrap();
        for file in ["tokenizer.json", "model.safetensors"] {
            std::fs::copy(reference("llama-tied").join(file), folder.path().join(file)).unwrap();
        }
        let scaled = reference("rope").join(scaling);
        std::fs::copy(scaled.join("config.json"), folder.path().join("config.json")).unwrap();
        check(folder.path(), &scaled.join("expected.safetensors"));
    }
}

#[test]
fn steering_equals_ours() {
    let tokens = [3, 1, 4, 1, 5, 9, 2];
    for folder in models() {
        let models = both(&folder, Precision::AsStored);
        let delta = (0..models[0].info().width).map(|i| (i % 5) as f32 - 1.5).collect();
        let push = Push { blocks: vec![BlockPush { block: 1, delta, residual_norm: 4.0 }] };
        let tap = Tap { push: Some((&push, 2..6)), ..ALL };
        for step in [7, 1] {
            let [(residual, _, tally), (right, _, right_tally)] =
                models.each_ref().map(|model| run(model, &tokens, step, &tap));
            assert_close(&residual, &right, TOLERANCE);
            assert!((tally.sum / right_tally.sum - 1.0).abs() < 1e-4, "{tally:?}, not {right_tally:?}");
        }
    }
}

#[test]
fn quantised_models_equal_ours() {
    let folder = reference("gguf");
    for family in ["gemma2", "gemma3", "gpt2", "gptneox", "llama", "olmo2", "phi3", "qwen2", "qwen3", "qwen3moe"] {
        let tokens = ids(&frozen(&folder.join(format!("{family}.safetensors")))["tokens"]);
        for (file, precision) in [("q8_0", Precision::AsStored), ("f16", Precision::Q8_0)] {
            let models = both(&folder.join(format!("{family}.{file}.gguf")), precision);
            assert_eq!(models[0].info(), models[1].info());
            let [(residual, ..), (right, ..)] = models.each_ref().map(|model| run(model, &tokens, tokens.len(), &ALL));
            // Activations are rounded to eight bits too, and a last bit of them may fall to the other side.
            assert_close(&residual, &right, 5e-3);
        }
    }
}

#[test]
fn many_texts_equal_one_by_one() {
    let model = open(&reference("gemma2-capped"), Precision::AsStored, Place::portable());
    let texts: Vec<Vec<u32>> = (1..30).map(|n| (0..n).map(|i| (i * 7 + n) as u32 % 80).collect()).collect();
    let residuals = model.residuals(&texts, &Cancel::new()).unwrap();
    for (text, residual) in texts.iter().zip(&residuals) {
        assert_close(residual, &run(&model, text, text.len(), &ALL).0, TOLERANCE);
    }
}
