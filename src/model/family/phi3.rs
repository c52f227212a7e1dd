//! Phi-3 and 4-mini: the Llama layout with queries, keys and values in one matrix, gate and up in another. https://arxiv.org/abs/2404.14219

use super::fields::{window, with_windows};
use super::llama;
use crate::model::ModelError;
use crate::model::config::{Config, MlpNames, Names, QkvNames};
use crate::model::files::Fields;

const NAMES: Names = Names {
    qkv: QkvNames::Fused("self_attn.qkv_proj"),
    mlp: MlpNames::FusedGated { gate_up: "mlp.gate_up_proj", down: "mlp.down_proj" },
    ..llama::NAMES
};

pub(super) fn read(config: &Fields) -> Result<Config, ModelError> {
    let plain = llama::read_plain(config)?;
    let norm_eps = config.positive_or("rms_norm_eps", 1e-5)?;
    let layers = with_windows(plain.layers, |_| true, window(config)?);
    Ok(Config { layers, norm_eps, names: &NAMES, ..plain })
}
