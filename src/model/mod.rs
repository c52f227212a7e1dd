//! A language model with a tap after every block. The only module which knows candle.

use serde::Serialize;

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
    /// Whether the model brings a chat template.
    pub chat_template: bool,
    /// What is odd about the folder but does not keep it from working.
    pub warnings: Vec<String>,
}
