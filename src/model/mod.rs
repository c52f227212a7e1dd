//! A language model with a tap after every block. The only module which knows candle.
//!
//! [`Model::open`] reads a folder as Hugging Face lays it out, or a GGUF file. `family` reads its config.json into one [`config::Config`], which
//! describes a single [`decoder`] for all architectures, filled from the weight `files`. A run keeps its keys and values in a [`Cache`]
//! of its own, so a model has no state and is shared freely between threads.

mod batch;
mod chat;
mod config;
mod date;
mod decoder;
mod description;
mod device;
mod error;
mod family;
mod files;
mod gguf;
mod hub;
mod lens;
mod memory;
#[cfg(test)]
mod portable_tests;
mod precision;
mod sampling;
mod tokenizer;

use std::collections::BTreeSet;
use std::path::Path;

use ndarray::Array3;
use serde::Serialize;

pub use chat::{Message, Role};
pub use decoder::{Cache, Logits, Pass, Tap};
pub use device::DeviceChoice;
pub use error::ModelError;
pub use files::INSIDE_CAVEAT;
pub use hub::{Hub, HubError, hub_name};
pub use precision::{Keep, Precision};
pub use sampling::{Sampler, logprob};
pub use tokenizer::TextStream;

use crate::is_inside;
use crate::job::{Cancel, Sink};
use batch::Threads;
use chat::Chat;
use decoder::{Decoder, Loader, Place};
use description::Description;
use files::Weights;
use memory::Need;
use tokenizer::TextTokenizer;

/// What a loaded model is. Serialises as `circumplex info --json` prints it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelInfo {
    /// The folder's name.
    pub id: String,
    /// As config.json names it: `LlamaForCausalLM`.
    pub architecture: String,
    pub blocks: usize,
    /// Width of the residual stream, D.
    pub width: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub vocab: usize,
    /// Longest text, in tokens.
    pub context: usize,
    /// Weights counted once, tied ones too.
    pub parameters: u64,
    /// Type of the weights in the file: `float32`.
    pub dtype: String,
    /// How the matrices are kept in memory: `f32`, or as in the file, or `q8_0` by choice.
    pub precision: String,
    /// Which device holds it: `cpu`, `cuda:0`, `metal`.
    pub device: String,
    /// Bytes the weights take in memory.
    pub memory: u64,
    /// Root mean square of what the weights lost when they were rounded to Q8_0, as a share of theirs; none where they were not.
    pub rounding: Option<f64>,
    /// Whether the model brings a chat template.
    pub chat_template: bool,
    /// What must stand beside everything that is read from this model; none but for the model inside.
    pub caveat: Option<String>,
    /// What is odd about the folder but does not keep it from working.
    pub warnings: Vec<String>,
}

/// A loaded model. It has no state of its own: a run's memory is its [`Cache`].
pub struct Model {
    info: ModelInfo,
    decoder: Decoder,
    tokenizer: TextTokenizer,
    chat: Chat,
    /// Tokens which end a reply.
    ends: BTreeSet<u32>,
    threads: Threads,
}

impl Model {
    /// Opens the model inside ([`crate::INSIDE`]), a GGUF file, a folder with config.json, tokenizer.json and *.safetensors, or, when there is
    /// no such folder, the model of that `owner/name` in the local Hugging Face cache. Never uses the network (see [`Hub::fetch`]). Weights are widened to f32, and
    /// quantised ones stay so. The accelerator of this build is used if there is one that answers.
    ///
    /// # Errors
    /// Whatever is missing, broken or unknown, with the file and the key or tensor; [`ModelError::Cancelled`].
    pub fn open(path: &Path, cancel: &Cancel, progress: Sink) -> Result<Self, ModelError> {
        Self::open_as(path, Keep::default(), cancel, progress)
    }

    /// The same, kept as asked.
    pub fn open_as(path: &Path, keep: Keep, cancel: &Cancel, progress: Sink) -> Result<Self, ModelError> {
        Self::open_at(path, keep.precision, Place::on(keep.device.open()?), cancel, progress)
    }

