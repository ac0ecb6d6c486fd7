//! In: what was run. Out: the birth certificate of its numbers, `provenance.json`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde::Serialize;
use serde_json::Value;
use vrt_train::atomic::FileError;

use crate::spec::{Scale, Spec};
use crate::stage::StageId;
use crate::store::{FileRecord, Record, Spent, fingerprint};

/// Where every number of a result comes from.
#[derive(Clone, Debug, Serialize)]
pub struct Provenance {
    /// The experiment's id.
    pub experiment: String,
    /// How much was computed.
    pub scale: Scale,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// The code.
    pub revision: Revision,
    /// blake3 of the spec's text.
    pub spec: String,
    /// blake3 of `Cargo.lock`.
    pub cargo_lock: Option<String>,
    /// The compiler.
    pub rustc: String,
    /// Wall seconds of all stages together, when they were built.
    pub seconds: f64,
    /// The last stage of each run: `arm/seed`, or `arm/seed/beside` for the second look.
    pub runs: BTreeMap<String, StageId>,
    /// Every stage behind the result. Those without a record were not needed: all that reads them was
    /// cached.
    pub stages: BTreeMap<StageId, Option<StageBirth>>,
    /// The files that this certificate is for, by name; what was changed afterwards has none.
    pub files: BTreeMap<String, FileRecord>,
}

/// What a stage was when it was built.
#[derive(Clone, Debug, Serialize)]
pub struct StageBirth {
    /// Its kind.
    pub kind: String,
    /// Its title.
    pub title: String,
    /// The version of its code.
    pub version: u32,
    /// Its resolved parameters: defaults are in it, so that a number of the recipe can be read off it.
    pub params: Value,
    /// Its inputs.
    pub inputs: Vec<StageId>,
    /// What it cost.
    pub cost: Spent,
    /// Its files.
    pub files: BTreeMap<String, FileRecord>,
}

impl From<&Record> for StageBirth {
    fn from(record: &Record) -> Self {
        Self {
            kind: record.kind.clone(),
            title: record.title.clone(),
            version: record.version,
            params: record.params.clone(),
            inputs: record.inputs.clone(),
            cost: record.cost.clone(),
            files: record.files.clone(),
        }
    }
}

/// A state of the code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Revision {
    /// The commit, if the code is in a git repository.
    pub commit: Option<String>,
    /// Whether files differed from the commit.
    pub dirty: bool,
}

impl Revision {
    /// The revision of the repository at `root`.
    pub fn of(root: &Path) -> Self {
        let git = |arguments: &[&str]| {
            let out = Command::new("git")
                .arg("-C")
                .arg(root)
                .args(arguments)
                .output()
                .ok()?;
            out.status
                .success()
                .then(|| String::from_utf8(out.stdout).ok())?
        };
        // What a run writes itself does not make the code another one.
        let changes = ["status", "--porcelain", "--", ".", ":(exclude)results"];
        Self {
            commit: git(&["rev-parse", "HEAD"]).map(|text| text.trim().to_owned()),
            dirty: git(&changes).is_none_or(|text| !text.trim().is_empty()),
        }
    }

    /// Twelve digits, `+` when dirty; `unversioned` outside a repository.
    pub fn short(&self) -> String {
        match &self.commit {
            Some(commit) => {
                let digits: String = commit.chars().take(12).collect();
                let mark = if self.dirty { "+" } else { "" };
                format!("{digits}{mark}")
            }
            None => "unversioned".to_owned(),
        }
    }
}

/// Collects the certificate. `lineage` is every stage behind the result, `records` those that are there.
///
/// # Errors
/// [`FileError`] when `Cargo.lock` exists but cannot be read.
pub fn provenance(
    root: &Path,
    spec: &Spec,
    scale: Scale,
    seeds: &[u64],
    runs: BTreeMap<String, StageId>,
    lineage: impl IntoIterator<Item = StageId>,
    records: &BTreeMap<StageId, Record>,
) -> Result<Provenance, FileError> {
    let lock = root.join("Cargo.lock");
    let cargo_lock = if lock.exists() {
        let bytes = fs::read(&lock).map_err(FileError::at("read", lock))?;
        Some(blake3::hash(&bytes).to_hex().to_string())
    } else {
        None
    };
    Ok(Provenance {
        experiment: spec.id().to_owned(),
        scale,
        seeds: seeds.to_vec(),
        revision: Revision::of(root),
        spec: spec.hash().to_owned(),
        cargo_lock,
        rustc: env!("VRT_RUSTC_VERSION").to_owned(),
        seconds: records.values().map(|record| record.cost.seconds).sum(),
        runs,
        stages: lineage
            .into_iter()
            .map(|id| (id, records.get(&id).map(StageBirth::from)))
            .collect(),
        files: BTreeMap::new(),
    })
}

impl Provenance {
    /// Takes in what `folder` holds of the result: its numbers, its table, its figure.
    ///
    /// # Errors
    /// [`FileError`] when one of them is there but cannot be read.
    pub fn certify(&mut self, folder: &Path) -> Result<(), FileError> {
        for name in [
            "result.json",
            "table.md",
            "figure.svg",
            "figure.png",
            "traces.jsonl",
        ] {
            let path = folder.join(name);
            if path.exists() {
                self.files.insert(name.to_owned(), fingerprint(&path)?);
            }
        }
        Ok(())
    }
}
