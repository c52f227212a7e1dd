use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

use circumplex::bank::{Bank, VectorSet};
use circumplex::steering::BlockRange;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use tempfile::TempDir;

use super::small_bank;

/// A saved bank as its parts, to be broken.
struct Parts {
    metadata: HashMap<String, String>,
    tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)>,
}

fn parts() -> Parts {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("bank.safetensors");
    small_bank().save(&path).unwrap();
    let bytes = fs::read(&path).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let tensors = file
        .tensors()
        .into_iter()
        .map(|(name, tensor)| (name, tensor.dtype(), tensor.shape().to_vec(), tensor.data().to_vec()))
        .collect();
    Parts { metadata: header.metadata().clone().unwrap(), tensors }
}

impl Parts {
    fn key(mut self, key: &str, value: &str) -> Self {
        self.metadata.insert(key.to_owned(), value.to_owned());
        self
    }

    fn without_key(mut self, key: &str) -> Self {
        self.metadata.remove(key).unwrap();
        self
    }

    fn without(mut self, tensor: &str) -> Self {
        self.tensors.retain(|(name, ..)| name != tensor);
        self
    }

    fn change(mut self, tensor: &str, change: impl FnOnce(&mut Dtype, &mut Vec<usize>, &mut Vec<u8>)) -> Self {
        let (_, dtype, shape, data) = self.tensors.iter_mut().find(|(name, ..)| name == tensor).unwrap();
        change(dtype, shape, data);
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let views = self
            .tensors
            .iter()
            .map(|(name, dtype, shape, data)| (name.clone(), TensorView::new(*dtype, shape.clone(), data).unwrap()));
        safetensors::serialize(views, Some(self.metadata.clone())).unwrap()
    }
}

fn open(bytes: &[u8]) -> (Result<Bank, String>, TempDir) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("broken.safetensors");
    fs::write(&path, bytes).unwrap();
    (Bank::open(&path).map_err(|error| error.to_string()), folder)
}

