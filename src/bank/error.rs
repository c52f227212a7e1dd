//! What can go wrong with a bank. The first line says what failed, the second what to do now.

use std::io;
use std::path::PathBuf;

use super::recipe::SourceError;
use crate::corpus::Source;

/// Why a bank could not be opened, saved, built, imported or asked.
#[derive(Debug, thiserror::Error)]
pub enum BankError {
    #[error("cannot read: {why}\nCheck the path: {path}")]
    Read { path: PathBuf, why: io::Error },

    #[error("cannot write: {why}\nCheck the folder and the space left there: {path}")]
    Write { path: PathBuf, why: io::Error },

    #[error(
        "damaged or no safetensors file ({why}): {path}\nTake a complete copy of the bank, or build it again with `circumplex build`"
    )]
    Damaged { path: PathBuf, why: String },

    #[error(
        "not a bank of emotion vectors ({why}): {path}\nOpen a file written by `circumplex build` or `circumplex bank import`"
    )]
    NotABank { path: PathBuf, why: String },

    #[error(
        "bank version {found:?} is not known here: {path}\nThis program reads version \"1\"; a newer program may be needed"
    )]
    Version { path: PathBuf, found: String },

    #[error(
        "metadata key `{key}` is missing: {path}\nBuild the bank again with `circumplex build`, or add the key to `__metadata__`"
    )]
    MissingKey { path: PathBuf, key: String },

    #[error(
        "metadata key `{key}` is wrong ({why}): {path}\nCorrect the key, or build the bank again with `circumplex build`"
    )]
    BadKey { path: PathBuf, key: String, why: String },

    #[error("tensor `{tensor}` is missing: {path}\nBuild the bank again with `circumplex build`")]
    MissingTensor { path: PathBuf, tensor: String },

    #[error("tensor `{tensor}` is wrong ({why}): {path}\nBuild the bank again with `circumplex build`")]
    BadTensor { path: PathBuf, tensor: String, why: String },

    #[error(
        "{what} needs tensor `{tensor}`, which this bank does not have\nBuild a bank with `circumplex build`; an imported one serves the map and the dot metric"
    )]
    Needs { what: String, tensor: &'static str },

    #[error("the bank has no emotion named {name:?}{}\nList its emotions with `circumplex bank inspect BANK --json`", near_names(.near))]
    UnknownEmotion { name: String, near: Vec<String> },

    #[error("the bank has no block {block}\nIt holds {}", list(.held))]
    UnknownBlock { block: usize, held: Vec<usize> },

    #[error(
        "the vector of {emotion:?} at block {block} is zero, so it has no direction\nUse more stories of it, which differ from those of the other emotions"
    )]
    ZeroVector { emotion: String, block: usize },

    #[error(
        "the bank does not fit the model: {why}\nChoose the bank that was built for this model, or build one with `circumplex build`"
    )]
    Misfit { why: String },

    #[error("no bank can be built from this text: {why}: {texts}\n{hint}")]
    Corpus { texts: Source, why: String, hint: &'static str },

    #[error("option {option} is out of range: {why}\n{hint}")]
    Option { option: &'static str, why: String, hint: &'static str },

    #[error("the checkpoint cannot be continued: {why}: {path}\nStart anew without --resume, which replaces it")]
    Checkpoint { path: PathBuf, why: String },

    #[error("cannot import ({why}): {path}\n{hint}")]
    Import { path: PathBuf, why: String, hint: String },

    #[error(
        "cannot import: member `{member}` is wrong ({why}): {path}\nWrite the file again with numpy.savez, one vector of floats a member"
    )]
    Member { path: PathBuf, member: String, why: String },

    #[error("numbers went wrong: {0}\nThe residuals of the model are not usable; check its weights")]
    Numbers(String),

    #[error("{0}")]
    Source(String),

    #[error("stopped")]
    Stopped,
}

impl From<SourceError> for BankError {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Stopped => Self::Stopped,
            SourceError::Failed(why) => Self::Source(why),
        }
    }
}

fn near_names(near: &[String]) -> String {
    if near.is_empty() { String::new() } else { format!("; it has {}", near.join(", ")) }
}

fn list(blocks: &[usize]) -> String {
    let contiguous = blocks.windows(2).all(|pair| pair[1] == pair[0] + 1);
    match blocks {
        [only] => format!("block {only} alone"),
        [first, .., last] if contiguous => format!("blocks {first} to {last}"),
        _ => format!("blocks {}", blocks.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
    }
}
