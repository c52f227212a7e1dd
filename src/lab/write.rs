//! A report as a folder: report.md, report.json and the pictures.

use std::fs;
use std::path::{Path, PathBuf};

use super::{LabError, Report, markdown, pictures};
use crate::figure::svg::svg;

/// Writes all files into a folder, which is made where it is not there, and gives their paths, report.md first.
///
/// # Errors
/// A file or folder which cannot be written.
pub fn write(report: &Report, folder: &Path) -> Result<Vec<PathBuf>, LabError> {
    fs::create_dir_all(folder).map_err(|source| LabError::Write { path: folder.to_owned(), source })?;
    let mut files = vec![
        ("report.md".to_owned(), markdown(report)),
        ("report.json".to_owned(), serde_json::to_string_pretty(report)? + "\n"),
    ];
    files.extend(pictures(report).into_iter().map(|(name, drawing)| (name, svg(&drawing))));
    let mut paths = Vec::new();
    for (name, text) in files {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|source| LabError::Write { path: path.clone(), source })?;
        paths.push(path);
    }
    Ok(paths)
}
