//! The families of models: what their config.json says and what they call their tensors. One short file for each.

mod gpt2;
mod llama;

use serde_json::Value;

use super::ModelError;
use super::config::{Activation, Config};
use super::source::Fields;

/// Reads config.json into the description of a decoder.
type Read = fn(&Fields) -> Result<Config, ModelError>;

const FAMILIES: &[(&str, Read)] = &[("GPT2LMHeadModel", gpt2::read), ("LlamaForCausalLM", llama::read)];

const MOST_BLOCKS: usize = 10_000;
const MOST_WIDTH: usize = 1 << 20;
const MOST_VOCAB: usize = 1 << 24;
const MOST_CONTEXT: usize = 1 << 28;

/// The name of the architecture and the description of its decoder.
pub(super) fn read(config: &Fields) -> Result<(String, Config), ModelError> {
    let name = match config.get("architectures") {
        Some(Value::Array(names)) => names.first().and_then(Value::as_str),
        _ => None,
    };
    let Some(name) = name else {
        return Err(config.wrong_because("architectures", "is missing or not a list of names", &known()));
    };
    let Some((_, read)) = FAMILIES.iter().find(|(known, _)| *known == name) else {
        return Err(config.wrong_because("architectures", &format!("is {name}, which is not known"), &known()));
    };
    Ok((name.to_owned(), read(config)?))
}

fn known() -> String {
    let names: Vec<_> = FAMILIES.iter().map(|(name, _)| *name).collect();
    format!("Known are: {}", names.join(", "))
}

/// Which key holds the activation is the family's matter.
fn activation(config: &Fields, key: &str, default: &str) -> Result<Activation, ModelError> {
    match config.text_or(key, default)? {
        "silu" | "swish" => Ok(Activation::Silu),
        "gelu_new" | "gelu_pytorch_tanh" => Ok(Activation::GeluTanh),
        other => {
            let hint = "Known are: silu, gelu_new, gelu_pytorch_tanh";
            Err(config.wrong_because(key, &format!("is {other}, which is not known"), hint))
        }
    }
}

/// `whole / parts`, where it must come out even.
fn divide(config: &Fields, whole: (&str, usize), parts: (&str, usize)) -> Result<usize, ModelError> {
    if !whole.1.is_multiple_of(parts.1) {
        let problem = format!("is {}, which does not divide `{}` = {}", parts.1, whole.0, whole.1);
        return Err(config.wrong(parts.0, &problem));
    }
    Ok(whole.1 / parts.1)
}
