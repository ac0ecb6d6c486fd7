//! In: a stage's identity. Out: the folder with its verified files, or the news that it must be built.
//!
//! `<root>/stages/<kind>-<id>/` holds a finished stage: its files and `stage.json`, which lists their
//! hashes. A stage is written to `tmp/` and renamed, so an entry is whole or absent. `work/` keeps the
//! checkpoints of unfinished stages, `damaged/` what failed its hashes, `locks/` one lock a stage.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use vrt_train::atomic::{self, FileError};

use crate::stage::{Cancel, Stage, StageId};

const RECORD: &str = "stage.json";

/// The birth certificate of a finished stage: `stage.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The stage's kind.
    pub kind: String,
    /// Its identity.
    pub id: StageId,
    /// Its title, for people.
    pub title: String,
    /// The version of its code.
    pub version: u32,
    /// Its resolved parameters.
    pub params: Value,
    /// The identities of its inputs.
    pub inputs: Vec<StageId>,
    /// What it cost.
    pub cost: Spent,
    /// Its files by path relative to the entry, `/` between folders.
    pub files: BTreeMap<String, FileRecord>,
}

/// What a stage cost when it was built.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spent {
    /// Wall seconds of the run that finished it.
    pub seconds: f64,
    /// Units of work, as the stage estimates itself.
    pub work: f64,
    /// What is counted.
    pub unit: String,
    /// Whether an earlier run had left a checkpoint: `seconds` is then only the last part.
    pub resumed: bool,
}

/// One file of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRecord {
    /// Its length.
    pub bytes: u64,
    /// Its blake3 hash in hexadecimal.
    pub blake3: String,
}

/// What the store knows about a stage.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// Finished, and its files are what they were when it finished.
    Cached(Box<Record>),
    /// Not there.
    Missing,
    /// There, but not to be trusted: the reason.
    Damaged(String),
}

/// A content-addressed folder of finished stages.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    verified: Mutex<BTreeSet<StageId>>,
}

/// The right to build one stage; given back when dropped.
#[derive(Debug)]
pub struct Slot {
    /// The empty folder the stage writes into.
    pub out: PathBuf,
    /// The folder for checkpoints.
    pub work: PathBuf,
    /// Whether an earlier run left something in `work`.
    pub resumed: bool,
    _lock: File,
}

/// What `clean` removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Finished stages.
    pub stages: u64,
    /// Bytes of all files.
    pub bytes: u64,
}

