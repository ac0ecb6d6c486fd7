//! In: results with their provenance, the text in `paper/`. Out: the bytes of `vrt.pdf`.
//!
//! ```text
//! results/, experiments/specs/ → Evidence → data.json → Typst → PDF
//! ```
//!
//! No number of an experiment is typed by hand: the text asks for it by its path, and a path that leads nowhere stops the
//! compiler. An experiment without results leaves a gap that names its command; a result without provenance is refused.
//! The same results give the same bytes: no clock, no network, no fonts of the machine.

pub mod code;
pub mod command;
pub mod compile;
pub mod data;
pub mod diagnostics;
pub mod evidence;
pub mod provenance;
mod world;

use std::path::Path;

use experiments::claims::{self, Claims};
use experiments::run::ExperimentError;
use experiments::spec::Scale;
use experiments::workspace::Workspace;

use evidence::{Evidence, EvidenceError};

/// A compiled paper.
#[derive(Clone, Debug)]
pub struct Paper {
    /// The PDF.
    pub pdf: Vec<u8>,
    /// Its pages.
    pub pages: usize,
    /// What it was made from.
    pub evidence: Evidence,
    /// What the compiler remarked.
    pub warnings: Vec<String>,
}

/// Why there is no paper.
#[derive(Debug, thiserror::Error)]
pub enum PaperError {
    /// Results, specs or their provenance cannot be used.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// The claims cannot be decided.
    #[error(transparent)]
    Claims(#[from] ExperimentError),
    /// The text cannot be set.
    #[error(transparent)]
    Compile(#[from] compile::CompileError),
}

/// Sets the paper of the workspace at `root` from the largest results of each experiment, or from those of one scale.
///
/// # Errors
/// [`PaperError`]: a result without provenance, a number that is not there, a fault of the text.
pub fn build(root: &Path, scale: Option<Scale>) -> Result<Paper, PaperError> {
    let evidence = Evidence::read(root, scale)?;
    let set = compile::compile(root, &data::of(&evidence, &claims_of(root, scale)?))?;
    Ok(Paper {
        pdf: compile::pdf(&set.document)?,
        pages: set.document.pages().len(),
        evidence,
        warnings: set.warnings,
    })
}

/// What `experiments -- claims` says of the workspace at `root`.
///
/// # Errors
/// [`ExperimentError`] when a spec, `claims.toml` or a result cannot be read.
pub fn claims_of(root: &Path, scale: Option<Scale>) -> Result<Claims, ExperimentError> {
    let workspace = Workspace {
        root: root.to_owned(),
        cache: root.join("cache"),
    };
    claims::evaluate(&workspace, scale)
}
