//! Broken model folders: each gives an error of two lines, which names the file and the key or tensor and says what to do.
// Helpers of tests may unwrap as tests do.
#![allow(clippy::unwrap_used, reason = "a test which panics has failed")]

mod model_support;

use std::path::Path;

use circumplex::job::Cancel;
use circumplex::model::{Logits, Message, Model, Role, Tap};
use circumplex::steering::{BlockPush, Push};
use model_support::{Raw, copy_folder, edit_json, open, read_tensors, reference, save_tensors};
use safetensors::Dtype;
use serde_json::{Value, json};
use tempfile::TempDir;

const LLAMA: &str = "llama-biased";
const GPT2: &str = "gpt2-tied";
const WEIGHTS: &str = "model.safetensors";

/// Breaks a copy of a frozen model and looks for every part in the message.
#[track_caller]
fn check(frozen: &str, break_it: impl FnOnce(&Path), parts: &[&str]) {
    let folder = copy_folder(&reference(frozen));
    break_it(folder.path());
    let message = match open(folder.path()) {
        Ok(_) => panic!("the broken folder opens"),
        Err(error) => error.to_string(),
    };
    assert_says(&message, parts);
}

#[track_caller]
fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
    assert_eq!(message.lines().filter(|line| !line.is_empty()).count(), 2, "what failed, then what to do: {message}");
}

#[track_caller]
fn check_key(frozen: &str, key: &str, value: Value, parts: &[&str]) {
    let set = |folder: &Path| edit_json(&folder.join("config.json"), |config| drop(config.insert(key.into(), value)));
    check(frozen, set, &[parts, &["config.json", key]].concat());
}

#[track_caller]
fn check_missing_key(frozen: &str, key: &str) {
    let remove = |folder: &Path| edit_json(&folder.join("config.json"), |config| drop(config.remove(key)));
    check(frozen, remove, &["config.json", &format!("`{key}` is missing")]);
}

/// Changes one tensor of the weights.
#[track_caller]
fn check_tensor(frozen: &str, name: &str, change: impl FnOnce(&mut Raw), parts: &[&str]) {
    let edit = |folder: &Path| {
        let mut tensors = read_tensors(&folder.join(WEIGHTS));
        change(tensors.get_mut(name).unwrap());
        save_tensors(&folder.join(WEIGHTS), &tensors);
    };
    check(frozen, edit, &[parts, &[name, WEIGHTS]].concat());
}

#[track_caller]
fn check_missing_tensor(frozen: &str, name: &str) {
    let edit = |folder: &Path| {
        let mut tensors = read_tensors(&folder.join(WEIGHTS));
        tensors.remove(name).unwrap();
        save_tensors(&folder.join(WEIGHTS), &tensors);
    };
    check(frozen, edit, &[name, "is missing", WEIGHTS]);
}

fn write(folder: &Path, file: &str, bytes: impl AsRef<[u8]>) {
    std::fs::write(folder.join(file), bytes).unwrap();
}

fn remove(folder: &Path, file: &str) {
    std::fs::remove_file(folder.join(file)).unwrap();
}

fn reshaped(raw: &mut Raw, shape: &[usize]) {
    *raw = Raw::f32(shape.to_vec(), &vec![0.5; shape.iter().product()]);
}

// Where the model is

#[test]
fn no_such_folder() {
    let message = open(Path::new("no/such/folder")).err().unwrap().to_string();
    assert_says(&message, &["no/such/folder", "config.json, tokenizer.json"]);
}

#[test]
fn a_name_which_is_not_in_the_cache() {
    let message = open(Path::new("nobody-9f3a/no-model")).err().unwrap().to_string();
    assert_says(&message, &["nobody-9f3a/no-model", "circumplex fetch nobody-9f3a/no-model"]);
}

#[test]
fn a_file_instead_of_a_folder() {
    let message = open(&reference(LLAMA).join(WEIGHTS)).err().unwrap().to_string();
    assert_says(&message, &[WEIGHTS, "Name the folder"]);
}

#[test]
fn an_empty_folder() {
    let folder = TempDir::new().unwrap();
    let message = open(folder.path()).err().unwrap().to_string();
    assert_says(&message, &["config.json", "missing"]);
    assert!(Model::weights_sha256(folder.path()).is_err());
}

// Files which are missing or cut off

