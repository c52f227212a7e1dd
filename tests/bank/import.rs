use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use circumplex::bank::{Bank, VectorSet, import};
use circumplex::geometry::map;
use ndarray::Array1;
use ndarray_npy::NpzWriter;
use tempfile::TempDir;

use super::shared;

fn npz(path: &Path, members: &[(&str, Vec<f32>)]) {
    let mut writer = NpzWriter::new(File::create(path).unwrap());
    for (name, values) in members {
        writer.add_array(*name, &Array1::from_vec(values.clone())).unwrap();
    }
    writer.finish().unwrap();
}

/// A folder with two layers of two emotions.
fn folder_layout() -> TempDir {
    let folder = TempDir::new().unwrap();
    npz(&folder.path().join("emotion_vectors_layer_3.npz"), &[("on edge", vec![1.0, 2.0]), ("calm", vec![3.0, 4.0])]);
    npz(&folder.path().join("emotion_vectors_layer_12.npz"), &[("on edge", vec![5.0, 6.0]), ("calm", vec![7.0, 8.0])]);
    let notes =
        r#"{"emotions":["calm","on edge"],"layers":[0,1,15],"model":"H:\\hub\\models--some--toy\\snapshots\\1"}"#;
    fs::write(folder.path().join("metadata.json"), notes).unwrap();
    folder
}

fn file_layout(members: &[(&str, Vec<f32>)]) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("vectors.npz");
    npz(&path, members);
    (folder, path)
}

#[test]
fn a_folder_with_a_file_for_every_layer() {
    let folder = folder_layout();
    let (bank, report) = import(folder.path(), 0).unwrap();
    assert_eq!(bank.emotions, ["calm", "on edge"]);
    assert_eq!(bank.blocks, [3, 12]);
    assert_eq!(bank.vectors.iter().copied().collect::<Vec<_>>(), [3.0, 4.0, 7.0, 8.0, 1.0, 2.0, 5.0, 6.0]);
    assert_eq!((bank.metadata["model"].as_str(), bank.model_blocks()), ("some/toy", 16));
    assert_eq!((report.layers, report.width), (vec![3, 12], 2));

    let out = folder.path().join("bank.safetensors");
    bank.save(&out).unwrap();
    let opened = Bank::open(&out).unwrap();
    assert_eq!(opened.vectors, bank.vectors);
    assert_eq!(opened.metadata["source"], "import");
}

#[test]
fn one_file_with_all_layers_or_the_folder_that_holds_it() {
    let members = [("layer_7__grief-stricken", vec![1.0]), ("layer_7__a__b", vec![2.0])];
    let (folder, path) = file_layout(&members);
    for path in [path.as_path(), folder.path()] {
        let (bank, _) = import(path, 0).unwrap();
        assert_eq!(bank.emotions, ["grief-stricken", "a__b"]);
        assert_eq!(bank.blocks, [7]);
    }
}

#[test]
fn layers_are_shifted() {
    let folder = folder_layout();
    assert_eq!(import(folder.path(), -1).unwrap().0.blocks, [2, 11]);
    assert_eq!(import(folder.path(), 1).unwrap().0.blocks, [4, 13]);
    import(folder.path(), 2).unwrap_err();
    let (_folder, path) = file_layout(&[("layer_0__calm", vec![1.0])]);
    assert!(import(&path, -1).unwrap_err().to_string().contains("block -1"));
}

/// Importing one file with these members fails and says so.
#[track_caller]
fn check(members: &[(&str, Vec<f32>)], says: &str) {
    let (_folder, path) = file_layout(members);
    check_path(&path, says);
}

#[track_caller]
fn check_path(path: &Path, says: &str) {
    let message = import(path, 0).unwrap_err().to_string();
    assert!(message.contains(says), "{says:?} is not in: {message}");
    assert_eq!(message.lines().count(), 2, "{message}");
}

#[test]
fn vectors_which_do_not_agree() {
    check(&[("layer_1__a", vec![1.0]), ("layer_1__b", vec![1.0, 2.0])], "2 values at layer 1");
    check(&[("layer_1__a", vec![1.0]), ("layer_2__b", vec![1.0])], "only in one of them");
    check(&[("layer_1__a", vec![]), ("layer_1__b", vec![])], "0 values");
    check(&[("layer_1__a", vec![f32::NAN])], "not a finite number");
}

#[test]
fn other_layouts() {
    check(&[("calm", vec![1.0])], "no layout known");
    check(&[("layer_x__calm", vec![1.0])], "no layout known");
    check(&[("layer_99999999__calm", vec![1.0])], "no layout known");
    check(&[], "no layout known");
    check_path(TempDir::new().unwrap().path(), "no layout known");
    check_path(Path::new("no/such/vectors.npz"), "no/such/vectors.npz");
}

