//! In: one round of an episode. Out: what was written, called, brought, and what stayed in view, as a record.

use serde::{Deserialize, Serialize};
use vrt_core::episode::{Episode, Round, Rules};
use vrt_core::pair::FrameIndex;
use vrt_core::trace::{Action, Call, Unit};
use vrt_core::view::View;
use vrt_core::window::visible;

use crate::judgment::JudgmentRecord;

/// One reply with what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoundRecord {
    /// What the policy wrote, as it stands.
    pub text: String,
    /// Tokens of the reply; 0 where nobody counted.
    pub tokens: u32,
    /// Whether a length limit cut it off.
    pub cut: bool,
    /// Seconds the reply took, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// The unit, where the text could be read as one.
    pub unit: Option<UnitRecord>,
    /// The calls it wrote, in order.
    pub calls: Vec<CallRecord>,
    /// The evidence they brought: outcome number so-and-so of the episode, counted from 1 over the rounds that
    /// have one.
    pub views: Option<Vec<ViewRecord>>,
    /// What was told to the model instead of evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<FaultRecord>,
    /// What of the fetched evidence is in view after this round.
    pub window: WindowRecord,
}

/// A unit's parts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitRecord {
    /// What the visible frames showed.
    pub snapshot: String,
    /// The reasoning.
    pub think: String,
    /// The judgment, recommended or final.
    pub judgment: JudgmentRecord,
    /// Whether it is the final answer.
    pub answers: bool,
}

/// One call as it was written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallRecord {
    /// The operation's name.
    pub name: String,
    /// Its arguments.
    pub arguments: serde_json::Value,
    /// Pictures that it brought; absent where it was not carried out.
    pub views: Option<u32>,
}

/// One picture of the evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ViewRecord {
    /// Its name, and its key among the pictures: `12`, or `zoom_in(12; 0, 0, 8, 8)`.
    pub key: String,
    /// The frame it shows, or is named after.
    pub frame: FrameIndex,
    /// `frame`, or the painter's name.
    pub kind: String,
}

/// Why calls were not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRecord {
    /// The row of the ledger.
    pub name: String,
    /// What the model was told.
    pub text: String,
}

/// What of the fetched evidence is in view. The initial frames always are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowRecord {
    /// The oldest outcome in view, from 1; one beyond the last where none is.
    pub oldest: u8,
    /// The keys of the pictures in view, in the order in which they came.
    pub visible: Vec<String>,
}

impl From<View> for ViewRecord {
    fn from(view: View) -> Self {
        Self {
            key: view.to_string(),
            frame: view.frame(),
            kind: match view {
                View::Frame(_) => "frame",
                View::Drawn(drawn) => drawn.painter.name,
            }
            .to_owned(),
        }
    }
}

impl From<&Unit> for UnitRecord {
    fn from(unit: &Unit) -> Self {
        Self {
            snapshot: unit.snapshot.as_str().to_owned(),
            think: unit.think.as_str().to_owned(),
            judgment: unit.judgment().into(),
            answers: matches!(unit.action, Action::Answer(_)),
        }
    }
}

/// The rounds of an episode; `seconds[r]` is what reply `r` took.
pub(crate) fn rounds(episode: &Episode, rules: &Rules, seconds: &[f64]) -> Vec<RoundRecord> {
    let mut outcomes: Vec<&[View]> = Vec::new();
    let rows = episode.rounds.iter().enumerate();
    rows.map(|(number, round)| {
        outcomes.extend(round.outcome.as_ref().map(|outcome| &outcome.views[..]));
        RoundRecord {
            text: round.reply.text.clone(),
            tokens: round.reply.tokens,
            cut: round.reply.cut,
            seconds: seconds.get(number).copied(),
            unit: round.unit.as_ref().map(UnitRecord::from),
            calls: calls(round),
            views: (round.outcome.as_ref())
                .map(|outcome| outcome.views.iter().map(|&view| view.into()).collect()),
            fault: round.fault.as_ref().map(|(fault, _)| FaultRecord {
                name: fault.name().to_owned(),
                text: fault.to_string(),
            }),
            window: window(&outcomes, rules),
        }
    })
    .collect()
}

fn calls(round: &Round) -> Vec<CallRecord> {
    let written: &[Call] = match round.unit.as_ref().map(|unit| &unit.action) {
        Some(Action::Recommend { calls, .. }) => calls,
        _ => &[],
    };
    let brought = round.calls.iter().map(|call| Some(call.views));
    written
        .iter()
        .zip(brought.chain(std::iter::repeat(None)))
        .map(|(call, views)| CallRecord {
            name: call.name.clone(),
            arguments: call.arguments.clone(),
            views,
        })
        .collect()
}

fn window(outcomes: &[&[View]], rules: &Rules) -> WindowRecord {
    let costs: Vec<u32> = outcomes
        .iter()
        .map(|views| rules.frame_tokens.saturating_mul(views.len() as u32))
        .collect();
    let oldest = rules.window.oldest(&costs);
    WindowRecord {
        oldest,
        visible: (1..=u8::MAX)
            .zip(outcomes)
            .filter(|(number, _)| visible(*number, oldest))
            .flat_map(|(_, views)| views.iter().map(View::to_string))
            .collect(),
    }
}
