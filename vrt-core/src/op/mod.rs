//! In: the name and the JSON arguments of a call. Out: evidence, or an error that tells the model what to mend.
//!
//! The paper's operation `o_t = f(Ṽ)`. One declaration under `#[visual_op]` is the only source of an
//! operation's name, bounds, schema, prompt line, error text and grammar; `ops!` writes down which
//! operations an experiment offers, and in which order.

mod arg;
mod error;
mod grammar;
mod json;
mod offered;
mod outcome_number;
mod param;
mod set;
mod spec;
mod workspace;

// An operation's type has the name of its file, so the module needs another one.
#[path = "frame_difference.rs"]
mod frame_difference_op;
#[path = "recall.rs"]
mod recall_op;
#[path = "sample_range.rs"]
mod sample_range_op;
#[path = "select_frames.rs"]
mod select_frames_op;
#[path = "zoom_in.rs"]
mod zoom_in_op;

pub use arg::{ArgBounds, Highest, Most, OpArg};
pub use error::{ArgError, ArgFault, ArgProblem, OpError};
pub use frame_difference_op::{FrameDifferenceArgs, frame_difference};
pub use grammar::{GrammarPart, OpGrammar, Slot};
pub use json::canonical_json;
pub use offered::{
    Offered, RangeOps, SelectDifferenceOps, SelectRangeOps, SelectRecallOps, SelectZoomOps,
};
pub use outcome_number::OutcomeNumber;
#[doc(hidden)]
pub use param::{Param, Reader, param, render_call};
pub use recall_op::{RecallArgs, recall};
pub use sample_range_op::{SampleRangeArgs, sample_range};
pub use select_frames_op::{SelectFramesArgs, select_frames};
pub use set::OpSet;
pub use spec::{OpSpec, ParamSchema, VisualOp};
pub use workspace::{Limits, Outcome, Past, Workspace};
pub use zoom_in_op::{ZoomInArgs, zoom_in};

/// What an operation gives back.
pub type OpResult = Result<Outcome, OpError>;

vrt_macros::ops! {
    /// The paper's tools.
    pub PaperOps = [select_frames];
}

vrt_macros::ops! {
    /// The paper's tool and the library's others.
    pub AllOps = [select_frames, zoom_in, frame_difference, sample_range, recall];
}

#[cfg(test)]
mod library_tests;
#[cfg(test)]
mod tests;
