//! GPT-NeoX and Pythia: layer norms, a quarter of each head turned, attention and MLP side by side. https://arxiv.org/abs/2204.06745

use super::fields::{MOST_BLOCKS, MOST_CONTEXT, MOST_VOCAB, MOST_WIDTH, activation, alike, context, divide};
use crate::model::ModelError;
use crate::model::config::{Config, LinearLayout, MlpNames, Names, NormKind, QkvNames};
use crate::model::decoder::rope;
use crate::model::files::Fields;

const NAMES: Names = Names {
    prefixes: &["gpt_neox."],
    embedding: "embed_in.weight",
    positions: None,
    block: "layers.",
    attention_norms: [Some("input_layernorm"), None],
    qkv: QkvNames::ByHead("attention.query_key_value"),
    qk_norms: ["", ""],
    attention_out: "attention.dense",
    mlp_norms: [Some("post_attention_layernorm"), None],
    mlp: MlpNames::Plain { up: "mlp.dense_h_to_4h", down: "mlp.dense_4h_to_h" },
    router: "",
    experts: ["", "", ""],
    final_norm: "final_layer_norm",
    head: "embed_out.weight",
    layout: LinearLayout::OutIn,
    ignored: &[".attention.bias", ".attention.masked_bias", ".rotary_emb.inv_freq"],
};

pub(super) fn read(config: &Fields) -> Result<Config, ModelError> {
    let width = config.count("hidden_size", MOST_WIDTH)?;
    let heads = config.count("num_attention_heads", MOST_WIDTH)?;
    let head_dim = divide(config, ("hidden_size", width), ("num_attention_heads", heads))?;
    let positions = config.count("max_position_embeddings", MOST_CONTEXT)?;
    // What older files call `rope_theta` and `partial_rotary_factor`.
    let defaults = rope::Defaults {
        base: config.positive_or("rotary_emb_base", 10_000.0)?,
        share: config.positive_or("rotary_pct", 0.25)?,
    };
    let rope = rope::read(config, head_dim, positions, defaults)?;
    let bias = config.flag_or("attention_bias", true)?;
    let blocks = config.count("num_hidden_layers", MOST_BLOCKS)?;
    Ok(Config {
        width,
        heads,
        kv_heads: heads,
        head_dim,
        vocab: config.count("vocab_size", MOST_VOCAB)?,
        context: context(positions, &rope),
        layers: alike(blocks, config.count("intermediate_size", MOST_WIDTH)?),
        norm: NormKind::Layer,
        norm_eps: config.positive_or("layer_norm_eps", 1e-5)?,
        embedding_scale: None,
        ropes: vec![rope],
        qk_norm: None,
        scale: 1.0 / (head_dim as f32).sqrt(),
        attention_cap: None,
        final_cap: None,
        parallel: config.flag_or("use_parallel_residual", true)?,
        activation: activation(config, "hidden_act", "gelu")?,
        attention_bias: bias,
        attention_out_bias: bias,
        mlp_bias: true,
        tied: config.flag_or("tie_word_embeddings", false)?,
        names: &NAMES,
    })
}
