//! Import of vectors which other programs made, from the two `.npz` layouts in use:
//!
//! - a folder of `emotion_vectors_layer_{L}.npz`, members named after the emotions, and `metadata.json` (emotions, layers, model);
//! - one file with members `layer_{L}__{emotion}`.
//!
//! Such a bank has vectors and names, and no norms or baselines.

mod npz;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ndarray::{Array3, s};
use serde::Deserialize;

use super::{Bank, BankError, FORMAT, IMPORT, VERSION};

/// Other programs may count blocks from 1, or count the embedding: blocks are moved by one at most.
const SHIFTS: std::ops::RangeInclusive<i64> = -1..=1;
/// More than this is no block number.
const MAX_BLOCK: usize = 10_000;

/// What an import found.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportReport {
    /// Which layout it was.
    pub layout: &'static str,
    /// Layer numbers as the files have them, and the blocks they became.
    pub layers: Vec<usize>,
    pub blocks: Vec<usize>,
    pub emotions: usize,
    pub width: usize,
}

/// Imports a folder or an `.npz` file. `block_shift` (−1, 0 or 1) is added to every layer number; block L is the residual after
/// decoder block L, counted from 0.
///
/// # Errors
/// Another layout, a damaged file, vectors of differing lengths, layers with differing emotions, a block below 0.
pub fn import(path: &Path, block_shift: i64) -> Result<(Bank, ImportReport), BankError> {
    if !SHIFTS.contains(&block_shift) {
        return Err(BankError::Option {
            option: "--block-shift",
            why: format!("{block_shift} is not -1, 0 or 1"),
            hint: "Files that count blocks from 1 need -1",
        });
    }
    let found = find(path)?;
    let layers: Vec<usize> = found.layers.keys().copied().collect();
    let blocks: Option<Vec<usize>> =
        layers.iter().map(|layer| layer.checked_add_signed(block_shift as isize)).collect();
    let blocks = blocks.ok_or_else(|| BankError::Option {
        option: "--block-shift",
        why: "layer 0 would become block -1".to_owned(),
        hint: "Use 0 or 1 for this file",
    })?;
    let emotions = found.emotions(path)?;
    let vectors = found.vectors(path, &emotions)?;

    let mut metadata: BTreeMap<String, String> = [
        ("format", FORMAT.to_owned()),
        ("version", VERSION.to_owned()),
        ("source", IMPORT.to_owned()),
        ("imported_layers", serde_json::json!(layers).to_string()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into();
    metadata.extend(found.model.map(|model| ("model".to_owned(), model)));
    metadata.extend(found.model_blocks.map(|blocks| ("model_blocks".to_owned(), blocks.to_string())));

    let width = vectors.dim().2;
    let report = ImportReport { layout: found.layout, layers, blocks: blocks.clone(), emotions: emotions.len(), width };
    Ok((Bank { metadata, ..Bank::of_vectors(emotions, blocks, vectors) }, report))
}

/// What the files hold, before it is known to agree.
struct Found {
    layout: &'static str,
    /// By layer: the emotions with their vectors, in the file's order.
    layers: BTreeMap<usize, Vec<(String, Vec<f32>)>>,
    /// The emotions, where a list of them is there.
    listed: Option<Vec<String>>,
    model: Option<String>,
    model_blocks: Option<usize>,
}

fn find(path: &Path) -> Result<Found, BankError> {
    let kind = fs::metadata(path).map_err(|source| BankError::Read { path: path.to_owned(), why: source })?;
    if kind.is_dir() {
        return folder(path);
    }
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("pt" | "pth" | "pkl" | "pickle" | "bin") => Err(BankError::Import {
            path: path.to_owned(),
            why: "a pickle can run any program, so none is ever opened here".to_owned(),
            hint:
                "Convert it where you trust it: numpy.savez(\"vectors.npz\", **{f\"layer_{l}__{name}\": vector, ...})"
                    .to_owned(),
        }),
        _ => one_file(path, npz::read(path)?),
    }
}

fn folder(path: &Path) -> Result<Found, BankError> {
    let unreadable = |source| BankError::Read { path: path.to_owned(), why: source };
    let mut files: BTreeMap<usize, PathBuf> = BTreeMap::new();
    let mut archives = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        let Some(stem) = file.file_name().and_then(|name| name.to_str()?.strip_suffix(".npz")) else { continue };
        match stem.strip_prefix("emotion_vectors_layer_").and_then(layer_number) {
            Some(layer) => drop(files.insert(layer, file)),
            None => archives.push(file),
        }
    }
    if files.is_empty() {
        return match archives.as_slice() {
            [only] => one_file(only, npz::read(only)?),
            _ => Err(unknown_layout(path)),
        };
    }
    let notes = Notes::read(&path.join("metadata.json"))?;
    let mut layers = BTreeMap::new();
    for (layer, file) in files {
        layers.insert(layer, npz::read(&file)?);
    }
    Ok(Found {
        layout: "a folder with one npz file a layer",
        layers,
        listed: notes.emotions,
        model: notes.model.map(|model| short_model(&model)),
        model_blocks: notes
            .layers
            .and_then(|layers| layers.into_iter().max())
            .filter(|last| *last < MAX_BLOCK)
            .map(|last| last + 1),
    })
}