    fn open_at(
        path: &Path,
        precision: Precision,
        place: Place,
        cancel: &Cancel,
        progress: Sink,
    ) -> Result<Self, ModelError> {
        let device = place.device().clone();
        let Description { id, architecture, config, tokenizer, chat, ends, weights } = Description::find(path)?;
        let names = config.names;
        let mut loader = Loader::new(weights, names.prefixes, names.embedding, precision, place, cancel, progress);
        // A size which the weights contradict is better named than refused as too large.
        loader.check(names.embedding, &[config.vocab, config.width])?;
        let free = memory::free(&device);
        if let Some(free) = free {
            let (dense, quantised) = loader.sizes();
            Need::new(&config, precision, dense, quantised).check(free, &device)?;
        }
        let (decoder, mut warnings) = Decoder::load(&mut loader, config)?;
        let (weights, loaded) = loader.finish();

        let config = decoder.config();
        if free.is_none() {
            let device = device::name(&device);
            warnings.push(format!(
                "{device} does not tell how much memory is free: it was not checked whether the model fits"
            ));
        }
        warnings.extend(chat.fault().map(|fault| fault.to_string()));
        warnings.extend(odd_tokens(&tokenizer, &ends, config.vocab));
        warnings.extend(odd_tensors(&weights, names.ignored));
        let info = ModelInfo {
            id,
            architecture,
            blocks: config.layers.len(),
            width: config.width,
            heads: config.heads,
            kv_heads: config.kv_heads,
            vocab: config.vocab,
            context: config.context,
            parameters: weights.parameters(),
            dtype: weights.dtype(),
            precision: precision.kept(&weights),
            device: device::name(&device),
            memory: loaded.bytes,
            rounding: loaded.rounding.share(),
            chat_template: chat.has_template(),
            caveat: is_inside(path).then(|| INSIDE_CAVEAT.into()),
            warnings,
        };
        let threads = Threads::for_model(info.parameters, &device)?;
        Ok(Self { info, decoder, tokenizer, chat, ends, threads })
    }

    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// The tokens of plain text, with the model's special tokens.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        self.tokenizer.encode(text, true)
    }

    /// The tokens of a conversation up to where the assistant begins to answer: the last one is *about to answer*. A rendered
    /// template holds its special tokens, and none are added. Without a template the text is plain, and they are.
    pub fn encode_chat(&self, messages: &[Message]) -> Result<Vec<u32>, ModelError> {
        self.tokenizer.encode(&self.chat.render(messages)?, !self.chat.has_template())
    }

    /// Whether these tokens can be run: something other than special tokens, all in the vocabulary, no more than the context holds.
    pub fn check_text(&self, tokens: &[u32]) -> Result<(), ModelError> {
        if tokens.iter().all(|id| self.tokenizer.is_special(*id)) {
            let problem = format!("there is no text to run: {} tokens, none of them but special ones", tokens.len());
            return Err(ModelError::Text { problem, hint: "Write at least one word" });
        }
        self.check_tokens(tokens, 0)
    }

    fn check_tokens(&self, tokens: &[u32], start: usize) -> Result<(), ModelError> {
        let (vocab, context) = (self.info.vocab, self.info.context);
        if let Some((index, id)) = tokens.iter().enumerate().find(|(_, id)| **id as usize >= vocab) {
            let problem = format!("token {index} is {id}, but the model has only the ids 0 to {}", vocab - 1);
            return Err(ModelError::Text { problem, hint: "Use a text or tokens which the model knows" });
        }
        let length = start + tokens.len();
        if length > context {
            let problem = format!("the text has {length} tokens, but the model can read only {context}");
            return Err(ModelError::Text { problem, hint: "Shorten the text" });
        }
        Ok(())
    }

    /// One string for each token, which together are the decoded text, special tokens included. A token which leaves a character
    /// incomplete gives an empty string, and the one which completes it the whole character.
    pub fn pieces(&self, tokens: &[u32]) -> Vec<String> {
        self.tokenizer.pieces(tokens)
    }

    /// The same token by token, as it follows other text: for a reply. Special tokens give nothing.
    pub fn text_stream(&self) -> TextStream<'_> {
        self.tokenizer.stream()
    }

    /// The text of these tokens, without special tokens.
    pub fn decode(&self, tokens: &[u32]) -> String {
        self.tokenizer.decode(tokens, false)
    }

    /// Whether this token ends a reply, by generation_config.json, or else config.json.
    pub fn is_end(&self, id: u32) -> bool {
        self.ends.contains(&id)
    }

    /// The empty memory of a new run.
    pub fn new_cache(&self) -> Cache {
        self.new_cache_for(0)
    }

    /// The same for a run of which it is known that it will have so many tokens. It matters only for models which turn queries and keys
    /// otherwise in long texts (longrope, dynamic): all tokens are then read as in a text of that length.
    pub fn new_cache_for(&self, tokens: usize) -> Cache {
        Cache::new(self.info.blocks, self.info.context, tokens)
    }

    /// Runs tokens at the positions from `cache.len()`, and remembers them in the cache.
    ///
    /// # Errors
    /// No tokens, an id outside the vocabulary, more positions than the context, a push of another width, a cache of another model;
    /// [`ModelError::Cancelled`], looked for between blocks.
    pub fn forward(&self, tokens: &[u32], cache: &mut Cache, tap: &Tap, cancel: &Cancel) -> Result<Pass, ModelError> {
        self.check_tokens(tokens, cache.len())?;
        self.check_run(tokens, cache, tap)?;
        let start = cache.len();
        let pass = self.threads.run(|| self.decoder.forward(tokens, start, Some(cache), tap, cancel));
        if pass.is_err() {
            // Some blocks have appended, others not.
            cache.clear();
        }
        pass
    }

    fn check_run(&self, tokens: &[u32], cache: &Cache, tap: &Tap) -> Result<(), ModelError> {
        let wrong = |problem: String, hint| Err(ModelError::Text { problem, hint });
        if tokens.is_empty() {
            return wrong("there are no tokens to run".into(), "Give at least one token");
        }
        if cache.blocks() != self.info.blocks {
            return wrong("the cache belongs to another model".into(), "Begin the run anew");
        }
        let pushes = tap.push.iter().flat_map(|(push, _)| &push.blocks);
        for push in pushes {
            if push.block >= self.info.blocks || push.delta.len() != self.info.width {
                let problem = format!(
                    "the steering is for block {} of width {}, but the model has {} blocks of width {}",
                    push.block,
                    push.delta.len(),
                    self.info.blocks,
                    self.info.width
                );
                return wrong(problem, "Use a bank which was built for this model");
            }
        }
        Ok(())
    }

    /// The residuals [L, T, D] of many texts, without the head: the fast way. Equal to running them one by one.
    pub fn residuals(&self, texts: &[Vec<u32>], cancel: &Cancel) -> Result<Vec<Array3<f32>>, ModelError> {
        for text in texts {
            self.check_tokens(text, 0)?;
        }
        batch::residuals(&self.decoder, &self.threads, texts, cancel)
    }

    /// SHA-256 over the model's weight files in name order, without opening it.
    pub fn weights_sha256(path: &Path) -> Result<String, ModelError> {
        files::sha256(description::weight_files(path)?)
    }
}

fn odd_tokens(tokenizer: &TextTokenizer, ends: &BTreeSet<u32>, vocab: usize) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some((id, token)) = tokenizer.last().filter(|(id, _)| *id as usize >= vocab) {
        warnings.push(format!(
            "tokenizer.json has ids up to {id} (`{token}`), but the model only the ids 0 to {}",
            vocab - 1
        ));
    }
    if let Some(id) = ends.iter().find(|id| **id as usize >= vocab) {
        warnings.push(format!("`eos_token_id` {id} is outside the vocabulary of {vocab} tokens"));
    }
    warnings
}

fn odd_tensors(weights: &Weights, ignored: &[&str]) -> Option<String> {
    let names: Vec<_> = weights.left_over().filter(|name| !ignored.iter().any(|part| name.contains(part))).collect();
    let first = names.first()?;
    Some(format!("{} tensors of the weight files are not used, the first is `{first}`", names.len()))
}
