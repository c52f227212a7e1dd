//! Components, clusters and maps against independent implementations (linfa) and by their properties.

#![allow(clippy::unwrap_used, reason = "a test which panics has failed")]

use circumplex::bank::{Bank, VectorSet};
use circumplex::geometry::{Eigen, GeometryError, clusters, components, map, paper_clusters, pca};
use circumplex::job::Cancel;
use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_linalg::eigh::{EigSort, Eigh};
use ndarray::{Array2, Array3, array};
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

fn random(rows: usize, columns: usize, seed: u64) -> Array2<f64> {
    let mut rng = StdRng::seed_from_u64(seed);
    Array2::from_shape_fn((rows, columns), |_| rng.random::<f64>() - 0.5)
}

/// A x = λ x, orthonormal, descending, and the eigenvalues linfa finds.
#[track_caller]
fn check_eigen(matrix: &Array2<f64>) {
    let n = matrix.nrows();
    let eigen = Eigen::new(matrix.clone(), &Cancel::new()).unwrap();
    let vectors = eigen.vectors(n);
    let scale = matrix.iter().fold(1e-300_f64, |scale, value| scale.max(value.abs())) * n as f64;
    assert!(eigen.values().windows(2).all(|pair| pair[0] >= pair[1]));
    let identity = vectors.dot(&vectors.t());
    assert!((&identity - &Array2::<f64>::eye(n)).iter().all(|error| error.abs() < 1e-12 * n as f64), "not orthonormal");
    for (value, vector) in eigen.values().iter().zip(vectors.outer_iter()) {
        let error = matrix.dot(&vector) - &vector * *value;
        assert!(error.iter().all(|error| error.abs() < 1e-13 * scale), "no eigenvector");
    }
    let (expected, _) = matrix.eigh().unwrap().sort_eig_desc();
    for (found, expected) in eigen.values().iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-13 * scale, "{found} is not {expected}");
    }
    let first = eigen.vectors(1);
    assert_eq!(first.row(0), vectors.row(0));
}

#[test]
fn eigen_of_simple_matrices() {
    check_eigen(&array![[3.0]]);
    check_eigen(&array![[2.0, 1.0], [1.0, 2.0]]);
    check_eigen(&Array2::eye(7));
    check_eigen(&array![[1.0, 0.0, 0.0], [0.0, -5.0, 0.0], [0.0, 0.0, 3.0]]);
    check_eigen(&Array2::ones((9, 9)));
    check_eigen(&array![[0.0, 1e-200], [1e-200, 0.0]]);
}

#[test]
fn eigen_of_a_gram_matrix_without_full_rank() {
    let rows = random(40, 12, 1);
    check_eigen(&rows.dot(&rows.t()));
    let wide = random(12, 90, 2);
    check_eigen(&wide.dot(&wide.t()));
}

