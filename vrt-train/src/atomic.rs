//! In: a path and the bytes that belong there. Out: the whole file, or no change at all.
//!
//! Write beside the target, flush to disk, rename: a killed run or a full disk never leaves half a file.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// A file operation that failed: what was tried, where, why, and how to mend it.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} `{}`: {source}; {}", path.display(), cure(source))]
pub struct FileError {
    /// What was tried, as a verb: `write`, `read`, `create folder`, …
    pub doing: &'static str,
    /// The file or folder it was tried on.
    pub path: PathBuf,
    /// The operating system's answer.
    pub source: io::Error,
}

impl FileError {
    /// Makes a closure for `map_err`.
    pub fn at(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self {
            doing,
            path,
            source,
        }
    }
}

/// What a person can do about this error.
fn cure(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "make the folder writable or choose another one"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "the disk is full: free some space and run again, what was finished is kept"
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            "a file stands where a folder is needed: move it or choose another folder"
        }
        io::ErrorKind::NotFound => "check that the path exists",
        _ => "check the path and the disk, then run again",
    }
}

/// Writes `bytes` to `path`, creating its folder; the file appears whole or not at all.
///
/// # Errors
/// A [`FileError`] naming the path and the cure; the old file, if any, is then untouched.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let mut pending = Pending::begin(path)?;
    pending.append(bytes)?;
    pending.finish()
}

/// A file that is written piece by piece and appears whole, with [`Pending::finish`], or not at all.
#[derive(Debug)]
pub struct Pending {
    path: PathBuf,
    temporary: BufWriter<tempfile::NamedTempFile>,
}

impl Pending {
    /// Begins the file that will stand at `path`, creating its folder.
    ///
    /// # Errors
    /// A [`FileError`] if nothing can be written there.
    pub fn begin(path: &Path) -> Result<Self, FileError> {
        let folder = match path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        create_folder(folder)?;
        let temporary =
            tempfile::NamedTempFile::new_in(folder).map_err(FileError::at("write into", folder))?;
        Ok(Self {
            path: path.to_owned(),
            temporary: BufWriter::new(temporary),
        })
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// A [`FileError`] naming the path and the cure.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        let written = self.temporary.write_all(bytes);
        written.map_err(FileError::at("write", &self.path))
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// A [`FileError`] naming the path and the cure; the old file, if any, is then untouched.
    pub fn finish(self) -> Result<(), FileError> {
        let Self { path, temporary } = self;
        let temporary = temporary
            .into_inner()
            .map_err(|error| FileError::at("write", &path)(error.into_error()))?;
        let synced = temporary.as_file().sync_all();
        synced.map_err(FileError::at("write", &path))?;
        make_readable(&temporary).map_err(FileError::at("set the mode of", &path))?;
        temporary
            .persist(&path)
            .map_err(|e| FileError::at("replace", &path)(e.error))?;
        Ok(())
    }
}

/// Creates a folder and its parents.
///
/// # Errors
/// A [`FileError`] naming the folder and the cure.
pub fn create_folder(path: &Path) -> Result<(), FileError> {
    fs::create_dir_all(path).map_err(FileError::at("create folder", path))
}

/// Temporary files are private by default; results are meant to be read by others.
#[cfg(unix)]
fn make_readable(file: &tempfile::NamedTempFile) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.as_file()
        .set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_readable(_: &tempfile::NamedTempFile) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_the_whole_file_and_leaves_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/result.json");
        write(&path, b"a longer first version").unwrap();
        write(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_is_not_finished_never_appears() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("traces.jsonl");
        let mut pending = Pending::begin(&path).unwrap();
        pending.append(b"half").unwrap();
        drop(pending);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        let mut pending = Pending::begin(&path).unwrap();
        pending.append(b"one\n").unwrap();
        assert!(!path.exists());
        pending.append(b"two\n").unwrap();
        pending.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one\ntwo\n");
    }

    #[test]
    fn a_file_in_the_way_is_named_with_its_cure() {
        let dir = tempfile::tempdir().unwrap();
        let blocked = dir.path().join("cache");
        write(&blocked, b"").unwrap();
        let message = write(&blocked.join("x/y"), b"").unwrap_err().to_string();
        assert!(message.contains("cache"), "{message}");
        assert!(
            message.contains("a file stands where a folder is needed"),
            "{message}"
        );
    }

    #[test]
    fn a_full_disk_and_a_read_only_folder_have_their_own_cures() {
        for (kind, word) in [
            (io::ErrorKind::StorageFull, "free some space"),
            (io::ErrorKind::ReadOnlyFilesystem, "writable"),
            (io::ErrorKind::PermissionDenied, "writable"),
        ] {
            let message = FileError::at("write", "results/x")(kind.into()).to_string();
            assert!(message.contains("results/x"), "{message}");
            assert!(message.contains(word), "{message}");
        }
    }
}
