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

    /// The most visual tokens that the call's outcome can cost, if its operation declares it.
    fn cost(&self, view: &Workspace<'_>) -> Option<u32>;

    /// The name of the set that equals a written one.
    fn named(name: &str) -> Option<&'static str> {
        Self::NAMES.iter().copied().find(|known| *known == name)
    }

    /// Reads a call and carries it out within the budget: a declared cost is checked before any work is done.
    ///
    /// # Errors
    /// As [`OpSet::parse`] and [`OpSet::run`]; [`OpError::OverBudget`], [`OpError::CostsMore`].
    fn call(name: &str, arguments: &Value, view: &mut Workspace<'_>) -> OpResult {
        let limits = view.limits;
        let call = Self::parse(name, arguments, &limits)?;
        let tool = Self::named(name).unwrap_or_default();
        let afford = |cost: u32| match limits.budget {
            Some(budget) if cost > budget => Err(OpError::OverBudget { tool, cost, budget }),
            _ => Ok(()),
        };
        let declared = call.cost(view);
        declared.map_or(Ok(()), afford)?;
        let outcome = call.run(view)?;
        let cost = outcome.cost(limits.frame_tokens);
        match declared {
            Some(declared) if cost > declared => Err(OpError::CostsMore {
                tool,
                cost,
                declared,
            }),
            _ => afford(cost).map(|()| outcome),
        }
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