#[test]
fn pickles_are_never_opened() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("vectors.pt");
    fs::write(&path, b"anything").unwrap();
    check_path(&path, "pickle");
}

#[test]
fn notes_which_are_wrong() {
    let folder = folder_layout();
    fs::write(folder.path().join("metadata.json"), "{").unwrap();
    check_path(folder.path(), "metadata.json");
    fs::write(folder.path().join("metadata.json"), r#"{"emotions":["calm"]}"#).unwrap();
    check_path(folder.path(), "other emotions");
    fs::remove_file(folder.path().join("metadata.json")).unwrap();
    assert_eq!(import(folder.path(), 0).unwrap().0.emotions, ["on edge", "calm"]);
}

#[test]
fn damaged_archives() {
    let (_folder, path) = file_layout(&[("layer_1__a", vec![1.0; 100]), ("layer_1__b", vec![1.0; 100])]);
    let bytes = fs::read(&path).unwrap();
    for length in [0, 10, bytes.len() / 2, bytes.len() - 1] {
        fs::write(&path, &bytes[..length]).unwrap();
        check_path(&path, "cannot import");
    }
    let mut flipped = bytes.clone();
    let place = flipped.windows(4).position(|window| window == 1.0_f32.to_le_bytes()).unwrap();
    flipped[place] ^= 1;
    fs::write(&path, flipped).unwrap();
    check_path(&path, "checksum");
}

#[test]
fn a_zip_bomb_is_refused_by_its_size() {
    let (_folder, path) = file_layout(&[("layer_1__a", vec![0.0; 1 << 19])]);
    check_path(&path, "too many for a vector");
}

/// A deflated archive whose header lies about the size of its member.
#[test]
fn a_member_longer_than_its_header_says_is_refused() {
    let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    deflate.write_all(&vec![0; 10 << 20]).unwrap();
    let packed = deflate.finish().unwrap();
    let name = b"layer_1__a.npy";
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("bomb.npz");
    let entry = |signature: &[u8], extra: &[u8], end: &[u8]| {
        let mut entry = signature.to_vec();
        entry.extend(extra);
        entry.extend([20, 0, 0, 0, 8, 0, 0, 0, 33, 0, 0, 0, 0, 0]);
        entry.extend((packed.len() as u32).to_le_bytes());
        entry.extend(64_u32.to_le_bytes());
        entry.extend((name.len() as u16).to_le_bytes());
        entry.extend(end);
        entry.extend(name);
        entry
    };
    let mut bytes = entry(b"PK\x03\x04", &[], &[0; 2]);
    bytes.extend(&packed);
    let directory_at = bytes.len() as u32;
    let directory = entry(b"PK\x01\x02", &[20, 0], &[0; 16]);
    bytes.extend(&directory);
    bytes.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    bytes.extend((directory.len() as u32).to_le_bytes());
    bytes.extend(directory_at.to_le_bytes());
    bytes.extend([0, 0]);
    fs::write(&path, bytes).unwrap();
    check_path(&path, "65 of 64 bytes");
}

#[test]
fn real_vectors_of_gemma() {
    let Some(path) = shared("vectors/gemma-4-e2b-it") else { return };
    let (bank, report) = import(&path, 0).unwrap();
    assert_eq!(report.blocks, [8, 17, 25]);
    assert_eq!(bank.vectors.dim(), (171, 3, 1536));
    assert_eq!((bank.metadata["model"].as_str(), bank.model_blocks()), ("google/gemma-4-E2B-it", 35));
    assert_eq!(bank.default_block(bank.model_blocks()), 25);
    for (block, valence, arousal) in [(8, 0.86, 0.82), (17, 0.87, 0.82), (25, 0.81, 0.68)] {
        let map = map(&bank, block, VectorSet::Denoised, 1, 2).unwrap();
        let [x, y] = &map.axes;
        assert_eq!((x.n, map.explained.len()), (45, 170));
        assert!((x.valence_r.unwrap() - valence).abs() < 0.005, "{x:?}");
        assert!((y.arousal_r.unwrap() - arousal).abs() < 0.005, "{y:?}");
    }
}

#[test]
fn real_vectors_of_qwen() {
    let Some(path) = shared("vectors/qwen2.5-1.5b-instruct") else { return };
    let (from_folder, report) = import(&path, 0).unwrap();
    assert_eq!(report.layers, [7, 14, 17, 22]);
    assert_eq!(from_folder.vectors.dim(), (20, 4, 1536));
    let (from_file, _) = import(&path.join("denoised_vectors.npz"), 0).unwrap();
    assert_eq!(from_file, from_folder);
}
