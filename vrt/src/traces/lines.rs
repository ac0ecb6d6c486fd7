//! In: a file of traces. Out: its lines one by one, each within a limit; none is skipped silently.

use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

use vrt_train::atomic::FileError;
use vrt_view::TraceRecord;
use vrt_view::jsonl::{self, Problem};

use super::judged::Inconsistency;
use super::replay::ReplayError;

/// Bytes that a line may have: a trace with its pictures is far smaller.
const LONGEST: u64 = 256 << 20;

/// A line that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}:{line}: {fault}", file.display())]
pub struct BadLine {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub fault: LineFault,
}

/// What can be wrong with a line.
#[derive(Debug, thiserror::Error)]
pub enum LineFault {
    /// It is no trace record.
    #[error(transparent)]
    Record(#[from] Problem),
    /// It is longer than any trace.
    #[error("more than {} MiB on one line; a file of traces has one record a line", LONGEST >> 20)]
    TooLong,
    /// Its bytes are no text.
    #[error("byte {at}: no UTF-8; write the traces anew")]
    NoText {
        /// Where in the line.
        at: usize,
    },
    /// It claims what its text does not say.
    #[error(transparent)]
    Inconsistent(#[from] Inconsistency),
    /// It cannot be played again.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// A picture that the judge saw is not in it.
    #[error("no picture `{key}`; write the traces with their pictures")]
    NoPicture {
        /// The view's key.
        key: String,
    },
}

/// The lines of a file.
#[derive(Debug)]
pub struct Lines<R> {
    file: PathBuf,
    from: R,
    line: u64,
    buffer: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    /// The lines of `from`, which errors call `file`.
    pub fn new(file: &Path, from: R) -> Self {
        Self {
            file: file.to_owned(),
            from,
            line: 0,
            buffer: Vec::new(),
        }
    }

    /// The next line without its end; `None` after the last.
    ///
    /// # Errors
    /// [`FileError`] if the file cannot be read on.
    pub fn advance(&mut self) -> Result<Option<Line<'_>>, FileError> {
        self.buffer.clear();
        let unread = |error| FileError::at("read", &self.file)(error);
        let mut bounded = self.from.by_ref().take(LONGEST + 1);
        let read = bounded.read_until(b'\n', &mut self.buffer);
        if read.map_err(unread)? == 0 {
            return Ok(None);
        }
        self.line += 1;
        let whole = self.buffer.last() == Some(&b'\n');
        if whole {
            self.buffer.pop();
        }
        let too_long = self.buffer.len() as u64 > LONGEST;
        if too_long && !whole {
            self.from.skip_until(b'\n').map_err(unread)?;
        }
        Ok(Some(Line {
            file: &self.file,
            number: self.line,
            bytes: &self.buffer,
            too_long,
        }))
    }
}

/// One line.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    file: &'a Path,
    /// Its number, from 1.
    pub number: u64,
    /// Its bytes, without the line's end.
    pub bytes: &'a [u8],
    too_long: bool,
}

impl Line<'_> {
    /// Whether nothing stands on it.
    pub fn is_blank(&self) -> bool {
        self.bytes.iter().all(u8::is_ascii_whitespace)
    }

    /// Its record.
    ///
    /// # Errors
    /// [`LineFault`].
    pub fn record(&self) -> Result<TraceRecord, LineFault> {
        if self.too_long {
            return Err(LineFault::TooLong);
        }
        let text = std::str::from_utf8(self.bytes).map_err(|error| LineFault::NoText {
            at: error.valid_up_to(),
        })?;
        Ok(jsonl::parse(text)?)
    }

    /// The error that names this line.
    pub fn bad(&self, fault: LineFault) -> BadLine {
        BadLine {
            file: self.file.to_owned(),
            line: self.number,
            fault,
        }
    }
}
