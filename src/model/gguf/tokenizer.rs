//! The tokenizer inside a GGUF file as the contents of a tokenizer.json.

use serde_json::{Map, Value, json};

use super::Gguf;
use crate::model::ModelError;

/// Kinds of tokens, as llama.cpp numbers them.
const UNKNOWN: f64 = 2.0;
const CONTROL: f64 = 3.0;
const USER_DEFINED: f64 = 4.0;
const BYTE: f64 = 6.0;

/// How text is cut before it is merged, by the name in `tokenizer.ggml.pre` (llama.cpp's `llama-vocab.cpp`).
const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const GPT4O: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

pub(super) fn json(gguf: &Gguf) -> Result<Value, ModelError> {
    let tokens = gguf.texts("tokenizer.ggml.tokens")?;
    if tokens.is_empty() {
        return Err(gguf.wrong("tokenizer.ggml.tokens", "is missing"));
    }
    let kinds = gguf.numbers("tokenizer.ggml.token_type")?;
    let mut made = match gguf.text("tokenizer.ggml.model")?.unwrap_or_default() {
        "gpt2" => bytes(gguf, &tokens)?,
        "llama" => pieces(gguf, &tokens, &kinds)?,
        other => {
            let hint = "Known are: gpt2 (pairs of bytes), llama (SentencePiece)";
            return Err(gguf.wrong_because("tokenizer.ggml.model", &format!("is {other:?}, which is not known"), hint));
        }
    };
    made["version"] = json!("1.0");
    made["added_tokens"] = added(&tokens, &kinds);
    made["post_processor"] = around(gguf, &tokens, made["post_processor"].take())?;
    Ok(made)
}

/// Merges of bytes, as GPT-2.
fn bytes(gguf: &Gguf, tokens: &[&str]) -> Result<Value, ModelError> {
    let merges = gguf.texts("tokenizer.ggml.merges")?;
    let (mut pattern, mut normalizer, mut digits) = (GPT2, Value::Null, false);
    match gguf.text("tokenizer.ggml.pre")?.unwrap_or("default") {
        "llama-bpe" | "llama3" | "llama-v3" | "smaug-bpe" | "dbrx" => pattern = LLAMA3,
        "qwen2" | "deepseek-r1-qwen" => (pattern, normalizer) = (QWEN2, json!({"type": "NFC"})),
        "stablelm2" => pattern = QWEN2,
        "gpt-4o" | "llama4" => pattern = GPT4O,
        "tekken" => pattern = TEKKEN,
        "smollm" => digits = true,
        // Files without the key are older than it: GPT-2 and its like, which llama.cpp cuts in a way of its own, and we as GPT-2 did.
        "gpt-2" | "default" | "olmo" | "phi-2" | "mpt" => {
            normalizer = Value::Null;
        }
        other => {
            let hint = "Known are: default, gpt-2, gpt-4o, llama-bpe, olmo, qwen2, smollm, tekken; open the model as a folder of safetensors instead";
            return Err(gguf.wrong_because("tokenizer.ggml.pre", &format!("is {other:?}, which is not known"), hint));
        }
    }
    let mut cuts = Vec::new();
    if digits {
        cuts.push(json!({"type": "Digits", "individual_digits": true}));
    }
    if pattern == GPT2 {
        cuts.push(json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}));
    } else {
        cuts.push(json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false}));
        cuts.push(json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}));
    }
    let whole = pattern == LLAMA3 || pattern == TEKKEN || pattern == GPT4O;
    Ok(json!({
        "normalizer": normalizer,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": cuts},
        "decoder": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
        "post_processor": null,
        "model": {"type": "BPE", "vocab": vocabulary(tokens), "merges": merges, "ignore_merges": whole},
    }))
}

