//! The bank file: safetensors with these f32 tensors and `__metadata__` keys.
//!
//! | tensor | shape | |
//! |---|---|---|
//! | `vectors`, `raw` | [E, L, D] | denoised, and as averaged |
//! | `residual_norm` | [L] | |
//! | `neutral_mean` | [L, D] | |
//! | `baseline_mean`, `baseline_std` | [L, E] | of h·v̂ over neutral tokens, v̂ from `vectors` |
//! | `answer_mean`, `answer_std` | [L, E] | the same before the reply |
//! | `raw_baseline_mean`, `raw_baseline_std`, `raw_answer_mean`, `raw_answer_std` | [L, E] | the same four with v̂ from `raw`; may be missing |
//!
//! The last row is an addition: a z reading of raw vectors against the baseline of denoised ones would be wrong. A bank with
//! `source` = "import" needs `vectors` alone. Unknown keys are kept.

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;

use ndarray::{Ix1, Ix2, Ix3};
use serde::de::DeserializeOwned;

use super::tensors::{self, Loaded, Tensor};
use super::{Bank, BankError, Baseline, VectorSet, parse_range};

/// `__metadata__` of every bank.
pub const FORMAT: &str = "circumplex-bank";
pub const VERSION: &str = "1";
/// Value of `source` in an imported bank.
pub const IMPORT: &str = "import";

/// Keys which a bank has besides `format`, `version`, `emotions` and `blocks`, unless it is imported.
const BUILT_KEYS: [&str; 10] = [
    "model",
    "model_sha256",
    "start_token",
    "variance",
    "neutral_components",
    "corpus",
    "corpus_sha256",
    "stories",
    "created_by",
    "license",
];

impl Bank {
    /// Opens a bank file and checks all of it.
    ///
    /// # Errors
    /// Names the file and the tensor or key which is missing or wrong.
    pub fn open(path: &Path) -> Result<Self, BankError> {
        let loaded = tensors::read(path, |metadata| check_format(path, metadata))?;
        let keys = Keys { path, metadata: &loaded.metadata };
        let emotions = keys.emotions()?;
        let blocks = keys.blocks()?;
        keys.check_defaults(&blocks)?;
        let imported = loaded.metadata.get("source").is_some_and(|source| source == IMPORT);
        if !imported {
            keys.check_built(blocks.len())?;
        }
        let vectors_shape = loaded.shape("vectors")?.ok_or_else(|| missing(path, "vectors"))?;
        let &[_, _, width] = vectors_shape.as_slice() else {
            return Err(loaded.bad_tensor("vectors", format!("its shape is {vectors_shape:?}, not [E, L, D]")));
        };
        if width == 0 {
            return Err(loaded.bad_tensor("vectors", "its width is 0"));
        }

        let whole = Ix3(emotions.len(), blocks.len(), width);
        let vectors = loaded.f32("vectors", whole)?.ok_or_else(|| missing(path, "vectors"))?;
        let raw = loaded.f32("raw", whole)?;
        let residual_norm = loaded.f32("residual_norm", Ix1(blocks.len()))?;
        if residual_norm.as_ref().is_some_and(|norms| norms.iter().any(|norm| *norm <= 0.0)) {
            return Err(loaded.bad_tensor("residual_norm", "a norm is not above 0"));
        }
        let neutral_mean = loaded.f32("neutral_mean", Ix2(blocks.len(), width))?;
        let per_emotion = Ix2(blocks.len(), emotions.len());
        let baseline = baseline_of(&loaded, path, "baseline_mean", "baseline_std", per_emotion)?;
        let answer = baseline_of(&loaded, path, "answer_mean", "answer_std", per_emotion)?;
        let raw_baseline = baseline_of(&loaded, path, "raw_baseline_mean", "raw_baseline_std", per_emotion)?;
        let raw_answer = baseline_of(&loaded, path, "raw_answer_mean", "raw_answer_std", per_emotion)?;
        if !imported {
            let there = [
                ("raw", raw.is_some()),
                ("residual_norm", residual_norm.is_some()),
                ("neutral_mean", neutral_mean.is_some()),
                ("baseline_mean", baseline.is_some()),
                ("answer_mean", answer.is_some()),
            ];
            if let Some((tensor, _)) = there.iter().find(|(_, there)| !there) {
                return Err(missing(path, tensor));
            }
        }
        Ok(Self {
            emotions,
            blocks,
            vectors,
            raw,
            residual_norm,
            neutral_mean,
            baseline,
            answer,
            raw_baseline,
            raw_answer,
            metadata: loaded.metadata,
        })
    }

    /// Writes the bank under a temporary name beside `path` and renames it, so that a crash never leaves half a file. The same bank
    /// gives the same bytes. `format`, `version`, `emotions` and `blocks` are written from the bank itself.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), BankError> {
        let mut metadata = self.metadata.clone();
        metadata.insert("format".to_owned(), FORMAT.to_owned());
        metadata.insert("version".to_owned(), VERSION.to_owned());
        metadata.insert("emotions".to_owned(), serde_json::json!(self.emotions).to_string());
        metadata.insert("blocks".to_owned(), serde_json::json!(self.blocks).to_string());

