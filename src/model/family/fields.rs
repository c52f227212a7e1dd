//! Keys which several families read.

use serde_json::Value;

use crate::model::ModelError;
use crate::model::config::{Activation, Layer, MlpKind};
use crate::model::decoder::rope::{Rope, Scaling};
use crate::model::files::Fields;

pub(super) const MOST_BLOCKS: usize = 10_000;
pub(super) const MOST_WIDTH: usize = 1 << 20;
pub(super) const MOST_VOCAB: usize = 1 << 24;
pub(in crate::model) const MOST_CONTEXT: usize = 1 << 28;

/// Which key holds the activation is the family's matter.
pub(super) fn activation(config: &Fields, key: &str, default: &str) -> Result<Activation, ModelError> {
    match config.text_or(key, default)? {
        "silu" | "swish" => Ok(Activation::Silu),
        "gelu" => Ok(Activation::Gelu),
        "gelu_new" | "gelu_pytorch_tanh" | "gelu_fast" => Ok(Activation::GeluTanh),
        other => {
            let hint = "Known are: silu, gelu, gelu_new, gelu_pytorch_tanh";
            Err(config.wrong_because(key, &format!("is {other}, which is not known"), hint))
        }
    }
}

/// `whole / parts`, where it must come out even.
pub(super) fn divide(config: &Fields, whole: (&str, usize), parts: (&str, usize)) -> Result<usize, ModelError> {
    if !whole.1.is_multiple_of(parts.1) {
        let problem = format!("is {}, which does not divide `{}` = {}", parts.1, whole.0, whole.1);
        return Err(config.wrong(parts.0, &problem));
    }
    Ok(whole.1 / parts.1)
}

/// Blocks which are all alike: attention to everything before, one MLP.
pub(super) fn alike(blocks: usize, inner: usize) -> Vec<Layer> {
    vec![Layer { window: None, rope: 0, mlp: MlpKind::Dense { inner } }; blocks]
}

/// Which blocks attend to a window only: `layer_types`, or where the key is missing what the family says of a block's number.
pub(super) fn sliding(config: &Fields, blocks: usize, usual: impl Fn(usize) -> bool) -> Result<Vec<bool>, ModelError> {
    let Some(value) = config.get("layer_types") else { return Ok((0..blocks).map(usual).collect()) };
    let kinds: Option<Vec<bool>> = value.as_array().and_then(|kinds| {
        kinds
            .iter()
            .map(|kind| match kind.as_str()? {
                "sliding_attention" => Some(true),
                "full_attention" => Some(false),
                _ => None,
            })
            .collect()
    });
    let Some(kinds) = kinds else {
        return Err(config.wrong("layer_types", "is not a list of \"full_attention\" and \"sliding_attention\""));
    };
    if kinds.len() != blocks {
        return Err(config.wrong("layer_types", &format!("has {} entries for {blocks} blocks", kinds.len())));
    }
    Ok(kinds)
}

/// Gives blocks their window.
pub(super) fn with_windows(
    mut layers: Vec<Layer>,
    sliding: impl Fn(usize) -> bool,
    window: Option<usize>,
) -> Vec<Layer> {
    for (index, layer) in layers.iter_mut().enumerate() {
        layer.window = window.filter(|_| sliding(index));
    }
    layers
}

/// `sliding_window`; none where it is null or missing.
pub(super) fn window(config: &Fields) -> Result<Option<usize>, ModelError> {
    config.count_or("sliding_window", MOST_CONTEXT)
}

/// The longest text: with dynamic scaling positions go on past `max_position_embeddings`.
pub(super) fn context(positions: usize, rope: &Rope) -> usize {
    match rope.scaling {
        Scaling::Dynamic { factor, .. } => {
            (positions as f64 * factor).clamp(positions as f64, MOST_CONTEXT as f64) as usize
        }
        _ => positions,
    }
}

/// A number above 0, or none where it is null or missing.
pub(super) fn cap(config: &Fields, key: &str) -> Result<Option<f32>, ModelError> {
    config.get(key).map(|_| Ok(config.positive(key)? as f32)).transpose()
}

/// A list of whole numbers; empty where it is null or missing.
pub(super) fn whole_numbers(config: &Fields, key: &str) -> Result<Vec<usize>, ModelError> {
    let Some(value) = config.get(key) else { return Ok(Vec::new()) };
    let numbers = value.as_array().and_then(|list| list.iter().map(Value::as_u64).collect::<Option<Vec<_>>>());
    let numbers = numbers.ok_or_else(|| config.wrong(key, "is not a list of whole numbers"))?;
    Ok(numbers.into_iter().map(|number| number as usize).collect())
}