#[test]
fn missing_files() {
    check(LLAMA, |folder| remove(folder, "config.json"), &["config.json", "missing"]);
    check(LLAMA, |folder| remove(folder, "tokenizer.json"), &["the tokenizer", "tokenizer.json", "missing"]);
    check(LLAMA, |folder| remove(folder, WEIGHTS), &["weights", "missing", "safetensors"]);
}

#[test]
fn weights_cut_off_anywhere() {
    let length = std::fs::metadata(reference(GPT2).join(WEIGHTS)).unwrap().len() as usize;
    for kept in [0, 1, 7, 8, 9, 100, 2000, length / 2, length - 1] {
        let cut = |folder: &Path| {
            let bytes = std::fs::read(folder.join(WEIGHTS)).unwrap();
            write(folder, WEIGHTS, &bytes[..kept]);
        };
        check(GPT2, cut, &[WEIGHTS, "no valid safetensors file"]);
    }
}

#[test]
fn weights_with_a_tail() {
    let append = |folder: &Path| {
        let mut bytes = std::fs::read(folder.join(WEIGHTS)).unwrap();
        bytes.extend([0; 64]);
        write(folder, WEIGHTS, bytes);
    };
    check(GPT2, append, &[WEIGHTS, "no valid safetensors file"]);
}

#[test]
fn weights_whose_header_lies() {
    let header = |text: &str| {
        let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
        bytes.extend(text.as_bytes());
        bytes
    };
    let lies = [
        u64::MAX.to_le_bytes().to_vec(),
        header("{\"a\":"),
        header(r#"{"a":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4000000000000]}}"#),
        header(r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,4]}}"#),
        header(r#"{"a":{"dtype":"F99","shape":[1],"data_offsets":[0,4]}}"#),
        vec![0xff; 4096],
    ];
    for bytes in lies {
        check(GPT2, |folder| write(folder, WEIGHTS, &bytes), &[WEIGHTS, "no valid safetensors file"]);
    }
}

#[test]
fn a_folder_where_a_file_should_be() {
    for (file, part) in [("config.json", "cannot read"), ("tokenizer.json", "cannot read"), (WEIGHTS, "cannot read")] {
        let replace = |folder: &Path| {
            remove(folder, file);
            std::fs::create_dir(folder.join(file)).unwrap();
        };
        check(LLAMA, replace, &[file, part]);
    }
}

// config.json

#[test]
fn config_which_is_not_json() {
    check(LLAMA, |folder| write(folder, "config.json", "{\n  \"hidden_size\": 3,,\n}"), &["config.json", "line 2"]);
    check(LLAMA, |folder| write(folder, "config.json", ""), &["config.json", "line 1"]);
    check(LLAMA, |folder| write(folder, "config.json", "[1, 2]"), &["config.json", "an object"]);
    check(LLAMA, |folder| write(folder, "config.json", [0xff, 0xfe, 0x00]), &["config.json", "no valid JSON"]);
    let deep = "[".repeat(100_000);
    check(LLAMA, |folder| write(folder, "config.json", &deep), &["config.json", "recursion"]);
}

#[test]
fn keys_which_llama_needs() {
    for key in [
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "num_attention_heads",
        "max_position_embeddings",
        "vocab_size",
    ] {
        check_missing_key(LLAMA, key);
    }
}

#[test]
fn keys_which_gpt2_needs() {
    for key in ["n_embd", "n_layer", "n_head", "n_positions", "vocab_size"] {
        check_missing_key(GPT2, key);
    }
}

#[test]
fn a_null_key_is_missing() {
    check_key(GPT2, "n_embd", Value::Null, &["is missing"]);
}

#[test]
fn unknown_architectures() {
    let known = ["Known are: GPT2LMHeadModel, ", "LlamaForCausalLM, "];
    check_key(LLAMA, "architectures", json!(["MambaForCausalLM"]), &["MambaForCausalLM", known[0]]);
    check_key(LLAMA, "architectures", json!([]), &known);
    check_key(LLAMA, "architectures", json!("LlamaForCausalLM"), &known);
    check_key(LLAMA, "architectures", json!([7]), &known);
}

