//! Where texts come from: a person's file, or the program itself.

use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

/// A file of texts.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Source {
    /// The text of this kind which is compiled into the program.
    #[default]
    Shipped,
    File(PathBuf),
}

impl Source {
    /// The shipped text where no file is named.
    pub fn from_option(path: Option<&Path>) -> Self {
        path.map_or(Self::Shipped, |path| Self::File(path.to_owned()))
    }

    /// What a bank calls the texts it was built from: the file's name, without its folder.
    pub fn name(&self) -> String {
        match self {
            Self::Shipped => self.to_string(),
            Self::File(path) => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        }
    }

    pub(super) fn stories(&self) -> io::Result<Vec<u8>> {
        self.read(include_bytes!("../../assets/text/stories.jsonl"))
    }

    pub(super) fn situations(&self) -> io::Result<Vec<u8>> {
        self.read(include_bytes!("../../assets/text/situations.jsonl"))
    }

    pub(super) fn neutral(&self) -> io::Result<Vec<u8>> {
        self.read(include_bytes!("../../assets/text/neutral.jsonl"))
    }

    pub(super) fn forbidden(&self) -> io::Result<Vec<u8>> {
        self.read(include_bytes!("../../assets/text/forbidden.jsonl"))
    }

    fn read(&self, shipped: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Shipped => Ok(shipped.to_vec()),
            Self::File(path) => fs::read(path),
        }
    }
}

impl From<PathBuf> for Source {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shipped => f.write_str("the shipped texts"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}
