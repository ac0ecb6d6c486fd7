//! What can be wrong with a model's input, and how to mend it.

/// A model refused its input.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A token outside the vocabulary.
    #[error(
        "row {row}: token {token} is beyond the vocabulary of {vocab}; encode with this model's tokenizer"
    )]
    Token {
        /// The packed row.
        row: usize,
        /// The id found there.
        token: u32,
        /// Size of the vocabulary.
        vocab: usize,
    },
    /// A row shows a frame that was not embedded.
    #[error(
        "row {row}: visual embedding {index} of {count}; embed every frame that the batch shows"
    )]
    VisualRow {
        /// The packed row.
        row: usize,
        /// The embedding it names.
        index: u32,
        /// How many embeddings were given.
        count: usize,
    },
    /// The lists of a batch do not fit together.
    #[error("packed batch: {what}; build it with Packed::new")]
    Packed {
        /// What does not fit.
        what: &'static str,
    },
    /// The first row of a sequence is evidence, so that some row could see nothing.
    #[error(
        "sequence {sequence}: its first row is tagged as fetched evidence; begin with text or an initial frame"
    )]
    FirstRow {
        /// Which sequence of the batch.
        sequence: usize,
    },
    /// The temperature is not a positive number.
    #[error("temperature {0} is not a positive number; greedy decoding is 1.0 here")]
    Temperature(f32),
    /// A frame of the wrong size.
    #[error("a frame is {width}×{height}, this model reads {side}×{side}; scale the video first")]
    FrameSize {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
        /// What the model reads.
        side: usize,
    },
    /// A frame whose patches are no whole merge groups.
    #[error(
        "a frame of {rows}×{columns} patches does not split into groups of {merge}×{merge}; resize it"
    )]
    Grid {
        /// Patches in a column.
        rows: usize,
        /// Patches in a row.
        columns: usize,
        /// Side of a merge group.
        merge: usize,
    },
    /// A flat list of another length.
    #[error("{found} numbers where the model has {expected}; the list belongs to another model")]
    FlatLength {
        /// Length of the list.
        found: usize,
        /// Length that fits.
        expected: usize,
    },
    /// A list of rows of another length.
    #[error("{what}: {found} numbers, expected {expected}")]
    Length {
        /// Which list.
        what: &'static str,
        /// Length of the list.
        found: usize,
        /// Length that fits.
        expected: usize,
    },
    /// A device failed in the backward pass.
    #[error("the device failed in the backward pass: {0}; make the batch smaller")]
    Backward(String),
    /// The tensor library ran out of memory.
    #[error("tensor library: {0}")]
    Device(#[from] dfdx::tensor::CpuError),
}