#[test]
fn sizes_which_cannot_be() {
    for key in ["num_attention_heads", "hidden_size", "num_hidden_layers", "vocab_size", "num_key_value_heads"] {
        for value in [json!(0), json!(-4), json!(2.5), json!("32"), json!(u64::MAX), json!([4]), json!(true)] {
            check_key(LLAMA, key, value.clone(), &[&value.to_string(), "not a whole number"]);
        }
    }
    check_key(GPT2, "n_head", json!(0), &["is 0"]);
    check_key(GPT2, "n_inner", json!(-1), &["is -1"]);
}

#[test]
fn giant_sizes_are_refused_at_once() {
    check_key(LLAMA, "num_hidden_layers", json!(1_000_000_000), &["1000000000"]);
    check_key(LLAMA, "vocab_size", json!(1_000_000_000_000u64), &["1000000000000"]);
    check_key(GPT2, "n_positions", json!(1_000_000_000_000u64), &["1000000000000"]);
    // Within the limits, but not what the weights hold.
    check(
        LLAMA,
        |folder| {
            edit_json(&folder.join("config.json"), |config| drop(config.insert("vocab_size".into(), json!(1 << 24))))
        },
        &["model.embed_tokens.weight", "16777216", WEIGHTS],
    );
    check(
        GPT2,
        |folder| edit_json(&folder.join("config.json"), |config| drop(config.insert("n_layer".into(), json!(10_000)))),
        &["transformer.h.2.", "is missing", WEIGHTS],
    );
}

#[test]
fn heads_which_do_not_divide() {
    check_key(GPT2, "n_head", json!(5), &["does not divide `n_embd` = 24"]);
    check_key(LLAMA, "num_key_value_heads", json!(2), &["does not divide `num_attention_heads` = 3"]);
    check_key(LLAMA, "head_dim", json!(15), &["even"]);
}

#[test]
fn numbers_of_norms_and_rotations() {
    check_key(LLAMA, "rms_norm_eps", json!(-1.0), &["not a number above 0"]);
    check_key(GPT2, "layer_norm_epsilon", json!("small"), &["not a number above 0"]);
    check_key(LLAMA, "rope_parameters", json!({"rope_type": "default", "rope_theta": 0}), &[]);
    check_key(LLAMA, "rope_parameters", json!("yes"), &["not a table"]);
}

#[test]
fn rope_scaling_is_not_guessed() {
    check_key(LLAMA, "rope_scaling", json!({"type": "spiral"}), &["spiral", "Known are: default, linear"]);
    check_key(LLAMA, "rope_scaling", json!({"type": "linear"}), &["rope_scaling.factor", "is missing"]);
    let llama3 = json!({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 4.0, "high_freq_factor": 4.0});
    check_key(LLAMA, "rope_parameters", llama3, &["rope_parameters.high_freq_factor"]);
    let long = json!({"rope_type": "longrope", "short_factor": [1.0], "long_factor": [1.0]});
    check_key(LLAMA, "rope_parameters", long, &["rope_parameters.short_factor", "holds 1 numbers, not 7"]);
}

#[test]
fn flags_and_names() {
    check_key(LLAMA, "tie_word_embeddings", json!("no"), &["not true or false"]);
    check_key(LLAMA, "attention_bias", json!(1), &["not true or false"]);
    check_key(LLAMA, "hidden_act", json!("relu6"), &["relu6", "Known are"]);
    check_key(GPT2, "activation_function", json!(3), &["not a text"]);
    check_key(GPT2, "scale_attn_by_inverse_layer_idx", json!(true), &["is true"]);
    check_key(GPT2, "scale_attn_weights", json!(false), &["is false"]);
}

#[test]
fn end_tokens_which_are_no_ids() {
    let set = |folder: &Path| {
        edit_json(&folder.join("generation_config.json"), |config| {
            config.insert("eos_token_id".into(), json!([1, "x"]));
        });
    };
    check(LLAMA, set, &["generation_config.json", "eos_token_id"]);
    let set = |folder: &Path| {
        remove(folder, "generation_config.json");
        edit_json(&folder.join("config.json"), |config| drop(config.insert("eos_token_id".into(), json!(-1))));
    };
    check(LLAMA, set, &["config.json", "eos_token_id"]);
    check(LLAMA, |folder| write(folder, "generation_config.json", "{"), &["generation_config.json", "line 1"]);
}

// Tensors

