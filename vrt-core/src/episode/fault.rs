//! In: calls that were not carried out. Out: the reason, in words that the model reads and as a row of the ledger.

use crate::op::OpError;
use crate::trace::UnitError;

/// Why the calls of a unit were not carried out. Its text is what the model reads.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CallFault {
    /// The text of a call is not a call.
    #[error("the tool call cannot be read: {0}")]
    Malformed(UnitError),
    /// Several calls where the rules allow one.
    #[error("{calls} tool calls in one unit, but one is allowed; make the others later")]
    Several {
        /// How many there are.
        calls: usize,
    },
    /// More calls than are left.
    #[error("{}", beyond(*.asked, *.left))]
    BeyondLimit {
        /// Calls of the unit.
        asked: usize,
        /// Calls the episode may still make.
        left: usize,
    },
    /// An operation refused.
    #[error(transparent)]
    Op(#[from] OpError),
}

fn beyond(asked: usize, left: usize) -> String {
    match left {
        0 => "no tool call is left; give an answer".to_owned(),
        _ => format!("{asked} tool calls, but only {left} more are allowed; ask for fewer"),
    }
}

impl CallFault {
    /// The kinds, in the order of their rows.
    pub const NAMES: [&'static str; 9] = [
        "malformed_call",
        "several_calls",
        "call_beyond_limit",
        "unknown_tool",
        "bad_arguments",
        "refused",
        "over_budget",
        "no_picture",
        "broken_promise",
    ];

    /// The row that this kind is counted in.
    pub fn row(&self) -> usize {
        match self {
            Self::Malformed(_) => 0,
            Self::Several { .. } => 1,
            Self::BeyondLimit { .. } => 2,
            Self::Op(OpError::UnknownTool { .. }) => 3,
            Self::Op(OpError::Arguments { .. }) => 4,
            Self::Op(OpError::Refused { .. }) => 5,
            Self::Op(OpError::OverBudget { .. }) => 6,
            Self::Op(OpError::Video(_)) => 7,
            Self::Op(OpError::CostsMore { .. }) => 8,
        }
    }

    /// The kind's name.
    pub fn name(&self) -> &'static str {
        Self::NAMES[self.row()]
    }
}
