//! In: JSON of a request. Out: typed groups, and the JSON of an answer.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vrt_view::{JudgmentRecord, TermRecord};

/// Groups to score.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScoreRequest {
    /// One entry a pair of videos. Advantages are taken within a group; the scale of some objectives is that of all groups of
    /// the request, which should then be those of one training step.
    pub groups: Vec<GroupRequest>,
}

/// Samples of one pair.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupRequest {
    /// What is right for the pair.
    #[schema(value_type = Digits)]
    pub truth: JudgmentRecord,
    /// The samples, in any order; the answer keeps it.
    pub samples: Vec<SampleRequest>,
}

/// One episode, as the policy wrote it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SampleRequest {
    /// The text of its units, in order: all that the policy wrote.
    pub units: Vec<String>,
    /// Whether a length limit cut the last unit off.
    #[serde(default)]
    pub cut: bool,
    /// Tool calls of each unit that were carried out; all that the unit writes where this is left out.
    #[serde(default)]
    pub calls: Option<Vec<u32>>,
    /// Why the episode is not in format though each unit is: a call that was refused, say.
    #[serde(default)]
    pub fault: Option<String>,
    /// Taken off the sample's reward before advantages, within ±10⁶: the KL of an objective that keeps it in the reward.
    #[serde(default)]
    pub penalty: f64,
}

/// Digits of the trace format: 1 video 1 is better, 2 video 2 is better, 0 a tie.
#[derive(ToSchema)]
#[schema(as = Judgment)]
#[expect(
    dead_code,
    reason = "the schema of `JudgmentRecord`, which belongs to another crate"
)]
pub struct Digits {
    /// Text alignment.
    #[schema(rename = "TA", minimum = 0, maximum = 2)]
    ta: u8,
    /// Visual quality.
    #[schema(rename = "VQ", minimum = 0, maximum = 2)]
    vq: u8,
    /// Motion quality.
    #[schema(rename = "MQ", minimum = 0, maximum = 2)]
    mq: u8,
    /// Overall.
    #[schema(rename = "OA", minimum = 0, maximum = 2)]
    oa: u8,
    /// How sure the judge is, 1 high to 3 low; not read in a truth.
    #[schema(rename = "CF", minimum = 1, maximum = 3)]
    cf: Option<u8>,
}

/// The rewards of all groups, in the order of the request.
#[derive(Debug, Serialize, ToSchema)]
pub struct ScoreResponse {
    /// The objective.
    pub objective: String,
    /// One entry a group.
    pub groups: Vec<GroupResponse>,
}

/// The rewards of one group.
#[derive(Debug, Serialize, ToSchema)]
pub struct GroupResponse {
    /// One entry a sample.
    pub samples: Vec<SampleResponse>,
}

/// The reward of one sample.
#[derive(Debug, Serialize, ToSchema)]
pub struct SampleResponse {
    /// The sum of the weighted terms, less the penalty; absent where every term abstained.
    pub reward: Option<f64>,
    /// Its advantage within the group; the shares of the terms sum to it, but for what the penalty adds.
    pub advantage: f64,
    /// One entry a term, in the order of the objective.
    pub terms: Vec<TermRecord>,
    /// The first fault of format; absent in a trace without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// The final answer, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Digits>)]
    pub answer: Option<JudgmentRecord>,
}

/// The objective that scores here.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ObjectiveResponse {
    /// Its name.
    pub name: String,
    /// What it is for.
    #[schema(value_type = String)]
    pub doc: &'static str,
    /// Its terms, in the order in which they are summed.
    #[schema(value_type = Vec<String>)]
    pub terms: &'static [&'static str],
    /// Every number and choice of it.
    #[schema(value_type = Object)]
    pub parameters: serde_json::Value,
}

/// The server is up.
#[derive(Debug, Serialize, ToSchema)]
pub struct HealthResponse {
    /// `ok`.
    #[schema(value_type = String)]
    pub status: &'static str,
}
