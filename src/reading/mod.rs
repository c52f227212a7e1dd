//! Readings: residuals in, scores out. Every score belongs to a metric, a block and a set of vectors.

mod error;
mod scores;
mod summary;

pub use error::ReadingError;
pub use scores::scores;
pub use summary::{ranking, scale_p99, span_mean, top_and_bottom};

use std::fmt;
use std::str::FromStr;

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

impl Metric {
    /// Unit of the scores: "sd", or nothing.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Z => "sd",
            Self::Cosine | Self::Dot => "",
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Z => "z",
            Self::Cosine => "cosine",
            Self::Dot => "dot",
        })
    }
}

impl FromStr for Metric {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "z" => Ok(Self::Z),
            "cosine" => Ok(Self::Cosine),
            "dot" => Ok(Self::Dot),
            _ => Err(format!("{text:?} is none of z, cosine, dot")),
        }
    }
}
