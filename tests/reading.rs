//! Scores of residuals, against the definitions written out, and what a bank cannot read.

#![allow(clippy::unwrap_used, reason = "a test which panics has failed")]

use circumplex::bank::{Bank, Baseline, VectorSet};
use circumplex::reading::{Metric, scores};
use ndarray::{Array2, Array3, array};

/// Two emotions, one block (number 4), width 3.
fn bank() -> Bank {
    let baseline =
        |mean: f32, std: f32| Some(Baseline { mean: array![[mean, 2.0 * mean]], std: array![[std, 4.0 * std]] });
    Bank {
        emotions: vec!["calm".to_owned(), "sad".to_owned()],
        blocks: vec![4],
        vectors: Array3::from_shape_vec((2, 1, 3), vec![3.0, 0.0, 4.0, 0.0, -2.0, 0.0]).unwrap(),
        raw: Some(Array3::from_shape_vec((2, 1, 3), vec![0.0, 5.0, 0.0, 1.0, 0.0, 0.0]).unwrap()),
        residual_norm: Some(array![1.0]),
        neutral_mean: Some(array![[1.0, 1.0, 1.0]]),
        baseline: baseline(1.0, 0.5),
        answer: baseline(-1.0, 0.25),
        raw_baseline: baseline(0.0, 1.0),
        raw_answer: baseline(10.0, 1.0),
        metadata: Default::default(),
    }
}

fn residual() -> Array2<f32> {
    array![[5.0, 2.0, 10.0], [1.0, 1.0, 1.0]]
}

#[track_caller]
fn check(set: VectorSet, metric: Metric, answer_at: Option<usize>, expected: Array2<f32>) {
    let found = scores(&bank(), set, 4, metric, residual().view(), answer_at).unwrap();
    assert!((&found - &expected).iter().all(|error| error.abs() < 1e-6), "{found} is not {expected}");
}

#[test]
fn dot() {
    check(VectorSet::Denoised, Metric::Dot, None, array![[11.0, -2.0], [1.4, -1.0]]);
    check(VectorSet::Raw, Metric::Dot, Some(1), array![[2.0, 5.0], [1.0, 1.0]]);
}

#[test]
fn z_uses_the_answer_baseline_before_the_reply_alone() {
    check(VectorSet::Denoised, Metric::Z, None, array![[20.0, -2.0], [0.8, -1.5]]);
    check(VectorSet::Denoised, Metric::Z, Some(1), array![[20.0, -2.0], [9.6, 1.0]]);
    check(VectorSet::Raw, Metric::Z, Some(0), array![[-8.0, -3.75], [1.0, 0.25]]);
}

#[test]
fn cosine_is_centred_and_zero_without_a_direction() {
    let norm = (16.0_f32 + 1.0 + 81.0).sqrt();
    check(VectorSet::Denoised, Metric::Cosine, Some(1), array![[9.6 / norm, -1.0 / norm], [0.0, 0.0]]);
}

/// A reading that fails, and what its message names.
#[track_caller]
fn check_error(change: impl FnOnce(&mut Bank), set: VectorSet, metric: Metric, says: &str) {
    let mut bank = bank();
    change(&mut bank);
    let message = scores(&bank, set, 4, metric, residual().view(), Some(1)).unwrap_err().to_string();
    assert!(message.contains(says), "{says:?} is not in: {message}");
    assert_eq!(message.lines().count(), 2, "{message}");
}

#[test]
fn what_the_bank_lacks_is_named() {
    check_error(|bank| bank.baseline = None, VectorSet::Denoised, Metric::Z, "`baseline_mean`");
    check_error(|bank| bank.answer = None, VectorSet::Denoised, Metric::Z, "`answer_mean`");
    check_error(|bank| bank.raw_baseline = None, VectorSet::Raw, Metric::Z, "`raw_baseline_mean`");
    check_error(|bank| bank.raw_answer = None, VectorSet::Raw, Metric::Z, "`raw_answer_mean`");
    check_error(|bank| bank.neutral_mean = None, VectorSet::Raw, Metric::Cosine, "`neutral_mean`");
    check_error(|bank| bank.raw = None, VectorSet::Raw, Metric::Dot, "`raw`");
    check_error(|bank| bank.blocks = vec![5], VectorSet::Raw, Metric::Dot, "no block 4");
    check_error(|bank| bank.vectors.fill(0.0), VectorSet::Denoised, Metric::Dot, "\"calm\" at block 4 is zero");
}

#[test]
fn a_flat_baseline_has_no_z() {
    let flatten = |bank: &mut Bank| bank.baseline.as_mut().unwrap().std[[0, 1]] = 0.0;
    check_error(flatten, VectorSet::Denoised, Metric::Z, "\"sad\" does not vary");
}

#[test]
fn residuals_which_do_not_fit() {
    let read = |residual: Array2<f32>, answer_at| {
        scores(&bank(), VectorSet::Denoised, 4, Metric::Z, residual.view(), answer_at).unwrap_err().to_string()
    };
    assert!(read(Array2::zeros((2, 5)), None).contains("5 wide, the bank's vectors 3"));
    assert!(read(array![[0.0, 0.0, 0.0], [0.0, f32::NAN, 0.0]], None).contains("token 1"));
    assert!(read(residual(), Some(2)).contains("no token 2"));
}

#[test]
fn no_tokens_have_no_scores() {
    let empty = Array2::zeros((0, 3));
    let found = scores(&bank(), VectorSet::Denoised, 4, Metric::Z, empty.view(), None).unwrap();
    assert_eq!(found.dim(), (0, 2));
}

#[test]
fn metrics_are_written_as_they_are_read() {
    for metric in [Metric::Z, Metric::Cosine, Metric::Dot] {
        assert_eq!(metric.to_string().parse(), Ok(metric));
    }
    assert!("Z".parse::<Metric>().is_err());
    assert_eq!(Metric::Z.unit(), "sd");
}
