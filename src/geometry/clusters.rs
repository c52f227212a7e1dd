//! k-means clusters of emotion vectors, and the paper's names for them.

use linfa::DatasetBase;
use linfa::traits::{Fit, Predict};
use linfa_clustering::{KMeans, KMeansInit};
use ndarray::ArrayView2;

use super::GeometryError;
use super::pca::pca;
use crate::emotion;

/// The paper's number of clusters.
const CLUSTERS: usize = 10;
/// Starts of k-means, of which the tightest result is kept.
const RUNS: usize = 5;

/// k-means cluster of every row, by direction (rows are brought to unit length). Ten clusters, or one for every four rows where there
/// are fewer than forty. Clusters are numbered by their first row; the same rows give the same clusters.
///
/// # Errors
/// As [`pca`], and when k-means fails.
pub fn clusters(rows: ArrayView2<f32>) -> Result<Vec<usize>, GeometryError> {
    let count = (rows.nrows() / 4).clamp(1, CLUSTERS);
    if count == 1 {
        return Ok(vec![0; rows.nrows()]);
    }
    let mut units = rows.to_owned();
    for mut row in units.outer_iter_mut() {
        let norm = row.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
        if norm > 0.0 {
            row.mapv_inplace(|value| (f64::from(value) / norm) as f32);
        }
    }
    // Coordinates in the components have the distances of the rows and fewer columns.
    let coordinates = match pca(units.view()) {
        Ok(pca) => pca.coordinates,
        Err(GeometryError::Constant) => return Ok(vec![0; rows.nrows()]),
        Err(error) => return Err(error),
    };
    let data = DatasetBase::from(coordinates);
    // linfa seeds its generator with a constant.
    let model = KMeans::params(count)
        .init_method(KMeansInit::KMeansPlusPlus)
        .n_runs(RUNS)
        .max_n_iterations(100)
        .tolerance(1e-6)
        .fit(&data)
        .map_err(|error| GeometryError::Clusters(error.to_string()))?;
    let found = model.predict(data.records());
    Ok(by_first_appearance(found.iter().copied()))
}

/// For each cluster the index of the paper's cluster ([`emotion::clusters`]) to which most of its members belong, the earlier of two;
/// none where the paper knows no member.
pub fn paper_clusters(emotions: &[String], clusters: &[usize]) -> Vec<Option<usize>> {
    let count = clusters.iter().max().map_or(0, |last| last + 1);
    let mut votes = vec![vec![0_usize; emotion::clusters().len()]; count];
    for (name, cluster) in emotions.iter().zip(clusters) {
        if let Some(paper) = emotion::cluster_of(name) {
            votes[*cluster][paper] += 1;
        }
    }
    votes
        .iter()
        .map(|votes| {
            let most = votes.iter().copied().max().filter(|most| *most > 0)?;
            votes.iter().position(|count| *count == most)
        })
        .collect()
}

fn by_first_appearance(found: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut seen: Vec<usize> = Vec::new();
    found
        .map(|cluster| {
            seen.iter().position(|other| *other == cluster).unwrap_or_else(|| {
                seen.push(cluster);
                seen.len() - 1
            })
        })
        .collect()
}
