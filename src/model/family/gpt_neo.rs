//! GPT-Neo: the GPT-2 layout with separate matrices stored [out, in], unscaled scores, and a window in every other block.
//! https://doi.org/10.5281/zenodo.5297715

use serde_json::Value;

use super::fields::{MOST_BLOCKS, MOST_CONTEXT, MOST_VOCAB, MOST_WIDTH, activation, alike, divide, with_windows};
use super::gpt2;
use crate::model::ModelError;
use crate::model::config::{Config, LinearLayout, Names, NormKind, QkvNames};
use crate::model::files::Fields;

const NAMES: Names = Names {
    qkv: QkvNames::Split(["attn.attention.q_proj", "attn.attention.k_proj", "attn.attention.v_proj"]),
    attention_out: "attn.attention.out_proj",
    layout: LinearLayout::OutIn,
    ignored: &[".attn.attention.bias", ".attn.attention.masked_bias"],
    ..gpt2::NAMES
};

pub(super) fn read(config: &Fields) -> Result<Config, ModelError> {
    let width = config.count("hidden_size", MOST_WIDTH)?;
    let heads = config.count("num_heads", MOST_WIDTH)?;
    let inner = config.count_or("intermediate_size", 4 * MOST_WIDTH)?.unwrap_or(4 * width);
    let blocks = config.count("num_layers", MOST_BLOCKS)?;
    let local = local(config, blocks)?;
    let window = config.count_or("window_size", MOST_CONTEXT)?.unwrap_or(256);
    Ok(Config {
        width,
        heads,
        kv_heads: heads,
        head_dim: divide(config, ("hidden_size", width), ("num_heads", heads))?,
        vocab: config.count("vocab_size", MOST_VOCAB)?,
        context: config.count("max_position_embeddings", MOST_CONTEXT)?,
        layers: with_windows(alike(blocks, inner), |block| local[block], Some(window)),
        norm: NormKind::Layer,
        norm_eps: config.positive_or("layer_norm_epsilon", 1e-5)?,
        embedding_scale: None,
        ropes: Vec::new(),
        qk_norm: None,
        scale: 1.0,
        attention_cap: None,
        final_cap: None,
        parallel: false,
        activation: activation(config, "activation_function", "gelu_new")?,
        attention_bias: false,
        attention_out_bias: true,
        mlp_bias: true,
        tied: config.flag_or("tie_word_embeddings", true)?,
        names: &NAMES,
    })
}

/// Which blocks have a window: `attention_layers`, or `attention_types`, which repeats patterns: [[["global", "local"], 12]].
fn local(config: &Fields, blocks: usize) -> Result<Vec<bool>, ModelError> {
    let kind = |kind: &Value| match kind.as_str()? {
        "global" => Some(false),
        "local" => Some(true),
        _ => None,
    };
    let repeated = |entry: &Value| -> Option<Vec<bool>> {
        let (pattern, times) = (entry.get(0)?.as_array()?, usize::try_from(entry.get(1)?.as_u64()?).ok()?);
        let pattern: Vec<bool> = pattern.iter().map(kind).collect::<Option<_>>()?;
        (times * pattern.len() <= blocks).then(|| pattern.repeat(times))
    };
    let (key, kinds): (_, Option<Vec<bool>>) = match (config.get("attention_layers"), config.get("attention_types")) {
        (Some(layers), _) => {
            ("attention_layers", layers.as_array().and_then(|layers| layers.iter().map(kind).collect()))
        }
        (None, Some(types)) => {
            let parts = types.as_array().and_then(|types| types.iter().map(repeated).collect::<Option<Vec<_>>>());
            ("attention_types", parts.map(|parts| parts.concat()))
        }
        (None, None) => return Ok((0..blocks).map(|block| block % 2 == 1).collect()),
    };
    kinds
        .filter(|kinds| kinds.len() == blocks)
        .ok_or_else(|| config.wrong(key, &format!("does not say \"global\" or \"local\" for each of {blocks} blocks")))
}
