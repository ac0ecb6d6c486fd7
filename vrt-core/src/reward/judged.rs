//! In: a sampled trace and the ground truth. Out: what reward terms may see of them.

use serde::{Deserialize, Serialize};

use crate::pair::{Judgment, Verdict};

/// What a reward term may see of one sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// The ground truth of the pair.
    pub truth: Verdict,
    /// Whether every unit is in format, or the first reason why not.
    pub format: Result<(), String>,
    /// The judgments of every well-formed unit in order: recommended answers, then the final one.
    pub judgments: Vec<Judgment>,
    /// The final answer, where there is one.
    pub answer: Option<Judgment>,
    /// Calls that were carried out.
    pub tool_calls: u32,
}

impl Judged {
    /// Whether the final answer names the right video overall; false without an answer.
    pub fn overall_right(&self) -> bool {
        self.answer
            .is_some_and(|answer| answer.verdict.overall == self.truth.overall)
    }
}

/// The samples of one pair, as a group-scope term sees them.
#[derive(Clone, Copy, Debug)]
pub struct Group<'a> {
    /// The samples, in the order of their numbers.
    pub samples: &'a [Judged],
}
