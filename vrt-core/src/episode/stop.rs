//! In: the end of an episode. Out: its reason, as a row of the ledger.

use super::CallFault;
use crate::policy::PolicyError;
use crate::trace::UnitError;

/// Why an episode is over.
#[derive(Clone, Debug, PartialEq)]
pub enum StopReason {
    /// A final answer was given.
    Answered,
    /// A reply was not a unit.
    Malformed(UnitError),
    /// A reply was cut off by a length limit.
    Cut,
    /// A call was faulty, and the rules allow no further try.
    Fault(CallFault),
    /// The policy itself failed.
    Policy(PolicyError),
}

const FAULTS: usize = CallFault::NAMES.len();

impl StopReason {
    /// The rows of the ledger, in order.
    pub const NAMES: [&'static str; 4 + FAULTS] = {
        let mut names = ["answered"; 4 + FAULTS];
        names[1] = "malformed";
        names[2] = "cut";
        names[3] = "policy_failed";
        let mut fault = 0;
        while fault < FAULTS {
            names[4 + fault] = CallFault::NAMES[fault];
            fault += 1;
        }
        names
    };

    /// The row this reason is counted in.
    pub fn row(&self) -> usize {
        match self {
            Self::Answered => 0,
            Self::Malformed(_) => 1,
            Self::Cut => 2,
            Self::Policy(_) => 3,
            Self::Fault(fault) => 4 + fault.row(),
        }
    }

    /// The row's name.
    pub fn name(&self) -> &'static str {
        Self::NAMES[self.row()]
    }

    /// Why the episode is not in format, in words; `None` if it is.
    pub fn fault(&self) -> Option<String> {
        match self {
            Self::Answered => None,
            Self::Malformed(error) => Some(error.to_string()),
            Self::Cut => Some("the reply was cut off".to_owned()),
            Self::Fault(fault) => Some(fault.to_string()),
            Self::Policy(error) => Some(error.to_string()),
        }
    }
}
