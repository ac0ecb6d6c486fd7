//! In: an episode that somebody has written. Out: the sequence that is learned from it, its pictures looked at anew.

use vrt_core::episode::{Episode, Rules};
use vrt_core::op::PaperOps;
use vrt_core::pair::FrameIndex;
use vrt_core::policy::Reply;
use vrt_train::turns::Turns;
use vrt_view::TraceRecord;

use super::pairs::{Pairs, Shown};
use crate::checkpoint::{AskError, Gallery, Reader, Unit};
use crate::prompt::Prompt;
use crate::traces::{reply, retell};

/// An episode to be learned: its pictures are made when its turn comes, so that no more than a mini-batch is in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    shown: Shown,
    initial: Vec<FrameIndex>,
    replies: Vec<Reply>,
}

/// An episode cannot be learned.
#[derive(Debug, thiserror::Error)]
#[error("row {row} of the data file: {error}")]
pub struct ScriptError {
    /// The pair's row.
    pub row: usize,
    /// Why.
    pub error: AskError,
}

/// What reads and shows.
#[derive(Clone, Copy)]
pub struct Classroom<'a> {
    /// The checkpoint.
    pub reader: &'a Reader,
    /// Its words.
    pub prompt: &'a Prompt,
    /// What an episode may do.
    pub rules: &'a Rules,
    /// The pairs.
    pub pairs: &'a Pairs,
    /// Fewest and most pixels of a picture.
    pub pixels: [u64; 2],
}

impl Script {
    /// What a trace holds.
    pub fn of_record(record: &TraceRecord, shown: Shown) -> Self {
        Self {
            shown,
            initial: record.initial.clone(),
            replies: record.rounds.iter().map(reply).collect(),
        }
    }

    /// What the policy itself has written.
    pub fn of_episode(episode: &Episode, shown: Shown) -> Self {
        let rounds = episode.rounds.iter();
        Self {
            shown,
            initial: episode.initial.clone(),
            replies: rounds.map(|round| round.reply.clone()).collect(),
        }
    }

    /// The sequence. Only units without a fault are learned: as they were sampled where their tokens are known.
    ///
    /// # Errors
    /// [`ScriptError`] if a picture cannot be shown, or the messages do not fit the checkpoint.
    pub fn turns(&self, room: Classroom<'_>) -> Result<Turns, ScriptError> {
        let pair = room.pairs.in_order(self.shown);
        let gallery = Gallery::new(&pair);
        let replies = self.replies.iter().cloned();
        let told = retell::<PaperOps>(&pair, &self.initial, replies, room.rules, room.prompt);
        let mut turns = room.reader.turns();
        for (told, reply) in told.iter().zip(&self.replies) {
            let Some((_, asked)) = told.messages.split_last().filter(|_| !told.faulty) else {
                continue;
            };
            let sampled: Option<Vec<u32>> = reply.sampled.iter().map(|one| one.token).collect();
            let sampled = sampled.filter(|tokens| !tokens.is_empty());
            let unit = match &sampled {
                Some(tokens) => Unit::Tokens(tokens),
                None => Unit::Text(&reply.text),
            };
            let told = (room.reader).tell(&mut turns, asked, &gallery, room.pixels, unit);
            told.map_err(|error| ScriptError {
                row: room.pairs.cases()[self.shown.case].labelled.row,
                error,
            })?;
        }
        Ok(turns)
    }
}
