//! Brings a model from the hub into the cache: what it consists of, whether it can be read at all, then file by file.

use std::fs;
use std::path::PathBuf;

use hf_hub::api::sync::{ApiBuilder, ApiRepo};
use hf_hub::{Cache, Repo, RepoType};

use super::file::Files;
use super::listing::{INDEX, Listing, RemoteFile};
use super::meter::{Meter, size};
use super::wire::{self, Fault, Head};
use super::{Hub, HubError};
use crate::job::{Cancel, Sink};
use crate::model::ModelError;
use crate::model::family;
use crate::model::files::{Fields, weight_names};

/// Longest list of files which is read.
const LONGEST_LIST: usize = 64 << 20;

impl Hub {
    /// Downloads what is missing of the newest state of a model and returns its folder. What an earlier call has brought is kept,
    /// also of a file it has not finished. A connection which breaks is tried again a few times. Offline the cache alone is looked at.
    ///
    /// # Errors
    /// [`HubError`]; what config.json says about a model which cannot be read, before its weights are fetched;
    /// [`ModelError::Cancelled`].
    pub fn fetch(&self, name: &str, cancel: &Cancel, progress: Sink) -> Result<PathBuf, ModelError> {
        if !Self::is_name(name) {
            return Err(HubError::Name { name: name.into() }.into());
        }
        if self.offline {
            let absent = || HubError::Offline { name: name.into(), cache: self.cache.clone() };
            return Ok(self.find(name).filter(|_| self.has(name)).ok_or_else(absent)?.folder);
        }
        let mut meter = Meter::new(progress);
        meter.say(self.asking(name));
        let listing = self.list(name, cancel)?;
        let missing = |file: &str| HubError::NoFile { name: name.into(), file: file.into() };
        if listing.weights().is_empty() {
            return Err(HubError::NoWeights { name: name.into(), has: listing.foreign_weights() }.into());
        }
        for needed in ["config.json", "tokenizer.json"] {
            listing.file(needed).ok_or_else(|| missing(needed))?;
        }

        let mut files = self.files(name, listing, cancel, meter)?;
        let weights = files.plan()?;
        let texts: Vec<_> = files.listing.texts().cloned().collect();
        let all: Vec<_> = texts.into_iter().chain(weights).collect();
        files.obtain_all(&all)?;

        // Last, so that a cache never promises more than it holds.
        let cache = Cache::new(self.cache.clone()).repo(Repo::model(name.into()));
        let unwritable = |source| HubError::Write { path: self.cache.clone(), source };
        cache.create_ref(&files.listing.commit).map_err(unwritable)?;
        Ok(files.snapshot)
    }

    pub(super) fn asking(&self, name: &str) -> String {
        format!("Asking {} for {name}", self.site())
    }

    fn repo(&self, repo: Repo) -> Result<ApiRepo, ModelError> {
        let builder = ApiBuilder::from_cache(Cache::new(self.cache.clone()))
            .with_endpoint(self.endpoint.clone())
            .with_token(self.token.clone())
            .with_progress(false)
            .with_user_agent("circumplex", env!("CARGO_PKG_VERSION"));
        let api = builder.build().map_err(|error| self.no_connection(error.to_string()))?;
        Ok(api.repo(repo))
    }

    fn no_connection(&self, problem: String) -> HubError {
        HubError::NoConnection { site: self.site().into(), problem }
    }

    fn list(&self, name: &str, cancel: &Cancel) -> Result<Listing, ModelError> {
        let repo = Repo::model(name.into());
        let url = format!("{}/api/{}?blobs=true", self.endpoint, repo.api_url());
        let ask = || -> Result<(Head, String), Fault> {
            let (head, body) = wire::get(
                &self.repo(repo.clone()).map_err(|error| Fault::Lost(error.to_string()))?,
                &url,
                None,
                cancel,
            )?;
            Ok((head, body.text(LONGEST_LIST, cancel)?))
        };
        let (head, text) = ask().map_err(|fault| match fault {
            Fault::Cancelled => ModelError::Cancelled,
            Fault::Lost(problem) => self.no_connection(problem).into(),
        })?;
        if head.status != 200 {
            return Err(self.refusal(name, None, &head).into());
        }
        let strange = |problem| HubError::Answer { site: self.site().into(), name: name.into(), problem };
        Ok(Listing::parse(&text).map_err(strange)?)
    }

