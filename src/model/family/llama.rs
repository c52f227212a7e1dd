//! The Llama layout: RMS norms, rotary positions, grouped queries, gated MLP. https://arxiv.org/abs/2302.13971

use super::{MOST_BLOCKS, MOST_CONTEXT, MOST_VOCAB, MOST_WIDTH, activation, divide};
use crate::model::ModelError;
use crate::model::config::{Config, LinearLayout, MlpNames, Names, NormKind, Positions, QkvNames};
use crate::model::source::Fields;

const NAMES: Names = Names {
    prefix: "model.",
    embedding: "embed_tokens.weight",
    positions: None,
    block: "layers.",
    attention_norm: "input_layernorm",
    qkv: QkvNames::Split(["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"]),
    attention_out: "self_attn.o_proj",
    mlp_norm: "post_attention_layernorm",
    mlp: MlpNames::Gated { gate: "mlp.gate_proj", up: "mlp.up_proj", down: "mlp.down_proj" },
    final_norm: "norm",
    head: "lm_head.weight",
    layout: LinearLayout::OutIn,
    ignored: &[".rotary_emb.inv_freq"],
};

pub(super) fn read(config: &Fields) -> Result<Config, ModelError> {
    let width = config.count("hidden_size", MOST_WIDTH)?;
    let heads = config.count("num_attention_heads", MOST_WIDTH)?;
    let kv_heads = config.count_or("num_key_value_heads", MOST_WIDTH)?.unwrap_or(heads);
    divide(config, ("num_attention_heads", heads), ("num_key_value_heads", kv_heads))?;
    let head_dim = match config.count_or("head_dim", MOST_WIDTH)? {
        Some(head_dim) => head_dim,
        None => divide(config, ("hidden_size", width), ("num_attention_heads", heads))?,
    };
    if head_dim % 2 != 0 {
        return Err(config.wrong("head_dim", &format!("is {head_dim}; rotary positions need an even number")));
    }
    let attention_bias = config.flag_or("attention_bias", false)?;
    Ok(Config {
        blocks: config.count("num_hidden_layers", MOST_BLOCKS)?,
        width,
        heads,
        kv_heads,
        head_dim,
        inner: config.count("intermediate_size", MOST_WIDTH)?,
        vocab: config.count("vocab_size", MOST_VOCAB)?,
        context: config.count("max_position_embeddings", MOST_CONTEXT)?,
        norm: NormKind::Rms,
        norm_eps: config.positive_or("rms_norm_eps", 1e-6)?,
        positions: Positions::Rotary { base: rotary_base(config)? },
        activation: activation(config, "hidden_act", "silu")?,
        attention_bias,
        attention_out_bias: attention_bias,
        mlp_bias: config.flag_or("mlp_bias", false)?,
        tied: config.flag_or("tie_word_embeddings", false)?,
        names: &NAMES,
    })
}

/// Older files have `rope_theta` and `rope_scaling`, newer ones `rope_parameters` with both in it.
fn rotary_base(config: &Fields) -> Result<f64, ModelError> {
    for key in ["rope_scaling", "rope_parameters"] {
        let Some(table) = config.table(key)? else { continue };
        let kind = table.text_or("rope_type", table.text_or("type", "default")?)?;
        if kind != "default" {
            let hint = "Choose a model whose positions are not scaled";
            return Err(config.wrong_because(key, &format!("asks for `{kind}`, which is not known"), hint));
        }
    }
    let older = config.positive_or("rope_theta", 10_000.0)?;
    match config.table("rope_parameters")? {
        Some(parameters) => parameters.positive_or("rope_theta", older),
        None => Ok(older),
    }
}
