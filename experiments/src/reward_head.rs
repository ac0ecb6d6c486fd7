//! In: one video of a pair. Out: the rows a scalar judge reads it as, and its rewards.
//!
//! VideoReward's kind of judge: caption and frames of ONE video, and one scalar a dimension read from the last row.
//! The head that reads dimension `d` is the difference of two rows of the vocabulary's table that no piece uses,
//! `r_d = (E_{a(d)} − E_{b(d)}) · h = ln p(a(d)) − ln p(b(d))`: a linear map of the last row, trained and decoded by
//! the model as it is. Both videos are read as if they were the first, so changing places changes a margin's sign.

use vrt_core::model::Tiny;
use vrt_core::pair::{Dimension, FrameIndex, PreferencePair, Side};
use vrt_core::sequence::{Sequence, Target};
use vrt_core::tokenizer::{Piece, Vocabulary, VocabularyError};

/// Rewards a video: one a dimension.
pub const REWARDS: usize = Dimension::ALL.len();

/// `a(d)` and `b(d)`, from the end of the table.
fn poles(dimension: usize) -> [usize; 2] {
    let last = Tiny::VOCAB - 1 - 2 * dimension;
    [last, last - 1]
}

/// How a scalar judge reads.
#[derive(Clone, Copy)]
pub struct RewardHead<'a> {
    vocabulary: &'a Vocabulary,
    per_video: u32,
}

impl<'a> RewardHead<'a> {
    /// The reader of this many evenly spaced frames of a video.
    ///
    /// # Errors
    /// [`VocabularyError::TooLarge`] if the vocabulary leaves no rows for the head.
    pub fn new(vocabulary: &'a Vocabulary, per_video: u32) -> Result<Self, VocabularyError> {
        let pieces = vocabulary.len() + 2 * REWARDS;
        if pieces > Tiny::VOCAB {
            return Err(VocabularyError::TooLarge {
                pieces,
                limit: Tiny::VOCAB,
            });
        }
        Ok(Self {
            vocabulary,
            per_video,
        })
    }

    /// Caption and frames of one video; the targets are the poles, all at the last row.
    ///
    /// # Errors
    /// [`VocabularyError`] for a word of the caption or a frame without a piece.
    pub fn sequence(&self, pair: &PreferencePair, side: Side) -> Result<Sequence, VocabularyError> {
        let mut sequence = Sequence::open(pair.key);
        sequence.give(self.vocabulary.id(&Piece::Query)?);
        for word in self.vocabulary.words(&pair.caption)? {
            sequence.give(word);
        }
        let pool = pair.pool();
        let shown = |frame: &FrameIndex| pool.locate(*frame).filter(|(of, _)| *of == side);
        for frame in pool.evenly(self.per_video) {
            if let Some((_, offset)) = shown(&frame) {
                let name = self.vocabulary.id(&Piece::Frame(Side::First, offset))?;
                sequence.show(name, frame);
            }
        }
        let row = sequence.rows.len() as u32 - 1;
        sequence.targets = (0..REWARDS)
            .flat_map(poles)
            .map(|pole| Target {
                row,
                token: pole as u32,
                logp: 0.0,
            })
            .collect();
        Ok(sequence)
    }
}

/// The rewards that log-probabilities of a sequence's targets stand for.
pub fn of_logps(logp: &[f32]) -> [f64; REWARDS] {
    std::array::from_fn(|d| f64::from(logp[2 * d]) - f64::from(logp[2 * d + 1]))
}

/// The rewards that the logits after the last row stand for.
pub fn of_logits(logits: &[f32]) -> [f64; REWARDS] {
    std::array::from_fn(|d| {
        let [a, b] = poles(d);
        f64::from(logits[a]) - f64::from(logits[b])
    })
}
