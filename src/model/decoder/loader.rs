//! Takes tensors out of the weight files one by one, with progress, cancel, and the family's optional prefix.

use candle_core::Tensor;

use super::matrix::{Matrix, Rounding};
use super::place::Place;
use crate::job::{Cancel, Progress, Sink};
use crate::model::ModelError;
use crate::model::Precision;
use crate::model::config::LinearLayout;
use crate::model::files::Weights;

/// The way from the weight files to the parts of a decoder.
pub(in crate::model) struct Loader<'a> {
    weights: Weights,
    prefix: &'static str,
    cancel: &'a Cancel,
    progress: Sink<'a>,
    done: u64,
    total: u64,
    precision: Precision,
    place: Place,
    loaded: Loaded,
}

/// What the weights have become in memory.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::model) struct Loaded {
    pub bytes: u64,
    pub rounding: Rounding,
}

impl<'a> Loader<'a> {
    /// `known` is a name which every file of the family has, to see which of the prefixes the names have, if any.
    pub fn new(
        weights: Weights,
        prefixes: &[&'static str],
        known: &str,
        precision: Precision,
        place: Place,
        cancel: &'a Cancel,
        progress: Sink<'a>,
    ) -> Self {
        let usual = prefixes.first().copied().unwrap_or_default();
        let has = |prefix: &&str| weights.has(&format!("{prefix}{known}"));
        let prefix = if weights.has(known) { "" } else { prefixes.iter().copied().find(has).unwrap_or(usual) };
        let total = weights.count() as u64;
        Self { weights, prefix, cancel, progress, done: 0, total, precision, place, loaded: Loaded::default() }
    }

    /// Where the parts shall be. What is taken lies in the processor's memory until a part brings it there.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// A tensor of the decoder, whose name may have the prefix.
    pub fn take(&mut self, name: &str, shape: &[usize]) -> Result<Tensor, ModelError> {
        let tensor = self.read(name, shape)?;
        self.loaded.bytes += 4 * tensor.elem_count() as u64;
        Ok(tensor)
    }

    fn read(&mut self, name: &str, shape: &[usize]) -> Result<Tensor, ModelError> {
        self.step()?;
        self.weights.take(&format!("{}{name}", self.prefix), shape)
    }

    fn step(&mut self) -> Result<(), ModelError> {
        if self.cancel.is_cancelled() {
            return Err(ModelError::Cancelled);
        }
        let note = "Loading weights".into();
        (self.progress)(Progress { done: self.done, total: self.total, note, left: None });
        self.done += 1;
        Ok(())
    }

    /// A matrix of the decoder, as it shall be kept: rows are outputs.
    pub fn take_matrix(
        &mut self,
        name: &str,
        [outputs, inputs]: [usize; 2],
        layout: LinearLayout,
    ) -> Result<Matrix, ModelError> {
        if layout == LinearLayout::InOut {
            let matrix = Matrix::Dense(self.read(name, &[inputs, outputs])?.t()?.contiguous()?);
            return self.keep(matrix);
        }
        self.take_stack(name, &[outputs, inputs])
    }

    /// A matrix or a stack of matrices, last dimension the inputs.
    pub fn take_stack(&mut self, name: &str, shape: &[usize]) -> Result<Matrix, ModelError> {
        self.take_stack_exact(&format!("{}{name}", self.prefix), shape)
    }

    /// The same, of a name that never has the prefix.
    pub fn take_stack_exact(&mut self, name: &str, shape: &[usize]) -> Result<Matrix, ModelError> {
        self.step()?;
        let matrix = self.weights.take_matrix(name, shape)?;
        self.keep(matrix)
    }

    /// As it was asked for.
    fn keep(&mut self, matrix: Matrix) -> Result<Matrix, ModelError> {
        let matrix = match self.precision {
            Precision::AsStored => matrix,
            Precision::Q8_0 => matrix.rounded(&mut self.loaded.rounding)?,
        };
        self.loaded.bytes += matrix.bytes();
        Ok(matrix)
    }

    /// Whether a tensor of the decoder, if it is there, has this shape.
    pub fn check(&self, name: &str, shape: &[usize]) -> Result<(), ModelError> {
        self.weights.check(&format!("{}{name}", self.prefix), shape)
    }

    /// Weights which are f32 once loaded, and bytes of those which stay quantised.
    pub fn sizes(&self) -> (u64, u64) {
        self.weights.sizes()
    }

    pub fn has(&self, name: &str) -> bool {
        self.weights.has(&format!("{}{name}", self.prefix))
    }

    pub fn has_exact(&self, name: &str) -> bool {
        self.weights.has(name)
    }

    /// Uncounts a tensor which turned out to be a copy of another.
    pub fn forget(&mut self, copy: &Matrix, count: usize) {
        self.loaded.bytes -= copy.bytes();
        self.weights.forget(count as u64);
    }

    /// The files, once everything is taken.
    pub fn finish(self) -> (Weights, Loaded) {
        (self.progress)(Progress { done: self.total, total: self.total, note: "Loading weights".into(), left: None });
        (self.weights, self.loaded)
    }
}
