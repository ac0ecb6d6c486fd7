//! In: a workspace's specs and results. Out: what the paper may print, experiment by experiment.

use std::fs;
use std::path::{Path, PathBuf};

use experiments::spec::{self, LoadError, Scale, Spec};
use serde_json::Value;
use vrt_train::atomic::FileError;

use crate::command;
use crate::provenance::{Provenance, ProvenanceError};

/// All experiments, with or without results.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// In the order of their ids.
    pub experiments: Vec<Experiment>,
}

/// An experiment and what is there of it.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// What it is.
    pub spec: Spec,
    /// Its result; `None` leaves a gap.
    pub outcome: Option<Outcome>,
}

/// A result that may be printed.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// At which scale.
    pub scale: Scale,
    /// The command that writes it.
    pub command: String,
    /// Its folder from the workspace's root, `/` between folders.
    pub folder: String,
    /// `result.json`.
    pub result: Value,
    /// Where its numbers come from.
    pub provenance: Provenance,
    /// Whether there is a `figure.svg`.
    pub figure: bool,
}

/// Why the evidence cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// A spec cannot be used.
    #[error("{}: {source}", path.display())]
    Spec {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<LoadError>,
    },
    /// A result has no provenance that is its own.
    #[error(transparent)]
    Provenance(#[from] ProvenanceError),
    /// A result is no JSON.
    #[error("{} is no result: {source}; run the experiment again", path.display())]
    Result {
        /// The file.
        path: PathBuf,
        /// The parser's answer.
        source: serde_json::Error,
    },
    /// A file could not be read.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Evidence {
    /// Takes the largest result of each experiment, or those of one scale. Smoke results mean nothing and are only taken when
    /// asked for.
    ///
    /// # Errors
    /// [`EvidenceError`]: what is there must be whole; what is not there is a gap.
    pub fn read(root: &Path, scale: Option<Scale>) -> Result<Self, EvidenceError> {
        let experiments = spec::list(&root.join("experiments/specs"))?
            .into_iter()
            .map(|(_, path)| {
                let spec = Spec::load(&path).map_err(|error| EvidenceError::Spec {
                    path,
                    source: Box::new(error),
                })?;
                let outcome = outcome(root, &spec, scale)?;
                Ok(Experiment { spec, outcome })
            })
            .collect::<Result<_, EvidenceError>>()?;
        Ok(Self { experiments })
    }

    /// Ids of the experiments that leave a gap.
    pub fn gaps(&self) -> impl Iterator<Item = &str> {
        let without = self.experiments.iter().filter(|e| e.outcome.is_none());
        without.map(|experiment| experiment.spec.id())
    }
}

fn outcome(
    root: &Path,
    spec: &Spec,
    fixed: Option<Scale>,
) -> Result<Option<Outcome>, EvidenceError> {
    let folder = |scale: Scale| format!("results/{}/{}", spec.id(), scale.name());
    let found = Scale::ALL
        .into_iter()
        .rev()
        .filter(|scale| fixed.map_or(*scale != Scale::Smoke, |fixed| fixed == *scale))
        .find(|scale| root.join(folder(*scale)).join("result.json").exists());
    let Some(scale) = found else {
        return Ok(None);
    };
    let name = folder(scale);
    let path = root.join(&name);
    let file = path.join("result.json");
    let text = fs::read(&file).map_err(FileError::at("read", &file))?;
    let result: Value = serde_json::from_slice(&text)
        .map_err(|source| EvidenceError::Result { path: file, source })?;
    let again = command::at(spec.id(), scale);
    let provenance = Provenance::of(&path, &name, scale, &result, &again)?;
    Ok(Some(Outcome {
        scale,
        command: command::of(spec, scale, &provenance.seeds),
        figure: path.join("figure.svg").exists(),
        folder: name,
        result,
        provenance,
    }))
}
