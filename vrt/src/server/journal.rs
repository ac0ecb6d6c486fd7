//! In: episodes that have ended. Out: an append-only file from which an interrupted run goes on.
//!
//! JSON lines. The first says which run it is; every other is one episode. A line is written and flushed to the disk
//! before the episode counts as ended; a last line that was cut off is dropped, and its episode runs again.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use vrt_core::pair::PairKey;
use vrt_core::policy::Reply;
use vrt_train::atomic::{FileError, create_folder};

/// Version of the file's form.
const VERSION: u32 = 1;

/// One episode that has ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The pair.
    pub pair: PairKey,
    /// The sample's number.
    pub sample: u32,
    /// What the policy wrote, unit by unit.
    pub replies: Vec<Reply>,
    /// Why the policy failed, if it did: the episode is run again when the run is resumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    journal: u32,
    run: Map<String, Value>,
}

/// A journal could not be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A file operation failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// Another process writes it.
    #[error("`{}` is in use by another run; wait for it, or choose another file", path.display())]
    InUse {
        /// Which file.
        path: PathBuf,
    },
    /// It is the journal of another run.
    #[error(
        "`{}` belongs to a run with other settings ({}); choose another file, or the settings of that run",
        path.display(),
        differences.join("; ")
    )]
    OtherRun {
        /// Which file.
        path: PathBuf,
        /// Each setting that differs: in the journal, now.
        differences: Vec<String>,
    },
    /// A line that is not the last cannot be read.
    #[error(
        "`{}`, line {line}: {problem}; this is no journal, or it was damaged: choose another file, or remove the line",
        path.display()
    )]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
}

/// An append-only record of episodes.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: Mutex<File>,
    records: BTreeMap<(PairKey, u32), Record>,
}

impl Journal {
    /// Opens or begins the journal of a run. `run` holds whatever decides what an episode is: data, seed, model, rules,
    /// prompt; a journal whose settings differ is refused.
    ///
    /// # Errors
    /// [`JournalError`]: unreadable, in use, of another run, or damaged elsewhere than at its end.
    pub fn open(path: &Path, run: Map<String, Value>) -> Result<Self, JournalError> {
        if let Some(folder) = path.parent().filter(|folder| *folder != Path::new("")) {
            create_folder(folder)?;
        }
        let mut file = OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .open(path)
            .map_err(FileError::at("open", path))?;
        file.try_lock().map_err(|error| match error {
            std::fs::TryLockError::WouldBlock => JournalError::InUse {
                path: path.to_owned(),
            },
            std::fs::TryLockError::Error(error) => FileError::at("lock", path)(error).into(),
        })?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)
            .map_err(FileError::at("read", path))?;
        // What stands behind the last line break was not finished.
        let whole = text
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        if whole < text.len() {
            text.truncate(whole);
            file.set_len(whole as u64)
                .and_then(|()| file.seek(SeekFrom::End(0)).map(drop))
                .map_err(FileError::at("shorten", path))?;
        }
        let mut journal = Self {
            path: path.to_owned(),
            file: Mutex::new(file),
            records: BTreeMap::new(),
        };
        if text.is_empty() {
            let header = Header {
                journal: VERSION,
                run,
            };
            journal.append(&header)?;
        } else {
            let records = read(path, &text, Some(&run))?;
            journal.records = records;
        }
        Ok(journal)
    }

    /// The episodes of a journal, whatever run it belongs to; nothing is written.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn read(path: &Path) -> Result<Vec<Record>, JournalError> {
        let mut text = std::fs::read(path).map_err(FileError::at("read", path))?;
        let whole = text
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        text.truncate(whole);
        Ok(read(path, &text, None)?.into_values().collect())
    }

    /// The episode, if it ended before this process began; one that failed has not ended.
    pub fn finished(&self, pair: PairKey, sample: u32) -> Option<&Record> {
        let record = self.records.get(&(pair, sample))?;
        record.failed.is_none().then_some(record)
    }

    /// Episodes that ended before this process began.
    pub fn len(&self) -> usize {
        let ended = self.records.values();
        ended.filter(|record| record.failed.is_none()).count()
    }

    /// Whether no episode has ended before this process began.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds an episode; it is on the disk when this returns.
    ///
    /// # Errors
    /// [`JournalError::File`] if it could not be written.
    pub fn add(&self, record: &Record) -> Result<(), JournalError> {
        self.append(record)
    }

    fn append<T: Serialize>(&self, line: &T) -> Result<(), JournalError> {
        let fail = |error: std::io::Error| FileError::at("append to", &self.path)(error);
        let mut bytes = serde_json::to_vec(line).map_err(|error| fail(error.into()))?;
        bytes.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(&bytes)
            .and_then(|()| file.sync_data())
            .map_err(fail)?;
        Ok(())
    }
}

fn read(
    path: &Path,
    text: &[u8],
    run: Option<&Map<String, Value>>,
) -> Result<BTreeMap<(PairKey, u32), Record>, JournalError> {
    let refuse = |line: usize, problem: String| JournalError::Line {
        path: path.to_owned(),
        line,
        problem,
    };
    let lines = text.strip_suffix(b"\n").unwrap_or(text);
    let mut lines = (1..).zip(lines.split(|byte| *byte == b'\n'));
    let (_, first) = lines.next().unwrap_or((1, b""));
    let header: Header =
        serde_json::from_slice(first).map_err(|error| refuse(1, error.to_string()))?;
    if header.journal != VERSION {
        let problem = format!("version {}, this program writes {VERSION}", header.journal);
        return Err(refuse(1, problem));
    }
    if let Some(run) = run {
        let differences = differences(&header.run, run);
        if !differences.is_empty() {
            return Err(JournalError::OtherRun {
                path: path.to_owned(),
                differences,
            });
        }
    }
    let mut records: BTreeMap<(PairKey, u32), Record> = BTreeMap::new();
    for (line, bytes) in lines {
        let record: Record =
            serde_json::from_slice(bytes).map_err(|error| refuse(line, error.to_string()))?;
        let key = (record.pair, record.sample);
        if records
            .get(&key)
            .is_some_and(|before| before.failed.is_none())
        {
            let problem = format!("sample {} of pair {} ended twice", key.1, key.0.0);
            return Err(refuse(line, problem));
        }
        records.insert(key, record);
    }
    Ok(records)
}

fn differences(before: &Map<String, Value>, now: &Map<String, Value>) -> Vec<String> {
    let names: std::collections::BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let shown = |value: Option<&Value>| value.map_or("absent".to_owned(), Value::to_string);
    names
        .into_iter()
        .filter(|name| before.get(*name) != now.get(*name))
        .map(|name| {
            let (before, now) = (shown(before.get(name)), shown(now.get(name)));
            format!("{name}: {before} in the journal, {now} now")
        })
        .collect()
}