fn one_file(path: &Path, members: Vec<(String, Vec<f32>)>) -> Result<Found, BankError> {
    let mut layers: BTreeMap<usize, Vec<_>> = BTreeMap::new();
    for (name, vector) in members {
        let parts = name.strip_prefix("layer_").and_then(|rest| rest.split_once("__"));
        let Some((layer, emotion)) = parts.and_then(|(layer, emotion)| Some((layer_number(layer)?, emotion))) else {
            return Err(unknown_layout(path));
        };
        layers.entry(layer).or_default().push((emotion.to_owned(), vector));
    }
    if layers.is_empty() {
        return Err(unknown_layout(path));
    }
    Ok(Found { layout: "one npz file with all layers", layers, listed: None, model: None, model_blocks: None })
}

fn layer_number(text: &str) -> Option<usize> {
    text.parse().ok().filter(|layer| *layer < MAX_BLOCK)
}

fn unknown_layout(path: &Path) -> BankError {
    BankError::Import {
        path: path.to_owned(),
        why: "no layout known here".to_owned(),
        hint: "Give a folder of emotion_vectors_layer_{L}.npz with metadata.json, or an .npz with members layer_{L}__{emotion}"
            .to_owned(),
    }
}

impl Found {
    /// The emotions of the first layer, which every other layer must have too; in the order of the list where there is one.
    fn emotions(&self, path: &Path) -> Result<Vec<String>, BankError> {
        let differ = |why: String| BankError::Import {
            path: path.to_owned(),
            why,
            hint: "Every layer needs a vector for every emotion".to_owned(),
        };
        let names = |members: &[(String, Vec<f32>)]| {
            let mut names: Vec<String> = members.iter().map(|(name, _)| name.clone()).collect();
            names.sort();
            names
        };
        let mut layers = self.layers.iter();
        let Some((first_layer, first)) = layers.next() else { return Err(unknown_layout(path)) };
        let held = names(first);
        if held.is_empty()
            || held.windows(2).any(|pair| pair[0] == pair[1])
            || held.iter().any(|name| name.trim().is_empty())
        {
            return Err(differ(format!("the names of layer {first_layer} are missing, empty or there twice")));
        }
        for (layer, members) in layers {
            let others = names(members);
            if others != held {
                let odd = others
                    .iter()
                    .find(|name| !held.contains(name))
                    .or_else(|| held.iter().find(|name| !others.contains(name)));
                let odd =
                    odd.map_or("a name is there twice".to_owned(), |name| format!("{name:?} is only in one of them"));
                return Err(differ(format!("layers {first_layer} and {layer} have other emotions, {odd}")));
            }
        }
        let Some(listed) = &self.listed else { return Ok(first.iter().map(|(name, _)| name.clone()).collect()) };
        let mut sorted = listed.clone();
        sorted.sort();
        if sorted != held {
            return Err(differ("metadata.json lists other emotions than the files have".to_owned()));
        }
        Ok(listed.clone())
    }

    /// All vectors, [E, L, D].
    fn vectors(&self, path: &Path, emotions: &[String]) -> Result<Array3<f32>, BankError> {
        let width = self.layers.values().flatten().next().map_or(0, |(_, vector)| vector.len());
        let place: BTreeMap<&str, usize> = emotions.iter().enumerate().map(|(i, name)| (name.as_str(), i)).collect();
        let mut vectors = Array3::zeros((emotions.len(), self.layers.len(), width));
        for (index, (layer, members)) in self.layers.iter().enumerate() {
            for (name, vector) in members {
                if vector.len() != width || width == 0 {
                    return Err(BankError::Member {
                        path: path.to_owned(),
                        member: name.clone(),
                        why: format!("{} values at layer {layer}, where the first vector has {width}", vector.len()),
                    });
                }
                if let Some(emotion) = place.get(name.as_str()) {
                    vectors.slice_mut(s![*emotion, index, ..]).assign(&ndarray::aview1(vector));
                }
            }
        }
        Ok(vectors)
    }
}

/// What is used of `metadata.json`.
#[derive(Default, Deserialize)]
struct Notes {
    emotions: Option<Vec<String>>,
    layers: Option<Vec<usize>>,
    model: Option<String>,
}

impl Notes {
    /// The notes, or none when there is no such file.
    fn read(path: &Path) -> Result<Self, BankError> {
        let text = match fs::read(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            text => text.map_err(|source| BankError::Read { path: path.to_owned(), why: source })?,
        };
        serde_json::from_slice(&text).map_err(|error| BankError::Import {
            path: path.to_owned(),
            why: format!("no such JSON, {error}"),
            hint: "It should hold \"emotions\" (names), \"layers\" (numbers) and \"model\"".to_owned(),
        })
    }
}

/// `owner/name` out of a path into somebody's Hugging Face cache; other names as they are.
fn short_model(model: &str) -> String {
    let cached = model.split(['/', '\\']).find_map(|part| part.strip_prefix("models--"));
    cached.map_or_else(|| model.to_owned(), |name| name.replacen("--", "/", 1))
}
