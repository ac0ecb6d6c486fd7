//! In: the text in `paper/` and its data. Out: pages, and their PDF.

use std::path::Path;

use serde_json::Value;
use typst::diag::{FileError, SourceDiagnostic, Warned};
use typst_layout::PagedDocument;
use typst_pdf::PdfOptions;

use crate::diagnostics;
use crate::world::Workspace;

/// Where the text begins, from the workspace's root.
const MAIN: &str = "paper/vrt.typ";

/// The pages, before they are a PDF.
#[derive(Clone, Debug)]
pub struct Set {
    /// The pages.
    pub document: PagedDocument,
    /// What the compiler remarked.
    pub warnings: Vec<String>,
}

/// Why the text cannot be set.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The text has faults, or asks for a number that is not there: one message each.
    #[error("the paper cannot be set:\n{}", .0.join("\n"))]
    Text(Vec<String>),
    /// Something on a page has no form in PDF.
    #[error("the pages cannot become a PDF:\n{}", .0.join("\n"))]
    Export(Vec<String>),
    /// The text cannot be found.
    #[error("{MAIN}: {0}")]
    Main(FileError),
    /// The data is no JSON.
    #[error("the numbers cannot be handed to the text: {0}")]
    Data(#[from] serde_json::Error),
}

/// Sets the paper of the workspace at `root` with these numbers.
///
/// # Errors
/// [`CompileError`] with every fault and its place.
pub fn compile(root: &Path, data: &Value) -> Result<Set, CompileError> {
    let world =
        Workspace::new(root, MAIN, serde_json::to_vec(data)?).map_err(CompileError::Main)?;
    let Warned { output, warnings } = typst::compile::<PagedDocument>(&world);
    let told = |found: &[SourceDiagnostic]| -> Vec<String> {
        let texts = found.iter().map(|one| diagnostics::text(&world, one));
        texts.collect()
    };
    Ok(Set {
        document: output.map_err(|faults| CompileError::Text(told(&faults)))?,
        warnings: told(&warnings),
    })
}

/// The PDF of the pages, the same bytes every time: no timestamp, and an identifier from title and author.
///
/// # Errors
/// [`CompileError::Export`] when something on a page has no form in PDF.
pub fn pdf(document: &PagedDocument) -> Result<Vec<u8>, CompileError> {
    typst_pdf::pdf(document, &PdfOptions::default()).map_err(|faults| {
        CompileError::Export(faults.iter().map(|one| one.message.to_string()).collect())
    })
}
