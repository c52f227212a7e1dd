//! JSON files whose errors name the line or the key.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::{exists, read};
use crate::model::ModelError;

/// The keys of a JSON file, with errors that name file and key. A key whose value is null counts as missing.
#[derive(Clone, Debug)]
pub(in crate::model) struct Fields {
    path: PathBuf,
    /// What comes before the keys of a table inside: `rope_parameters.`
    within: String,
    map: Map<String, Value>,
}

impl Fields {
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        let bytes = read(path, "a file of the model", "Fetch it from where the model came from")?;
        let value: Value = serde_json::from_slice(&bytes).map_err(|error| ModelError::Json {
            path: path.to_owned(),
            line: error.line(),
            column: error.column(),
            problem: error.to_string(),
        })?;
        match value {
            Value::Object(map) => Ok(Self { path: path.to_owned(), within: String::new(), map }),
            _ => Err(ModelError::Json {
                path: path.to_owned(),
                line: 1,
                column: 1,
                problem: "an object in braces is expected".into(),
            }),
        }
    }

    /// As [`Fields::read`]; no keys where the file does not exist.
    pub fn read_or_empty(path: &Path) -> Result<Self, ModelError> {
        if exists(path) {
            return Self::read(path);
        }
        Ok(Self { path: path.to_owned(), within: String::new(), map: Map::new() })
    }

    /// Keys which are not from a JSON file; `path` is the file which errors name.
    pub fn of(path: &Path, map: Map<String, Value>) -> Self {
        Self { path: path.to_owned(), within: String::new(), map }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn get(&self, key: &str) -> Option<&Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// The keys of a table inside; none where it is missing.
    pub fn table(&self, key: &str) -> Result<Option<Self>, ModelError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Object(map)) => {
                let within = format!("{}{key}.", self.within);
                Ok(Some(Self { path: self.path.clone(), within, map: map.clone() }))
            }
            Some(other) => Err(self.wrong(key, &format!("is {other}, not a table"))),
        }
    }

    /// A whole number from 1 to `most`.
    pub fn count(&self, key: &str, most: usize) -> Result<usize, ModelError> {
        self.count_or(key, most)?.ok_or_else(|| self.wrong(key, "is missing"))
    }

    /// As [`Fields::count`], where the key may be missing.
    pub fn count_or(&self, key: &str, most: usize) -> Result<Option<usize>, ModelError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match value.as_u64().and_then(|n| usize::try_from(n).ok()).filter(|n| (1..=most).contains(n)) {
            Some(n) => Ok(Some(n)),
            None => Err(self.wrong(key, &format!("is {value}, not a whole number from 1 to {most}"))),
        }
    }

    /// The same keys, and these where they are missing. A key with the value null is there.
    pub fn with_defaults(&self, defaults: Value) -> Self {
        let mut map = self.map.clone();
        if let Value::Object(defaults) = defaults {
            defaults.into_iter().for_each(|(key, value)| {
                map.entry(key).or_insert(value);
            });
        }
        Self { map, ..self.clone() }
    }

    /// The same keys without one.
    pub fn without(&self, key: &str) -> Self {
        let mut fields = self.clone();
        fields.map.remove(key);
        fields
    }

    /// A number above 0, which must be there.
    pub fn positive(&self, key: &str) -> Result<f64, ModelError> {
        match self.get(key) {
            None => Err(self.wrong(key, "is missing")),
            Some(_) => self.positive_or(key, 1.0),
        }
    }

    /// A list of finite numbers, which must be there.
    pub fn numbers(&self, key: &str) -> Result<Vec<f64>, ModelError> {
        let list = self.get(key).and_then(Value::as_array);
        let numbers = list.and_then(|list| list.iter().map(|x| x.as_f64().filter(|x| x.is_finite())).collect());
        numbers.ok_or_else(|| self.wrong(key, "is not a list of numbers"))
    }

    /// A number above 0.
    pub fn positive_or(&self, key: &str, default: f64) -> Result<f64, ModelError> {
        let Some(value) = self.get(key) else { return Ok(default) };
        match value.as_f64().filter(|x| x.is_finite() && *x > 0.0) {
            Some(x) => Ok(x),
            None => Err(self.wrong(key, &format!("is {value}, not a number above 0"))),
        }
    }

    pub fn flag_or(&self, key: &str, default: bool) -> Result<bool, ModelError> {
        match self.get(key) {
            None => Ok(default),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(self.wrong(key, &format!("is {other}, not true or false"))),
        }
    }

    pub fn text_or<'a>(&'a self, key: &str, default: &'a str) -> Result<&'a str, ModelError> {
        match self.get(key) {
            None => Ok(default),
            Some(Value::String(text)) => Ok(text),
            Some(other) => Err(self.wrong(key, &format!("is {other}, not a text"))),
        }
    }

    /// An error about one key.
    pub fn wrong(&self, key: &str, problem: &str) -> ModelError {
        self.wrong_because(key, problem, "Correct the key, or fetch the file again")
    }

    pub fn wrong_because(&self, key: &str, problem: &str, hint: &str) -> ModelError {
        ModelError::Key {
            path: self.path.clone(),
            key: format!("{}{key}", self.within),
            problem: problem.into(),
            hint: hint.into(),
        }
    }
}