#[test]
fn missing_tensors() {
    check_missing_tensor(LLAMA, "model.embed_tokens.weight");
    check_missing_tensor(LLAMA, "lm_head.weight");
    check_missing_tensor(LLAMA, "model.norm.weight");
    check_missing_tensor(LLAMA, "model.layers.1.self_attn.k_proj.bias");
    check_missing_tensor(LLAMA, "model.layers.0.mlp.gate_proj.weight");
    check_missing_tensor(GPT2, "transformer.wte.weight");
    check_missing_tensor(GPT2, "transformer.wpe.weight");
    check_missing_tensor(GPT2, "transformer.h.1.attn.c_attn.weight");
    check_missing_tensor(GPT2, "transformer.h.0.ln_2.bias");
}

#[test]
fn tensors_of_other_shapes() {
    check_tensor(
        LLAMA,
        "model.layers.0.self_attn.q_proj.weight",
        |raw| reshaped(raw, &[30, 42]),
        &["[30, 42]", "[42, 30]"],
    );
    check_tensor(LLAMA, "model.norm.weight", |raw| reshaped(raw, &[1, 30]), &["[1, 30]"]);
    check_tensor(LLAMA, "lm_head.weight", |raw| reshaped(raw, &[83]), &["[83]"]);
    check_tensor(GPT2, "transformer.h.0.mlp.c_fc.weight", |raw| reshaped(raw, &[96, 24]), &["[96, 24]", "[24, 96]"]);
    check_tensor(GPT2, "transformer.wpe.weight", |raw| reshaped(raw, &[41, 24]), &["[41, 24]", "[40, 24]"]);
    check_tensor(GPT2, "transformer.h.1.attn.c_attn.bias", |raw| reshaped(raw, &[0]), &["[0]"]);
}

#[test]
fn tensors_which_are_not_finite() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for name in ["transformer.wte.weight", "transformer.h.1.mlp.c_proj.weight", "transformer.ln_f.bias"] {
            let spoil = |raw: &mut Raw| {
                let mut values = raw.floats();
                *values.last_mut().unwrap() = bad;
                *raw = Raw::f32(raw.shape.clone(), &values);
            };
            check_tensor(GPT2, name, spoil, &["NaN or infinite"]);
        }
    }
}

#[test]
fn tensors_of_other_types() {
    for (dtype, bytes, name) in [(Dtype::I32, 4, "i32"), (Dtype::F64, 8, "float64"), (Dtype::U8, 1, "u8")] {
        let retype = |raw: &mut Raw| {
            let bytes = vec![0; raw.shape.iter().product::<usize>() * bytes];
            *raw = Raw { dtype, shape: raw.shape.clone(), bytes };
        };
        check_tensor(LLAMA, "model.layers.0.mlp.up_proj.weight", retype, &[name, "convert"]);
    }
}

#[test]
fn one_tensor_in_two_files() {
    let duplicate = |folder: &Path| {
        std::fs::rename(folder.join(WEIGHTS), folder.join("a.safetensors")).unwrap();
        std::fs::copy(folder.join("a.safetensors"), folder.join("b.safetensors")).unwrap();
        remove(folder, "expected.safetensors");
    };
    check(GPT2, duplicate, &["is in two files", "a.safetensors", "b.safetensors", "transformer."]);
}

#[test]
fn broken_indexes() {
    const INDEX: &str = "model.safetensors.index.json";
    let with = |map: Value| {
        move |folder: &Path| {
            std::fs::rename(folder.join(WEIGHTS), folder.join("a.safetensors")).unwrap();
            write(folder, INDEX, json!({ "weight_map": map }).to_string());
        }
    };
    check(GPT2, with(json!({"x": "gone.safetensors"})), &["gone.safetensors", "missing", INDEX]);
    check(GPT2, with(json!({"x": "../a.safetensors"})), &["weight_map.x", INDEX]);
    check(GPT2, with(json!({"x": 3})), &["weight_map.x", INDEX]);
    check(GPT2, with(json!({"x": ".."})), &["weight_map.x", INDEX]);
    check(GPT2, with(json!({})), &["weight_map", INDEX]);
    check(GPT2, with(json!([])), &["weight_map", INDEX]);
}

// Tokenizer and chat template

