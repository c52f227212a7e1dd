//! What can go wrong between this machine and the hub. The first line says what failed, the second what to do.

use std::path::PathBuf;

/// Why a model cannot be fetched.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    #[error("`{name}` is not the name of a model on Hugging Face\nWrite it as owner/name, as in Qwen/Qwen3-0.6B")]
    Name { name: String },
    /// The network is forbidden, and the cache does not have the model.
    #[error(
        "{name} is not in the Hugging Face cache ({}), and the network may not be used\nLeave out --offline, or unset HF_HUB_OFFLINE, to fetch it",
        cache.display()
    )]
    Offline { name: String, cache: PathBuf },
    #[error(
        "no connection to {site}: {problem}\nCheck the network and HTTPS_PROXY; models which are in the cache open without it"
    )]
    NoConnection { site: String, problem: String },
    /// Does not exist, or only for others.
    #[error("{site} has no model {name}, or it is private\n{hint}")]
    NoModel { site: String, name: String, hint: &'static str },
    /// The licence is not accepted yet.
    #[error("{name} is gated: its owner asks everyone to accept the licence first\n{hint}")]
    Gated { name: String, hint: String },
    /// The hub knows no such token.
    #[error(
        "{site} does not accept your token\nMake a new one at {site}/settings/tokens, then set HF_TOKEN or run `hf auth login`"
    )]
    Token { site: String },
    /// Any other answer than the one hoped for.
    #[error("{site} answered {status} for {what}\nTry again later; what has been downloaded is kept")]
    Status { site: String, status: u16, what: String },
    #[error(
        "{site} said something which cannot be understood about {name} ({problem})\nTry again later, and check HF_ENDPOINT if it is set"
    )]
    Answer { site: String, name: String, problem: String },
    /// Weights in other formats only.
    #[error(
        "{name} has no *.safetensors, but {has}\nLook for a repository with the same model as safetensors; a .gguf file opens too, once it is downloaded by hand"
    )]
    NoWeights { name: String, has: String },
    #[error("{name} has no {file}\nLook for another repository with the same model")]
    NoFile { name: String, file: String },
    #[error("the download of {file} of {name} broke off ({problem})\nTry again: it goes on where it stopped")]
    Broken { name: String, file: String, problem: String },
    /// Not the bytes which the hub announced.
    #[error(
        "{file} of {name} arrived damaged: its SHA-256 is not the one which {site} states\nTry again: this file begins anew"
    )]
    Damaged { name: String, file: String, site: String },
    /// Another process holds the lock of the file.
    #[error("another program is downloading {file} of {name}\nWait until it is done, then try again")]
    Busy { name: String, file: String },
    #[error("{name} needs {needed} more, and {} has only {free} left\nMake room there, or set HF_HOME to a folder on another disk", cache.display())]
    Full { name: String, needed: String, free: String, cache: PathBuf },
    #[error("cannot write to the Hugging Face cache: {source}: {}\nMake room and see that you may write there, or set HF_HOME to another folder", path.display())]
    Write { path: PathBuf, source: std::io::Error },
}
