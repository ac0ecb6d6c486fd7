//! In: what an objective said of a sample, and what came of it in its group. Out: the same, as rows of a record.

use serde::{Deserialize, Serialize};
use vrt_core::reward::{SampleReward, Score};

/// A sample's advantage in its group, and what each term contributed to it.
#[derive(Clone, Copy, Debug)]
pub struct Advantage<'a> {
    /// `A_i`.
    pub value: f64,
    /// One share a term, in the order of the objective; they sum to `value`, but for what is no term.
    pub shares: &'a [f64],
}

/// One sample's reward by term.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RewardRecord {
    /// `s_i`; absent where every term abstained.
    pub total: Option<f64>,
    /// `A_i`, where the sample belongs to a group.
    pub advantage: Option<f64>,
    /// One row a term, in the order of the objective.
    pub terms: Vec<TermRecord>,
}

/// What one term said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = Term))]
pub struct TermRecord {
    /// The term.
    pub name: String,
    /// Before the weight; null where the term abstained.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub raw: Option<f64>,
    /// The weight in the objective.
    pub weight: f64,
    /// `weight · raw`; null where the term abstained.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub weighted: Option<f64>,
    /// What it contributed to the advantage; null where the sample belongs to no group.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub share: Option<f64>,
    /// Why the term has no value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abstains: Option<String>,
}

impl RewardRecord {
    /// The rows of a sample.
    pub fn new(reward: &SampleReward, advantage: Option<Advantage<'_>>) -> Self {
        let share = |term: usize| advantage.and_then(|of| of.shares.get(term).copied());
        let rows = reward.terms.iter().enumerate();
        Self {
            total: reward.total,
            advantage: advantage.map(|of| of.value),
            terms: rows
                .map(|(number, term)| TermRecord {
                    name: term.name.to_owned(),
                    raw: term.raw.value(),
                    weight: term.weight,
                    weighted: term.weighted,
                    share: share(number),
                    abstains: match &term.raw {
                        Score::Value(_) => None,
                        Score::Abstain(why) => Some(why.to_string()),
                    },
                })
                .collect(),
        }
    }
}
