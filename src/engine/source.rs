//! A model as the source of residuals which the bank recipe reads.

use ndarray::Array3;

use crate::bank::{ResidualSource, SourceError};
use crate::job::Cancel;
use crate::model::{Message, Model, ModelError};

impl ResidualSource for Model {
    fn id(&self) -> String {
        self.info().id.clone()
    }

    fn blocks(&self) -> usize {
        self.info().blocks
    }

    fn width(&self) -> usize {
        self.info().width
    }

    fn context(&self) -> usize {
        self.info().context
    }

    fn encode(&self, text: &str) -> Result<Vec<u32>, SourceError> {
        Ok(Model::encode(self, text)?)
    }

    fn encode_question(&self, text: &str) -> Result<Vec<u32>, SourceError> {
        Ok(self.encode_chat(&[Message::user(text)])?)
    }

    fn residuals(&self, texts: &[Vec<u32>], cancel: &Cancel) -> Result<Vec<Array3<f32>>, SourceError> {
        Ok(Model::residuals(self, texts, cancel)?)
    }
}

impl From<ModelError> for SourceError {
    fn from(error: ModelError) -> Self {
        if error.is_cancelled() { SourceError::Stopped } else { SourceError::Failed(error.to_string()) }
    }
}
