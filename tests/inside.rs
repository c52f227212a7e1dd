//! The model inside: opened without a file or the network, read, steered and measured as the first person who starts the program does.

#![allow(clippy::unwrap_used, reason = "a failing helper fails its test")]

mod support;

use std::path::Path;
use std::sync::OnceLock;

use circumplex::INSIDE;
use circumplex::bank::Bank;
use circumplex::job::{Cancel, silent};
use circumplex::lab::{self, Lab, Options, Prompts};
use circumplex::model::{Message, Model};
use serde_json::Value;
use support::{circumplex, open};

fn model() -> &'static Model {
    static MODEL: OnceLock<Model> = OnceLock::new();
    MODEL.get_or_init(|| open(Path::new(INSIDE)))
}

fn bank() -> &'static Bank {
    static BANK: OnceLock<Bank> = OnceLock::new();
    BANK.get_or_init(|| Bank::open(Path::new(INSIDE)).unwrap())
}

fn lab() -> Lab<'static> {
    Lab::new(model(), bank(), None, None, None).unwrap()
}

/// One JSON object of a command to which nothing but this is given.
#[track_caller]
fn json(args: &[&str]) -> Value {
    let ran = circumplex(args);
    assert_eq!(ran.code, 0, "{}", ran.err);
    serde_json::from_str(&ran.out).unwrap()
}

#[test]
fn it_opens_with_its_caveat() {
    let info = model().info();
    assert_eq!(info.id, "circumplex-teaching");
    assert!(info.caveat.as_ref().unwrap().contains("no evidence about other models"));
    assert!(info.blocks >= 8 && info.context >= 512 && info.chat_template);
    assert_eq!(info.warnings, [""; 0]);
}

#[test]
fn any_text_can_be_typed() {
    for text in ["Hello.", "3000 mg", "naïve Ärger 怒り 🙂\u{0}", "  two  spaces\n\n"] {
        let tokens = model().encode(text).unwrap();
        assert_eq!(model().decode(&tokens[1..]), text);
    }
    let digits = model().encode(" 1984").unwrap();
    let texts: Vec<String> = digits[digits.len() - 4..].iter().map(|id| model().decode(&[*id])).collect();
    assert_eq!(texts, ["1", "9", "8", "4"]);
}

#[test]
fn its_bank_was_built_for_it_from_the_shipped_texts() {
    let bank = bank();
    assert_eq!(bank.metadata["model_sha256"], Model::weights_sha256(Path::new(INSIDE)).unwrap());
    assert_eq!((bank.metadata["model"].as_str(), bank.metadata["stories"].as_str()), ("circumplex-teaching", "2052"));
    assert_eq!((bank.emotions.len(), bank.blocks.len()), (171, model().info().blocks));
    for key in ["default_block", "default_blocks", "default_strength", "default_vectors"] {
        assert!(bank.metadata.contains_key(key), "{key}");
    }
}

#[test]
fn it_is_what_commands_use_when_nothing_is_named() {
    assert_eq!(json(&["info", "--json"])["architecture"], "LlamaForCausalLM");
    let read = json(&["read", "--text", "I lost my keys.", "--chat", "--json"]);
    assert_eq!(read["model"], "circumplex-teaching");
    assert_eq!(read["block"].to_string(), bank().metadata["default_block"]);
    assert_eq!(read["scores"][1].as_array().unwrap().len(), 171);

    let steered =
        json(&["generate", "--prompt", "What a day.", "--chat", "--steer", "calm", "--max-tokens", "8", "--json"]);
    assert!(steered["steered_tokens"].as_u64().unwrap() > 0);
    assert!(steered["mean_push"].as_f64().unwrap() > 0.0);
}

#[test]
fn it_is_named_as_a_teaching_model_wherever_it_runs() {
    let ran = circumplex(&["generate", "--prompt", "What a day.", "--max-tokens", "2"]);
    assert!(ran.err.contains("no evidence about other models"), "{}", ran.err);
    assert!(circumplex(&["map"]).err.contains("no evidence about other models"));
    assert!(circumplex(&["info"]).out.contains("no evidence about other models"));
}