impl Store {
    /// The store at `root`. Nothing is touched until a stage is built.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            verified: Mutex::default(),
        }
    }

    /// The store's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of a finished stage.
    pub fn entry(&self, kind: &str, id: StageId) -> PathBuf {
        self.place("stages", kind, id)
    }

    fn place(&self, folder: &str, kind: &str, id: StageId) -> PathBuf {
        self.root
            .join(folder)
            .join(format!("{kind}-{}", id.short()))
    }

    /// Looks a stage up and verifies its hashes; changes nothing. Hashes are verified once a run.
    ///
    /// # Errors
    /// [`FileError`] when an entry exists but cannot be read.
    pub fn inspect(&self, stage: &dyn Stage) -> Result<State, FileError> {
        let id = stage.id();
        let entry = self.entry(stage.kind(), id);
        let path = entry.join(RECORD);
        if !entry.exists() {
            return Ok(State::Missing);
        }
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Ok(State::Damaged(format!("{RECORD} is missing")));
            }
            Err(e) => return Err(FileError::at("read", path)(e)),
        };
        let record: Record = match serde_json::from_slice(&text) {
            Ok(record) => record,
            Err(e) => return Ok(State::Damaged(format!("{RECORD} cannot be read: {e}"))),
        };
        if record.id != id {
            return Ok(State::Damaged(format!("{RECORD} describes another stage")));
        }
        let known = |set: &Mutex<BTreeSet<_>>, add: bool| {
            let mut set = set.lock().unwrap_or_else(PoisonError::into_inner);
            if add {
                set.insert(id)
            } else {
                set.contains(&id)
            }
        };
        if !known(&self.verified, false) {
            for (name, expected) in &record.files {
                match fingerprint(&entry.join(name)) {
                    Ok(found) if found == *expected => {}
                    Ok(_) => return Ok(State::Damaged(format!("{name} has changed"))),
                    Err(e) if e.source.kind() == std::io::ErrorKind::NotFound => {
                        return Ok(State::Damaged(format!("{name} is missing")));
                    }
                    Err(e) => return Err(e),
                }
            }
            known(&self.verified, true);
        }
        Ok(State::Cached(Box::new(record)))
    }

    /// Moves a damaged entry out of the way and says where it is now.
    ///
    /// # Errors
    /// [`FileError`] when it cannot be moved.
    pub fn set_aside(&self, kind: &str, id: StageId) -> Result<PathBuf, FileError> {
        let base = self.place("damaged", kind, id);
        let target = (1..)
            .map(|n| base.with_added_extension(n.to_string()))
            .find(|path| !path.exists())
            .unwrap_or(base);
        atomic::create_folder(&self.root.join("damaged"))?;
        let entry = self.entry(kind, id);
        fs::rename(&entry, &target).map_err(FileError::at("move aside", entry))?;
        Ok(target)
    }

    /// Takes the lock of a stage and prepares its folders. `waiting` is called once if another
    /// process is building the same stage; `None` when `cancel` came first.
    ///
    /// # Errors
    /// [`FileError`] when the store cannot be written.
    pub fn begin(
        &self,
        kind: &str,
        id: StageId,
        cancel: &Cancel,
        waiting: impl FnOnce(),
    ) -> Result<Option<Slot>, FileError> {
        let Some(lock) = self.lock(kind, id, cancel, waiting)? else {
            return Ok(None);
        };
        let out = self.place("tmp", kind, id);
        let work = self.place("work", kind, id);
        remove(&out)?;
        atomic::create_folder(&out)?;
        atomic::create_folder(&work)?;
        let resumed = fs::read_dir(&work)
            .map_err(FileError::at("read", &work))?
            .next()
            .is_some();
        Ok(Some(Slot {
            out,
            work,
            resumed,
            _lock: lock,
        }))
    }

    fn lock(
        &self,
        kind: &str,
        id: StageId,
        cancel: &Cancel,
        waiting: impl FnOnce(),
    ) -> Result<Option<File>, FileError> {
        let path = self.place("locks", kind, id);
        atomic::create_folder(&self.root.join("locks"))?;
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(FileError::at("open the lock", &path))?;
        let mut waiting = Some(waiting);
        while !cancel.requested() {
            match file.try_lock() {
                Ok(()) => return Ok(Some(file)),
                Err(TryLockError::WouldBlock) => {
                    if let Some(say) = waiting.take() {
                        say();
                    }
                    std::thread::sleep(Duration::from_millis(200));
                }
                Err(TryLockError::Error(e)) => return Err(FileError::at("lock", path)(e)),
            }
        }
        Ok(None)
    }

    /// Hashes what a stage wrote and makes it an entry. The checkpoints go away.
    ///
    /// # Errors
    /// [`FileError`]; the entry then does not exist.
    pub fn commit(&self, stage: &dyn Stage, slot: Slot, seconds: f64) -> Result<Record, FileError> {
        let id = stage.id();
        let mut names = Vec::new();
        list(&slot.out, "", &mut names)?;
        let mut files = BTreeMap::new();
        for name in names {
            let print = fingerprint(&slot.out.join(&name))?;
            files.insert(name, print);
        }
        let estimate = stage.estimate();
        let record = Record {
            kind: stage.kind().to_owned(),
            id,
            title: stage.title(),
            version: stage.version(),
            params: stage.params(),
            inputs: stage.inputs(),
            cost: Spent {
                seconds,
                work: estimate.work,
                unit: estimate.unit.to_owned(),
                resumed: slot.resumed,
            },
            files,
        };
        let path = slot.out.join(RECORD);
        let text = serde_json::to_vec_pretty(&record)
            .map_err(|e| FileError::at("write", &path)(e.into()))?;
        atomic::write(&path, &text)?;
        let entry = self.entry(stage.kind(), id);
        atomic::create_folder(&self.root.join("stages"))?;
        // No fsync of each file: what a power cut damages, the hashes find.
        fs::rename(&slot.out, &entry).map_err(FileError::at("finish", entry))?;
        remove(&slot.work)?;
        self.verified
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id);
        Ok(record)
    }

    /// Gives back a slot whose stage another process has finished meanwhile.
    ///
    /// # Errors
    /// [`FileError`] when its folders cannot be removed.
    pub fn abandon(&self, slot: Slot) -> Result<(), FileError> {
        remove(&slot.out)?;
        remove(&slot.work)
    }

    /// Removes a stage, finished or not, so that it is built from nothing.
    ///
    /// # Errors
    /// [`FileError`] when it cannot be removed.
    pub fn forget(&self, kind: &str, id: StageId) -> Result<(), FileError> {
        remove(&self.entry(kind, id))?;
        remove(&self.place("work", kind, id))
    }

    /// Removes everything the store keeps: finished stages, checkpoints, damaged entries. Other files
    /// in its folder stay.
    ///
    /// # Errors
    /// [`FileError`] when something cannot be removed.
    pub fn clean(&self) -> Result<Cleaned, FileError> {
        let mut cleaned = Cleaned::default();
        for folder in ["stages", "work", "tmp", "damaged", "locks"] {
            let path = self.root.join(folder);
            if !path.exists() {
                continue;
            }
            let mut names = Vec::new();
            list(&path, "", &mut names)?;
            for name in &names {
                let file = path.join(name);
                cleaned.bytes += fs::metadata(&file)
                    .map_err(FileError::at("read", &file))?
                    .len();
                if folder == "stages" && name.ends_with(RECORD) {
                    cleaned.stages += 1;
                }
            }
            remove(&path)?;
        }
        Ok(cleaned)
    }
}

fn remove(path: &Path) -> Result<(), FileError> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(FileError::at("remove", path)(e)),
        _ => Ok(()),
    }
}

/// The length and the hash of a file.
///
/// # Errors
/// [`FileError`] when it cannot be read.
pub fn fingerprint(path: &Path) -> Result<FileRecord, FileError> {
    let mut hasher = blake3::Hasher::new();
    File::open(path)
        .and_then(|file| hasher.update_reader(file).map(|_| ()))
        .map_err(FileError::at("read", path))?;
    Ok(FileRecord {
        bytes: hasher.count(),
        blake3: hasher.finalize().to_hex().to_string(),
    })
}

/// Collects all files below `folder`, as paths relative to it.
fn list(folder: &Path, prefix: &str, names: &mut Vec<String>) -> Result<(), FileError> {
    let entries = fs::read_dir(folder).map_err(FileError::at("read", folder))?;
    for entry in entries {
        let entry = entry.map_err(FileError::at("read", folder))?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let kind = entry
            .file_type()
            .map_err(FileError::at("read", entry.path()))?;
        if kind.is_dir() {
            list(&entry.path(), &format!("{name}/"), names)?;
        } else {
            names.push(name);
        }
    }
    names.sort();
    Ok(())
}
