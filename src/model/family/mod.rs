//! The families of models: what their config.json says and what they call their tensors. One short file for each.

mod fields;
mod gemma;
mod gpt2;
mod gpt_neo;
mod gpt_neox;
mod llama;
mod olmo2;
mod phi3;
mod qwen;

use serde_json::Value;

use super::ModelError;
use super::config::Config;
use super::files::Fields;

pub(super) use fields::MOST_CONTEXT;

/// Reads config.json into the description of a decoder.
type Read = fn(&Fields) -> Result<Config, ModelError>;

/// Architecture, `model_type`, reader.
const FAMILIES: &[(&str, &str, Read)] = &[
    ("GPT2LMHeadModel", "gpt2", gpt2::read),
    ("GPTNeoForCausalLM", "gpt_neo", gpt_neo::read),
    ("GPTNeoXForCausalLM", "gpt_neox", gpt_neox::read),
    ("Gemma2ForCausalLM", "gemma2", gemma::read2),
    ("Gemma3ForCausalLM", "gemma3_text", gemma::read3),
    ("Gemma3ForConditionalGeneration", "gemma3", gemma::read3_with_pictures),
    ("LlamaForCausalLM", "llama", llama::read),
    ("MistralForCausalLM", "mistral", llama::read_mistral),
    ("Olmo2ForCausalLM", "olmo2", olmo2::read),
    ("Phi3ForCausalLM", "phi3", phi3::read),
    ("Qwen2ForCausalLM", "qwen2", qwen::read2),
    ("Qwen3ForCausalLM", "qwen3", qwen::read3),
    ("Qwen3MoeForCausalLM", "qwen3_moe", qwen::read3_moe),
];

/// The name of the architecture and the description of its decoder. `architectures` decides, or `model_type` where that is missing.
pub(super) fn read(config: &Fields) -> Result<(String, Config), ModelError> {
    let named = match config.get("architectures") {
        None => None,
        Some(names) => match names.get(0).and_then(Value::as_str) {
            Some(name) => Some(name),
            None => return Err(config.wrong_because("architectures", "is not a list of names", &known())),
        },
    };
    let (key, name) = match named {
        Some(name) => ("architectures", name),
        None => ("model_type", config.text_or("model_type", "")?),
    };
    let family =
        FAMILIES.iter().find(|(architecture, kind, _)| name == *architecture || (named.is_none() && name == *kind));
    let Some((architecture, _, read)) = family else {
        let problem = if name.is_empty() { "is missing".into() } else { format!("is {name}, which is not known") };
        return Err(config.wrong_because(key, &problem, &known()));
    };
    Ok(((*architecture).to_owned(), read(config)?))
}

fn known() -> String {
    let names: Vec<_> = FAMILIES.iter().map(|(name, _, _)| *name).collect();
    format!("Known are: {}", names.join(", "))
}
