//! What can go wrong with a model. The first line says what failed and where, the second what to do.

use std::path::PathBuf;

use super::HubError;

/// Why a model cannot be opened or run.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// Neither a folder nor a name in the local Hugging Face cache.
    #[error("there is no model at {}\n{hint}", path.display())]
    NotFound { path: PathBuf, hint: String },
    /// A file which every model folder has is not there.
    #[error("{what} is missing: {}\n{hint}", path.display())]
    MissingFile { what: &'static str, path: PathBuf, hint: &'static str },
    /// The file is there and cannot be read.
    #[error("cannot read the file: {source}: {}\nCheck that it is a file and that you may read it", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    /// The file is not JSON.
    #[error("no valid JSON at line {line}, column {column} ({problem}): {}\nFetch the file again", path.display())]
    Json { path: PathBuf, line: usize, column: usize, problem: String },
    /// A key is missing or has a value which cannot be used.
    #[error("key `{key}` {problem}: {}\n{hint}", path.display())]
    Key { path: PathBuf, key: String, problem: String, hint: String },
    /// A file of weights which is no safetensors file, or only a part of one.
    #[error("no valid safetensors file ({problem}): {}\nFetch the file again; it may have been cut off", path.display())]
    Weights { path: PathBuf, problem: String },
    /// A file which is no GGUF file, only a part of one, or of a kind which is not read.
    #[error("no GGUF file that can be read ({problem}): {}\nFetch the file again, or one with types F32, F16, BF16, Q4_0 to Q8_0 or Q2_K to Q6_K", path.display())]
    Gguf { path: PathBuf, problem: String },
    /// A tensor is missing, or its shape, type or values cannot be used.
    #[error("tensor `{name}` {problem}: {}\n{hint}", path.display())]
    Tensor { path: PathBuf, name: String, problem: String, hint: &'static str },
    /// The tokenizer file cannot be used.
    #[error("the tokenizer cannot be used ({problem}): {}\nFetch tokenizer.json of this model again", path.display())]
    Tokenizer { path: PathBuf, problem: String },
    /// The chat template cannot be read or rendered.
    #[error("the chat template fails ({problem}): {}\nCorrect `chat_template` there, or use the text without a chat", path.display())]
    Template { path: PathBuf, problem: String },
    /// The device asked for is not in this build, or does not answer.
    #[error("the device {device} cannot be used: {problem}\n{hint}")]
    Device { device: String, problem: String, hint: String },
    /// More memory than is free.
    #[error("the model does not fit into memory: {problem}\n{hint}")]
    Memory { problem: String, hint: String },
    /// A text which cannot be run.
    #[error("{problem}\n{hint}")]
    Text { problem: String, hint: &'static str },
    /// Something between this machine and the hub.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// The caller asked to stop.
    #[error("stopped")]
    Cancelled,
    /// The arithmetic itself failed.
    #[error("the computation failed: {0}\nThis is a fault of the program; please report it with the model's name")]
    Compute(#[from] candle_core::Error),
    /// No thread could be started.
    #[error("no worker thread could be started: {0}\nClose other programs and try again")]
    Threads(#[from] rayon::ThreadPoolBuildError),
}

impl ModelError {
    /// Whether this is no failure: the caller asked to stop.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled)
    }
}
