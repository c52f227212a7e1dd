//! What can go wrong in geometry. The first line says what failed, the second what to do now.

use crate::bank::BankError;

/// Why there is no picture of these vectors.
#[derive(Debug, thiserror::Error)]
pub enum GeometryError {
    #[error("{0}")]
    Shape(String),

    #[error("a vector holds a value which is not a finite number\nBuild the bank again with `circumplex build`")]
    NotFinite,

    #[error("there is no map of {0} emotion\nUse a bank with two emotions or more")]
    TooFew(usize),

    #[error("all vectors are the same, so they have no components\nUse a bank whose vectors differ")]
    Constant,

    #[error("there is no component {component}\nThese vectors have components 1 to {held}")]
    NoComponent { component: usize, held: usize },

    #[error("the eigenvalues were not found\nCheck that the vectors hold sensible numbers")]
    NoConvergence,

    #[error("the clusters were not found: {0}\nCheck that the vectors hold sensible numbers")]
    Clusters(String),

    #[error(transparent)]
    Bank(#[from] BankError),

    #[error("stopped")]
    Stopped,
}
