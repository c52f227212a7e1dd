//! The Llama layout: RMS norms, rotary positions, grouped queries, gated MLP (https://arxiv.org/abs/2302.13971). Mistral adds a window
//! (https://arxiv.org/abs/2310.06825).

use super::fields::{
    MOST_BLOCKS, MOST_CONTEXT, MOST_VOCAB, MOST_WIDTH, activation, alike, context, divide, window, with_windows,
};
use crate::model::ModelError;
use crate::model::config::{Config, LinearLayout, MlpNames, Names, NormKind, QkvNames};
use crate::model::decoder::rope;
use crate::model::files::Fields;

pub(super) const NAMES: Names = Names {
    prefixes: &["model."],
    embedding: "embed_tokens.weight",
    positions: None,
    block: "layers.",
    attention_norms: [Some("input_layernorm"), None],
    qkv: QkvNames::Split(["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"]),
    qk_norms: ["self_attn.q_norm", "self_attn.k_norm"],
    attention_out: "self_attn.o_proj",
    mlp_norms: [Some("post_attention_layernorm"), None],
    mlp: MlpNames::Gated { gate: "mlp.gate_proj", up: "mlp.up_proj", down: "mlp.down_proj" },
    router: "mlp.gate.weight",
    experts: ["", "", ""],
    final_norm: "norm",
    head: "lm_head.weight",
    layout: LinearLayout::OutIn,
    ignored: &[".rotary_emb.inv_freq"],
};

pub(super) fn read(config: &Fields) -> Result<Config, ModelError> {
    let attention_bias = config.flag_or("attention_bias", false)?;
    Ok(Config {
        attention_bias,
        attention_out_bias: attention_bias,
        mlp_bias: config.flag_or("mlp_bias", false)?,
        ..read_plain(config)?
    })
}

pub(super) fn read_mistral(config: &Fields) -> Result<Config, ModelError> {
    let plain = read_plain(config)?;
    let layers = with_windows(plain.layers, |_| true, window(config)?);
    Ok(Config { layers, ..plain })
}

/// What the layouts derived from Llama share: no biases, no windows.
pub(super) fn read_plain(config: &Fields) -> Result<Config, ModelError> {
    let width = config.count("hidden_size", MOST_WIDTH)?;
    let heads = config.count("num_attention_heads", MOST_WIDTH)?;
    let kv_heads = config.count_or("num_key_value_heads", MOST_WIDTH)?.unwrap_or(heads);
    divide(config, ("num_attention_heads", heads), ("num_key_value_heads", kv_heads))?;
    let head_dim = match config.count_or("head_dim", MOST_WIDTH)? {
        Some(head_dim) => head_dim,
        None => divide(config, ("hidden_size", width), ("num_attention_heads", heads))?,
    };
    let positions = config.count("max_position_embeddings", MOST_CONTEXT)?;
    let rope = rope::read(config, head_dim, positions, rope::Defaults { base: 10_000.0, share: 1.0 })?;
    let blocks = config.count("num_hidden_layers", MOST_BLOCKS)?;
    Ok(Config {
        width,
        heads,
        kv_heads,
        head_dim,
        vocab: config.count("vocab_size", MOST_VOCAB)?,
        context: context(positions, &rope),
        layers: alike(blocks, config.count("intermediate_size", MOST_WIDTH)?),
        norm: NormKind::Rms,
        norm_eps: config.positive_or("rms_norm_eps", 1e-6)?,
        embedding_scale: None,
        ropes: vec![rope],
        qk_norm: None,
        scale: 1.0 / (head_dim as f32).sqrt(),
        attention_cap: None,
        final_cap: None,
        parallel: false,
        activation: activation(config, "hidden_act", "silu")?,
        attention_bias: false,
        attention_out_bias: false,
        mlp_bias: false,
        tied: config.flag_or("tie_word_embeddings", false)?,
        names: &NAMES,
    })
}
