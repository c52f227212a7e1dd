//! The files of a model: which there are (`source`), JSON with errors that name the key (`fields`), and tensors (`weights`).

mod fields;
mod source;
mod weights;

pub(super) use fields::Fields;
pub(super) use source::{Source, read, weight_names};
pub(super) use weights::{Weights, map, sha256};
