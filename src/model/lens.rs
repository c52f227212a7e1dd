//! The logit lens: directions of the residual stream as the words which the head would make of them.

use candle_core::Tensor;
use ndarray::{Array2, ArrayView2};

use super::decoder::Logits;
use super::{Model, ModelError};

impl Model {
    /// The logits [n, V] of vectors [n, D], each taken for the residual after the last block: through the final norm, the head and,
    /// where the model has one, the cap of its logits.
    ///
    /// # Errors
    /// Vectors of another width than the model's.
    pub fn lens(&self, vectors: ArrayView2<f32>) -> Result<Array2<f32>, ModelError> {
        let (count, width) = vectors.dim();
        if width != self.info.width {
            let problem = format!("the vectors are {width} wide, the model is {}", self.info.width);
            return Err(ModelError::Text { problem, hint: "Use a bank which was built for this model" });
        }
        if count == 0 {
            return Ok(Array2::zeros((0, self.info.vocab)));
        }
        let h = Tensor::from_vec(vectors.iter().copied().collect(), (count, width), self.decoder.device())?;
        self.threads.run(|| self.decoder.logits(&h, Logits::All))
    }
}
