//! GGUF metadata as the keys of config.json, which the families' readers take; what llama.cpp names and stores otherwise is put right after.

use serde_json::{Map, Value, json};

use super::Gguf;
use crate::model::ModelError;
use crate::model::config::{Config, LinearLayout, MlpNames, Names, NormKind, QkvNames};
use crate::model::decoder::rope::{Rope, Scaling};
use crate::model::family;
use crate::model::files::Fields;

/// The name in `general.architecture`, config.json's, and what the tensors are called.
const ARCHITECTURES: &[(&str, &str, &Names)] = &[
    ("gemma2", "Gemma2ForCausalLM", &GEMMA),
    ("gemma3", "Gemma3ForCausalLM", &GEMMA),
    ("gpt2", "GPT2LMHeadModel", &GPT2),
    ("gptneox", "GPTNeoXForCausalLM", &GPT_NEOX),
    ("llama", "LlamaForCausalLM", &LLAMA),
    ("olmo2", "Olmo2ForCausalLM", &OLMO2),
    ("phi3", "Phi3ForCausalLM", &PHI3),
    ("qwen2", "Qwen2ForCausalLM", &QWEN),
    ("qwen3", "Qwen3ForCausalLM", &QWEN),
    ("qwen3moe", "Qwen3MoeForCausalLM", &QWEN),
];

const QWEN: Names = Names {
    prefixes: &[],
    embedding: "token_embd.weight",
    positions: None,
    block: "blk.",
    attention_norms: [Some("attn_norm"), None],
    qkv: QkvNames::Split(["attn_q", "attn_k", "attn_v"]),
    qk_norms: ["attn_q_norm", "attn_k_norm"],
    attention_out: "attn_output",
    mlp_norms: [Some("ffn_norm"), None],
    mlp: MlpNames::Gated { gate: "ffn_gate", up: "ffn_up", down: "ffn_down" },
    router: "ffn_gate_inp.weight",
    experts: ["ffn_gate_exps.weight", "ffn_up_exps.weight", "ffn_down_exps.weight"],
    final_norm: "output_norm",
    head: "output.weight",
    layout: LinearLayout::OutIn,
    ignored: &[],
};

const LLAMA: Names =
    Names { qkv: QkvNames::SplitInTurns(["attn_q", "attn_k", "attn_v"]), ignored: &["rope_freqs.weight"], ..QWEN };

const GEMMA: Names = Names {
    attention_norms: [Some("attn_norm"), Some("post_attention_norm")],
    mlp_norms: [Some("ffn_norm"), Some("post_ffw_norm")],
    ..QWEN
};

const OLMO2: Names =
    Names { attention_norms: [None, Some("post_attention_norm")], mlp_norms: [None, Some("post_ffw_norm")], ..QWEN };

const PHI3: Names = Names {
    qkv: QkvNames::Fused("attn_qkv"),
    mlp: MlpNames::FusedGated { gate_up: "ffn_up", down: "ffn_down" },
    ignored: &["rope_factors_long.weight", "rope_factors_short.weight"],
    ..QWEN
};

const GPT_NEOX: Names =
    Names { qkv: QkvNames::Fused("attn_qkv"), mlp: MlpNames::Plain { up: "ffn_up", down: "ffn_down" }, ..QWEN };

const GPT2: Names = Names { positions: Some("position_embd.weight"), ..GPT_NEOX };

pub(super) fn read(gguf: &Gguf) -> Result<(String, Config), ModelError> {
    let kind = gguf.text("general.architecture")?.unwrap_or_default();
    let Some((kind, architecture, names)) = ARCHITECTURES.iter().find(|(name, ..)| *name == kind) else {
        let known: Vec<_> = ARCHITECTURES.iter().map(|(name, ..)| *name).collect();
        let problem = if kind.is_empty() { "is missing".into() } else { format!("is {kind}, which is not known") };
        let hint = format!("Known are: {}", known.join(", "));
        return Err(gguf.wrong_because("general.architecture", &problem, &hint));
    };
    let fields = Fields::of(&gguf.path, keys(gguf, kind, architecture)?);
    let (architecture, mut config) = family::read(&fields)?;
    config.names = names;
    // The writer has added the 1.
    if config.norm == NormKind::RmsFromOne {
        config.norm = NormKind::Rms;
    }
    // The family says which biases there must be; others may be there.
    config.attention_bias |= gguf.has("blk.0.attn_q.bias");
    config.attention_out_bias |= gguf.has("blk.0.attn_output.bias");
    config.mlp_bias |= gguf.has("blk.0.ffn_up.bias");
    Ok((architecture, with_divisors(gguf, config)?))
}

