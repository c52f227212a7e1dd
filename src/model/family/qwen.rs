//! Qwen: the Llama layout with biases on queries, keys and values (2, 2.5), with normed queries and keys instead (3), and with experts
//! (3 MoE). https://arxiv.org/abs/2407.10671, https://arxiv.org/abs/2505.09388

use super::fields::{MOST_BLOCKS, MOST_WIDTH, sliding, whole_numbers, window, with_windows};
use super::llama;
use crate::model::ModelError;
use crate::model::config::{Config, MlpKind, QkNorm};
use crate::model::files::Fields;

pub(super) fn read2(config: &Fields) -> Result<Config, ModelError> {
    Ok(Config { attention_bias: true, ..read_windows(config)? })
}

pub(super) fn read3(config: &Fields) -> Result<Config, ModelError> {
    let bias = config.flag_or("attention_bias", false)?;
    let qk_norm = Some(QkNorm::EachHead);
    Ok(Config { attention_bias: bias, attention_out_bias: bias, qk_norm, ..read_windows(config)? })
}

pub(super) fn read3_moe(config: &Fields) -> Result<Config, ModelError> {
    let bias = config.flag_or("attention_bias", false)?;
    let mut plain = llama::read_plain(config)?;
    let experts = MlpKind::Experts {
        count: match config.count_or("num_local_experts", MOST_WIDTH)? {
            Some(count) => count,
            None => config.count("num_experts", MOST_WIDTH)?,
        },
        active: config.count("num_experts_per_tok", MOST_WIDTH)?,
        inner: config.count("moe_intermediate_size", MOST_WIDTH)?,
        normalised: config.flag_or("norm_topk_prob", false)?,
    };
    if let MlpKind::Experts { count, active, .. } = experts
        && active > count
    {
        let problem = format!("is {active}, but there are only {count} experts");
        return Err(config.wrong("num_experts_per_tok", &problem));
    }
    let step = config.count_or("decoder_sparse_step", MOST_BLOCKS)?.unwrap_or(1);
    let dense = whole_numbers(config, "mlp_only_layers")?;
    for (index, layer) in plain.layers.iter_mut().enumerate() {
        if !dense.contains(&index) && (index + 1).is_multiple_of(step) {
            layer.mlp = experts.clone();
        }
    }
    let window = if config.flag_or("use_sliding_window", false)? { window(config)? } else { None };
    Ok(Config {
        attention_bias: bias,
        attention_out_bias: bias,
        qk_norm: Some(QkNorm::EachHead),
        layers: with_windows(plain.layers, |_| true, window),
        ..plain
    })
}

/// Windows are for the blocks from `max_window_layers` on, where they are used at all.
fn read_windows(config: &Fields) -> Result<Config, ModelError> {
    let plain = llama::read_plain(config)?;
    let window = if config.flag_or("use_sliding_window", false)? { window(config)? } else { None };
    let first = config.count_or("max_window_layers", MOST_BLOCKS)?;
    let sliding = sliding(config, plain.layers.len(), |block| first.is_some_and(|first| block >= first))?;
    Ok(Config { layers: with_windows(plain.layers, |block| sliding[block], window), ..plain })
}
