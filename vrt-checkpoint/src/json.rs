//! In: a JSON file. Out: a typed value, or an error that names the field.

use std::fs;
use std::path::Path;

use serde::de::DeserializeOwned;
use vrt_train::atomic::FileError;

use crate::error::CheckpointError;

/// Reads a file; fields that the type does not name are passed over, as publishers add some with each release.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<T, CheckpointError> {
    let text = fs::read(path).map_err(FileError::at("read", path))?;
    let mut reader = serde_json::Deserializer::from_slice(&text);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|e| refuse(path, &e))?;
    reader.end().map_err(|error| CheckpointError::Json {
        path: path.to_owned(),
        problem: error.to_string(),
    })?;
    Ok(value)
}

/// Reads a part of a file that was read before.
pub(crate) fn part<T: DeserializeOwned>(
    path: &Path,
    value: &serde_json::Value,
) -> Result<T, CheckpointError> {
    serde_path_to_error::deserialize(value).map_err(|error| refuse(path, &error))
}

fn refuse(path: &Path, error: &serde_path_to_error::Error<serde_json::Error>) -> CheckpointError {
    CheckpointError::Json {
        path: path.to_owned(),
        problem: match error.path().to_string().as_str() {
            "." => error.inner().to_string(),
            at => format!("`{at}`: {}", error.inner()),
        },
    }
}
