//! What a repository holds, and which of it a model needs.

use serde::Deserialize;

/// Files of text which are taken when they are there.
const TEXTS: [&str; 7] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "chat_template.json",
];
pub const SINGLE: &str = "model.safetensors";
pub const INDEX: &str = "model.safetensors.index.json";
/// Endings of weights in formats which are not read.
const FOREIGN: [&str; 8] = [".bin", ".pt", ".pth", ".gguf", ".h5", ".msgpack", ".onnx", ".ckpt"];

/// One state of a repository.
#[derive(Debug, PartialEq)]
pub struct Listing {
    pub commit: String,
    /// Files which do not lie in a folder of the repository.
    pub files: Vec<RemoteFile>,
}

/// A file of the repository. The hub says all of it; a mirror perhaps only the name.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteFile {
    pub name: String,
    pub size: Option<u64>,
    /// What the file's contents are called in the cache.
    pub blob: Option<String>,
    pub sha256: Option<String>,
}

#[derive(Deserialize)]
struct Answer {
    sha: String,
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
    blob_id: Option<String>,
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    sha256: String,
    size: u64,
}

impl Listing {
    /// Reads what the hub answers to `/api/models/owner/name/revision/main?blobs=true`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let answer: Answer = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if !is_hash(&answer.sha) {
            return Err(format!("`{}` is no commit", answer.sha));
        }
        let files = answer.siblings.into_iter().filter(|file| is_plain(&file.rfilename)).map(RemoteFile::from);
        Ok(Self { commit: answer.sha, files: files.collect() })
    }

    pub fn file(&self, name: &str) -> Option<&RemoteFile> {
        self.files.iter().find(|file| file.name == name)
    }

    pub fn texts(&self) -> impl Iterator<Item = &RemoteFile> {
        TEXTS.iter().filter_map(|name| self.file(name))
    }

    /// The weights, where their names do not stand in an index: one file, or else all there are.
    pub fn weights(&self) -> Vec<&RemoteFile> {
        match self.file(SINGLE) {
            Some(single) => vec![single],
            None => self.files.iter().filter(|file| file.name.ends_with(".safetensors")).collect(),
        }
    }

    /// The index of the weights, where it is needed to know them.
    pub fn index(&self) -> Option<&RemoteFile> {
        if self.file(SINGLE).is_some() { None } else { self.file(INDEX) }
    }

    /// What there is in place of safetensors.
    pub fn foreign_weights(&self) -> String {
        let is_foreign = |file: &&RemoteFile| FOREIGN.iter().any(|end| file.name.ends_with(end));
        let names: Vec<_> = self.files.iter().filter(is_foreign).map(|file| file.name.as_str()).collect();
        match names.as_slice() {
            [] => "no weights in any other format either".into(),
            [only] => format!("only {only}"),
            [first, .., last] => format!("only other formats, such as {first} and {last}"),
        }
    }
}

impl From<Sibling> for RemoteFile {
    fn from(file: Sibling) -> Self {
        let sha256 = file.lfs.as_ref().map(|lfs| lfs.sha256.clone()).filter(|hash| is_hash(hash));
        Self {
            name: file.rfilename,
            size: file.lfs.map(|lfs| lfs.size).or(file.size),
            blob: sha256.clone().or(file.blob_id).filter(|blob| is_hash(blob)),
            sha256,
        }
    }
}

/// A file at the top of the repository, whose name cannot lead out of the cache.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', ':'])
}

/// Hexadecimal digits and nothing else, since they become names in the cache.
fn is_hash(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(names: &[&str]) -> Listing {
        let siblings: Vec<_> = names.iter().map(|name| serde_json::json!({ "rfilename": name })).collect();
        Listing::parse(&serde_json::json!({ "sha": "ab12", "siblings": siblings }).to_string()).unwrap()
    }

    fn names<'a>(files: impl IntoIterator<Item = &'a RemoteFile>) -> Vec<&'a str> {
        files.into_iter().map(|file| file.name.as_str()).collect()
    }

    #[test]
    fn one_file_of_weights_is_preferred() {
        let listing = listing(&["model.safetensors", "adapter.safetensors", INDEX, "tokenizer.json", "config.json"]);
        assert_eq!(names(listing.weights()), ["model.safetensors"]);
        assert!(listing.index().is_none());
        assert_eq!(names(listing.texts()), ["config.json", "tokenizer.json"]);
    }

    #[test]
    fn names_which_lead_elsewhere_are_left_out() {
        let listing = listing(&["../x.safetensors", "a/b.safetensors", "c:\\d", ".gitattributes", "x.safetensors"]);
        assert_eq!(names(&listing.files), ["x.safetensors"]);
        assert!(Listing::parse(r#"{"sha": "../..", "siblings": []}"#).is_err());
    }

    #[test]
    fn large_files_are_called_by_their_sha256() {
        let json = r#"{"sha": "ab", "siblings": [{"rfilename": "m", "size": 9, "blobId": "cd", "lfs": {"sha256": "ef", "size": 9, "pointerSize": 1}},
            {"rfilename": "c", "size": 3, "blobId": "cd"}]}"#;
        let blobs: Vec<_> =
            Listing::parse(json).unwrap().files.into_iter().map(|file| (file.blob, file.sha256)).collect();
        assert_eq!(blobs, [(Some("ef".into()), Some("ef".into())), (Some("cd".into()), None)]);
    }

    #[test]
    fn says_what_there_is_instead() {
        assert_eq!(listing(&["a.gguf"]).foreign_weights(), "only a.gguf");
        assert!(listing(&["a.gguf", "b.gguf", "c.bin"]).foreign_weights().ends_with("a.gguf and c.bin"));
        assert!(listing(&["README.md"]).foreign_weights().starts_with("no weights"));
    }
}
