//! In: a file or bytes in memory. Out: any range of it, checked against its end.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::fault::Fault;

/// The bytes of a video. A file is read range by range, so its size costs no memory.
pub(super) enum Store {
    File { file: Mutex<File>, len: u64 },
    Memory(Arc<[u8]>),
}

impl Store {
    pub(super) fn open(path: &Path) -> Result<Self, Fault> {
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        Ok(Self::File {
            file: Mutex::new(file),
            len,
        })
    }

    pub(super) fn len(&self) -> u64 {
        match self {
            Self::File { len, .. } => *len,
            Self::Memory(bytes) => bytes.len() as u64,
        }
    }

    /// The bytes `from..from + len`; `what` lies there.
    ///
    /// # Errors
    /// [`Fault::Truncated`] beyond the end, before anything is allocated; [`Fault::Io`].
    pub(super) fn read(
        &self,
        from: u64,
        len: u64,
        what: impl Fn() -> String,
    ) -> Result<Vec<u8>, Fault> {
        let to = from.saturating_add(len);
        if to > self.len() {
            return Err(Fault::Truncated {
                what: what(),
                from,
                to,
                end: self.len(),
            });
        }
        match self {
            Self::Memory(bytes) => Ok(bytes[from as usize..to as usize].to_vec()),
            Self::File { file, .. } => {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                file.seek(SeekFrom::Start(from))?;
                let mut bytes = vec![0; len as usize];
                file.read_exact(&mut bytes)?;
                Ok(bytes)
            }
        }
    }

    /// Up to `len` bytes from the beginning.
    pub(super) fn head(&self, len: u64) -> Result<Vec<u8>, Fault> {
        self.read(0, len.min(self.len()), || "the beginning".to_owned())
    }

    /// All bytes.
    pub(super) fn all(&self) -> Result<Vec<u8>, Fault> {
        self.read(0, self.len(), || "the file".to_owned())
    }
}
