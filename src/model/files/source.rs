//! The folder of a model and which of its files hold the weights.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Fields, inside};
use crate::model::ModelError;

/// The files of one model.
#[derive(Debug)]
pub(in crate::model) struct Source {
    /// What the model is called: the folder's name, or `owner/name` from the cache.
    pub id: String,
    pub folder: PathBuf,
}

impl Source {
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The weight files in name order: `model.safetensors`, else those of the index, else every *.safetensors.
    pub fn weight_files(&self) -> Result<Vec<PathBuf>, ModelError> {
        let single = self.file("model.safetensors");
        if exists(&single) {
            return Ok(vec![single]);
        }
        let index = self.file("model.safetensors.index.json");
        if exists(&index) {
            return self.indexed_files(&index);
        }
        let entries =
            self.folder.read_dir().map_err(|source| ModelError::Read { path: self.folder.clone(), source })?;
        let mut files: Vec<_> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|end| end == "safetensors"))
            .collect();
        files.sort();
        if files.is_empty() {
            let hint = "Put the model's *.safetensors there; other formats are not read";
            return Err(ModelError::MissingFile { what: "the file of weights", path: single, hint });
        }
        Ok(files)
    }

    fn indexed_files(&self, index: &Path) -> Result<Vec<PathBuf>, ModelError> {
        let names = weight_names(&Fields::read(index)?)?;
        let files: Vec<_> = names.iter().map(|name| self.file(name)).collect();
        if let Some(missing) = files.iter().find(|file| !file.exists()) {
            let hint = "model.safetensors.index.json names it; fetch it";
            return Err(ModelError::MissingFile { what: "a file of weights", path: missing.clone(), hint });
        }
        Ok(files)
    }
}

/// The files which an index of weights names, in name order.
pub(in crate::model) fn weight_names(index: &Fields) -> Result<Vec<String>, ModelError> {
    let Some(Value::Object(map)) = index.get("weight_map") else {
        return Err(index.wrong("weight_map", "is not a table of tensor names and files"));
    };
    let mut names = Vec::new();
    for (tensor, file) in map {
        let plain = file.as_str().filter(|name| Path::new(name).file_name().is_some_and(|last| last == *name));
        let Some(name) = plain else {
            return Err(index.wrong(&format!("weight_map.{tensor}"), "is not the name of a file in the folder"));
        };
        names.push(name.to_owned());
    }
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return Err(index.wrong("weight_map", "names no file"));
    }
    Ok(names)
}

/// Whether there is such a file, on the disk or inside the program.
pub(in crate::model) fn exists(path: &Path) -> bool {
    inside::file(path).is_some() || path.exists()
}

/// Reads a whole file, from the disk or inside the program.
pub(in crate::model) fn read(
    path: &Path,
    what: &'static str,
    hint: &'static str,
) -> Result<Cow<'static, [u8]>, ModelError> {
    if let Some(bytes) = inside::file(path) {
        return Ok(Cow::Borrowed(bytes));
    }
    std::fs::read(path).map(Cow::Owned).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => ModelError::MissingFile { what, path: path.to_owned(), hint },
        _ => ModelError::Read { path: path.to_owned(), source },
    })
}