#[test]
fn its_bank_is_not_taken_for_another_models() {
    let other = support::tiny("llama-tied");
    let ran = circumplex(&["read", "--model", other.to_str().unwrap(), "--text", "a"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("--bank"), "{}", ran.err);
}

// What the card in assets/model says, less a little: no change of the program may make the model inside worse than it is.

#[test]
fn the_plain_map_has_valence_across_and_arousal_upward() {
    let map = json(&["map", "--json"]);
    let r = |axis: usize, key: &str| map["axes"][axis][key].as_f64().unwrap().abs();
    assert!(r(0, "valence_r") >= 0.8 && r(1, "arousal_r") >= 0.6, "{} {}", r(0, "valence_r"), r(1, "arousal_r"));
    assert_eq!(map["axes"][0]["n"], 45);
}

#[test]
fn implicit_situations_are_read_before_the_reply() {
    let found = lab::implicit(&lab(), &Prompts::shipped().unwrap().implicit, &Cancel::new(), &mut silent).unwrap();
    assert_eq!(found.measure.n, 36);
    assert!(found.first >= 25 && found.first_three >= 32, "{} and {} of 36", found.first, found.first_three);
}

#[test]
fn a_number_in_a_message_changes_what_is_read() {
    let prompts = Prompts::shipped().unwrap();
    let found = lab::quantities(&lab(), &prompts.quantities, &Cancel::new(), &mut silent).unwrap();
    assert_eq!((found.sweeps.len(), found.expected), (6, 33));
    let mean = found.mean_rho.unwrap();
    assert!(found.as_expected >= 27 && mean >= 0.5, "{} of 33, mean {mean}", found.as_expected);
    let afraid_and_calm = found
        .sweeps
        .iter()
        .flat_map(|sweep| &sweep.curves)
        .filter(|curve| curve.expected.is_some() && ["afraid", "calm"].contains(&curve.emotion.as_str()));
    let rho: Vec<f64> = afraid_and_calm.filter_map(|curve| curve.rho).map(f64::abs).collect();
    assert_eq!(rho.len(), 7);
    assert!(rho.iter().filter(|rho| **rho >= 0.9).count() >= 5, "{rho:?}");
}

#[test]
fn vectors_point_to_their_words() {
    let found = lab::lens(&lab(), &Prompts::shipped().unwrap().names, &Cancel::new(), &mut silent).unwrap();
    assert_eq!(found.measure.n, 171);
    assert!(found.hits >= 150, "{} of 171", found.hits);
}

#[test]
fn a_push_raises_the_matching_word() {
    let prompts = Prompts::shipped().unwrap();
    let strength = Options::default().feels_strength;
    let found = lab::feels(&lab(), &prompts.feels, &prompts.twelve(), strength, &Cancel::new(), &mut silent).unwrap();
    assert!(found.steered.matching >= 10, "{} of 12", found.steered.matching);
    assert!(found.random.matching <= 4, "{} of 12 at random", found.random.matching);
}

#[test]
fn replies_steered_at_the_default_gain_the_emotion_and_stay_readable() {
    let (prompts, options) = (Prompts::shipped().unwrap(), Options::default());
    let emotions = &options.reply_emotions;
    let strength = bank().default_strength();
    let found = lab::replies(&lab(), &prompts.open, emotions, strength, &Cancel::new(), &mut silent).unwrap();
    let z = |steering: Option<&str>, column: usize| {
        found.means.iter().find(|means| means.steering.as_deref() == steering).unwrap().z.as_ref().unwrap()[column]
    };
    for (column, emotion) in emotions.iter().enumerate() {
        let (steered, random) = (z(Some(emotion), column), z(Some("random"), column));
        assert!(steered > random, "{emotion}: {steered} sd, by random {random}");
    }
    for means in &found.means {
        assert!(means.top_word.unwrap() <= lab::MOST_OF_ONE_WORD, "{means:?}");
        assert!(means.distinct_pairs.unwrap() >= lab::LEAST_DISTINCT_PAIRS, "{means:?}");
    }
}

#[test]
fn replies_end_and_change_with_the_push() {
    let prompt = model().encode_chat(&[Message::user("I missed the last bus home.")]).unwrap();
    assert!(prompt.len() < model().info().context);
    let reply = |steer: &[&str]| {
        let start = ["generate", "--prompt", "I missed the last bus home.", "--chat", "--seed", "3", "--json"];
        json(&[&start, steer].concat())["text"].as_str().unwrap().to_owned()
    };
    let plain = reply(&[]);
    assert_eq!(plain, reply(&["--steer", "angry=0"]));
    assert_ne!(plain, reply(&["--steer", "angry"]));
}
