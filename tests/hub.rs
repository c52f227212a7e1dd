//! Models from the hub, which is a server on this machine: whole, broken and taken up again, refused, stopped, offline.

#![allow(clippy::unwrap_used, reason = "a failing helper fails its test")]

mod hub_support;
mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use circumplex::job::{Cancel, Progress, silent};
use circumplex::model::{Hub, ModelError};
use hub_support::{COMMIT, NAME, TOKEN, WEIGHTS, bench, files_of, sha256, wait_for};
use serde_json::json;
use support::{open, tiny};

fn names(folder: &Path) -> Vec<String> {
    files_of(folder).into_keys().collect()
}

#[test]
fn a_model_is_fetched_into_the_layout_of_other_tools() {
    let bench = bench(|_| {});
    assert!(!bench.hub.has(NAME));
    let mut told = Vec::new();
    let folder = bench.hub.fetch(NAME, &Cancel::new(), &mut |progress: Progress| told.push(progress)).unwrap();

    assert_eq!(folder, bench.repo().join("snapshots").join(COMMIT));
    assert_eq!(
        names(&folder),
        ["config.json", "generation_config.json", WEIGHTS, "tokenizer.json", "tokenizer_config.json"]
    );
    assert_eq!(std::fs::read_to_string(bench.repo().join("refs/main")).unwrap(), COMMIT);
    assert!(bench.repo().join("blobs").join(bench.hash()).is_file());
    #[cfg(unix)]
    {
        let link = std::fs::read_link(folder.join(WEIGHTS)).unwrap();
        assert_eq!(link, Path::new("../../blobs").join(bench.hash()));
    }
    assert!(bench.hub.has(NAME));
    let model = open(&folder);
    assert_eq!(model.info().id, NAME);

    let bytes: Vec<_> = told.iter().filter(|progress| progress.total > 0).map(|progress| progress.done).collect();
    assert!(bytes.is_sorted(), "{bytes:?}");
    let last = told.last().unwrap();
    assert_eq!(last.done, last.total);
    let sum: u64 = files_of(&folder).values().map(|contents| contents.len() as u64).sum();
    assert_eq!(last.total, sum);
}

#[test]
fn what_is_there_is_not_fetched_again() {
    let bench = bench(|_| {});
    bench.fetch().unwrap();
    bench.server.asked();
    bench.fetch().unwrap();
    let paths: Vec<_> = bench.server.asked().into_iter().map(|asked| asked.path).collect();
    assert_eq!(paths, [format!("/api/models/{NAME}/revision/main?blobs=true")]);
}

#[test]
fn a_broken_download_goes_on_by_itself() {
    let bench = bench(|manners| manners.cuts = vec![10_000, 5_000]);
    let folder = bench.fetch().unwrap();
    assert_eq!(bench.server.large_ranges(), ["bytes=0-", "bytes=10000-", "bytes=15000-"]);
    open(&folder);
}

#[test]
fn a_later_call_goes_on_where_one_was_given_up() {
    let bench = bench(|manners| manners.cuts = vec![10_000, 0, 0, 0, 0, 0, 0]);
    bench.error(&["model.safetensors of owner/tiny-chat broke off", "goes on where it stopped"]);
    assert!(!bench.hub.has(NAME), "a part is no model");
    assert_eq!(std::fs::metadata(bench.part()).unwrap().len(), 10_000);
    bench.server.large_ranges();
    bench.server.change(|manners| manners.cuts.clear());
    open(&bench.fetch().unwrap());
    assert_eq!(bench.server.large_ranges(), ["bytes=10000-"]);
}

#[test]
fn a_server_without_ranges_does_not_spoil_the_file() {
    let bench = bench(|manners| (manners.cuts, manners.ignores_ranges) = (vec![10_000], true));
    let folder = bench.fetch().unwrap();
    assert_eq!(sha256(&std::fs::read(folder.join(WEIGHTS)).unwrap()), bench.hash());
}

#[test]
fn a_damaged_file_is_noticed_and_begun_anew() {
    let bench = bench(|manners| manners.damages = true);
    bench.error(&["model.safetensors of owner/tiny-chat arrived damaged", "SHA-256"]);
    assert!(!bench.part().exists());
    bench.server.change(|manners| manners.damages = false);
    open(&bench.fetch().unwrap());
}

#[test]
fn a_part_which_is_longer_than_the_file_is_begun_anew() {
    let bench = bench(|_| {});
    std::fs::create_dir_all(bench.repo().join("blobs")).unwrap();
    std::fs::write(bench.part(), vec![0; 1 << 20]).unwrap();
    open(&bench.fetch().unwrap());
}

#[test]
fn a_whole_part_only_needs_its_place() {
    let bench = bench(|_| {});
    std::fs::create_dir_all(bench.repo().join("blobs")).unwrap();
    std::fs::copy(tiny("llama-biased").join(WEIGHTS), bench.part()).unwrap();
    open(&bench.fetch().unwrap());
    assert!(bench.server.large_ranges().is_empty());
}

#[test]
fn weights_in_several_files_are_those_of_the_index() {
    let bench = bench(|manners| {
        let weights = manners.files.remove(WEIGHTS).unwrap();
        let header = safetensors::SafeTensors::deserialize(&weights).unwrap();
        let map: serde_json::Map<_, _> = header
            .names()
            .into_iter()
            .map(|name| (name.to_string(), json!("model-00001-of-00001.safetensors")))
            .collect();
        let index = json!({ "weight_map": map }).to_string().into_bytes();
        manners.files.insert("model.safetensors.index.json".into(), index);
        manners.files.insert("model-00001-of-00001.safetensors".into(), weights);
    });
    let folder = bench.fetch().unwrap();
    open(&folder);
    assert!(!folder.join("consolidated.safetensors").exists());
}