#[test]
fn eigen_of_what_is_no_matrix() {
    let new = |matrix| Eigen::new(matrix, &Cancel::new()).err().map(|error| error.to_string());
    assert!(new(Array2::zeros((0, 0))).is_some());
    assert!(new(Array2::zeros((2, 3))).is_some());
    assert!(new(array![[f64::NAN]]).is_some());
    let cancel = Cancel::new();
    cancel.cancel();
    assert!(matches!(Eigen::new(Array2::eye(3), &cancel), Err(GeometryError::Stopped)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn eigen_of_random_matrices(n in 1_usize..40, seed: u64, power in -8_i32..9) {
        let half = random(n, n, seed) * 10_f64.powi(power);
        check_eigen(&(&half + &half.t()));
    }

    #[test]
    fn components_rebuild_the_rows(n in 2_usize..20, width in 1_usize..20, seed: u64) {
        check_pca(&random(n, width, seed).mapv(|value| value as f32));
    }
}

/// Orthonormal components which rebuild the rows, with shares that are the variances of the coordinates.
#[track_caller]
fn check_pca(rows: &Array2<f32>) {
    let pca = pca(rows.view()).unwrap();
    let rank = pca.explained.len();
    assert_eq!((pca.components.nrows(), pca.coordinates.ncols()), (rank, rank));
    let identity = pca.components.dot(&pca.components.t());
    assert!((&identity - &Array2::<f64>::eye(rank)).iter().all(|error| error.abs() < 1e-6), "not orthonormal");
    let rebuilt = pca.coordinates.dot(&pca.components) + &pca.mean;
    assert!((&rebuilt - &rows.mapv(f64::from)).iter().all(|error| error.abs() < 1e-6), "rows are not rebuilt");
    assert!((pca.explained.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    let total: f64 = pca.coordinates.iter().map(|value| value * value).sum();
    for (share, column) in pca.explained.iter().zip(pca.coordinates.columns()) {
        assert!((share - column.dot(&column) / total).abs() < 1e-9);
    }
}

#[test]
fn linfa_finds_the_same_first_components() {
    // A spectrum with clear gaps, which linfa's solver can tell apart.
    let mut rows = random(60, 30, 3);
    for (column, mut values) in rows.columns_mut().into_iter().enumerate() {
        values *= 8.0 / (1.0 + column as f64);
    }
    let rows = rows.mapv(|value| value as f32);
    let ours = pca(rows.view()).unwrap();
    let data = DatasetBase::from(rows.mapv(f64::from));
    let theirs = linfa_reduction::Pca::params(3).fit(&data).unwrap();
    for (ours, theirs) in ours.components.outer_iter().zip(theirs.components().outer_iter()) {
        assert!((ours.dot(&theirs).abs() - 1.0).abs() < 1e-8);
    }
}

#[test]
fn rows_without_components() {
    let message = |rows: Array2<f32>| pca(rows.view()).unwrap_err().to_string();
    assert!(message(Array2::zeros((1, 5))).contains("1 emotion"));
    assert!(message(Array2::zeros((0, 5))).contains("0 emotion"));
    assert!(message(Array2::from_elem((4, 5), 0.1)).contains("all vectors are the same"));
    assert!(message(array![[1.0, f32::INFINITY], [0.0, 0.0]]).contains("not a finite number"));
}

fn bank(emotions: &[&str], rows: Array2<f32>) -> Bank {
    let (count, width) = rows.dim();
    let vectors = Array3::from_shape_fn((count, 2, width), |(e, l, d)| if l == 1 { rows[[e, d]] } else { 0.0 });
    Bank::of_vectors(emotions.iter().map(|name| (*name).to_owned()).collect(), vec![3, 5], vectors)
}

#[test]
fn axes_point_to_valence_and_arousal_whatever_the_vectors_signs() {
    // Rated: happy and calm are pleasant, angry and sad not; angry and happy are aroused.
    let emotions = ["happy", "calm", "angry", "sad", "hangry"];
    let rows = array![[3.0, 1.0], [2.5, -1.2], [-2.0, 1.1], [-3.0, -0.9], [-0.5, 0.0]];
    for turn in [[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]] {
        let rows = &rows * &array![turn[0], turn[1]];
        let map = map(&bank(&emotions, rows), 5, VectorSet::Denoised, 1, 2).unwrap();
        let [x, y] = &map.axes;
        assert_eq!((x.component, y.component, x.n), (1, 2, y.n));
        assert!(x.valence_r.unwrap() > 0.8 && y.arousal_r.unwrap() > 0.0, "{:?}", map.axes);
        assert!(map.points[0].x > 0.0 && map.points[3].x < 0.0);
        assert!(map.points[4].valence.is_none() && map.points[2].arousal.is_some());
    }
}

#[test]
fn components_are_those_of_the_map_with_the_greater_r_positive() {
    let emotions = ["happy", "calm", "angry", "sad", "hangry"];
    let rows = array![[3.0, 1.0], [2.5, -1.2], [-2.0, 1.1], [-3.0, -0.9], [-0.5, 0.0]];
    let bank = bank(&emotions, rows);
    let map = map(&bank, 5, VectorSet::Denoised, 1, 2).unwrap();
    let found = components(&bank, 5, VectorSet::Denoised, 3).unwrap();
    assert_eq!(found.len(), 2, "no more than there are");
    for (found, axis) in found.iter().zip(&map.axes) {
        assert_eq!(
            (found.component, found.n, found.explained),
            (axis.component, axis.n, map.explained[axis.component - 1])
        );
        let (valence, arousal) = (found.valence_r.unwrap(), found.arousal_r.unwrap());
        assert!((valence.abs() - axis.valence_r.unwrap().abs()).abs() < 1e-12);
        assert!((arousal.abs() - axis.arousal_r.unwrap().abs()).abs() < 1e-12);
        assert!(valence.max(arousal) >= valence.abs().max(arousal.abs()), "{found:?}");
    }
    assert!(components(&bank, 4, VectorSet::Denoised, 3).is_err());
}

#[test]
fn without_ratings_the_largest_loading_is_positive() {
    let rows = array![[0.0, -4.0], [0.3, 0.1], [-0.2, 4.1], [0.1, 0.0]];
    for turn in [1.0, -1.0] {
        let map = map(&bank(&["aa", "bb", "cc", "dd"], &rows * turn), 5, VectorSet::Denoised, 1, 2).unwrap();
        assert_eq!((map.axes[0].n, map.axes[0].valence_r), (0, None));
        assert!((map.points[2].x - map.points[0].x).signum() == f64::from(turn));
    }
}

#[test]
fn maps_which_cannot_be_drawn() {
    let bank = bank(&["a", "b", "c"], array![[0.0, 1.0], [2.0, 1.0], [5.0, 3.0]]);
    let message = |block, x, y| map(&bank, block, VectorSet::Denoised, x, y).unwrap_err().to_string();
    assert!(message(4, 1, 2).contains("no block 4"));
    assert!(message(5, 3, 1).contains("no component 3") && message(5, 1, 0).contains("components 1 to 2"));
    assert!(message(3, 1, 2).contains("all vectors are the same"));
    let raw = map(&bank, 5, VectorSet::Raw, 1, 2).unwrap_err().to_string();
    assert!(raw.contains("`raw`"), "{raw}");
}

#[test]
fn clusters_are_found_and_numbered_by_first_appearance() {
    let mut rows = random(40, 8, 9).mapv(|value| 0.05 * value as f32);
    for (i, mut row) in rows.outer_iter_mut().enumerate() {
        row[(i * 7 + 3) % 4] += 1.0;
        // Length is no matter.
        row *= 1.0 + i as f32;
    }
    let found = clusters(rows.view()).unwrap();
    assert_eq!(found, clusters(rows.view()).unwrap());
    assert_eq!(found[0], 0);
    for (i, cluster) in found.iter().enumerate() {
        assert!(*cluster <= 1 + found[..i].iter().copied().max().unwrap_or(0));
        let same_direction = found.iter().enumerate().filter(|(_, other)| *other == cluster);
        assert!(same_direction.into_iter().all(|(j, _)| j % 4 == i % 4), "{found:?}");
    }
}

#[test]
fn few_or_equal_rows_are_one_cluster() {
    assert_eq!(clusters(array![[1.0, 0.0], [0.0, 1.0]].view()).unwrap(), [0, 0]);
    assert_eq!(clusters(Array2::ones((12, 3)).view()).unwrap(), [0; 12]);
    assert_eq!(clusters(Array2::zeros((12, 3)).view()).unwrap(), [0; 12]);
}

#[test]
fn clusters_are_named_by_the_paper() {
    let emotions = ["afraid", "scared", "calm", "hangry"].map(str::to_owned);
    let named = paper_clusters(&emotions, &[0, 0, 0, 1]);
    assert_eq!(named, [circumplex::emotion::cluster_of("afraid"), None]);
    assert_eq!(paper_clusters(&[], &[]), []);
}
