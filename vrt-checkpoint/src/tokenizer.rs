//! In: text. Out: the ids of a checkpoint's `tokenizer.json`, and back.

use std::path::{Path, PathBuf};

/// The file's name.
pub const FILE: &str = "tokenizer.json";

/// A tokenizer could not be read or used.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    /// The file is no tokenizer.
    #[error("{}: {problem}; fetch the file again", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// Text that has no ids, or ids that have no text.
    #[error("tokenizer: {0}; use the tokenizer.json of the same checkpoint")]
    Use(String),
}

/// A checkpoint's tokenizer.
#[derive(Clone, Debug)]
pub struct Tokenizer(tokenizers::Tokenizer);

impl Tokenizer {
    /// Reads `tokenizer.json`.
    ///
    /// # Errors
    /// [`TokenizerError::Read`].
    pub fn read(path: &Path) -> Result<Self, TokenizerError> {
        let read = tokenizers::Tokenizer::from_file(path);
        read.map(Self).map_err(|error| TokenizerError::Read {
            path: path.to_owned(),
            problem: error.to_string(),
        })
    }

    /// The ids of a text; special pieces that stand in it become their ids, and none is added.
    ///
    /// # Errors
    /// [`TokenizerError::Use`].
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        let encoding = self.0.encode(text, false);
        encoding
            .map(|encoding| encoding.get_ids().to_vec())
            .map_err(|error| TokenizerError::Use(error.to_string()))
    }

    /// The text of ids, with or without special pieces.
    ///
    /// # Errors
    /// [`TokenizerError::Use`].
    pub fn decode(&self, ids: &[u32], special: bool) -> Result<String, TokenizerError> {
        self.0
            .decode(ids, !special)
            .map_err(|error| TokenizerError::Use(error.to_string()))
    }

    /// The id of one piece.
    pub fn id(&self, piece: &str) -> Option<u32> {
        self.0.token_to_id(piece)
    }
}
