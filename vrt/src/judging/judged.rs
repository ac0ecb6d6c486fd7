//! In: the episodes of one or both orders. Out: the verdict in the order given, its certainty and cost, as JSON.

use serde::Serialize;
use serde_json::Value;
use vrt_core::episode::{Rules, StopReason};
use vrt_core::pair::{Judgment, Verdict};
use vrt_view::{JudgmentRecord, StopRecord, TraceRecord};

use super::bias::PositionBias;
use super::certainty::Certainty;
use super::clips::Clips;
use super::play::Played;
use crate::eval::Sides;

/// Tokens of an episode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tokens {
    /// Of the replies.
    pub written: u64,
    /// Of all that was asked, pictures included and each round anew; absent where nobody counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read: Option<u64>,
}

/// What came of one order.
#[derive(Clone, Debug, Serialize)]
pub struct Opinion {
    /// The videos' paths in the order in which they were shown.
    pub shown: [String; 2],
    /// Whether that is the other order than the one given.
    pub swapped: bool,
    /// The answer in the order shown; absent where there is none.
    pub answer: Option<JudgmentRecord>,
    /// The probability of each digit of the answer, where log-probabilities were given.
    pub probability: Option<Certainty>,
    /// Why the episode is over.
    pub stop: Option<StopRecord>,
    /// Replies.
    pub rounds: usize,
    /// Calls that were carried out.
    pub calls: u32,
    /// Pictures that were shown: the initial frames and what calls brought.
    pub pictures: usize,
    /// Tokens.
    pub tokens: Tokens,
    /// Seconds that the replies took.
    pub seconds: f64,
    /// The whole episode, without its pictures.
    pub trace: TraceRecord,
    /// The answer.
    #[serde(skip)]
    judgment: Option<Judgment>,
    /// Why the policy itself failed, if it did.
    #[serde(skip)]
    pub failed: Option<String>,
}

impl Opinion {
    /// What came of an episode; `read` are the tokens that were asked with, where somebody counts.
    pub fn of(
        clips: &Clips,
        sides: Sides,
        played: &Played,
        trace: &TraceRecord,
        read: Option<u64>,
    ) -> Self {
        let Played { episode, seconds } = played;
        let mut trace = trace.clone();
        trace.pictures.clear();
        let judgment = episode.answer();
        let last = episode.rounds.last().map(|round| &round.reply.sampled[..]);
        Self {
            shown: sides.arrange(clips.names().clone()),
            swapped: sides == Sides::Swapped,
            answer: judgment.map(JudgmentRecord::from),
            probability: judgment
                .and_then(|judgment| Certainty::of(last.unwrap_or_default(), &judgment.verdict)),
            stop: episode.stop.as_ref().map(StopRecord::from),
            rounds: episode.rounds.len(),
            calls: episode.calls(),
            pictures: episode.initial.len()
                + episode
                    .outcomes()
                    .map(|outcome| outcome.views.len())
                    .sum::<usize>(),
            tokens: Tokens {
                written: u64::from(episode.tokens()),
                read,
            },
            seconds: seconds.iter().sum(),
            trace,
            judgment,
            failed: match &episode.stop {
                Some(StopReason::Policy(error)) => Some(error.reason.clone()),
                _ => None,
            },
        }
    }

    /// The judgment in the order shown.
    pub fn judgment(&self) -> Option<Judgment> {
        self.judgment
    }

    /// The verdict in the order given.
    pub fn verdict(&self) -> Option<Verdict> {
        let sides = match self.swapped {
            true => Sides::Swapped,
            false => Sides::AsFiled,
        };
        self.judgment
            .map(|judgment| sides.verdict(judgment.verdict))
    }
}

/// All that is known of a pair that was judged.
#[derive(Clone, Debug, Serialize)]
pub struct Judged {
    /// Version of this program.
    pub version: &'static str,
    /// The caption.
    pub caption: String,
    /// The videos' paths, in the order given.
    pub videos: [String; 2],
    /// Who judged: kind, model and how it samples.
    pub policy: Value,
    /// What every episode could do.
    pub rules: Rules,
    /// Of all draws.
    pub seed: u64,
    /// The verdict in the order given; with both orders, what holds in both, and a tie elsewhere. Absent where an order
    /// has none.
    pub verdict: Option<JudgmentRecord>,
    /// How both orders stand to each other, where both have a verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position_bias: Option<PositionBias>,
    /// One order, or both.
    pub orders: Vec<Opinion>,
}

impl Judged {
    /// What one order, or both, say of a pair.
    pub fn of(clips: &Clips, policy: Value, rules: Rules, seed: u64, orders: Vec<Opinion>) -> Self {
        let verdicts: Option<Vec<Verdict>> = orders.iter().map(Opinion::verdict).collect();
        let (verdict, position_bias) = match verdicts.as_deref() {
            Some([only]) => (Some(JudgmentRecord::from(*only)), None),
            Some([first, second]) => (
                Some(PositionBias::common(first, second).into()),
                Some(PositionBias::of(first, second)),
            ),
            _ => (None, None),
        };
        Self {
            version: env!("CARGO_PKG_VERSION"),
            caption: clips.caption().to_owned(),
            videos: clips.names().clone(),
            policy,
            rules,
            seed,
            verdict,
            position_bias,
            orders,
        }
    }
}
