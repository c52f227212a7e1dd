//! The choice of how and where weights are kept.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::DeviceChoice;
use super::files::Weights;

/// How and where a model is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    pub precision: Precision,
    pub device: DeviceChoice,
}

/// How the matrices of a model are kept in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// Widened to f32, or quantised where the file has them so.
    #[default]
    AsStored,
    /// Rounded to blocks of eight bits: a quarter of the memory, and faster.
    Q8_0,
}

impl Precision {
    /// What the choice makes of these weights.
    pub(super) fn kept(self, weights: &Weights) -> String {
        match self {
            Self::Q8_0 => "q8_0".into(),
            Self::AsStored if weights.sizes().1 > 0 => weights.dtype().to_lowercase(),
            Self::AsStored => "f32".into(),
        }
    }
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "f32" | "stored" => Ok(Self::AsStored),
            "q8_0" | "q8" => Ok(Self::Q8_0),
            _ => Err(format!("{text:?} is neither f32 nor q8_0")),
        }
    }
}
