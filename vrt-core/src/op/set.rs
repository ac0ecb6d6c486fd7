//! In: the operations that are offered. Out: one type whose values are typed calls of them.

use serde_json::Value;

use super::{Limits, OpError, OpGrammar, OpResult, OpSpec, Workspace, error};

/// Operations that are offered together; a value is one typed call. Declared with `ops!`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a set of visual operations",
    note = "declare one with `ops! {{ /// What the set is for. pub MyOps = [select_frames]; }}`"
)]
pub trait OpSet: Sized + Clone + std::fmt::Debug + PartialEq + Send + Sync {
    /// The tools' names, in the order of the declaration.
    const NAMES: &'static [&'static str];

    /// How each tool is offered to a model whose workspace has these limits.
    fn specs(limits: &Limits) -> Vec<OpSpec>;

    /// The canonical text of each tool's calls.
    fn grammars() -> Vec<OpGrammar>;

    /// Reads a call.
    ///
    /// # Errors
    /// [`OpError::UnknownTool`] or [`OpError::Arguments`].
    fn parse(name: &str, arguments: &Value, limits: &Limits) -> Result<Self, OpError>;

    /// Carries out a call.
    ///
    /// # Errors
    /// Whatever the operation itself refuses.
    fn run(self, view: &mut Workspace<'_>) -> OpResult;

    /// The canonical text of a call, from `<tool_call>` to `</tool_call>`.
    fn render(&self) -> String;

    /// Reads a call and carries it out.
    ///
    /// # Errors
    /// As [`OpSet::parse`] and [`OpSet::run`].
    fn call(name: &str, arguments: &Value, view: &mut Workspace<'_>) -> OpResult {
        let limits = view.limits;
        Self::parse(name, arguments, &limits)?.run(view)
    }

    /// The error for a name that is not in the set.
    fn unknown(name: &str) -> OpError {
        OpError::UnknownTool {
            name: name.to_owned(),
            nearest: error::nearest(name, Self::NAMES),
            known: Self::NAMES,
        }
    }
}
