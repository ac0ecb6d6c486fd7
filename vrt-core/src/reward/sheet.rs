//! In: the scores of a group. Out: the rows that are summed, logged raw and weighted, and explained.

use serde::Serialize;

use super::Score;

/// One term's row for one sample.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TermReward {
    /// The term.
    pub name: &'static str,
    /// What the term said, before the weight.
    pub raw: Score,
    /// The weight in the objective.
    pub weight: f64,
    /// `weight · raw`, or `None` where the term abstained.
    pub weighted: Option<f64>,
}

impl TermReward {
    /// The row of a term with this weight.
    pub fn new(name: &'static str, raw: Score, weight: f64) -> Self {
        let weighted = raw.value().map(|value| weight * value);
        Self {
            name,
            raw,
            weight,
            weighted,
        }
    }
}

/// One sample's reward.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SampleReward {
    /// The paper's `s_i`: the sum over the terms that have a value; `None` if all abstained.
    pub total: Option<f64>,
    /// One row a term, in the order of the objective.
    pub terms: Vec<TermReward>,
}

impl SampleReward {
    /// Sums the rows.
    pub fn new(terms: Vec<TermReward>) -> Self {
        let total = terms
            .iter()
            .filter_map(|term| term.weighted)
            .reduce(|sum, value| sum + value);
        Self { total, terms }
    }

    /// The row of a term.
    pub fn term(&self, name: &str) -> Option<&TermReward> {
        self.terms.iter().find(|term| term.name == name)
    }
}

/// The rewards of one group.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RewardSheet {
    /// The terms, in the order of the objective.
    pub terms: &'static [&'static str],
    /// One entry a sample, in the order of the group.
    pub samples: Vec<SampleReward>,
}
