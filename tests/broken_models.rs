//! Broken files by the hundred, made from good ones: every one is an error which names the file, none a panic or a giant allocation.

#![allow(clippy::unwrap_used, reason = "a test which panics has failed")]

mod model_support;

use std::path::{Path, PathBuf};

use model_support::{copy_folder, edit_json, open, reference};
use serde_json::{Value, json};

/// Numbers which look random, from a seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % end.max(1)
    }
}

/// Opens the model, which must fail, and say of which file.
#[track_caller]
fn refuse(model: &Path, file: &str, how: &str) {
    match open(model) {
        Ok(_) => panic!("{file} opens: {how}"),
        Err(error) => {
            let message = error.to_string();
            let name = file.rsplit('/').next().unwrap();
            assert!(message.contains(name) && message.contains('\n'), "{how}: {message}");
        }
    }
}

/// Good models of both kinds, each with the files that can break.
fn models() -> Vec<(PathBuf, Vec<&'static str>)> {
    let parts = vec!["model.safetensors", "config.json", "tokenizer.json"];
    ["llama-tied", "gpt2-odd", "gemma3-two-bases", "qwen3-moe"].map(|name| (reference(name), parts.clone())).to_vec()
}

#[test]
fn truncated_files_of_a_folder() {
    let mut numbers = Numbers(1);
    let mut count = 0;
    for (model, files) in models() {
        let folder = copy_folder(&model);
        for file in files {
            let path = folder.path().join(file);
            let whole = std::fs::read(&path).unwrap();
            for _ in 0..16 {
                let length = numbers.below(whole.trim_ascii_end().len());
                std::fs::write(&path, &whole[..length]).unwrap();
                refuse(folder.path(), file, &format!("cut at {length} of {}", whole.len()));
                count += 1;
            }
            std::fs::write(&path, &whole).unwrap();
        }
    }
    assert_eq!(count, 192);
}

#[test]
fn truncated_gguf_files() {
    let mut numbers = Numbers(2);
    let folder = tempfile::tempdir().unwrap();
    for architecture in ["llama", "qwen3moe", "gptneox", "gpt2"] {
        let path = folder.path().join("cut.gguf");
        let whole = std::fs::read(reference("gguf").join(format!("{architecture}.q8_0.gguf"))).unwrap();
        for _ in 0..30 {
            // The last tensor is followed by no more than 31 bytes of nothing.
            let length = numbers.below(whole.len() - 32);
            std::fs::write(&path, &whole[..length]).unwrap();
            refuse(&path, "cut.gguf", &format!("{architecture} cut at {length} of {}", whole.len()));
        }
    }
}

#[test]
fn values_of_the_wrong_type_or_size() {
    let wrong = [json!("x"), json!([]), json!({}), json!(-1), json!(1e300), json!(u64::MAX), json!(0)];
    let keys = [
        ("llama-tied", "hidden_size"),
        ("llama-tied", "num_hidden_layers"),
        ("llama-tied", "num_attention_heads"),
        ("llama-tied", "num_key_value_heads"),
        ("llama-tied", "intermediate_size"),
        ("llama-tied", "vocab_size"),
        ("llama-tied", "max_position_embeddings"),
        ("qwen3-moe", "num_local_experts"),
        ("qwen3-moe", "num_experts_per_tok"),
        ("qwen3-moe", "moe_intermediate_size"),
        ("gemma3-two-bases", "sliding_window"),
        ("gpt-neo", "num_layers"),
        ("gpt-neo", "num_heads"),
        ("neox-parallel", "hidden_size"),
    ];
    for (model, key) in keys {
        let folder = copy_folder(&reference(model));
        for value in &wrong {
            edit_json(&folder.path().join("config.json"), |config| drop(config.insert(key.into(), value.clone())));
            refuse(folder.path(), "config.json", &format!("{model}: {key} is {value}"));
        }
    }
    for (model, key) in [
        ("gemma3-two-bases", "layer_types"),
        ("gpt-neo", "attention_layers"),
        ("llama-tied", "rope_parameters"),
        ("llama-tied", "tie_word_embeddings"),
        ("llama-tied", "hidden_act"),
    ] {
        let folder = copy_folder(&reference(model));
        for value in [json!(7), json!("x"), json!(["x"]), json!([[1]])] {
            edit_json(&folder.path().join("config.json"), |config| drop(config.insert(key.into(), value.clone())));
            refuse(folder.path(), "config.json", &format!("{model}: {key} is {value}"));
        }
    }
}

