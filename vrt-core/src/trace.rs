//! In: the text of one reasoning unit. Out: a typed [`Unit`], or the place where the text left the format.
//!
//! One canonical writer (`Display`) and one tolerant reader ([`read_unit`]); `read(write(x)) = x`.
//! The format is the paper's:
//!
//! ```text
//! <Snapshot>…</Snapshot>
//! <Think>…</Think>
//! <Answer>TA=1, VQ=1, MQ=0, OA=1</Answer>
//! ```
//!
//! or, where more evidence is wanted, `<Recommend Answer>…, CF=2</Recommend Answer>` and one or
//! more `<tool_call>{"name": …, "arguments": {…}}</tool_call>` in place of the answer.

mod reader;
mod writer;

use serde::{Deserialize, Serialize};

use crate::pair::Judgment;
pub use reader::{UnitError, read_unit};

/// Version of the text format; part of every experiment's identity.
pub const TRACE_VERSION: u32 = 2;

/// Text inside a tag: trimmed, and free of the trace's own tags, so that it reads back as written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Prose(String);

impl Prose {
    /// Trims the text.
    ///
    /// # Errors
    /// [`UnitError::TagInProse`] if the text contains a tag of the trace format.
    pub fn new(text: &str) -> Result<Self, UnitError> {
        match reader::first_tag(text) {
            Some((at, tag)) => Err(UnitError::TagInProse {
                tag: tag.to_owned(),
                at,
            }),
            None => Ok(Self(text.trim().to_owned())),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Prose {
    type Error = UnitError;

    fn try_from(text: String) -> Result<Self, UnitError> {
        Self::new(&text)
    }
}

impl From<Prose> for String {
    fn from(prose: Prose) -> Self {
        prose.0
    }
}

/// A call of a visual operation as it was written, not yet checked against the operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// The operation's name.
    pub name: String,
    /// Its arguments, an object.
    pub arguments: serde_json::Value,
}

/// How a unit ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// The final answer; the episode is over.
    Answer(Judgment),
    /// What would be answered now, and the evidence that is still wanted.
    Recommend {
        /// The recommended answer: the reward for chain-of-thought gain reads it.
        judgment: Judgment,
        /// The visual operations, at least one. The paper makes one a unit.
        calls: Vec<Call>,
    },
}

/// One reasoning unit `r_t` of the paper.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// What the visible frames showed: it must outlive them.
    pub snapshot: Prose,
    /// The reasoning.
    pub think: Prose,
    /// An answer, or a call.
    pub action: Action,
}

impl Unit {
    /// The judgment this unit states, recommended or final.
    pub fn judgment(&self) -> Judgment {
        match &self.action {
            Action::Answer(judgment) | Action::Recommend { judgment, .. } => *judgment,
        }
    }
}

#[cfg(test)]
mod tests;
