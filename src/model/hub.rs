//! Models which Hugging Face tools have put on this machine. Nothing here uses the network.

use std::path::Path;

use hf_hub::{Cache, Repo};

use super::ModelError;
use super::source::Source;

/// Finds `owner/name` in the local cache.
pub(super) fn cached(name: &Path) -> Result<Source, ModelError> {
    find_in(&Cache::from_env(), name)
}

fn find_in(cache: &Cache, name: &Path) -> Result<Source, ModelError> {
    let not_found = |hint: String| ModelError::NotFound { path: name.to_owned(), hint };
    let Some(repo) = name.to_str().filter(|name| is_repo_name(name)) else {
        return Err(not_found("Name a folder with config.json, tokenizer.json and *.safetensors".into()));
    };
    let config = cache.repo(Repo::model(repo.into())).get("config.json");
    let Some(folder) = config.as_deref().and_then(Path::parent) else {
        return Err(not_found(format!(
            "It is no folder, and not in the Hugging Face cache ({}): fetch it with `hf download {repo}`",
            cache.path().display()
        )));
    };
    Ok(Source { id: repo.into(), folder: folder.to_owned() })
}

/// Whether this can be `owner/name` on the hub, and so cannot leave the cache's folder.
fn is_repo_name(name: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    name.split_once('/').is_some_and(|(owner, name)| part(owner) && part(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_two_plain_parts() {
        assert!(is_repo_name("Qwen/Qwen2.5-0.5B"));
        for name in ["gpt2", "a/b/c", "../b", "a/..", "/a", "a/", "a b/c"] {
            assert!(!is_repo_name(name), "{name}");
        }
    }

    #[test]
    fn finds_the_snapshot_of_the_main_branch() {
        let home = tempfile::tempdir().unwrap();
        let repo = home.path().join("models--owner--name");
        let snapshot = repo.join("snapshots").join("abc");
        std::fs::create_dir_all(&snapshot).unwrap();
        std::fs::create_dir_all(repo.join("refs")).unwrap();
        std::fs::write(repo.join("refs/main"), "abc").unwrap();
        std::fs::write(snapshot.join("config.json"), "{}").unwrap();

        let cache = Cache::new(home.path().to_owned());
        let source = find_in(&cache, Path::new("owner/name")).unwrap();
        assert_eq!((source.id.as_str(), source.folder), ("owner/name", snapshot));

        let missing = find_in(&cache, Path::new("owner/other")).unwrap_err().to_string();
        assert!(missing.contains("hf download owner/other"), "{missing}");
    }
}
