//! Gemma 2 and 3: embeddings scaled, norms before and after each part, windows in most blocks. 2 caps scores and logits, 3 norms queries
//! and keys and turns them by two bases. https://arxiv.org/abs/2408.00118, https://arxiv.org/abs/2503.19786

use serde_json::json;

use super::fields::{MOST_BLOCKS, activation, cap, sliding, window, with_windows};
use super::llama;
use crate::model::ModelError;
use crate::model::config::{Config, Names, NormKind, QkNorm};
use crate::model::decoder::rope::{self, Rope, Scaling};
use crate::model::files::Fields;

const NAMES: Names = Names {
    prefixes: &["model.", "model.language_model.", "language_model.model."],
    attention_norms: [Some("input_layernorm"), Some("post_attention_layernorm")],
    mlp_norms: [Some("pre_feedforward_layernorm"), Some("post_feedforward_layernorm")],
    ignored: &[".rotary_emb.inv_freq", "vision_tower.", "multi_modal_projector."],
    ..llama::NAMES
};

pub(super) fn read2(config: &Fields) -> Result<Config, ModelError> {
    let config = &config.with_defaults(json!({
        "head_dim": 256, "query_pre_attn_scalar": 256, "sliding_window": 4096, "max_position_embeddings": 8192,
        "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0, "tie_word_embeddings": true,
    }));
    let common = read_common(config)?;
    let sliding = sliding(config, common.layers.len(), |block| block % 2 == 0)?;
    Ok(Config {
        layers: with_windows(common.layers, |block| sliding[block], window(config)?),
        attention_cap: cap(config, "attn_logit_softcapping")?,
        final_cap: cap(config, "final_logit_softcapping")?,
        ..common
    })
}

pub(super) fn read3(config: &Fields) -> Result<Config, ModelError> {
    let config = &config.with_defaults(json!({
        "hidden_size": 2304, "intermediate_size": 9216, "num_hidden_layers": 26, "num_attention_heads": 8, "num_key_value_heads": 4,
        "head_dim": 256, "query_pre_attn_scalar": 256, "sliding_window": 4096, "sliding_window_pattern": 6,
        "max_position_embeddings": 131_072, "vocab_size": 262_208, "tie_word_embeddings": true,
    }));
    let common = read_common(config)?;
    let pattern = config.count("sliding_window_pattern", MOST_BLOCKS)?;
    let sliding = sliding(config, common.layers.len(), |block| !(block + 1).is_multiple_of(pattern))?;
    let mut layers = with_windows(common.layers, |block| sliding[block], window(config)?);
    layers.iter_mut().zip(sliding).for_each(|(layer, sliding)| layer.rope = usize::from(sliding));
    Ok(Config {
        layers,
        ropes: two_ropes(config, common.head_dim, common.context)?,
        qk_norm: Some(QkNorm::EachHead),
        attention_cap: cap(config, "attn_logit_softcapping")?,
        final_cap: cap(config, "final_logit_softcapping")?,
        ..common
    })
}

/// The language model in one which also reads pictures.
pub(super) fn read3_with_pictures(config: &Fields) -> Result<Config, ModelError> {
    match config.table("text_config")? {
        Some(text) => read3(&text),
        None => Err(config.wrong("text_config", "is missing")),
    }
}

fn read_common(config: &Fields) -> Result<Config, ModelError> {
    let bias = config.flag_or("attention_bias", false)?;
    let two_tables = config.table("rope_parameters")?.is_some_and(|tables| tables.get("full_attention").is_some());
    let plain = match two_tables {
        true => llama::read_plain(&config.without("rope_parameters"))?,
        false => llama::read_plain(config)?,
    };
    Ok(Config {
        norm: NormKind::RmsFromOne,
        embedding_scale: Some((plain.width as f32).sqrt()),
        scale: 1.0 / (config.positive("query_pre_attn_scalar")? as f32).sqrt(),
        activation: activation(config, "hidden_activation", "gelu_pytorch_tanh")?,
        attention_bias: bias,
        attention_out_bias: bias,
        names: &NAMES,
        ..plain
    })
}

/// Of blocks which see everything, then of those with a window.
fn two_ropes(config: &Fields, head_dim: usize, context: usize) -> Result<Vec<Rope>, ModelError> {
    const FULL: f64 = 1_000_000.0;
    const LOCAL: f64 = 10_000.0;
    if let Some(tables) = config.table("rope_parameters")?
        && let (Some(full), Some(local)) = (tables.table("full_attention")?, tables.table("sliding_attention")?)
    {
        let read = |table, base| rope::read_kind(config, table, head_dim, context, base);
        return Ok(vec![read(&full, FULL)?, read(&local, LOCAL)?]);
    }
    let full = rope::read(config, head_dim, context, rope::Defaults { base: FULL, share: 1.0 })?;
    let local = config.positive_or("rope_local_base_freq", LOCAL)?;
    Ok(vec![full.clone(), Rope { base: local, scaling: Scaling::None, ..full }])
}
