//! The GPT-2 layout: layer norms, learned positions, one matrix for queries, keys and values, matrices stored [in, out].
//! https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf

use super::fields::{MOST_BLOCKS, MOST_CONTEXT, MOST_VOCAB, MOST_WIDTH, activation, alike, divide};
use crate::model::ModelError;
use crate::model::config::{Config, LinearLayout, MlpNames, Names, NormKind, QkvNames};
use crate::model::files::Fields;

pub(super) const NAMES: Names = Names {
    prefixes: &["transformer."],
    embedding: "wte.weight",
    positions: Some("wpe.weight"),
    block: "h.",
    attention_norms: [Some("ln_1"), None],
    qkv: QkvNames::Fused("attn.c_attn"),
    qk_norms: ["", ""],
    attention_out: "attn.c_proj",
    mlp_norms: [Some("ln_2"), None],
    mlp: MlpNames::Plain { up: "mlp.c_fc", down: "mlp.c_proj" },
    router: "",
    experts: ["", "", ""],
    final_norm: "ln_f",
    head: "lm_head.weight",
    layout: LinearLayout::InOut,
    ignored: &[".attn.bias", ".attn.masked_bias"],
};

pub(super) fn read(config: &Fields) -> Result<Config, ModelError> {
    for (key, usual) in
        [("scale_attn_weights", true), ("scale_attn_by_inverse_layer_idx", false), ("add_cross_attention", false)]
    {
        if config.flag_or(key, usual)? != usual {
            return Err(config.wrong_because(key, &format!("is {}", !usual), "Choose a model without this variant"));
        }
    }
    let width = config.count("n_embd", MOST_WIDTH)?;
    let heads = config.count("n_head", MOST_WIDTH)?;
    let head_dim = divide(config, ("n_embd", width), ("n_head", heads))?;
    let inner = config.count_or("n_inner", 4 * MOST_WIDTH)?.unwrap_or(4 * width);
    Ok(Config {
        width,
        heads,
        kv_heads: heads,
        head_dim,
        vocab: config.count("vocab_size", MOST_VOCAB)?,
        context: config.count("n_positions", MOST_CONTEXT)?,
        layers: alike(config.count("n_layer", MOST_BLOCKS)?, inner),
        norm: NormKind::Layer,
        norm_eps: config.positive_or("layer_norm_epsilon", 1e-5)?,
        embedding_scale: None,
        ropes: Vec::new(),
        qk_norm: None,
        scale: 1.0 / (head_dim as f32).sqrt(),
        attention_cap: None,
        final_cap: None,
        parallel: false,
        activation: activation(config, "activation_function", "gelu_new")?,
        attention_bias: true,
        attention_out_bias: true,
        mlp_bias: true,
        tied: config.flag_or("tie_word_embeddings", true)?,
        names: &NAMES,
    })
}