/// Opening these bytes fails with a message which names the file, says this, and has a second line with advice.
#[track_caller]
fn check_bytes(bytes: &[u8], says: &[&str]) {
    let (result, _folder) = open(bytes);
    let message = result.unwrap_err();
    for part in says.iter().chain(&["broken.safetensors"]) {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
    assert_eq!(message.lines().count(), 2, "{message}");
}

#[track_caller]
fn check(parts: Parts, says: &[&str]) {
    check_bytes(&parts.bytes(), says);
}

#[test]
fn a_saved_bank_opens_as_it_was() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("bank.safetensors");
    let mut bank = small_bank();
    bank.save(&path).unwrap();
    let opened = Bank::open(&path).unwrap();
    for (key, value) in [("format", "circumplex-bank"), ("version", "1"), ("blocks", "[0,1,2,3]")] {
        bank.metadata.insert(key.to_owned(), value.to_owned());
    }
    bank.metadata.insert("emotions".to_owned(), r#"["calm","on edge","sad"]"#.to_owned());
    assert_eq!(opened, bank);
    assert_eq!(opened.metadata["favourite_colour"], "blue");
}

#[test]
fn the_same_bank_gives_the_same_bytes_and_nothing_else_is_left() {
    let folder = TempDir::new().unwrap();
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    small_bank().save(&a).unwrap();
    small_bank().save(&b).unwrap();
    small_bank().save(&b).unwrap();
    assert_eq!(fs::read(a).unwrap(), fs::read(b).unwrap());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn files_which_are_no_banks() {
    check_bytes(b"", &["shorter than 8 bytes"]);
    check_bytes(b"hello, this is a text", &["the header is longer than the file"]);
    check_bytes(&[2, 0, 0, 0, 0, 0, 0, 0, b'{', b'}'], &["no metadata key `format`"]);
    check_bytes(&[2, 0, 0, 0, 0, 0, 0, 0, b'{', b'!'], &["the header is no JSON"]);
    check(parts().without_key("format"), &["not a bank", "`format`"]);
    check(parts().key("format", "pt"), &["not a bank", "\"pt\""]);
    let missing = Bank::open(&PathBuf::from("no/such/bank")).unwrap_err().to_string();
    assert!(missing.contains("no/such/bank"), "{missing}");
}

#[test]
fn truncated_files() {
    let bytes = parts().bytes();
    for length in [9, bytes.len() / 2, bytes.len() - 1] {
        check_bytes(&bytes[..length], &["damaged"]);
    }
}

#[test]
fn versions() {
    check(parts().key("version", "2"), &["version \"2\""]);
    check(parts().without_key("version"), &["`version` is missing"]);
}

#[test]
fn every_key_is_needed() {
    for key in ["emotions", "blocks", "model", "model_sha256", "start_token", "variance", "neutral_components"] {
        check(parts().without_key(key), &[key, "is missing"]);
    }
    for key in ["corpus", "corpus_sha256", "stories", "created_by", "license"] {
        check(parts().without_key(key), &[key, "is missing"]);
    }
}

#[test]
fn wrong_keys() {
    check(parts().key("emotions", "calm, sad"), &["`emotions`", "JSON"]);
    check(parts().key("emotions", "[]"), &["`emotions`", "empty"]);
    check(parts().key("emotions", r#"["calm","sad","calm"]"#), &["\"calm\" is there twice"]);
    check(parts().key("emotions", r#"["calm",""," "]"#), &["`emotions`"]);
    check(parts().key("blocks", "[0,2,1,3]"), &["`blocks`", "ascend"]);
    check(parts().key("blocks", "[0,-1]"), &["`blocks`", "JSON"]);
    check(parts().key("blocks", "[]"), &["`blocks`"]);
    check(parts().key("start_token", "many"), &["`start_token`", "\"many\""]);
    check(parts().key("neutral_components", "[1]"), &["`neutral_components`", "1 numbers for 4 blocks"]);
    check(parts().key("default_block", "9"), &["`default_block`", "no block 9"]);
    check(parts().key("default_blocks", "3-1"), &["`default_blocks`", "3-1"]);
    check(parts().key("default_strength", "NaN"), &["`default_strength`"]);
    check(parts().key("default_vectors", "cooked"), &["`default_vectors`", "cooked"]);
}

#[test]
fn missing_tensors() {
    for tensor in ["vectors", "raw", "residual_norm", "neutral_mean", "answer_mean", "answer_std", "baseline_std"] {
        check(parts().without(tensor), &[&format!("`{tensor}` is missing")]);
    }
    check(parts().without("raw_baseline_mean"), &["`raw_baseline_mean` is missing"]);
}

#[test]
fn wrong_tensors() {
    let other_type = |dtype: &mut Dtype, _: &mut Vec<usize>, _: &mut Vec<u8>| *dtype = Dtype::I32;
    check(parts().change("raw", other_type), &["`raw`", "I32", "F32"]);
    let other_shape = |_: &mut Dtype, shape: &mut Vec<usize>, _: &mut Vec<u8>| *shape = vec![4, 3, 4];
    check(parts().change("raw", other_shape), &["`raw`", "[4, 3, 4]", "[3, 4, 4]"]);
    let flat = |_: &mut Dtype, shape: &mut Vec<usize>, _: &mut Vec<u8>| *shape = vec![48];
    check(parts().change("vectors", flat), &["`vectors`", "[48]"]);
    for value in [f32::NAN, f32::INFINITY] {
        let put = |_: &mut Dtype, _: &mut Vec<usize>, data: &mut Vec<u8>| {
            data[20..24].copy_from_slice(&value.to_le_bytes());
        };
        check(parts().change("vectors", put), &["`vectors`", "value 5 is not a finite number"]);
    }
    let negative = |_: &mut Dtype, _: &mut Vec<usize>, data: &mut Vec<u8>| {
        data[..4].copy_from_slice(&(-1.0_f32).to_le_bytes());
    };
    check(parts().change("answer_std", negative), &["`answer_std`", "negative"]);
    check(parts().change("residual_norm", negative), &["`residual_norm`"]);
}

#[test]
fn an_imported_bank_needs_vectors_alone() {
    let mut imported = parts().key("source", "import");
    imported.tensors.retain(|(name, ..)| name == "vectors");
    imported.metadata.retain(|key, _| ["format", "version", "emotions", "blocks", "source"].contains(&key.as_str()));
    let (bank, _folder) = open(&imported.bytes());
    let bank = bank.unwrap();
    assert!(bank.raw.is_none() && bank.baseline.is_none());
    let error = bank.vectors_of(VectorSet::Raw).unwrap_err().to_string();
    assert!(error.contains("`raw`") && error.contains("circumplex build"), "{error}");
}

#[test]
fn names_are_found_and_near_ones_offered() {
    let bank = small_bank();
    assert_eq!(bank.index_of("on edge").unwrap(), 1);
    for (name, near) in [("on_edge", "on edge"), ("Calm", "calm"), ("sda", "sad"), ("cal", "calm")] {
        let message = bank.index_of(name).unwrap_err().to_string();
        assert!(message.contains(&format!("it has {near}")), "{message}");
    }
    let message = bank.index_of("bewildered").unwrap_err().to_string();
    assert!(!message.contains("it has"), "{message}");
}

#[test]
fn blocks_are_found() {
    let bank = small_bank();
    assert_eq!(bank.block_index(2).unwrap(), 2);
    let message = bank.block_index(9).unwrap_err().to_string();
    assert!(message.contains("no block 9") && message.contains("blocks 0 to 3"), "{message}");
}

#[test]
fn defaults_without_a_sweep() {
    let mut bank = small_bank();
    assert_eq!(bank.model_blocks(), 4);
    assert_eq!(bank.default_block(4), 2);
    assert_eq!(bank.default_blocks(4), BlockRange { first: 1, last: 1 });
    assert_eq!(bank.default_strength(), 0.1);
    assert_eq!(bank.default_vectors(), VectorSet::Denoised);

    bank.blocks = vec![8, 17, 25, 34];
    assert_eq!(bank.default_block(35), 25);
    assert_eq!(bank.default_block(30), 17);
    assert_eq!(bank.default_blocks(24), BlockRange { first: 8, last: 15 });
    bank.blocks = vec![0, 30, 31, 32];
    assert_eq!(bank.default_blocks(24), BlockRange { first: 30, last: 30 });
}

#[test]
fn defaults_of_the_bank_come_first() {
    let mut bank = small_bank();
    for (key, value) in
        [("default_block", "3"), ("default_blocks", "0-2"), ("default_strength", "0.05"), ("default_vectors", "raw")]
    {
        bank.metadata.insert(key.to_owned(), value.to_owned());
    }
    assert_eq!(bank.default_block(4), 3);
    assert_eq!(bank.default_blocks(4), BlockRange { first: 0, last: 2 });
    assert_eq!(bank.default_strength(), 0.05);
    assert_eq!(bank.default_vectors(), VectorSet::Raw);
}

#[test]
fn unit_vectors_have_length_one() {
    let mut bank = small_bank();
    let unit = bank.unit_vector(1, 2, VectorSet::Raw).unwrap();
    assert!((unit.dot(&unit) - 1.0).abs() < 1e-6);
    assert_eq!(bank.unit_vectors(2, VectorSet::Raw).unwrap().row(1), unit);
    bank.vectors.fill(0.0);
    let message = bank.unit_vector(0, 3, VectorSet::Denoised).unwrap_err().to_string();
    assert!(message.contains("\"calm\" at block 3 is zero"), "{message}");
    assert!(bank.unit_vector(7, 0, VectorSet::Raw).is_err());
}

#[test]
fn a_bank_of_another_model_does_not_fit() {
    let mut bank = small_bank();
    bank.check_fits(4, 4).unwrap();
    for (width, blocks) in [(5, 4), (4, 3), (4, 5)] {
        let message = bank.check_fits(width, blocks).unwrap_err().to_string();
        assert!(message.contains("does not fit"), "{message}");
    }
    bank.metadata.insert("source".to_owned(), "import".to_owned());
    bank.check_fits(4, 5).unwrap();
    bank.check_fits(4, 3).unwrap_err();
}