        let mut tensors = vec![Tensor::f32("vectors", &self.vectors)];
        tensors.extend(self.raw.as_ref().map(|raw| Tensor::f32("raw", raw)));
        tensors.extend(self.residual_norm.as_ref().map(|norm| Tensor::f32("residual_norm", norm)));
        tensors.extend(self.neutral_mean.as_ref().map(|mean| Tensor::f32("neutral_mean", mean)));
        let baselines = [
            (&self.baseline, ["baseline_mean", "baseline_std"]),
            (&self.answer, ["answer_mean", "answer_std"]),
            (&self.raw_baseline, ["raw_baseline_mean", "raw_baseline_std"]),
            (&self.raw_answer, ["raw_answer_mean", "raw_answer_std"]),
        ];
        for (baseline, [mean, std]) in baselines {
            if let Some(baseline) = baseline {
                tensors.push(Tensor::f32(mean, &baseline.mean));
                tensors.push(Tensor::f32(std, &baseline.std));
            }
        }
        tensors::write(path, &tensors, &metadata)
    }
}

fn check_format(path: &Path, metadata: &BTreeMap<String, String>) -> Result<(), BankError> {
    let path = || path.to_owned();
    match metadata.get("format") {
        None => Err(BankError::NotABank { path: path(), why: "it has no metadata key `format`".to_owned() }),
        Some(format) if format != FORMAT => {
            Err(BankError::NotABank { path: path(), why: format!("`format` is {format:?}, not {FORMAT:?}") })
        }
        Some(_) => match metadata.get("version") {
            None => Err(BankError::MissingKey { path: path(), key: "version".to_owned() }),
            Some(version) if version != VERSION => Err(BankError::Version { path: path(), found: version.clone() }),
            Some(_) => Ok(()),
        },
    }
}

fn missing(path: &Path, tensor: &str) -> BankError {
    BankError::MissingTensor { path: path.to_owned(), tensor: tensor.to_owned() }
}

/// Both halves of a baseline, or neither.
fn baseline_of(loaded: &Loaded, path: &Path, mean: &str, std: &str, shape: Ix2) -> Result<Option<Baseline>, BankError> {
    match (loaded.f32(mean, shape)?, loaded.f32(std, shape)?) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(missing(path, mean)),
        (Some(_), None) => Err(missing(path, std)),
        (Some(_), Some(values)) if values.iter().any(|value| *value < 0.0) => {
            Err(loaded.bad_tensor(std, "a standard deviation is negative"))
        }
        (Some(mean), Some(std)) => Ok(Some(Baseline { mean, std })),
    }
}

/// The metadata of a file, with errors which name both.
struct Keys<'a> {
    path: &'a Path,
    metadata: &'a BTreeMap<String, String>,
}

impl Keys<'_> {
    fn get(&self, key: &str) -> Result<&str, BankError> {
        let value = self.metadata.get(key).map(String::as_str);
        value.ok_or_else(|| BankError::MissingKey { path: self.path.to_owned(), key: key.to_owned() })
    }

    fn bad(&self, key: &str, why: impl Into<String>) -> BankError {
        BankError::BadKey { path: self.path.to_owned(), key: key.to_owned(), why: why.into() }
    }

    fn json<T: DeserializeOwned>(&self, key: &str) -> Result<Vec<T>, BankError> {
        let text = self.get(key)?;
        serde_json::from_str(text).map_err(|error| self.bad(key, format!("no such JSON list: {error}")))
    }

    fn number<T: FromStr>(&self, key: &str, what: &str) -> Result<T, BankError> {
        let text = self.get(key)?;
        text.parse().map_err(|_| self.bad(key, format!("{text:?} is not {what}")))
    }

    fn emotions(&self) -> Result<Vec<String>, BankError> {
        let emotions: Vec<String> = self.json("emotions")?;
        if emotions.is_empty() {
            return Err(self.bad("emotions", "the list is empty"));
        }
        let mut sorted: Vec<&String> = emotions.iter().collect();
        sorted.sort();
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(self.bad("emotions", format!("{:?} is there twice", pair[0])));
        }
        if emotions.iter().any(|emotion| emotion.trim().is_empty()) {
            return Err(self.bad("emotions", "a name is empty"));
        }
        Ok(emotions)
    }

    fn blocks(&self) -> Result<Vec<usize>, BankError> {
        let blocks: Vec<usize> = self.json("blocks")?;
        if blocks.is_empty() {
            return Err(self.bad("blocks", "the list is empty"));
        }
        if blocks.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(self.bad("blocks", "the numbers do not ascend"));
        }
        Ok(blocks)
    }

    fn check_built(&self, blocks: usize) -> Result<(), BankError> {
        for key in BUILT_KEYS {
            self.get(key)?;
        }
        self.number::<usize>("start_token", "a whole number")?;
        self.number::<usize>("stories", "a whole number")?;
        self.number::<f64>("variance", "a number")?;
        let components: Vec<usize> = self.json("neutral_components")?;
        if components.len() != blocks {
            return Err(self.bad("neutral_components", format!("{} numbers for {blocks} blocks", components.len())));
        }
        Ok(())
    }

    fn check_defaults(&self, blocks: &[usize]) -> Result<(), BankError> {
        if self.metadata.contains_key("default_block") {
            let block: usize = self.number("default_block", "a block number")?;
            if !blocks.contains(&block) {
                return Err(self.bad("default_block", format!("the bank has no block {block}")));
            }
        }
        if let Some(text) = self.metadata.get("default_blocks")
            && parse_range(text).is_none()
        {
            return Err(self.bad("default_blocks", format!("{text:?} is not a range like \"3-5\"")));
        }
        if self.metadata.contains_key("default_strength") {
            let strength: f32 = self.number("default_strength", "a number")?;
            if !strength.is_finite() {
                return Err(self.bad("default_strength", "it is not finite"));
            }
        }
        if let Some(text) = self.metadata.get("default_vectors") {
            text.parse::<VectorSet>()
                .map_err(|_| self.bad("default_vectors", format!("{text:?} is not \"raw\" or \"denoised\"")))?;
        }
        Ok(())
    }
}