/// The keys which a reader of config.json looks for.
fn keys(gguf: &Gguf, kind: &str, architecture: &str) -> Result<Map<String, Value>, ModelError> {
    let key = |name: &str| format!("{kind}.{name}");
    let needed = |name: &str| -> Result<usize, ModelError> {
        gguf.count(&key(name))?.ok_or_else(|| gguf.wrong(&key(name), "is missing"))
    };
    let (width, heads, blocks) = (needed("embedding_length")?, needed("attention.head_count")?, needed("block_count")?);
    let (inner, context) = (gguf.count(&key("feed_forward_length"))?, needed("context_length")?);
    let embedding = gguf.content.tensor_infos.get("token_embd.weight");
    let vocab = embedding.and_then(|info| info.shape.dims().first().copied());
    let eps = match gguf.number(&key("attention.layer_norm_rms_epsilon"))? {
        Some(eps) => Some(eps),
        None => gguf.number(&key("attention.layer_norm_epsilon"))?,
    };
    let head_dim = gguf.count(&key("attention.key_length"))?;
    let turned = gguf.count(&key("rope.dimension_count"))?;
    let mut keys = json!({
        "architectures": [architecture],
        "hidden_size": width, "n_embd": width,
        "num_attention_heads": heads, "n_head": heads,
        "num_key_value_heads": gguf.count(&key("attention.head_count_kv"))?,
        "num_hidden_layers": blocks, "n_layer": blocks,
        // A block of experts only has no dense MLP.
        "intermediate_size": inner.unwrap_or(1), "n_inner": inner,
        "vocab_size": vocab, "max_position_embeddings": context, "n_positions": context,
        "rms_norm_eps": eps, "layer_norm_eps": eps, "layer_norm_epsilon": eps,
        "head_dim": head_dim,
        "tie_word_embeddings": !gguf.has("output.weight"),
        "rope_theta": gguf.number(&key("rope.freq_base"))?,
        "use_parallel_residual": gguf.flag(&key("use_parallel_residual"))?,
        "num_experts": gguf.count(&key("expert_count"))?,
        "num_experts_per_tok": gguf.count(&key("expert_used_count"))?,
        "moe_intermediate_size": gguf.count(&key("expert_feed_forward_length"))?,
        "norm_topk_prob": true,
    });
    let mut set = |name: &str, value: Value| keys[name] = value;
    let head_dim = head_dim.or(width.checked_div(heads)).unwrap_or(1);
    if let Some(turned) = turned
        && turned != head_dim
    {
        set("partial_rotary_factor", json!(turned as f64 / head_dim as f64));
    }
    if let Some(rope) = scaling(gguf, kind)? {
        set("rope_scaling", rope);
    }
    if kind.starts_with("gemma") {
        // The largest of each generation divides by its share of the width, the others by the width of a head.
        let by_share = (kind == "gemma2" && blocks == 46) || (kind == "gemma3" && blocks == 62);
        set("query_pre_attn_scalar", json!(if by_share { width / heads } else { head_dim }));
        set("attn_logit_softcapping", json!(gguf.number(&key("attn_logit_softcapping"))?));
        set("final_logit_softcapping", json!(gguf.number(&key("final_logit_softcapping"))?));
        set("rope_local_base_freq", json!(gguf.number(&key("rope.freq_base_swa"))?.unwrap_or(10_000.0)));
    }
    if kind.starts_with("gemma") || kind == "phi3" {
        let window = gguf.count(&key("attention.sliding_window"))?.filter(|window| *window > 0);
        set("sliding_window", json!(window));
    }
    match keys {
        Value::Object(keys) => Ok(keys),
        _ => Ok(Map::new()),
    }
}

fn scaling(gguf: &Gguf, kind: &str) -> Result<Option<Value>, ModelError> {
    let key = |name: &str| format!("{kind}.rope.scaling.{name}");
    let scaling = gguf.text(&key("type"))?.unwrap_or("none");
    if scaling == "none" || scaling == "longrope" {
        return Ok(None);
    }
    Ok(Some(json!({
        "rope_type": scaling,
        "factor": gguf.number(&key("factor"))?,
        "original_max_position_embeddings": gguf.count(&key("original_context_length"))?,
        "attention_factor": gguf.number(&key("attn_factor"))?.filter(|_| scaling == "yarn"),
    })))
}

/// Divisors of the frequencies which are stored as tensors: those of Llama 3, already worked out, and those of Phi-3.
fn with_divisors(gguf: &Gguf, mut config: Config) -> Result<Config, ModelError> {
    let Some(rope) = config.ropes.first() else { return Ok(config) };
    let divisors = |name: &str| gguf.small_tensor(name, rope.dims / 2);
    let scaling = match (divisors("rope_freqs.weight")?, divisors("rope_factors_short.weight")?) {
        (Some(all), _) => Scaling::Long { short: all.clone(), long: all, original: 0, attention: 1.0 },
        (None, Some(short)) => {
            let long = divisors("rope_factors_long.weight")?.unwrap_or_else(|| short.clone());
            let original = gguf.count("phi3.rope.scaling.original_context_length")?.unwrap_or(config.context);
            let stretch = config.context as f64 / original.max(1) as f64;
            let usual = if stretch <= 1.0 { 1.0 } else { (1.0 + stretch.ln() / (original as f64).ln()).sqrt() };
            let attention = gguf.number("phi3.rope.scaling.attn_factor")?.unwrap_or(usual);
            Scaling::Long { short, long, original, attention }
        }
        (None, None) => return Ok(config),
    };
    config.ropes = vec![Rope { scaling, ..rope.clone() }];
    Ok(config)
}
