//! One file of a repository on its way into the cache: begun or taken up where it stopped, checked, put in its place.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hf_hub::api::sync::ApiRepo;
use sha2::{Digest, Sha256};

use super::listing::{Listing, RemoteFile};
use super::meter::Meter;
use super::wire::{self, Fault, Head};
use super::{Hub, HubError};
use crate::job::Cancel;
use crate::model::ModelError;

/// Attempts in a row which bring nothing before a download is given up.
const ATTEMPTS: u32 = 5;

/// The files of one state of a repository, and their places in the cache.
pub struct Files<'a> {
    pub hub: &'a Hub,
    pub name: &'a str,
    pub repo: ApiRepo,
    pub listing: Listing,
    pub blobs: PathBuf,
    pub snapshot: PathBuf,
    pub cancel: &'a Cancel,
    pub meter: Meter<'a>,
}

/// How an attempt ended which did not bring the file.
enum Trouble {
    /// Worth another one.
    Again(String),
    Stop(ModelError),
}

impl<E: Into<ModelError>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self::Stop(error.into())
    }
}

impl Files<'_> {
    /// Where the file ends up.
    pub fn place(&self, file: &RemoteFile) -> PathBuf {
        self.snapshot.join(&file.name)
    }

    /// Bytes of the file which are on this machine.
    pub fn present(&self, file: &RemoteFile, size: u64) -> u64 {
        let length = |path: &Path| fs::metadata(path).map_or(0, |data| data.len());
        let whole = |path: &Path| path.exists() && length(path) == size;
        let blob = file.blob.as_ref().map(|blob| self.blobs.join(blob));
        if whole(&self.place(file)) || blob.as_deref().is_some_and(whole) {
            return size;
        }
        Some(length(&self.part(file, "part"))).filter(|length| *length <= size).unwrap_or(0)
    }

    /// A file beside the blob, called as hf-hub calls it, so that either goes on where the other has stopped.
    fn part(&self, file: &RemoteFile, end: &str) -> PathBuf {
        let stem = match &file.blob {
            Some(blob) => blob.clone(),
            None => format!("{}-{}", self.listing.commit, file.name),
        };
        self.blobs.join(format!("{stem}.{end}"))
    }

    /// Brings the file of this size into the snapshot, if it is not there.
    pub fn obtain(&mut self, file: &RemoteFile, size: u64) -> Result<(), ModelError> {
        let present = self.present(file, size);
        let (place, part) = (self.place(file), self.part(file, "part"));
        if present == size && place.exists() {
            self.meter.done += size;
            return Ok(());
        }
        let _lock = self.lock(file)?;
        match &file.blob {
            Some(blob) => {
                let blob = self.blobs.join(blob);
                if fs::metadata(&blob).map_or(true, |data| data.len() != size) {
                    self.download(file, size, &part)?;
                    fs::rename(&part, &blob).map_err(|source| unwritable(&blob, source))?;
                } else {
                    self.meter.done += size;
                }
                link(&blob, &place).map_err(|source| unwritable(&place, source))?;
            }
            // A mirror which does not say what the contents are called: they lie in the snapshot itself.
            None => {
                self.download(file, size, &part)?;
                fs::rename(&part, &place).map_err(|source| unwritable(&place, source))?;
            }
        }
        Ok(())
    }

    /// Keeps other programs from writing the same file. Held until the lock is dropped.
    fn lock(&self, file: &RemoteFile) -> Result<File, ModelError> {
        let path = self.part(file, "lock");
        let lock = File::create(&path).map_err(|source| unwritable(&path, source))?;
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => {
                Err(HubError::Busy { name: self.name.into(), file: file.name.clone() }.into())
            }
            // Some file systems have no locks.
            Ok(()) | Err(TryLockError::Error(_)) => Ok(lock),
        }
    }

    fn download(&mut self, file: &RemoteFile, size: u64, part: &Path) -> Result<(), ModelError> {
        let mut failures = 0;
        loop {
            let before = fs::metadata(part).map_or(0, |data| data.len());
            let done = self.meter.done;
            let problem = match self.attempt(file, size, part) {
                Ok(()) => return self.verify(file, part),
                Err(Trouble::Stop(error)) => return Err(error),
                Err(Trouble::Again(problem)) => problem,
            };
            self.meter.done = done;
            let after = fs::metadata(part).map_or(0, |data| data.len());
            failures = if after > before { 1 } else { failures + 1 };
            if failures >= ATTEMPTS {
                return Err(HubError::Broken { name: self.name.into(), file: file.name.clone(), problem }.into());
            }
            self.meter.say(format!("Connection lost, trying again: {}", self.name));
            wait(self.hub.pause * 2u32.pow(failures - 1), self.cancel)?;
        }
    }

    /// Asks for what is missing and appends it.
    fn attempt(&mut self, file: &RemoteFile, size: u64, part: &Path) -> Result<(), Trouble> {
        let unwritable = |source| unwritable(part, source);
        let mut out = OpenOptions::new().append(true).create(true).open(part).map_err(unwritable)?;
        let mut at = out.metadata().map_err(unwritable)?.len();
        if at > size {
            out.set_len(0).map_err(unwritable)?;
            at = 0;
        }
        if at < size {
            let range = format!("{at}-");
            let (head, body) = wire::get(&self.repo, &self.url(file), Some(&range), self.cancel)?;
            self.check(&head, Some(file))?;
            match head.start {
                Some(start) if start == at => {}
                // A server which does not know ranges sends the whole file.
                Some(0) => {
                    out.set_len(0).map_err(unwritable)?;
                    at = 0;
                }
                _ => return Err(Trouble::Again(format!("the server did not go on at byte {at}"))),
            }
            self.meter.done += at;
            self.meter.say(self.note());
            while let Some(piece) = body.next(self.cancel)? {
                let length = piece.len() as u64;
                if at + length > size {
                    out.set_len(0).map_err(unwritable)?;
                    return Err(Trouble::Again("more came than the hub said".into()));
                }
                out.write_all(&piece).map_err(unwritable)?;
                at += length;
                self.meter.add(length);
            }
        } else {
            self.meter.done += size;
        }
        if at < size {
            return Err(Trouble::Again(format!("the connection ended after {at} of {size} bytes")));
        }
        Ok(())
    }

    pub fn note(&self) -> String {
        if self.meter.total == 0 {
            return self.hub.asking(self.name);
        }
        format!("Downloading {} ({})", self.name, super::meter::size(self.meter.total))
    }

    /// The bytes must be those the hub speaks of, where it states their hash.
    fn verify(&mut self, file: &RemoteFile, part: &Path) -> Result<(), ModelError> {
        let Some(expected) = &file.sha256 else { return Ok(()) };
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 1 << 20];
        let mut from = File::open(part).map_err(|source| unwritable(part, source))?;
        loop {
            if self.cancel.is_cancelled() {
                return Err(ModelError::Cancelled);
            }
            let read = from.read(&mut buffer).map_err(|source| unwritable(part, source))?;
            if read == 0 {
                break;
            }
            hash.update(&buffer[..read]);
        }
        let actual: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        if actual.eq_ignore_ascii_case(expected) {
            return Ok(());
        }
        drop(from);
        fs::remove_file(part).map_err(|source| unwritable(part, source))?;
        let (name, site) = (self.name.into(), self.hub.site().into());
        Err(HubError::Damaged { name, file: file.name.clone(), site }.into())
    }

    fn url(&self, file: &RemoteFile) -> String {
        self.repo.url(&file.name)
    }

    /// The size which the server states for a file, where the listing does not.
    pub fn ask_size(&self, file: &RemoteFile) -> Result<u64, ModelError> {
        let ask = || -> Result<u64, Trouble> {
            let (head, _) = wire::get(&self.repo, &self.url(file), Some("0-0"), self.cancel)?;
            self.check(&head, Some(file))?;
            head.total.ok_or_else(|| Trouble::Again("it has no length".into()))
        };
        ask().map_err(|trouble| match trouble {
            Trouble::Stop(error) => error,
            Trouble::Again(problem) => {
                HubError::Broken { name: self.name.into(), file: file.name.clone(), problem }.into()
            }
        })
    }

    /// Whether this answer brings what was asked for.
    fn check(&self, head: &Head, file: Option<&RemoteFile>) -> Result<(), Trouble> {
        match head.status {
            200 | 206 => Ok(()),
            status @ (408 | 416 | 429 | 500..=599) => Err(Trouble::Again(format!("the server answered {status}"))),
            _ => Err(self.hub.refusal(self.name, file.map(|file| file.name.as_str()), head).into()),
        }
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Cancelled => Self::Stop(ModelError::Cancelled),
            Fault::Lost(problem) => Self::Again(problem),
        }
    }
}

fn unwritable(path: &Path, source: io::Error) -> ModelError {
    HubError::Write { path: path.to_owned(), source }.into()
}

/// Gives the contents their name in the snapshot.
fn link(blob: &Path, place: &Path) -> io::Result<()> {
    match fs::remove_file(place) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let target = Path::new("../../blobs").join(blob.file_name().unwrap_or_default());
    #[cfg(unix)]
    return std::os::unix::fs::symlink(target, place);
    // Windows allows links to few people. Other tools, too, then put the contents into the snapshot.
    #[cfg(not(unix))]
    {
        #[cfg(windows)]
        if std::os::windows::fs::symlink_file(&target, place).is_ok() {
            return Ok(());
        }
        drop(target);
        fs::rename(blob, place)
    }
}

/// Sleeps, but wakes soon after a cancel.
fn wait(pause: Duration, cancel: &Cancel) -> Result<(), ModelError> {
    let until = Instant::now() + pause;
    loop {
        if cancel.is_cancelled() {
            return Err(ModelError::Cancelled);
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(Duration::from_millis(50)));
    }
}
