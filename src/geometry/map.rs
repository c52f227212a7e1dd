//! The map of one block: two components, turned so that valence runs to the right and arousal up.

use ndarray::{ArrayView1, Axis as NdAxis};

use super::clusters::clusters;
use super::correlation::pearson;
use super::pca::{Pca, pca};
use super::{Axis, Component, GeometryError, Map, Point};
use crate::bank::{Bank, VectorSet};
use crate::emotion::{Rating, human_rating};

/// With fewer rated emotions r says nothing.
const MIN_RATED: usize = 3;

/// The map of a bank at one block of the model. `x` and `y` are components, from 1.
///
/// The x axis points to higher rated valence, the y axis to higher rated arousal; with fewer than three rated emotions the largest
/// loading is positive.
///
/// # Errors
/// A block or set which the bank does not have, a component the vectors do not have, fewer than two emotions.
pub fn map(bank: &Bank, block: usize, set: VectorSet, x: usize, y: usize) -> Result<Map, GeometryError> {
    let index = bank.block_index(block)?;
    let vectors = bank.vectors_of(set)?;
    let rows = vectors.index_axis(NdAxis(1), index);
    let pca = pca(rows)?;
    let ratings: Vec<Option<Rating>> = bank.emotions.iter().map(|emotion| human_rating(emotion)).collect();
    let (x_axis, xs) = axis(&pca, x, &ratings, |rating| rating.valence)?;
    let (y_axis, ys) = axis(&pca, y, &ratings, |rating| rating.arousal)?;
    let clusters = clusters(rows)?;
    let points = bank
        .emotions
        .iter()
        .enumerate()
        .map(|(i, emotion)| Point {
            emotion: emotion.clone(),
            x: xs[i],
            y: ys[i],
            cluster: clusters[i],
            valence: ratings[i].map(|rating| rating.valence),
            arousal: ratings[i].map(|rating| rating.arousal),
        })
        .collect();
    Ok(Map { block, explained: pca.explained, axes: [x_axis, y_axis], points })
}

/// The first components of a bank at one block of the model, `count` or as many as there are. Each is turned so that the greater of
/// its two r is positive.
///
/// # Errors
/// A block or set which the bank does not have, fewer than two emotions.
pub fn components(bank: &Bank, block: usize, set: VectorSet, count: usize) -> Result<Vec<Component>, GeometryError> {
    let vectors = bank.vectors_of(set)?;
    let pca = pca(vectors.index_axis(NdAxis(1), bank.block_index(block)?))?;
    let ratings: Vec<Option<Rating>> = bank.emotions.iter().map(|emotion| human_rating(emotion)).collect();
    let component = |(index, explained): (usize, &f64)| {
        let coordinates = pca.coordinates.column(index);
        let valence = correlation(coordinates, &ratings, |rating| rating.valence);
        let arousal = correlation(coordinates, &ratings, |rating| rating.arousal);
        let greater = [valence, arousal].into_iter().flatten().max_by(|a, b| a.abs().total_cmp(&b.abs()));
        let turn = greater.map_or(1.0, f64::signum);
        Component {
            component: index + 1,
            explained: *explained,
            valence_r: valence.map(|r| r * turn),
            arousal_r: arousal.map(|r| r * turn),
            n: ratings.iter().flatten().count(),
        }
    };
    Ok(pca.explained.iter().take(count).enumerate().map(component).collect())
}

/// One component with its correlations, turned to point where `toward` grows.
fn axis(
    pca: &Pca,
    component: usize,
    ratings: &[Option<Rating>],
    toward: fn(&Rating) -> f64,
) -> Result<(Axis, Vec<f64>), GeometryError> {
    let held = pca.explained.len();
    if component == 0 || component > held {
        return Err(GeometryError::NoComponent { component, held });
    }
    let coordinates = pca.coordinates.column(component - 1);
    let turn = match correlation(coordinates, ratings, toward) {
        Some(r) if r != 0.0 => r.signum(),
        _ => largest(pca.components.row(component - 1)).signum(),
    };
    let axis = Axis {
        component,
        valence_r: correlation(coordinates, ratings, |rating| rating.valence).map(|r| r * turn),
        arousal_r: correlation(coordinates, ratings, |rating| rating.arousal).map(|r| r * turn),
        n: ratings.iter().flatten().count(),
    };
    Ok((axis, coordinates.iter().map(|value| value * turn).collect()))
}

fn correlation(coordinates: ArrayView1<f64>, ratings: &[Option<Rating>], of: fn(&Rating) -> f64) -> Option<f64> {
    let (values, rated): (Vec<f64>, Vec<f64>) =
        coordinates.iter().zip(ratings).filter_map(|(value, rating)| Some((*value, of(rating.as_ref()?)))).unzip();
    if values.len() < MIN_RATED { None } else { pearson(&values, &rated) }
}

/// The entry of largest magnitude.
fn largest(loadings: ArrayView1<f64>) -> f64 {
    loadings
        .iter()
        .copied()
        .fold(0.0, |largest: f64, loading| if loading.abs() > largest.abs() { loading } else { largest })
}