#[test]
fn a_mirror_which_lists_names_only_will_do() {
    let bench = bench(|manners| (manners.bare, manners.cuts) = (true, vec![1, 10_000]));
    let folder = bench.fetch().unwrap();
    assert_eq!(open(&folder).info().id, NAME);
    assert!(bench.server.large_ranges().contains(&"bytes=10000-".into()), "it resumes all the same");
    assert!(bench.hub.has(NAME));
}

#[test]
fn a_missing_repository_is_explained() {
    let mut bench = bench(|_| {});
    let error = |hub: &Hub| hub.fetch("owner/other", &Cancel::new(), &mut silent).unwrap_err().to_string();
    assert!(
        error(&bench.hub).contains("has no model owner/other, or it is private\nCheck the spelling; for a private")
    );
    bench.hub.token = Some(TOKEN.into());
    assert!(error(&bench.hub).contains("whether the account of your token may see it"));
    assert!(!bench.home.path().join("models--owner--other").exists(), "no trace in the cache");
}

#[test]
fn what_is_no_name_is_not_asked_for() {
    let bench = bench(|_| {});
    for name in ["tiny-chat", "../tiny-chat", "a/b/c", ""] {
        let message = bench.hub.fetch(name, &Cancel::new(), &mut silent).unwrap_err().to_string();
        assert!(message.contains("Write it as owner/name"), "{message}");
    }
    assert!(bench.server.asked().is_empty());
}

#[test]
fn a_gated_repository_is_explained() {
    let mut bench = bench(|manners| manners.gated = true);
    let place = format!("Accept it on {}/{NAME}", bench.server.endpoint);
    bench.error(&["owner/tiny-chat is gated", &place, "HF_TOKEN", "hf auth login"]);
    bench.hub.token = Some("hf_other".into());
    bench.error(&["owner/tiny-chat is gated", &place, "account"]);
    bench.hub.token = Some("hf_unknown".into());
    bench.error(&["does not accept your token", "settings/tokens"]);
}

#[test]
fn a_token_goes_to_the_hub_alone() {
    let mut bench = bench(|manners| manners.gated = true);
    bench.hub.token = Some(TOKEN.into());
    open(&bench.fetch().unwrap());
    for asked in bench.server.asked() {
        let expected = if asked.path.starts_with("/cdn/") { None } else { Some(TOKEN.into()) };
        assert_eq!(asked.token, expected, "{}", asked.path);
    }
}

#[test]
fn other_formats_are_named() {
    let bench = bench(|manners| {
        manners.files.remove(WEIGHTS);
        manners.files.remove("consolidated.safetensors");
    });
    bench.error(&["owner/tiny-chat has no *.safetensors, but only pytorch_model.bin"]);
}

#[test]
fn a_model_without_its_tokenizer_is_refused_at_once() {
    let bench = bench(|manners| drop(manners.files.remove("tokenizer.json")));
    bench.error(&["owner/tiny-chat has no tokenizer.json"]);
    assert_eq!(bench.server.asked().len(), 1);
}

#[test]
fn nobody_waits_for_a_model_which_cannot_be_read() {
    let bench = bench(|manners| {
        manners.files.insert("config.json".into(), br#"{"architectures": ["UnheardOfModel"]}"#.to_vec());
    });
    bench.error(&["UnheardOfModel"]);
    assert!(bench.server.large_ranges().is_empty());
}

#[test]
fn offline_the_cache_is_used_and_nothing_asked() {
    let mut bench = bench(|_| {});
    bench.hub.offline = true;
    bench.error(&["owner/tiny-chat is not in the Hugging Face cache", "--offline", "HF_HUB_OFFLINE"]);
    assert!(bench.server.asked().is_empty());
    bench.hub.offline = false;
    bench.fetch().unwrap();
    bench.server.asked();
    bench.hub.offline = true;
    open(&bench.fetch().unwrap());
    assert!(bench.server.asked().is_empty());
}

#[test]
fn a_stop_comes_through_while_the_server_is_silent() {
    let bench = bench(|manners| manners.stall = Some(10_000));
    let cancel = Cancel::new();
    let (stop, part) = (cancel.clone(), bench.part());
    let person = std::thread::spawn(move || {
        wait_for(&part, 10_000);
        stop.cancel();
        Instant::now()
    });
    let result = bench.hub.fetch(NAME, &cancel, &mut silent);
    assert!(matches!(result, Err(ModelError::Cancelled)));
    assert!(person.join().unwrap().elapsed() < Duration::from_secs(5), "the server would be silent for 20 s");
    assert_eq!(std::fs::metadata(bench.part()).unwrap().len(), 10_000);
    bench.server.change(|manners| manners.stall = None);
    bench.server.large_ranges();
    open(&bench.fetch().unwrap());
    assert_eq!(bench.server.large_ranges(), ["bytes=10000-"]);
}

#[test]
fn no_server_is_no_connection() {
    let home = tempfile::tempdir().unwrap();
    // Port 9 is for discarding; nothing listens there.
    let hub = Hub::new("http://127.0.0.1:9", home.path());
    let message = hub.fetch(NAME, &Cancel::new(), &mut silent).unwrap_err().to_string();
    assert!(message.starts_with("no connection to 127.0.0.1:9"), "{message}");
}

#[test]
fn two_programs_do_not_write_the_same_file() {
    let bench = bench(|_| {});
    std::fs::create_dir_all(bench.repo().join("blobs")).unwrap();
    let lock = std::fs::File::create(bench.part().with_extension("lock")).unwrap();
    lock.lock().unwrap();
    bench.error(&["another program is downloading model.safetensors of owner/tiny-chat"]);
    drop(lock);
    open(&bench.fetch().unwrap());
}
