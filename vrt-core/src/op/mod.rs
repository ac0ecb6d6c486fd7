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
mod workspace;

// The operation's type has the name of its file, so the module needs another one.
#[path = "select_frames.rs"]
mod select_frames_op;

pub use arg::{ArgBounds, Most, OpArg};
pub use error::{ArgError, ArgFault, ArgProblem, OpError};
pub use grammar::{GrammarPart, OpGrammar, Slot};
pub use json::canonical_json;
#[doc(hidden)]
pub use param::{Param, Reader, param, render_call};
pub use select_frames_op::{SelectFramesArgs, select_frames};
pub use set::OpSet;
pub use spec::{OpSpec, ParamSchema, VisualOp};
pub use workspace::{Limits, Outcome, Past, Workspace};

/// What an operation gives back.
pub type OpResult = Result<Outcome, OpError>;

vrt_macros::ops! {
    /// The paper's tools.
    pub PaperOps = [select_frames];
}

#[cfg(test)]
mod tests;
