//! In: an episode that somebody has written. Out: what is kept of it until its turn to be learned comes.

use vrt_core::episode::Episode;
use vrt_core::pair::FrameIndex;
use vrt_core::policy::{LookError, Reply};
use vrt_core::tokenizer::VocabularyError;
use vrt_view::TraceRecord;

use super::pairs::{Pairs, Shown};
use crate::checkpoint::AskError;
use crate::traces::reply;

/// An episode to be learned: its pictures are made when its turn comes, so that no more than a mini-batch is in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// The pair, in the order in which it was shown.
    pub shown: Shown,
    /// The frames that were shown first.
    pub initial: Vec<FrameIndex>,
    /// The units.
    pub replies: Vec<Reply>,
}

/// An episode cannot be learned.
#[derive(Debug, thiserror::Error)]
#[error("row {row} of the data file: {error}")]
pub struct ScriptError {
    /// The pair's row.
    pub row: usize,
    /// Why.
    pub error: LessonError,
}

/// Why an episode cannot be learned.
#[derive(Debug, thiserror::Error)]
pub enum LessonError {
    /// The messages do not fit the checkpoint, or a picture cannot be shown to it.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// A unit cannot be spelled with the tiny policy's pieces.
    #[error("unit {unit}: {error}")]
    Spell {
        /// The unit, from 1.
        unit: usize,
        /// What has no piece.
        error: VocabularyError,
    },
    /// A unit that is none.
    #[error("unit {unit}: it is not in the trace format, so that nothing of it can be learned")]
    Format {
        /// The unit, from 1.
        unit: usize,
    },
    /// Tokens that do not spell the text that is kept beside them.
    #[error(
        "unit {unit}: its tokens do not spell its text; remove the stage's `samples.jsonl`, to draw them anew"
    )]
    Tokens {
        /// The unit, from 1.
        unit: usize,
    },
    /// The query or what was fetched cannot be named with the tiny policy's pieces.
    #[error(transparent)]
    Name(#[from] VocabularyError),
    /// A picture cannot be shown to the tiny policy.
    #[error(transparent)]
    Look(#[from] LookError),
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

    /// The error that names its pair.
    pub fn refused(&self, pairs: &Pairs, error: impl Into<LessonError>) -> ScriptError {
        ScriptError {
            row: pairs.cases()[self.shown.case].labelled.row,
            error: error.into(),
        }
    }
}
