//! In: a trace record, rules, a prompt. Out: the messages in which each of its units was written, as the judge saw them.
//!
//! The episode is played again from its texts, so that the window, the operations and the words are those of a live
//! one; what the record says of fetched pictures must come out again.

use std::sync::Arc;

use vrt_core::episode::{Episode, Rules};
use vrt_core::op::OpSet;
use vrt_core::pair::{Frame, FrameIndex, FrameOffset, PreferencePair, Video, VideoError};
use vrt_core::policy::Reply;
use vrt_core::view::View;
use vrt_view::{RoundRecord, TraceRecord};

use crate::prompt::{Conversation, DimensionWording, Message, Prompt};

/// A record cannot be played again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// Another outcome came of a unit.
    #[error(
        "at `rounds[{round}]`: recorded {recorded}, these rules give {found}; name the operations and rules that it was \
         judged under"
    )]
    Outcome {
        /// The round, from 0.
        round: usize,
        /// What the record says.
        recorded: String,
        /// What came of it now.
        found: String,
    },
    /// It goes on after its end.
    #[error("at `rounds[{round}]`: the episode was over before; write the traces anew")]
    Over {
        /// The round, from 0.
        round: usize,
    },
}

/// A unit with the messages that it closes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What the judge saw, and the unit as the last message.
    pub messages: Vec<Message>,
    /// Whether something was wrong with the unit: it could not be read, or its call was refused.
    pub faulty: bool,
    /// What came of it, in words.
    outcome: String,
}

/// A video whose frames nobody kept.
struct Unseen {
    name: String,
    frames: u32,
}

impl Video for Unseen {
    fn len(&self) -> u32 {
        self.frames
    }

    fn frame(&self, offset: FrameOffset) -> Result<Frame, VideoError> {
        Err(VideoError {
            video: self.name.clone(),
            offset,
            reason: "a trace holds no video".to_owned(),
        })
    }
}

/// The units of a record in order.
///
/// # Errors
/// [`ReplayError`] if it was judged under other rules or operations.
pub fn replay<O: OpSet>(
    record: &TraceRecord,
    rules: &Rules,
    dimensions: &[DimensionWording; 3],
) -> Result<Vec<Told>, ReplayError> {
    let prompt = Prompt::of::<O>(rules, dimensions);
    let replies = record.rounds.iter().map(reply);
    let told = retell::<O>(&pair(record), &record.initial, replies, rules, &prompt);
    for (number, round) in record.rounds.iter().enumerate() {
        let (recorded, found) = (recorded(round), told.get(number).map(|told| &told.outcome));
        match found {
            None => return Err(ReplayError::Over { round: number }),
            Some(found) if *found != recorded => {
                return Err(ReplayError::Outcome {
                    round: number,
                    recorded,
                    found: found.clone(),
                });
            }
            Some(_) => {}
        }
    }
    Ok(told)
}

/// The reply that a round records.
pub fn reply(round: &RoundRecord) -> Reply {
    Reply {
        text: round.text.clone(),
        tokens: round.tokens,
        cut: round.cut,
        sampled: Vec::new(),
    }
}

/// Plays replies again, to the end of the episode at most.
pub fn retell<O: OpSet>(
    pair: &PreferencePair,
    initial: &[FrameIndex],
    replies: impl IntoIterator<Item = Reply>,
    rules: &Rules,
    prompt: &Prompt,
) -> Vec<Told> {
    let mut conversation = Conversation::open(prompt, pair, initial);
    let mut episode = Episode::open(pair, 0, rules);
    episode.initial = initial.to_vec();
    let mut told = Vec::new();
    for reply in replies {
        if episode.stop.is_some() {
            break;
        }
        if !episode.may_call(rules) {
            conversation.demand_answer();
        }
        conversation.write(&reply.text);
        episode.advance::<O>(Ok(reply), pair, rules);
        let played = episode.rounds.last();
        let views = played.and_then(|round| Some(round.outcome.as_ref()?.views.as_slice()));
        let fault = played.and_then(|round| Some(round.fault.as_ref()?.0.to_string()));
        told.push(Told {
            messages: conversation.messages(),
            faulty: fault.is_some() || played.is_some_and(|round| round.unit.is_none()),
            outcome: came(views, fault.as_deref()),
        });
        if let Some(observation) = episode.observation(rules) {
            conversation.observe(observation);
        }
    }
    told
}

fn pair(record: &TraceRecord) -> PreferencePair {
    let [first, second] = &record.videos;
    let unseen = |name: &str, frames| -> Arc<dyn Video> {
        Arc::new(Unseen {
            name: name.to_owned(),
            frames,
        })
    };
    PreferencePair {
        key: record.pair,
        caption: record.caption.clone(),
        videos: [
            unseen(&first.name, first.frames),
            // As the reader of records counts: no pool holds more.
            unseen(&second.name, second.frames.min(u32::MAX - first.frames)),
        ],
        truth: record.truth.map(|truth| truth.verdict()),
    }
}

fn recorded(round: &RoundRecord) -> String {
    let keys = (round.views.as_ref()).map(|views| views.iter().map(|view| view.key.clone()));
    let fault = round.fault.as_ref().map(|fault| fault.text.as_str());
    outcome(keys.map(Vec::from_iter), fault)
}

fn came(views: Option<&[View]>, fault: Option<&str>) -> String {
    let keys = views.map(|views| views.iter().map(View::to_string).collect());
    outcome(keys, fault)
}

fn outcome(keys: Option<Vec<String>>, fault: Option<&str>) -> String {
    match (keys, fault) {
        (Some(keys), _) => format!("pictures [{}]", keys.join(", ")),
        (None, Some(fault)) => format!("the fault {fault:?}"),
        (None, None) => "no picture".to_owned(),
    }
}