/// The header of a safetensors file with something changed.
fn with_header(file: &[u8], edit: impl FnOnce(&mut serde_json::Map<String, Value>)) -> Vec<u8> {
    let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    let mut header: serde_json::Map<String, Value> = serde_json::from_slice(&file[8..8 + length]).unwrap();
    edit(&mut header);
    let header = serde_json::to_vec(&header).unwrap();
    [&(header.len() as u64).to_le_bytes(), &header[..], &file[8 + length..]].concat()
}

#[test]
fn headers_of_safetensors_which_lie() {
    let folder = copy_folder(&reference("qwen3-tied"));
    let path = folder.path().join("model.safetensors");
    let whole = std::fs::read(&path).unwrap();
    let names: Vec<String> = {
        let length = u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
        let header: serde_json::Map<String, Value> = serde_json::from_slice(&whole[8..8 + length]).unwrap();
        header.keys().filter(|name| *name != "__metadata__").cloned().collect()
    };
    type Change = fn(&mut Value);
    let changes: [(&str, Change); 7] = [
        ("another shape", |tensor| tensor["shape"] = json!([1, 1])),
        ("a giant shape", |tensor| tensor["shape"] = json!([1u64 << 40, 1u64 << 40])),
        ("no shape", |tensor| drop(tensor.as_object_mut().unwrap().remove("shape"))),
        ("another type", |tensor| tensor["dtype"] = json!("I8")),
        ("an unknown type", |tensor| tensor["dtype"] = json!("X9")),
        ("offsets behind the end", |tensor| tensor["data_offsets"] = json!([0, 1u64 << 50])),
        ("offsets in the wrong order", |tensor| tensor["data_offsets"] = json!([100, 0])),
    ];
    let mut count = 0;
    for name in &names {
        for (how, change) in &changes {
            std::fs::write(&path, with_header(&whole, |header| change(&mut header[name]))).unwrap();
            refuse(folder.path(), "model.safetensors", &format!("{name}: {how}"));
            count += 1;
        }
    }
    assert!(count >= 150, "{count}");
    for length in [0, 1, 1 << 20, 1 << 40, u64::MAX] {
        std::fs::write(&path, [&length.to_le_bytes(), &whole[8..]].concat()).unwrap();
        refuse(folder.path(), "model.safetensors", &format!("a header of {length} bytes"));
    }
}

/// Where the change may be harmless (a weight, a token's score) the file may open; it must not panic or ask for giant memory.
#[test]
fn shuffled_bytes_do_no_harm() {
    let mut numbers = Numbers(3);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shuffled.gguf");
    for architecture in ["llama", "gemma3", "phi3", "olmo2"] {
        let whole = std::fs::read(reference("gguf").join(format!("{architecture}.q8_0.gguf"))).unwrap();
        for _ in 0..40 {
            let mut bytes = whole.clone();
            for _ in 0..4 {
                let at = numbers.below(6000);
                bytes[at] = match numbers.below(3) {
                    0 => 0xff,
                    1 => 0,
                    _ => numbers.below(256) as u8,
                };
            }
            std::fs::write(&path, &bytes).unwrap();
            if let Err(error) = open(&path) {
                assert!(error.to_string().contains("shuffled.gguf"), "{error}");
            }
        }
    }
    let folder = copy_folder(&reference("llama-tied"));
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        let path = folder.path().join(file);
        let whole = std::fs::read(&path).unwrap();
        for _ in 0..40 {
            let mut bytes = whole.clone();
            let end = bytes.len().min(2000);
            let (a, b) = (numbers.below(end), numbers.below(end));
            bytes.swap(a, b);
            std::fs::write(&path, &bytes).unwrap();
            if let Err(error) = open(folder.path()) {
                assert!(error.to_string().contains('\n'), "{error}");
            }
        }
        std::fs::write(&path, &whole).unwrap();
    }
}