/// SentencePiece: a piece's score says when it is merged.
fn pieces(gguf: &Gguf, tokens: &[&str], kinds: &[f64]) -> Result<Value, ModelError> {
    let scores = gguf.numbers("tokenizer.ggml.scores")?;
    if scores.len() != tokens.len() {
        let problem = format!("has {} entries for {} tokens", scores.len(), tokens.len());
        return Err(gguf.wrong("tokenizer.ggml.scores", &problem));
    }
    let prefix = gguf.flag("tokenizer.ggml.add_space_prefix")?.unwrap_or(true);
    let mut normalizers = vec![json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"})];
    let mut decoders = vec![
        json!({"type": "Replace", "pattern": {"String": "▁"}, "content": " "}),
        json!({"type": "ByteFallback"}),
        json!({"type": "Fuse"}),
    ];
    if prefix {
        normalizers.insert(0, json!({"type": "Prepend", "prepend": "▁"}));
        decoders.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
    }
    let unknown = kinds.iter().position(|kind| *kind == UNKNOWN).and_then(|id| tokens.get(id));
    Ok(json!({
        "normalizer": {"type": "Sequence", "normalizers": normalizers},
        "pre_tokenizer": null,
        "decoder": {"type": "Sequence", "decoders": decoders},
        "post_processor": null,
        "model": {
            "type": "BPE", "vocab": vocabulary(tokens), "merges": merges(tokens, kinds, &scores), "unk_token": unknown,
            "fuse_unk": true, "byte_fallback": kinds.contains(&BYTE),
        },
    }))
}

/// Every way of putting a piece together from two others, the highest score first, as SentencePiece would merge them.
fn merges(tokens: &[&str], kinds: &[f64], scores: &[f64]) -> Vec<[String; 2]> {
    let ids: std::collections::HashMap<&str, usize> =
        tokens.iter().enumerate().map(|(id, token)| (*token, id)).collect();
    let normal = |id: usize| kinds.get(id).is_none_or(|kind| ![CONTROL, UNKNOWN, BYTE].contains(kind));
    let mut found = Vec::new();
    for (id, token) in tokens.iter().enumerate().filter(|(id, _)| normal(*id)) {
        let mut of_token: Vec<_> = token
            .char_indices()
            .skip(1)
            .map(|(at, _)| token.split_at(at))
            .filter_map(|(left, right)| Some((*ids.get(left)?, *ids.get(right)?, left, right)))
            .collect();
        of_token.sort_unstable();
        found.extend(of_token.into_iter().map(|(_, _, left, right)| (id, left, right)));
    }
    found.sort_by(|(a, ..), (b, ..)| scores[*b].total_cmp(&scores[*a]));
    found.into_iter().map(|(_, left, right)| [left.to_owned(), right.to_owned()]).collect()
}

fn vocabulary(tokens: &[&str]) -> Map<String, Value> {
    tokens.iter().enumerate().map(|(id, token)| ((*token).to_owned(), json!(id))).collect()
}

fn added(tokens: &[&str], kinds: &[f64]) -> Value {
    let added =
        tokens.iter().zip(kinds).enumerate().filter(|(_, (_, kind))| [CONTROL, UNKNOWN, USER_DEFINED].contains(kind));
    added
        .map(|(id, (token, kind))| {
            json!({
                "id": id, "content": token, "special": *kind != USER_DEFINED,
                "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
            })
        })
        .collect()
}

/// The special tokens which stand around plain text.
fn around(gguf: &Gguf, tokens: &[&str], usual: Value) -> Result<Value, ModelError> {
    let pieces = gguf.text("tokenizer.ggml.model")? == Some("llama");
    let mut single = vec![json!({"Sequence": {"id": "A", "type_id": 0}})];
    let mut special = Map::new();
    let mut token = |key: &str, wanted: bool| -> Result<Option<Value>, ModelError> {
        let id = gguf.count(&format!("tokenizer.ggml.{key}_token_id"))?;
        let Some((id, token)) = id.and_then(|id| Some((id, *tokens.get(id)?))).filter(|_| wanted) else {
            return Ok(None);
        };
        special.insert(token.into(), json!({"id": token, "ids": [id], "tokens": [token]}));
        Ok(Some(json!({"SpecialToken": {"id": token, "type_id": 0}})))
    };
    let wanted = |key: &str, usual: bool| -> Result<bool, ModelError> {
        Ok(gguf.flag(&format!("tokenizer.ggml.add_{key}_token"))?.unwrap_or(usual))
    };
    if let Some(first) = token("bos", wanted("bos", pieces)?)? {
        single.insert(0, first);
    }
    single.extend(token("eos", wanted("eos", false)?)?);
    if special.is_empty() {
        return Ok(usual);
    }
    Ok(json!({"type": "TemplateProcessing", "single": single, "pair": single, "special_tokens": special}))
}
