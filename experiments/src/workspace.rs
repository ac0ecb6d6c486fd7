//! The folders of a workspace: where specs are found, where stages, results and measurements go.

use std::path::PathBuf;

use crate::spec::Scale;

/// The folders of a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    /// Its root.
    pub root: PathBuf,
    /// Where stages are kept.
    pub cache: PathBuf,
}

impl Workspace {
    /// The specs.
    pub fn specs(&self) -> PathBuf {
        self.root.join("experiments/specs")
    }

    /// The paper's numbers.
    pub fn paper_values(&self) -> PathBuf {
        self.root.join("experiments/paper-values.toml")
    }

    /// The paper's claims.
    pub fn claims(&self) -> PathBuf {
        self.root.join("experiments/claims.toml")
    }

    /// Where a running experiment's measurements can be watched.
    pub fn runs(&self, id: &str, scale: Scale) -> PathBuf {
        self.root
            .join("runs")
            .join(format!("{id}-{}", scale.name()))
    }

    /// What an experiment wrote at a scale.
    pub fn results(&self, id: &str, scale: Scale) -> PathBuf {
        self.root.join("results").join(id).join(scale.name())
    }
}
