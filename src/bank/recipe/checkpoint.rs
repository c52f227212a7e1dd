//! The checkpoint of a build: its sums, how many chunks are in them, and a digest of everything they depend on.

use std::collections::BTreeMap;
use std::path::Path;

use ndarray::Dimension;

use super::plan::{Pass, Plan};
use super::sums::Sums;
use crate::bank::BankError;
use crate::bank::tensors::{self, Loaded, Tensor};

const FORMAT: &str = "circumplex-build";

/// Writes the sums after `done` chunks. What is still all zero is left out.
pub(super) fn save(path: &Path, plan: &Plan, sums: &Sums, done: usize) -> Result<(), BankError> {
    let begun = |pass: Pass| done > 0 && plan.chunks[..done].iter().any(|chunk| chunk.pass == pass);
    let mut tensors = Vec::new();
    for (block, sums) in sums.blocks.iter().enumerate() {
        tensors.push(Tensor::f64(format!("stories.{block}"), &sums.stories));
        tensors.push(Tensor::f64(format!("norm.{block}"), &sums.norm));
        if begun(Pass::Neutral) {
            tensors.push(Tensor::f64(format!("neutral.{block}"), &sums.neutral));
            tensors.push(Tensor::f64(format!("products.{block}"), &sums.products));
        }
        if begun(Pass::Questions) {
            tensors.push(Tensor::f64(format!("answers.{block}"), &sums.answers));
        }
    }
    let metadata = BTreeMap::from([
        ("format".to_owned(), FORMAT.to_owned()),
        ("fingerprint".to_owned(), plan.fingerprint.clone()),
        ("chunks".to_owned(), done.to_string()),
    ]);
    tensors::write(path, &tensors, &metadata)
}

/// Fills the sums and says how many chunks are in them.
pub(super) fn load(path: &Path, plan: &Plan, sums: &mut Sums) -> Result<usize, BankError> {
    let unusable = |why: &str| BankError::Checkpoint { path: path.to_owned(), why: why.to_owned() };
    let mut done = None;
    let loaded = tensors::read(path, |metadata| {
        if metadata.get("format").is_none_or(|format| format != FORMAT) {
            return Err(unusable("it is none"));
        }
        if metadata.get("fingerprint") != Some(&plan.fingerprint) {
            return Err(unusable("it was made from other texts, another model or other options"));
        }
        done = metadata.get("chunks").and_then(|chunks| chunks.parse().ok());
        Ok(())
    })
    .map_err(|error| match error {
        BankError::Damaged { why, .. } => unusable(&format!("it is damaged, {why}")),
        error => error,
    })?;
    let done = done.filter(|done: &usize| *done <= plan.chunks.len()).ok_or_else(|| unusable("it is damaged"))?;
    for (block, sums) in sums.blocks.iter_mut().enumerate() {
        fill(&loaded, &format!("stories.{block}"), &mut sums.stories)?;
        fill(&loaded, &format!("norm.{block}"), &mut sums.norm)?;
        fill(&loaded, &format!("neutral.{block}"), &mut sums.neutral)?;
        fill(&loaded, &format!("products.{block}"), &mut sums.products)?;
        fill(&loaded, &format!("answers.{block}"), &mut sums.answers)?;
    }
    Ok(done)
}

fn fill<D: Dimension>(loaded: &Loaded, name: &str, sums: &mut ndarray::Array<f64, D>) -> Result<(), BankError> {
    if let Some(saved) = loaded.f64(name, sums.raw_dim())? {
        *sums = saved;
    }
    Ok(())
}
