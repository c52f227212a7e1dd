//! Text to tokens and back. tokenizer.json alone decides, as in transformers: its post-processor adds the special tokens.

use std::collections::BTreeSet;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tokenizers::Tokenizer;

use super::ModelError;
use super::files;

pub(super) struct TextTokenizer {
    tokenizer: Tokenizer,
    /// Ids of the special tokens.
    special: BTreeSet<u32>,
    path: PathBuf,
    /// An ordinary letter, so that what follows it decodes as in the middle of a text.
    anchor: Vec<u32>,
}

impl TextTokenizer {
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let bytes = files::read(path, "the tokenizer", "Put the model's tokenizer.json there")?;
        let json = serde_json::from_slice(&bytes)
            .map_err(|error| ModelError::Tokenizer { path: path.to_owned(), problem: error.to_string() })?;
        Self::from_json(json, path)
    }

    /// From what would be in a tokenizer.json; `path` is the file which errors name.
    pub fn from_json(json: Value, path: &Path) -> Result<Self, ModelError> {
        let broken = |problem: String| ModelError::Tokenizer { path: path.to_owned(), problem };
        // The library panics on some parts which are not what it expects.
        let made = catch_unwind(|| serde_json::from_value::<Tokenizer>(json));
        let made = made.map_err(|_| broken("a part of it is not of the kind it should be".into()))?;
        let mut tokenizer = made.map_err(|error| broken(error.to_string()))?;
        // What a training script left in the file must not cut or pad a text here.
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|error| broken(error.to_string()))?;
        let added = tokenizer.get_added_tokens_decoder();
        let special = added.iter().filter(|(_, token)| token.special).map(|(id, _)| *id).collect();
        let mut this = Self { tokenizer, special, path: path.to_owned(), anchor: Vec::new() };
        this.anchor = this.encode("a", false)?;
        Ok(this)
    }

    /// The highest id and its token.
    pub fn last(&self) -> Option<(u32, String)> {
        self.tokenizer.get_vocab(true).into_iter().map(|(token, id)| (id, token)).max()
    }

    /// The tokens of a text, with or without the special tokens which the model expects around it.
    pub fn encode(&self, text: &str, special: bool) -> Result<Vec<u32>, ModelError> {
        let encoding = self.tokenizer.encode_fast(text, special);
        let encoding =
            encoding.map_err(|error| ModelError::Tokenizer { path: self.path.clone(), problem: error.to_string() })?;
        Ok(encoding.get_ids().to_vec())
    }

    pub fn is_special(&self, id: u32) -> bool {
        self.special.contains(&id)
    }

    /// The text of these tokens, with or without special tokens. Ids without a token give nothing.
    pub fn decode(&self, tokens: &[u32], special: bool) -> String {
        // The library's own filter misses special tokens which its normaliser changes.
        let tokens: Vec<_> = tokens.iter().copied().filter(|id| special || !self.is_special(*id)).collect();
        self.tokenizer.decode(&tokens, false).unwrap_or_default()
    }

    /// One string a token, which together are the decoded text, special tokens included.
    pub fn pieces(&self, tokens: &[u32]) -> Vec<String> {
        let mut stream = TextStream { tokenizer: self, special: true, shown: Vec::new(), pending: Vec::new() };
        let mut pieces: Vec<_> = tokens.iter().map(|id| stream.push(*id)).collect();
        if let Some(last) = pieces.last_mut() {
            last.push_str(&stream.rest());
        }
        pieces
    }

    pub fn stream(&self) -> TextStream<'_> {
        TextStream { tokenizer: self, special: false, shown: self.anchor.clone(), pending: Vec::new() }
    }
}

/// Bytes in the longest character.
const LONGEST: usize = 4;

/// Turns tokens into text one by one. A token which leaves a character incomplete gives an empty text, and the one which completes
/// it the whole character. Special tokens give nothing.
pub struct TextStream<'a> {
    tokenizer: &'a TextTokenizer,
    special: bool,
    /// The tokens of the last text shown: decoders look at what comes before.
    shown: Vec<u32>,
    pending: Vec<u32>,
}

impl TextStream<'_> {
    /// The text this token adds.
    pub fn push(&mut self, id: u32) -> String {
        if !self.special && self.tokenizer.is_special(id) {
            return String::new();
        }
        self.pending.push(id);
        let text = self.pending_text();
        let incomplete = text.is_empty() || text.ends_with(char::REPLACEMENT_CHARACTER);
        if incomplete && self.pending.len() < LONGEST {
            return String::new();
        }
        self.shown = std::mem::take(&mut self.pending);
        text
    }

    /// What is left of a character which never was completed.
    fn rest(&mut self) -> String {
        let text = self.pending_text();
        self.shown = std::mem::take(&mut self.pending);
        text
    }

    fn pending_text(&self) -> String {
        if self.pending.is_empty() {
            return String::new();
        }
        let before = self.tokenizer.decode(&self.shown, self.special);
        let all = self.tokenizer.decode(&[self.shown.as_slice(), &self.pending].concat(), self.special);
        let common = before.chars().zip(all.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
        all.get(common..).unwrap_or_default().to_owned()
    }
}
