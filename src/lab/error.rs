//! What can go wrong in an experiment. The first line says what failed, the second what to do.

use std::io;
use std::path::PathBuf;

use crate::bank::BankError;
use crate::geometry::GeometryError;
use crate::model::ModelError;
use crate::reading::ReadingError;
use crate::steering::SteeringError;

/// Why an experiment could not be done.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    #[error("line {line} of {file} cannot be used: {why}\nSee the README beside it for its keys")]
    Prompts { file: &'static str, line: usize, why: String },
    #[error("there are no prompts for this experiment\nGive at least one")]
    NoPrompts,
    #[error("the model gave no residuals\nCheck its weights")]
    NoResiduals,
    #[error("{word:?} after {frame:?} has no tokens of its own\nUse another frame or word")]
    NoToken { frame: String, word: String },
    #[error("cannot write: {source}: {}\nCheck the folder and the space left there", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot write report.json: {0}\nThis is a fault of the program; please report it")]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Model(ModelError),
    #[error(transparent)]
    Bank(#[from] BankError),
    #[error(transparent)]
    Geometry(#[from] GeometryError),
    #[error(transparent)]
    Reading(#[from] ReadingError),
    #[error(transparent)]
    Steering(#[from] SteeringError),
    #[error("stopped")]
    Stopped,
}

impl From<ModelError> for LabError {
    fn from(error: ModelError) -> Self {
        if error.is_cancelled() { Self::Stopped } else { Self::Model(error) }
    }
}
