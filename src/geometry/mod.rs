//! Geometry of a bank: principal components, clusters, similarity and correlation with human ratings.

mod clusters;
mod correlation;
mod eigen;
mod error;
pub mod labels;
mod map;
mod pca;

pub use clusters::{clusters, paper_clusters};
pub use correlation::{pearson, spearman};
pub use eigen::Eigen;
pub use error::GeometryError;
pub use map::{components, map};
pub use pca::{Pca, pca};

use serde::Serialize;

/// One axis of the map.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Axis {
    /// Principal component, from 1.
    pub component: usize,
    /// Pearson's r of the coordinates with the human valence (pleasure) ratings; none with fewer than three rated emotions.
    pub valence_r: Option<f64>,
    /// The same with arousal.
    pub arousal_r: Option<f64>,
    /// Emotions of the bank that people rated (45 at most).
    pub n: usize,
}

/// One component of a bank's vectors at one block.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Component {
    /// Number of the component, from 1.
    pub component: usize,
    /// Its share of the total variance.
    pub explained: f64,
    /// As in [`Axis`].
    pub valence_r: Option<f64>,
    pub arousal_r: Option<f64>,
    pub n: usize,
}

/// One emotion on the map.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    pub emotion: String,
    pub x: f64,
    pub y: f64,
    /// k-means cluster, from 0.
    pub cluster: usize,
    /// Human ratings, −1 to 1, where there are any.
    pub valence: Option<f64>,
    pub arousal: Option<f64>,
}

/// The 2D map of one block of a bank. Serialises as `circumplex map --json` prints it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Map {
    pub block: usize,
    /// Share of the total variance of every component, descending.
    pub explained: Vec<f64>,
    /// The x axis and the y axis.
    pub axes: [Axis; 2],
    /// In bank order.
    pub points: Vec<Point>,
}
