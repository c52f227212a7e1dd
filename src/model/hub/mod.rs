//! Models of Hugging Face: those its tools have put on this machine and, only when a person asks, those on its hub. Nothing else in the
//! program uses the network.
//!
//! A fetched model lies where Python and other programs look for it: `models--owner--name` in the cache, with the contents in
//! `blobs`, the names in `snapshots/COMMIT`, and the newest commit in `refs/main`. hf-hub knows this layout, the addresses and the
//! client; [`fetch`] adds what its own download lacks: stop, time limits, whole and undamaged files, and a resume which cannot spoil one.

mod error;
mod fetch;
mod file;
mod listing;
mod meter;
mod wire;

use std::path::{Path, PathBuf};
use std::time::Duration;

use hf_hub::{Cache, Repo};

pub use error::HubError;

use super::ModelError;
use super::files::Source;

/// Where models are fetched from and kept.
#[derive(Clone)]
pub struct Hub {
    /// `https://huggingface.co`, or a mirror.
    pub endpoint: String,
    /// The folder with `models--owner--name`.
    pub cache: PathBuf,
    /// Who the person is to the hub, which some models need.
    pub token: Option<String>,
    /// Never use the network.
    pub offline: bool,
    /// How long to wait after a first broken connection; each further wait is twice as long.
    pub pause: Duration,
}

impl std::fmt::Debug for Hub {
    /// Without the token, which must not get into a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { endpoint, cache, offline, .. } = self;
        f.debug_struct("Hub").field("endpoint", endpoint).field("cache", cache).field("offline", offline).finish()
    }
}

impl Hub {
    /// A hub without a token.
    pub fn new(endpoint: impl Into<String>, cache: impl Into<PathBuf>) -> Self {
        let endpoint = endpoint.into().trim_end_matches('/').to_owned();
        Self { endpoint, cache: cache.into(), token: None, offline: false, pause: Duration::from_secs(1) }
    }

    /// The hub as Hugging Face's own tools find it: HF_ENDPOINT, HF_HUB_CACHE, HF_HOME, HF_TOKEN, the token which `hf auth login`
    /// has stored, HF_HUB_OFFLINE.
    pub fn from_env() -> Self {
        Self::from_vars(|key| std::env::var(key).ok().filter(|value| !value.trim().is_empty()), std::env::home_dir())
    }

    fn from_vars(var: impl Fn(&str) -> Option<String>, home: Option<PathBuf>) -> Self {
        let path = |key: &str| var(key).map(PathBuf::from);
        // Without a home there is still a place to write to.
        let caches = path("XDG_CACHE_HOME").unwrap_or_else(|| home.unwrap_or_else(std::env::temp_dir).join(".cache"));
        let folder = path("HF_HOME").unwrap_or_else(|| caches.join("huggingface"));
        let cache = path("HF_HUB_CACHE").unwrap_or_else(|| folder.join("hub"));
        let token_file = path("HF_TOKEN_PATH").unwrap_or_else(|| folder.join("token"));
        let token = var("HF_TOKEN").or_else(|| var("HUGGING_FACE_HUB_TOKEN"));
        let token = token.or_else(|| std::fs::read_to_string(token_file).ok());
        let is_set = |key: &str| {
            var(key).is_some_and(|value| matches!(value.to_lowercase().as_str(), "1" | "true" | "yes" | "on"))
        };
        Self {
            token: token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty()),
            offline: is_set("HF_HUB_OFFLINE") || is_set("TRANSFORMERS_OFFLINE"),
            ..Self::new(var("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".into()), cache)
        }
    }

    /// Whether this can be `owner/name` on the hub, and so cannot leave the cache's folder.
    pub fn is_name(name: &str) -> bool {
        let part = |part: &str| {
            !part.is_empty()
                && !part.starts_with('.')
                && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        };
        name.split_once('/').is_some_and(|(owner, name)| part(owner) && part(name))
    }

    /// The endpoint as a person says it: `huggingface.co`.
    pub fn site(&self) -> &str {
        self.endpoint.split_once("://").map_or(self.endpoint.as_str(), |(_, site)| site)
    }

    /// Whether the cache has all files of this model.
    pub fn has(&self, name: &str) -> bool {
        let source = Self::is_name(name).then(|| self.find(name)).flatten();
        source.is_some_and(|source| source.file("tokenizer.json").exists() && source.weight_files().is_ok())
    }

    fn find(&self, name: &str) -> Option<Source> {
        let config = Cache::new(self.cache.clone()).repo(Repo::model(name.into())).get("config.json")?;
        Some(Source { id: name.into(), folder: config.parent()?.to_owned() })
    }

    fn cached(&self, path: &Path) -> Result<Source, ModelError> {
        let not_found = |hint: String| ModelError::NotFound { path: path.to_owned(), hint };
        let Some(name) = path.to_str().filter(|name| Hub::is_name(name)) else {
            return Err(not_found("Name a folder with config.json, tokenizer.json and *.safetensors".into()));
        };
        self.find(name).ok_or_else(|| {
            not_found(format!(
                "It is no folder, and not in the Hugging Face cache ({}): `circumplex fetch {name}` gets it from {}",
                self.cache.display(),
                self.site()
            ))
        })
    }
}

