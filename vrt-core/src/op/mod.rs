//! In: the name and the JSON arguments of a call. Out: evidence, or an error that tells the model what to mend.
//!
//! The paper's operation `o_t = f(Ṽ)`. One declaration under `#[visual_op]` is the only source of an
//! operation's name, bounds, schema, prompt line, error text and grammar; `ops!` writes down which
//! operations an experiment offers, and in which order.

mod arg;
mod error;
mod grammar;
mod json;
mod param;
mod set;
mod spec;

// The operation's type has the name of its file, so the module needs another one.
#[path = "select_frames.rs"]
mod select_frames_op;

pub use arg::{ArgBounds, OpArg};
pub use error::{ArgError, ArgFault, ArgProblem, OpError};
pub use grammar::{GrammarPart, OpGrammar, Slot};
pub use json::canonical_json;
#[doc(hidden)]
pub use param::{Param, Reader, param, render_call};
pub use select_frames_op::{SelectFramesArgs, select_frames};
pub use set::OpSet;
pub use spec::{OpSpec, ParamSchema, VisualOp};

use crate::pair::{FrameIndex, Pool, PreferencePair};

/// What bounds every operation in one workspace; schemas and argument checks take their maxima from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The frames of both videos.
    pub pool: Pool,
}

impl Limits {
    /// The limits of a workspace with this pool.
    pub fn new(pool: Pool) -> Self {
        Self { pool }
    }
}

/// All frames of both videos, `Ṽ`: what an operation works on.
pub struct Workspace<'a> {
    /// The pair that is judged.
    pub pair: &'a PreferencePair,
    /// What bounds the operations.
    pub limits: Limits,
}

impl<'a> Workspace<'a> {
    /// The workspace of a pair; its limits follow from the pair.
    pub fn new(pair: &'a PreferencePair) -> Self {
        Self {
            pair,
            limits: Limits::new(pair.pool()),
        }
    }
}

/// What an operation makes visible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The evidence, in the order in which it is shown.
    pub frames: Vec<FrameIndex>,
}

/// What an operation gives back.
pub type OpResult = Result<Outcome, OpError>;

vrt_macros::ops! {
    /// The paper's tools.
    pub PaperOps = [select_frames];
}

#[cfg(test)]
mod tests;