    /// What an answer means which brings nothing. The hub does not tell strangers whether a repository is private or missing.
    pub(super) fn refusal(&self, name: &str, file: Option<&str>, head: &Head) -> HubError {
        let site: String = self.site().into();
        let gated = || {
            let account = if self.token.is_some() {
                "; your token must be of the account which did"
            } else {
                ", then set HF_TOKEN or run `hf auth login`"
            };
            HubError::Gated { name: name.into(), hint: format!("Accept it on {}/{name}{account}", self.endpoint) }
        };
        let no_model = |hint| HubError::NoModel { site: site.clone(), name: name.into(), hint };
        match (head.status, head.code.as_str(), file) {
            (_, "GatedRepo", _) => gated(),
            (404, "EntryNotFound", Some(file)) => HubError::NoFile { name: name.into(), file: file.into() },
            (401, code, _) if self.token.is_some() && code != "RepoNotFound" => HubError::Token { site },
            (401 | 403, code, Some(_)) if code != "RepoNotFound" => gated(),
            (401 | 403 | 404, ..) if self.token.is_some() => {
                no_model("Check the spelling, and whether the account of your token may see it")
            }
            (401 | 403 | 404, ..) => {
                no_model("Check the spelling; for a private model set HF_TOKEN or run `hf auth login`")
            }
            (status, ..) => {
                let what = file.map_or_else(|| name.to_owned(), |file| format!("{file} of {name}"));
                HubError::Status { site, status, what }
            }
        }
    }

    fn files<'a>(
        &'a self,
        name: &'a str,
        listing: Listing,
        cancel: &'a Cancel,
        meter: Meter<'a>,
    ) -> Result<Files<'a>, ModelError> {
        // A commit does not move while it is fetched. Mirrors which list names only may know nothing but the branch.
        let is_full = listing.files.iter().all(|file| file.size.is_some() && file.blob.is_some());
        let revision = if is_full { listing.commit.clone() } else { "main".into() };
        let repo = self.repo(Repo::with_revision(name.into(), RepoType::Model, revision))?;

        let cache = Cache::new(self.cache.clone()).repo(Repo::model(name.into()));
        let snapshot = cache.pointer_path(&listing.commit);
        let folder = self.cache.join(Repo::model(name.into()).folder_name());
        let blobs = folder.join("blobs");
        for folder in [&blobs, &snapshot] {
            fs::create_dir_all(folder).map_err(|source| HubError::Write { path: folder.clone(), source })?;
        }
        Ok(Files { hub: self, name, repo, listing, blobs, snapshot, cancel, meter })
    }
}

impl Files<'_> {
    /// The weights of a model which can be read: nobody should wait for gigabytes to learn that it cannot.
    fn plan(&mut self) -> Result<Vec<RemoteFile>, ModelError> {
        let index = self.listing.index().cloned();
        let first: Vec<_> = self.listing.file("config.json").cloned().into_iter().chain(index.clone()).collect();
        for file in first {
            let size = self.size(&file)?;
            self.obtain(&file, size)?;
        }
        family::read(&Fields::read(&self.snapshot.join("config.json"))?)?;
        if index.is_none() {
            return Ok(self.listing.weights().into_iter().cloned().collect());
        }
        let names = weight_names(&Fields::read(&self.snapshot.join(INDEX))?)?;
        let file = |name: String| match self.listing.file(&name) {
            Some(file) => Ok(file.clone()),
            None => Err(HubError::NoFile { name: self.name.into(), file: name }.into()),
        };
        names.into_iter().map(file).collect()
    }

    fn size(&self, file: &RemoteFile) -> Result<u64, ModelError> {
        file.size.map_or_else(|| self.ask_size(file), Ok)
    }

    fn obtain_all(&mut self, files: &[RemoteFile]) -> Result<(), ModelError> {
        let sizes: Vec<u64> = files.iter().map(|file| self.size(file)).collect::<Result<_, _>>()?;
        let total: u64 = sizes.iter().sum();
        let present: u64 = files.iter().zip(&sizes).map(|(file, size)| self.present(file, *size)).sum();
        self.make_sure_of_room(total - present)?;
        self.meter.start(total);
        if present < total {
            self.meter.say(self.note());
        }
        for (file, size) in files.iter().zip(sizes) {
            self.obtain(file, size)?;
        }
        Ok(())
    }

    fn make_sure_of_room(&self, needed: u64) -> Result<(), HubError> {
        // Where it cannot be found out, writing will tell.
        let Ok(free) = fs4::available_space(&self.hub.cache) else { return Ok(()) };
        if needed <= free {
            return Ok(());
        }
        let (needed, free, cache) = (size(needed), size(free), self.hub.cache.clone());
        Err(HubError::Full { name: self.name.into(), needed, free, cache })
    }
}
