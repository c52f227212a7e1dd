//! Tokens, pieces, chat templates and the hash, on the frozen models and, where they are, the shared ones.
// Helpers of tests may unwrap as tests do.
#![allow(clippy::unwrap_used, reason = "a test which panics has failed")]

mod model_support;

use std::path::Path;

use circumplex::model::{Message, Model, Role};
use model_support::{copy_folder, edit_json, open, reference, shared};
use serde_json::json;

const SHARED: [&str; 3] = ["stories260k", "tinystories-656k", "tinystories-instruct-3m-chat"];

const TEXTS: [&str; 6] = [
    "Once upon a time",
    "\"Don't!\" she said.\n\nThen it rained.",
    "  two spaces, a\ttab",
    "emoji \u{1f600}\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467} and \u{00e9}",
    "\u{4f60}\u{597d}, \u{0645}\u{0631}\u{062d}\u{0628}\u{0627}",
    "a",
];

fn user(content: &str) -> Message {
    Message { role: Role::User, content: content.into() }
}

/// A copy of a frozen model with a chat template.
fn with_template(template: &str) -> (tempfile::TempDir, Model) {
    let folder = copy_folder(&reference("gpt2-tied"));
    std::fs::write(folder.path().join("chat_template.jinja"), template).unwrap();
    let model = open(folder.path()).unwrap();
    (folder, model)
}

#[track_caller]
fn check_template(template: &str, messages: &[Message], right: &str) {
    let (_folder, model) = with_template(template);
    assert!(model.info().chat_template);
    let tokens = model.encode_chat(messages).unwrap();
    assert_eq!(model.pieces(&tokens).concat(), right);
}

#[test]
fn pieces_join_to_the_text() {
    for name in SHARED {
        let Some(folder) = shared(name) else { continue };
        let model = open(&folder).unwrap();
        for text in TEXTS {
            let tokens = model.encode(text).unwrap();
            let pieces = model.pieces(&tokens);
            assert_eq!(pieces.len(), tokens.len());
            let specials = if name == "tinystories-instruct-3m-chat" { 0 } else { 3 };
            let plain = tokens.iter().zip(&pieces).filter(|(id, _)| **id >= specials).map(|(_, piece)| piece.as_str());
            let (plain, right) = (plain.collect::<String>(), model.decode(&tokens));
            // With a special token before it, a decoder leaves the space which it takes off at the start of a text.
            assert!(plain == right || plain == format!(" {right}"), "{name}: {plain:?} is not {right:?}");
        }
    }
}

#[test]
fn an_incomplete_character_waits_for_its_last_token() {
    let Some(folder) = shared("tinystories-instruct-3m-chat") else { return };
    let model = open(&folder).unwrap();
    let tokens = model.encode("a\u{1f600}b").unwrap();
    let pieces = model.pieces(&tokens);
    assert_eq!(pieces.concat(), "a\u{1f600}b");
    assert!(pieces.iter().all(|piece| !piece.contains('\u{fffd}')), "{pieces:?}");
    let smile = pieces.iter().position(|piece| piece.contains('\u{1f600}')).unwrap();
    assert_eq!(pieces[smile - 1], "");

    // Cut in the middle, the rest is shown at the end.
    let cut = model.pieces(&tokens[..smile]);
    assert_eq!(cut.concat(), "a\u{fffd}");
}

#[test]
fn a_stream_keeps_the_space_before_its_first_word() {
    for name in SHARED {
        let Some(folder) = shared(name) else { continue };
        let model = open(&folder).unwrap();
        let tokens = model.encode("Once upon a time there was a dog").unwrap();
        let pieces = model.pieces(&tokens);
        for from in 1..tokens.len() {
            let mut stream = model.text_stream();
            let reply: String = tokens[from..].iter().map(|id| stream.push(*id)).collect();
            let right = pieces[from..].concat();
            assert_eq!(reply.trim_start(), right.trim_start(), "{name}");
            // At the start of a text a decoder may have taken the first space off.
            assert!(reply == right || from == 1 && reply == format!(" {right}"), "{name}: {reply:?}");
        }
    }
}

#[test]
fn a_stream_shows_no_special_tokens() {
    let model = open(&reference("gpt2-tied")).unwrap();
    let mut stream = model.text_stream();
    assert_eq!([1, 2, 0].map(|id| stream.push(id)), ["", "A", ""]);
    assert_eq!(model.pieces(&[0, 2, 1]), ["<s>", "A", "</s>"]);
    assert_eq!(model.decode(&[0, 2, 1]), "A");
}

#[test]
fn garbage_and_unknown_ids_do_not_panic() {
    for name in SHARED {
        let Some(folder) = shared(name) else { continue };
        let model = open(&folder).unwrap();
        let tokens: Vec<u32> = (0..3000).map(|i| i * 7919 % 16_000).chain([u32::MAX]).collect();
        assert_eq!(model.pieces(&tokens).len(), tokens.len());
        let mut stream = model.text_stream();
        let text: String = tokens.iter().map(|id| stream.push(*id)).collect();
        assert!(!text.is_empty());
    }
}