#[test]
fn broken_tokenizers() {
    const FILE: &str = "tokenizer.json";
    for text in ["", "{", "[]", "{}", r#"{"model": {"type": "BPE"}}"#, r#"{"model": {"type": "Zip", "vocab": {}}}"#] {
        check(LLAMA, |folder| write(folder, FILE, text), &[FILE, "the tokenizer cannot be used"]);
    }
    check(LLAMA, |folder| write(folder, FILE, [0xff; 100]), &[FILE, "the tokenizer cannot be used"]);
    let half = std::fs::read(reference(LLAMA).join(FILE)).unwrap();
    check(LLAMA, |folder| write(folder, FILE, &half[..half.len() / 2]), &[FILE, "the tokenizer cannot be used"]);
}

#[test]
fn broken_tokenizer_configs() {
    check(LLAMA, |folder| write(folder, "tokenizer_config.json", "{\n\n]"), &["tokenizer_config.json", "line 3"]);
    let set = |folder: &Path| {
        edit_json(&folder.join("tokenizer_config.json"), |config| {
            config.insert("chat_template".into(), json!(5));
        });
    };
    check(LLAMA, set, &["tokenizer_config.json", "chat_template"]);
    check(LLAMA, |folder| write(folder, "chat_template.jinja", [0xff]), &["chat_template.jinja", "UTF-8"]);
}

#[test]
fn a_broken_template_is_a_warning_until_it_is_used() {
    let user = [Message { role: Role::User, content: "hello".into() }];
    for (template, part) in [
        ("{% for m in messages %}", "end of input"),
        ("{{ raise_exception('only system turns') }}", "only system turns"),
        ("{{ messages[0].content.no_such_method() }}", "no_such_method"),
        ("{{ nothing.at.all }}", "undefined"),
        ("{% for i in range(100000000) %}{% endfor %}", "range"),
    ] {
        let folder = copy_folder(&reference(LLAMA));
        write(folder.path(), "chat_template.jinja", template);
        let model = open(folder.path()).unwrap();
        let message = model.encode_chat(&user).unwrap_err().to_string();
        assert_says(&message, &["chat_template.jinja", part]);
    }
}

// Runs

#[test]
fn texts_which_cannot_be_run() {
    let model = open(&reference(GPT2)).unwrap();
    let check = |tokens: &[u32], parts: &[&str]| assert_says(&model.check_text(tokens).unwrap_err().to_string(), parts);
    check(&[], &["no text", "0 tokens"]);
    check(&[0, 1, 0], &["no text", "3 tokens"]);
    check(&[2, 99], &["token 1 is 99", "0 to 98"]);
    check(&[2; 41], &["41 tokens", "40"]);
    model.check_text(&[2; 40]).unwrap();

    let run = |tokens: &[u32], before: &[u32]| {
        let mut cache = model.new_cache();
        if !before.is_empty() {
            model.forward(before, &mut cache, &Tap::default(), &Cancel::new()).unwrap();
        }
        model.forward(tokens, &mut cache, &Tap::default(), &Cancel::new()).unwrap_err().to_string()
    };
    assert_says(&run(&[], &[]), &["no tokens"]);
    assert_says(&run(&[u32::MAX], &[]), &["4294967295"]);
    assert_says(&run(&[2; 21], &[2; 20]), &["41 tokens", "40"]);
    let many = model.residuals(&[vec![2], vec![100]], &Default::default()).unwrap_err().to_string();
    assert_says(&many, &["token 0 is 100"]);
}

#[test]
fn steering_of_another_model() {
    let model = open(&reference(GPT2)).unwrap();
    for (block, width) in [(2, 24), (0, 23), (0, 0)] {
        let push = Push { blocks: vec![BlockPush { block, delta: vec![1.0; width], residual_norm: 1.0 }] };
        let tap = Tap { push: Some((&push, 0..1)), residual: false, logits: Logits::Last };
        let message = model.forward(&[2], &mut model.new_cache(), &tap, &Cancel::new()).unwrap_err().to_string();
        assert_says(&message, &["2 blocks of width 24", "bank"]);
    }
}

#[test]
fn a_cache_of_another_model() {
    let (one, other) = (open(&reference(GPT2)).unwrap(), open(&reference("gpt2-odd")).unwrap());
    let message = one.forward(&[2], &mut other.new_cache(), &Tap::default(), &Cancel::new()).unwrap_err().to_string();
    assert_says(&message, &["another model"]);
}
