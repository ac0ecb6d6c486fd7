//! In: `provenance.json` and the files beside it. Out: a birth certificate that was checked against them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use experiments::spec::Scale;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use vrt_train::atomic::FileError;

/// Where the numbers of a result come from.
#[derive(Clone, Debug, PartialEq, Deserialize)]
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
    /// The compiler.
    pub rustc: String,
    /// Wall seconds of all stages together.
    pub seconds: f64,
    /// The last stage of each run, `arm/seed`.
    #[serde(default)]
    pub runs: BTreeMap<String, String>,
    /// The stages by id; `null` where a stage was not needed.
    #[serde(default)]
    pub stages: BTreeMap<String, Option<Stage>>,
    /// Fingerprints of the result's files.
    #[serde(default)]
    pub files: BTreeMap<String, Fingerprint>,
}

/// A state of the code.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Revision {
    /// The commit.
    pub commit: Option<String>,
    /// Whether files differed from it.
    pub dirty: bool,
}

/// What a stage was when it was built.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Its kind: `tower`, `base`, `cold_start`, `rft`, `grpo`, `eval`, …
    pub kind: String,
    /// Its resolved parameters.
    #[serde(default)]
    pub params: Value,
    /// Its inputs.
    pub inputs: Vec<String>,
    /// What building it cost.
    #[serde(default)]
    pub cost: Option<Cost>,
}

/// What building a stage cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Wall seconds.
    pub seconds: f64,
    /// Units of work.
    pub work: f64,
    /// What is counted.
    pub unit: String,
}

/// A file's hash.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Fingerprint {
    /// blake3 in hexadecimal.
    pub blake3: String,
}

/// Numbers that the paper must not print.
#[derive(Debug, thiserror::Error)]
pub enum ProvenanceError {
    /// There is no certificate.
    #[error(
        "{folder} has numbers without provenance: provenance.json is missing; run `{command}` again"
    )]
    Missing {
        /// The result's folder.
        folder: String,
        /// The command that writes it.
        command: String,
    },
    /// The certificate cannot be read.
    #[error("{} is no provenance: {source}; write it anew with the experiment's command", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The parser's answer.
        source: serde_json::Error,
    },
    /// The certificate is for another result.
    #[error(
        "{folder}: provenance.json says {field} = {certified}, the result says {found}; a certificate of another run \
         proves nothing, run `{command}` again"
    )]
    OtherRun {
        /// The result's folder.
        folder: String,
        /// What differs.
        field: &'static str,
        /// The certificate's value.
        certified: String,
        /// The result's value.
        found: String,
        /// The command that writes it.
        command: String,
    },
    /// No commit stands behind the numbers.
    #[error(
        "{folder}: its provenance names no commit, so nobody can build these numbers again; run `{command}` inside \
         the git repository"
    )]
    NoCommit {
        /// The result's folder.
        folder: String,
        /// The command that writes it.
        command: String,
    },
    /// An arm has no last stage.
    #[error(
        "{folder}: the provenance of `{run}` is incomplete, its last stage {stage} has no record; run `{command}` again"
    )]
    NoStage {
        /// The result's folder.
        folder: String,
        /// The arm and its seed.
        run: String,
        /// The stage's id.
        stage: String,
        /// The command that writes it.
        command: String,
    },
    /// A file was changed after it was certified.
    #[error(
        "{path} is not the file that its provenance was written for; do not edit results, run `{command}` again"
    )]
    Altered {
        /// The file.
        path: String,
        /// The command that writes it.
        command: String,
    },
    /// A file could not be read.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Provenance {
    /// Reads the certificate in `folder`, called `name` in messages, and holds it against `result`.
    ///
    /// # Errors
    /// [`ProvenanceError`] when there is none, or it is not of this result.
    pub fn of(
        folder: &Path,
        name: &str,
        scale: Scale,
        result: &Value,
        command: &str,
    ) -> Result<Self, ProvenanceError> {
        let path = folder.join("provenance.json");
        if !path.exists() {
            return Err(ProvenanceError::Missing {
                folder: name.to_owned(),
                command: command.to_owned(),
            });
        }
        let text = fs::read(&path).map_err(FileError::at("read", &path))?;
        let birth: Self = serde_json::from_slice(&text)
            .map_err(|source| ProvenanceError::Unreadable { path, source })?;
        birth.agrees(name, scale, result, command)?;
        birth.covers_its_runs(name, command)?;
        for (file, print) in &birth.files {
            let path = folder.join(file);
            let bytes = fs::read(&path).map_err(FileError::at("read", &path))?;
            if blake3::hash(&bytes).to_hex().as_str() != print.blake3 {
                return Err(ProvenanceError::Altered {
                    path: format!("{name}/{file}"),
                    command: command.to_owned(),
                });
            }
        }
        Ok(birth)
    }

    fn agrees(
        &self,
        folder: &str,
        scale: Scale,
        result: &Value,
        command: &str,
    ) -> Result<(), ProvenanceError> {
        let Some(revision) = self.revision.short() else {
            return Err(ProvenanceError::NoCommit {
                folder: folder.to_owned(),
                command: command.to_owned(),
            });
        };
        let certified = [
            ("id", Value::from(self.experiment.as_str())),
            ("scale", Value::from(scale.name())),
            ("seeds", Value::from(self.seeds.clone())),
            ("revision", Value::from(revision)),
        ];
        let own = Value::from(self.scale.name());
        for (field, value) in certified {
            let found = result.get(field).unwrap_or(&Value::Null);
            // A measurement names none: its costs are those of the first seed.
            if field == "seeds" && found.is_null() {
                continue;
            }
            if *found != value || field == "scale" && own != value {
                return Err(ProvenanceError::OtherRun {
                    folder: folder.to_owned(),
                    field,
                    certified: if field == "scale" { own } else { value }.to_string(),
                    found: found.to_string(),
                    command: command.to_owned(),
                });
            }
        }
        Ok(())
    }

    fn covers_its_runs(&self, folder: &str, command: &str) -> Result<(), ProvenanceError> {
        for (run, stage) in &self.runs {
            if !matches!(self.stages.get(stage), Some(Some(_))) {
                return Err(ProvenanceError::NoStage {
                    folder: folder.to_owned(),
                    run: run.clone(),
                    stage: stage.clone(),
                    command: command.to_owned(),
                });
            }
        }
        Ok(())
    }

    /// The stages behind each arm's first seed, by arm and kind of stage.
    pub fn chains(&self) -> BTreeMap<&str, BTreeMap<&str, &Stage>> {
        let mut chains: BTreeMap<&str, BTreeMap<&str, &Stage>> = BTreeMap::new();
        let first = self.seeds.first().map(u64::to_string);
        for (run, last) in &self.runs {
            let Some((arm, seed)) = run.split_once('/') else {
                continue;
            };
            if first.as_deref() != Some(seed) {
                continue;
            }
            let chain = chains.entry(arm).or_default();
            let mut next = vec![last];
            while let Some(id) = next.pop() {
                if let Some(Some(stage)) = self.stages.get(id) {
                    next.extend(&stage.inputs);
                    chain.entry(&stage.kind).or_insert(stage);
                }
            }
        }
        chains
    }
}

impl Revision {
    /// Twelve digits of the commit, `+` when dirty: what results call their revision.
    pub fn short(&self) -> Option<String> {
        let digits = self.commit.as_ref()?.chars().take(12).collect::<String>();
        Some(if self.dirty { digits + "+" } else { digits })
    }
}
