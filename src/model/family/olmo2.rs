//! OLMo 2: the Llama layout with norms after attention and MLP only, and normed queries and keys. https://arxiv.org/abs/2501.00656

use super::llama;
use crate::model::ModelError;
use crate::model::config::{Config, Names, QkNorm};
use crate::model::files::Fields;

const NAMES: Names = Names {
    attention_norms: [None, Some("post_attention_layernorm")],
    mlp_norms: [None, Some("post_feedforward_layernorm")],
    ..llama::NAMES
};

pub(super) fn read(config: &Fields) -> Result<Config, ModelError> {
    let bias = config.flag_or("attention_bias", false)?;
    Ok(Config {
        norm_eps: config.positive_or("rms_norm_eps", 1e-5)?,
        qk_norm: Some(QkNorm::AllHeads),
        attention_bias: bias,
        attention_out_bias: bias,
        names: &NAMES,
        ..llama::read_plain(config)?
    })
}
