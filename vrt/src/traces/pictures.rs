//! In: pictures as data URIs. Out: what stands in a message for them: the URI, or a file beside the examples.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use vrt_train::atomic::{self, FileError};

/// Where pictures go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PicturePlace {
    /// Into the line, as a data URI.
    #[default]
    Inline,
    /// Into a folder beside the file; equal pictures are one file.
    Folder,
}

/// Puts pictures in their place.
#[derive(Debug)]
pub struct Pictures {
    /// The folder as it is written to, and as examples name it.
    folder: Option<(PathBuf, String)>,
}

impl Pictures {
    /// Pictures of the examples at `output`: its folder is called like the file, with `.pictures`.
    pub fn of(output: &Path, place: PicturePlace) -> Self {
        let folder = (place == PicturePlace::Folder).then(|| {
            let mut name = output.file_stem().unwrap_or_default().to_os_string();
            name.push(".pictures");
            let shown = name.to_string_lossy().into_owned();
            (output.with_file_name(name), shown)
        });
        Self { folder }
    }

    /// What stands for a data URI; `None` if it is none of a PNG or JPEG file.
    ///
    /// # Errors
    /// [`FileError`] if the file cannot be written.
    pub fn place(&self, uri: &str) -> Result<Option<String>, FileError> {
        let Some((folder, shown)) = &self.folder else {
            return Ok(Some(uri.to_owned()));
        };
        let formats = [
            ("data:image/png;base64,", "png"),
            ("data:image/jpeg;base64,", "jpg"),
        ];
        let found = formats.iter().find_map(|(prefix, ending)| {
            let bytes = STANDARD.decode(uri.strip_prefix(prefix)?).ok()?;
            Some((bytes, ending))
        });
        let Some((bytes, ending)) = found else {
            return Ok(None);
        };
        let digest = blake3::hash(&bytes).to_hex();
        let name = format!("{}.{ending}", &digest[..24]);
        let path = folder.join(&name);
        if !path.exists() {
            atomic::write(&path, &bytes)?;
        }
        Ok(Some(format!("{shown}/{name}")))
    }
}
