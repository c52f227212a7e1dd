//! Readings: residuals in, scores out. Every score belongs to a metric, a block and a set of vectors.

use serde::{Deserialize, Serialize};

/// How a residual h is scored against the unit vector v̂ of an emotion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// (h·v̂ − mean) / std of the neutral baseline, in sd.
    #[default]
    Z,
    /// (h − neutral mean)·v̂ / |h − neutral mean|, −1 to 1.
    Cosine,
    /// h·v̂, in the model's own units.
    Dot,
}