#[test]
fn the_post_processor_alone_adds_special_tokens() {
    for (name, first) in
        [("stories260k", Some(1)), ("tinystories-656k", Some(1)), ("tinystories-instruct-3m-chat", None)]
    {
        let Some(folder) = shared(name) else { continue };
        let model = open(&folder).unwrap();
        let tokens = model.encode("Once").unwrap();
        assert_eq!(tokens.first().copied().filter(|id| *id == 1), first, "{name}: {tokens:?}");
        // Without a template a chat is plain text.
        if !model.info().chat_template {
            assert_eq!(model.encode_chat(&[user("Hi")]).unwrap(), model.encode("Human: Hi\n\nAssistant:").unwrap());
        }
    }
}

#[test]
fn padding_and_truncation_of_the_file_are_off() {
    let folder = copy_folder(&reference("gpt2-tied"));
    edit_json(&folder.path().join("tokenizer.json"), |file| {
        let truncation = json!({"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0});
        let padding = json!({"strategy": {"Fixed": 30}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0,
            "pad_type_id": 0, "pad_token": "<s>"});
        file.insert("truncation".into(), truncation);
        file.insert("padding".into(), padding);
    });
    let right = open(&reference("gpt2-tied")).unwrap().encode("then the end").unwrap();
    assert_eq!(open(folder.path()).unwrap().encode("then the end").unwrap(), right);
}

#[test]
fn templates_have_the_tokens_and_pythons_methods() {
    let messages = [
        Message { role: Role::System, content: " Be kind ".into() },
        user("Hello"),
        Message { role: Role::Assistant, content: "Yes".into() },
        user("Why"),
    ];
    check_template(
        "{{ bos_token }}{% for m in messages %}\n    {% if m['role'] == 'system' %}\n{{ m.content.strip() }};\n\
         {% elif m['role'].upper() == 'USER' %}\nU {{ m['content'] }}\n{% else %}\nA {{ m['content'] + eos_token }}\n\
         {% endif %}\n{% endfor %}\n{% if add_generation_prompt %}A:{% endif %}",
        &messages,
        "<s>Be kind;\nU Hello\nA Yes</s>\nU Why\nA:",
    );
}

#[test]
fn a_rendered_template_gets_no_second_bos() {
    let (_folder, model) = with_template("{{ bos_token }}{{ messages[0].content }}:");
    assert_eq!(model.encode_chat(&[user("AB")]).unwrap()[..3], [0, 2, 3]);
}

#[test]
fn the_default_of_several_templates() {
    let folder = copy_folder(&reference("gpt2-tied"));
    edit_json(&folder.path().join("tokenizer_config.json"), |config| {
        let list = json!([{"name": "tool_use", "template": "B"}, {"name": "default", "template": "A{{ eos_token }}"}]);
        config.insert("chat_template".into(), list);
        config.insert("eos_token".into(), json!({"content": "</s>", "lstrip": false}));
    });
    let model = open(folder.path()).unwrap();
    assert_eq!(model.encode_chat(&[user("x")]).unwrap(), [2, 1]);
}

#[test]
fn end_tokens_come_from_the_generation_config_first() {
    let folder = copy_folder(&reference("gpt2-tied"));
    let generation = folder.path().join("generation_config.json");
    edit_json(&generation, |config| drop(config.insert("eos_token_id".into(), json!([5, 6]))));
    let model = open(folder.path()).unwrap();
    assert_eq!([1, 5, 6, 7].map(|id| model.is_end(id)), [false, true, true, false]);
    std::fs::remove_file(generation).unwrap();
    let model = open(folder.path()).unwrap();
    assert_eq!([1, 5].map(|id| model.is_end(id)), [true, false]);
}

#[test]
fn what_is_odd_is_a_warning() {
    let folder = copy_folder(&reference("gpt2-tied"));
    edit_json(&folder.path().join("generation_config.json"), |config| {
        config.insert("eos_token_id".into(), json!(50_256));
    });
    edit_json(&folder.path().join("tokenizer.json"), |file| {
        file["model"]["vocab"]["zzz"] = json!(120);
    });
    std::fs::write(folder.path().join("chat_template.jinja"), "{% if %}").unwrap();
    let warnings = open(folder.path()).unwrap().info().warnings.join("\n");
    for part in ["50256", "`zzz`", "120", "chat_template.jinja"] {
        assert!(warnings.contains(part), "`{part}` is not in {warnings}");
    }
}

#[test]
fn the_hash_is_that_of_the_files_in_name_order() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("b.safetensors", "c"), ("a.safetensors", "ab")] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    // sha256 of "abc"
    let right = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(Model::weights_sha256(folder.path()).unwrap(), right);
    assert!(Model::weights_sha256(Path::new("no/folder/there")).is_err());
}

#[test]
fn info_of_the_shared_models() {
    let Some(folder) = shared("tinystories-instruct-3m-chat") else { return };
    let info = open(&folder).unwrap().info().clone();
    assert_eq!((info.blocks, info.width, info.heads, info.kv_heads), (8, 128, 16, 16));
    assert_eq!((info.vocab, info.context, info.parameters), (14_019, 256, 3_413_632));
    assert_eq!((info.dtype.as_str(), info.chat_template), ("float32", true));
    assert!(info.warnings.is_empty(), "{:?}", info.warnings);
}
