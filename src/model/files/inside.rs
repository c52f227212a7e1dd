//! The model inside: a folder of files compiled into the program, which is opened under the name [`INSIDE`].

use std::path::Path;

use crate::INSIDE;

/// Its name where others have their folder's.
pub(in crate::model) const ID: &str = "circumplex-teaching";

/// Stands beside the model wherever it is used.
pub const CAVEAT: &str =
    "A small teaching model, trained on text written for this program: what it shows is no evidence about other models";

const FILES: [(&str, &[u8]); 4] = [
    ("config.json", include_bytes!("../../../assets/model/config.json")),
    ("model.safetensors", include_bytes!("../../../assets/model/model.safetensors")),
    ("tokenizer.json", include_bytes!("../../../assets/model/tokenizer.json")),
    ("tokenizer_config.json", include_bytes!("../../../assets/model/tokenizer_config.json")),
];

/// The bytes of one of its files: `inside/config.json`. None for any other path.
pub(super) fn file(path: &Path) -> Option<&'static [u8]> {
    let name = path.strip_prefix(INSIDE).ok()?;
    FILES.iter().find(|(file, _)| Path::new(file) == name).map(|(_, bytes)| *bytes)
}
