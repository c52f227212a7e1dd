//! A bank: the emotion vectors of one model, with the norms and baselines that make readings and strengths comparable.

mod error;
mod file;
mod import;
mod lookup;
mod recipe;
mod tensors;

pub use error::BankError;
pub use file::{FORMAT, IMPORT, VERSION};
pub use import::{ImportReport, import};
pub use lookup::parse_range;
pub use recipe::{Recipe, Report, ResidualSource, SourceError, build};

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use ndarray::{Array1, Array2, Array3};
use serde::{Deserialize, Serialize};

/// Which of a bank's two sets of vectors is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VectorSet {
    /// `vectors`: the neutral components are projected out (method.md, section 1, step 4).
    #[default]
    Denoised,
    /// `raw`: as averaged from the stories.
    Raw,
}

impl fmt::Display for VectorSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Denoised => "denoised",
            Self::Raw => "raw",
        })
    }
}

impl FromStr for VectorSet {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "denoised" => Ok(Self::Denoised),
            "raw" => Ok(Self::Raw),
            _ => Err(format!("{text:?} is neither \"denoised\" nor \"raw\"")),
        }
    }
}

/// Mean and population standard deviation of h·v̂ over neutral text, both [L, E].
#[derive(Clone, Debug, PartialEq)]
pub struct Baseline {
    pub mean: Array2<f32>,
    pub std: Array2<f32>,
}

/// Emotion vectors of one model. `E` emotions, `L` blocks held (`blocks[l]` is the block's number in the model), width `D`.
///
/// An imported bank has `vectors` only; what needs more says which tensor is missing.
#[derive(Clone, Debug, PartialEq)]
pub struct Bank {
    /// Names, in the order of every E axis.
    pub emotions: Vec<String>,
    /// Block numbers in the model, ascending, in the order of every L axis.
    pub blocks: Vec<usize>,
    /// Denoised vectors as stored, not unit length, [E, L, D].
    pub vectors: Array3<f32>,
    /// Vectors before denoising, [E, L, D].
    pub raw: Option<Array3<f32>>,
    /// Mean L2 norm of the residual over story positions, [L]. The unit of steering strength.
    pub residual_norm: Option<Array1<f32>>,
    /// Mean residual over neutral positions, [L, D].
    pub neutral_mean: Option<Array2<f32>>,
    /// Token baseline of `vectors`.
    pub baseline: Option<Baseline>,
    /// Answer baseline of `vectors`: the same at the token before the reply.
    pub answer: Option<Baseline>,
    /// Token baseline of `raw`.
    pub raw_baseline: Option<Baseline>,
    /// Answer baseline of `raw`.
    pub raw_answer: Option<Baseline>,
    /// Every `__metadata__` entry of the file, known or not.
    pub metadata: BTreeMap<String, String>,
}

impl Bank {
    /// A bank of vectors [E, L, D] alone, as an import gives it.
    pub fn of_vectors(emotions: Vec<String>, blocks: Vec<usize>, vectors: Array3<f32>) -> Self {
        Self {
            emotions,
            blocks,
            vectors,
            raw: None,
            residual_norm: None,
            neutral_mean: None,
            baseline: None,
            answer: None,
            raw_baseline: None,
            raw_answer: None,
            metadata: BTreeMap::new(),
        }
    }
}
