//! Everything about a model but its numbers, from a folder or from a GGUF file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::ModelError;
use super::chat::Chat;
use super::config::Config;
use super::family;
use super::files::{Fields, INSIDE_ID, Source, Weights};
use super::gguf::Gguf;
use super::hub;
use super::tokenizer::TextTokenizer;
use crate::is_inside;

pub(super) struct Description {
    pub id: String,
    pub architecture: String,
    pub config: Config,
    pub tokenizer: TextTokenizer,
    pub chat: Chat,
    /// Tokens which end a reply.
    pub ends: BTreeSet<u32>,
    /// Still on disk.
    pub weights: Weights,
}

impl Description {
    /// What `path` names: a GGUF file, a folder which holds one and no config.json, a folder as Hugging Face lays it out, or an `owner/name` in
    /// the cache.
    pub fn find(path: &Path) -> Result<Self, ModelError> {
        match gguf_at(path) {
            Some(file) => Self::of_gguf(&file),
            None => Self::of_folder(source_at(path)?),
        }
    }

    fn of_folder(source: Source) -> Result<Self, ModelError> {
        let fields = Fields::read(&source.file("config.json"))?;
        let (architecture, config) = family::read(&fields)?;
        Ok(Self {
            architecture,
            config,
            tokenizer: TextTokenizer::open(&source.file("tokenizer.json"))?,
            chat: Chat::open(&source)?,
            ends: end_tokens(&source, &fields)?,
            weights: Weights::open(&source)?,
            id: source.id,
        })
    }

    fn of_gguf(path: &Path) -> Result<Self, ModelError> {
        let gguf = Gguf::open(path)?;
        let (architecture, config) = gguf.config()?;
        Ok(Self {
            id: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            architecture,
            config,
            tokenizer: gguf.tokenizer()?,
            chat: gguf.chat()?,
            ends: gguf.ends()?,
            weights: gguf.weights()?,
        })
    }
}

/// The files of weights of what `path` names, in name order.
pub(super) fn weight_files(path: &Path) -> Result<Vec<PathBuf>, ModelError> {
    match gguf_at(path) {
        Some(file) => Ok(vec![file]),
        None => source_at(path)?.weight_files(),
    }
}

/// The model inside, a folder, or else the `owner/name` of a model in the local Hugging Face cache.
fn source_at(path: &Path) -> Result<Source, ModelError> {
    if is_inside(path) {
        return Ok(Source { id: INSIDE_ID.into(), folder: path.to_owned() });
    }
    if path.is_dir() {
        let full = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let last = || full.file_name().map_or_else(|| full.display().to_string(), |name| name.to_string_lossy().into());
        return Ok(Source { id: hub::name_of_snapshot(&full).unwrap_or_else(last), folder: path.to_owned() });
    }
    if path.exists() {
        let hint = "Name the folder with config.json, tokenizer.json and *.safetensors, not a file in it".into();
        return Err(ModelError::NotFound { path: path.to_owned(), hint });
    }
    hub::cached(path)
}

fn gguf_at(path: &Path) -> Option<PathBuf> {
    let is_gguf = |path: &Path| path.extension().is_some_and(|end| end.eq_ignore_ascii_case("gguf"));
    if is_inside(path) {
        return None;
    }
    if path.is_file() {
        return is_gguf(path).then(|| path.to_owned());
    }
    if path.join("config.json").exists() {
        return None;
    }
    let entries = path.read_dir().ok()?;
    let mut files = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| is_gguf(path));
    let first = files.next()?;
    files.next().is_none().then_some(first)
}

fn end_tokens(source: &Source, config: &Fields) -> Result<BTreeSet<u32>, ModelError> {
    let generation = Fields::read_or_empty(&source.file("generation_config.json"))?;
    let fields = if generation.get("eos_token_id").is_some() { &generation } else { config };
    let ids = match fields.get("eos_token_id") {
        None => Vec::new(),
        Some(Value::Array(ids)) => ids.iter().collect(),
        Some(id) => vec![id],
    };
    let id = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
    let ids: Option<_> = ids.into_iter().map(id).collect();
    ids.ok_or_else(|| fields.wrong("eos_token_id", "is neither a token id nor a list of them"))
}
