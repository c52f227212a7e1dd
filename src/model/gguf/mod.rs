//! GGUF: a whole model in one file, as llama.cpp writes it. Its metadata is translated into what the rest of this module reads: the keys of
//! config.json (`config`), the contents of tokenizer.json (`tokenizer`), a chat template. https://github.com/ggml-org/ggml/blob/master/docs/gguf.md

mod config;
mod tokenizer;

use std::collections::BTreeSet;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::quantized::gguf_file::{Content, Value};
use memmap2::Mmap;
use serde_json::Map;

use super::ModelError;
use super::chat::Chat;
use super::config::Config;
use super::files::{self, Weights};
use super::tokenizer::TextTokenizer;

/// The header of a file: everything but the tensors' bytes.
pub(super) struct Gguf {
    path: PathBuf,
    bytes: Arc<Mmap>,
    content: Content,
}

impl Gguf {
    /// Reads the header.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let bytes = Arc::new(files::map(path)?);
        let content = Content::read(&mut Cursor::new(&bytes[..]))
            .map_err(|error| ModelError::Gguf { path: path.to_owned(), problem: first_line(&error.to_string()) })?;
        Ok(Self { path: path.to_owned(), bytes, content })
    }

    pub fn weights(&self) -> Result<Weights, ModelError> {
        Weights::of_gguf(&self.path, self.bytes.clone(), &self.content)
    }

    /// The name of the architecture, as config.json would have it, and its description.
    pub fn config(&self) -> Result<(String, Config), ModelError> {
        config::read(self)
    }

    pub fn tokenizer(&self) -> Result<TextTokenizer, ModelError> {
        TextTokenizer::from_json(tokenizer::json(self)?, &self.path)
    }

    pub fn chat(&self) -> Result<Chat, ModelError> {
        let template = self.text("tokenizer.chat_template")?.map(str::to_owned);
        let tokens = self.texts("tokenizer.ggml.tokens")?;
        let mut named = Map::new();
        for (name, key) in
            [("bos_token", "bos"), ("eos_token", "eos"), ("unk_token", "unknown"), ("pad_token", "padding")]
        {
            let id = self.count(&format!("tokenizer.ggml.{key}_token_id"))?;
            if let Some(token) = id.and_then(|id| tokens.get(id)) {
                named.insert(name.into(), (*token).into());
            }
        }
        Ok(Chat::new(template.map(|template| (template, self.path.clone())), named))
    }

    /// Tokens which end a reply.
    pub fn ends(&self) -> Result<BTreeSet<u32>, ModelError> {
        let mut ends = BTreeSet::new();
        for key in ["eos", "eot", "eom"] {
            let id = self.count(&format!("tokenizer.ggml.{key}_token_id"))?;
            ends.extend(id.and_then(|id| u32::try_from(id).ok()));
        }
        Ok(ends)
    }

    fn has(&self, tensor: &str) -> bool {
        self.content.tensor_infos.contains_key(tensor)
    }

    /// A short tensor of positive numbers, where it is there.
    fn small_tensor(&self, name: &str, length: usize) -> Result<Option<Vec<f32>>, ModelError> {
        if !self.has(name) {
            return Ok(None);
        }
        let values: Vec<f32> = self.weights()?.take(name, &[length])?.to_vec1()?;
        match values.iter().all(|x| *x > 0.0) {
            true => Ok(Some(values)),
            false => Err(self.wrong(name, "holds numbers which are not above 0")),
        }
    }

    fn get(&self, key: &str) -> Option<&Value> {
        self.content.metadata.get(key)
    }

    /// A whole number, where the key is there.
    fn count(&self, key: &str) -> Result<Option<usize>, ModelError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let number = match value {
            Value::U8(_) | Value::U16(_) | Value::U32(_) | Value::U64(_) | Value::Bool(_) => value.to_u64().ok(),
            Value::I8(n) => u64::try_from(*n).ok(),
            Value::I16(n) => u64::try_from(*n).ok(),
            Value::I32(n) => u64::try_from(*n).ok(),
            Value::I64(n) => u64::try_from(*n).ok(),
            _ => None,
        };
        match number.and_then(|number| usize::try_from(number).ok()) {
            Some(number) => Ok(Some(number)),
            None => Err(self.wrong(key, "is not a whole number")),
        }
    }

    fn number(&self, key: &str) -> Result<Option<f64>, ModelError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::F32(x)) => Ok(Some(f64::from(*x))),
            Some(Value::F64(x)) => Ok(Some(*x)),
            Some(_) => Ok(self.count(key)?.map(|n| n as f64)),
        }
    }

    fn flag(&self, key: &str) -> Result<Option<bool>, ModelError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(self.wrong(key, "is not true or false")),
        }
    }

    fn text(&self, key: &str) -> Result<Option<&str>, ModelError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(key, "is not a text")),
        }
    }

    /// A list of texts; empty where the key is missing.
    fn texts(&self, key: &str) -> Result<Vec<&str>, ModelError> {
        let Some(value) = self.get(key) else { return Ok(Vec::new()) };
        let list = match value {
            Value::Array(list) => list.iter().map(|value| value.to_string().ok().map(String::as_str)).collect(),
            _ => None,
        };
        list.ok_or_else(|| self.wrong(key, "is not a list of texts"))
    }

    /// A list of numbers; empty where the key is missing.
    fn numbers(&self, key: &str) -> Result<Vec<f64>, ModelError> {
        let Some(value) = self.get(key) else { return Ok(Vec::new()) };
        let number = |value: &Value| match value {
            Value::F32(x) => Some(f64::from(*x)),
            Value::I32(x) => Some(f64::from(*x)),
            Value::U32(x) => Some(f64::from(*x)),
            _ => None,
        };
        let list: Option<_> = match value {
            Value::Array(list) => list.iter().map(number).collect(),
            _ => None,
        };
        list.ok_or_else(|| self.wrong(key, "is not a list of numbers"))
    }

    fn wrong(&self, key: &str, problem: &str) -> ModelError {
        self.wrong_because(key, problem, "Fetch the file again, or another one of this model")
    }

    fn wrong_because(&self, key: &str, problem: &str, hint: &str) -> ModelError {
        let (path, key) = (self.path.clone(), key.to_owned());
        ModelError::Key { path, key, problem: problem.into(), hint: hint.into() }
    }
}

/// The library adds a backtrace to its messages.
fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().to_owned()
}
