//! In: a checkpoint's folder. Out: what tells it from others, without reading its weights.

use std::fs;
use std::path::Path;

use vrt_train::atomic::FileError;

/// blake3 over the names and sizes of a checkpoint's files and the words of its configuration: reading 16 GB of weights
/// once more would take longer than judging a pair.
///
/// # Errors
/// [`FileError`] if the folder cannot be listed, or has no configuration.
pub fn outline(folder: &Path) -> Result<String, FileError> {
    let unread = |error| FileError::at("read", folder)(error);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(unread)? {
        let entry = entry.map_err(unread)?;
        let size = entry.metadata().map_err(unread)?.len();
        files.push((entry.file_name().to_string_lossy().into_owned(), size));
    }
    files.sort();
    let mut hasher = blake3::Hasher::new();
    for (name, size) in files {
        hasher.update(name.as_bytes()).update(&size.to_le_bytes());
    }
    let config = folder.join("config.json");
    let config = fs::read(&config).map_err(FileError::at("read", &config))?;
    Ok(hasher.update(&config).finalize().to_hex().to_string())
}
