//! In: a file of one JSON value a line. Out: the values, or the line that is none.

use std::fs;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use vrt_train::atomic::FileError;

/// Why a file of lines cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LinesError {
    /// It could not be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A line holds something else.
    #[error("line {line} of `{}` cannot be used: {source}; run again with --fresh", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// The values of a file that a stage wrote.
///
/// # Errors
/// [`LinesError`] names the file, and the first line that holds something else.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, LinesError> {
    let text = fs::read_to_string(path).map_err(FileError::at("read", path))?;
    let value = |(i, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|source| LinesError::Line {
            path: path.to_owned(),
            line: i + 1,
            source,
        })
    };
    text.lines().enumerate().map(value).collect()
}
