//! The files of a model: which there are (`source`), those compiled into the program (`inside`), JSON with errors that name the key
//! (`fields`), and tensors (`weights`).

mod fields;
mod inside;
mod source;
mod weights;

pub(super) use fields::Fields;
pub use inside::CAVEAT as INSIDE_CAVEAT;
pub(super) use inside::ID as INSIDE_ID;
pub(super) use source::{Source, exists, read, weight_names};
pub(super) use weights::{Weights, map, sha256};
