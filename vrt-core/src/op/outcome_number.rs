//! In: the number of an earlier outcome, as a model writes it. Out: a typed argument, bounded by what came so far.

use std::fmt;

use serde_json::{Value, json};

use super::arg::{report, wrong};
use super::{ArgBounds, ArgFault, ArgProblem, Limits, OpArg, Past, Slot, Workspace};

/// The number of an earlier outcome of the episode, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutcomeNumber(pub u32);

/// Outcomes that the tiny policy can name.
const SPELLED: i64 = 9;

impl OutcomeNumber {
    /// The outcome, if it came.
    pub fn of<'a>(self, view: &Workspace<'a>) -> Option<&'a Past<'a>> {
        view.past.get((self.0 as usize).checked_sub(1)?)
    }
}

impl fmt::Display for OutcomeNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl OpArg for OutcomeNumber {
    /// The largest number is that of the newest outcome. Before the first one no number is valid, and the schema says
    /// 1, because an empty range is no schema that servers accept.
    fn schema(_: &ArgBounds, limits: &Limits) -> Value {
        json!({"type": "integer", "minimum": 1, "maximum": limits.outcomes.max(1)})
    }

    fn read(
        value: &Value,
        path: &str,
        _: &ArgBounds,
        limits: &Limits,
        problems: &mut Vec<ArgProblem>,
    ) -> Option<Self> {
        if !(value.is_i64() || value.is_u64()) {
            wrong(value, path, "the number of an outcome", problems);
            return None;
        }
        let number = value
            .as_u64()
            .and_then(|number| u32::try_from(number).ok())
            .filter(|number| (1..=limits.outcomes).contains(number));
        if number.is_none() {
            let fault = ArgFault::NoSuchOutcome {
                number: value.to_string(),
                outcomes: limits.outcomes,
            };
            report(path, fault, problems);
        }
        number.map(Self)
    }

    fn write(&self) -> String {
        self.to_string()
    }

    fn slot(_: &ArgBounds) -> Slot {
        Slot::Integer {
            low: 1,
            high: SPELLED,
        }
    }
}