/// Finds `owner/name` in the local cache.
pub(super) fn cached(path: &Path) -> Result<Source, ModelError> {
    Hub::from_env().cached(path)
}

/// The `owner/name` which this can only be: there is no such folder, nor one called `owner` in which it could have been meant to lie.
pub fn hub_name(path: &Path) -> Option<&str> {
    let name = path.to_str().filter(|name| Hub::is_name(name))?;
    let owner = name.split_once('/').map(|(owner, _)| Path::new(owner))?;
    (!path.exists() && !owner.exists()).then_some(name)
}

/// `owner/name` of a folder in a cache, `models--owner--name/snapshots/COMMIT`.
pub(super) fn name_of_snapshot(folder: &Path) -> Option<String> {
    let snapshots = folder.parent().filter(|parent| parent.file_name().is_some_and(|name| name == "snapshots"))?;
    let repo = snapshots.parent()?.file_name()?.to_str()?;
    let (owner, name) = repo.strip_prefix("models--")?.split_once("--")?;
    Some(format!("{owner}/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_two_plain_parts() {
        assert!(Hub::is_name("Qwen/Qwen2.5-0.5B"));
        for name in ["gpt2", "a/b/c", "../b", "a/..", "/a", "a/", "a b/c"] {
            assert!(!Hub::is_name(name), "{name}");
        }
    }

    #[test]
    fn a_path_in_a_folder_which_is_there_is_no_name() {
        assert_eq!(hub_name(Path::new("Qwen/Qwen3-0.6B")), Some("Qwen/Qwen3-0.6B"));
        for path in ["src/no-such-model", "src", "./Qwen/Qwen3-0.6B", "/Qwen/Qwen3-0.6B"] {
            assert_eq!(hub_name(Path::new(path)), None, "{path}");
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

        let hub = Hub::new("https://huggingface.co/", home.path());
        let source = hub.cached(Path::new("owner/name")).unwrap();
        assert_eq!((source.id.as_str(), &source.folder), ("owner/name", &snapshot));
        assert!(!hub.has("owner/name"), "there are no weights");
        assert_eq!(name_of_snapshot(&snapshot).as_deref(), Some("owner/name"));

        let missing = hub.cached(Path::new("owner/other")).unwrap_err().to_string();
        assert!(missing.contains("circumplex fetch owner/other"), "{missing}");
    }

    #[test]
    fn the_environment_is_read_as_other_tools_do() {
        let home = tempfile::tempdir().unwrap();
        let hub = |vars: &[(&str, &str)]| {
            let var = |key: &str| vars.iter().find(|(name, _)| *name == key).map(|(_, value)| (*value).to_owned());
            Hub::from_vars(var, Some(home.path().to_owned()))
        };
        let folder = home.path().join(".cache/huggingface");
        let plain = hub(&[]);
        assert_eq!((plain.site(), &plain.cache), ("huggingface.co", &folder.join("hub")));
        assert!(plain.token.is_none() && !plain.offline);

        assert_eq!(hub(&[("HF_HOME", "a")]).cache, Path::new("a/hub"));
        assert_eq!(hub(&[("HF_HOME", "a"), ("HF_HUB_CACHE", "b")]).cache, Path::new("b"));
        assert_eq!(hub(&[("HF_ENDPOINT", "http://mirror/")]).endpoint, "http://mirror");
        assert!(hub(&[("HF_HUB_OFFLINE", "1")]).offline && !hub(&[("HF_HUB_OFFLINE", "0")]).offline);

        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("token"), "stored\n").unwrap();
        assert_eq!(hub(&[]).token.as_deref(), Some("stored"));
        let named = hub(&[("HF_TOKEN", "named")]);
        assert_eq!(named.token.as_deref(), Some("named"));
        assert!(!format!("{named:?}").contains("named"), "a token stays out of logs");
    }
}
