//! In: reports, plays and corpus items of the world. Out: the sequences a tiny policy learns them as.

use vrt_core::model::Tiny;
use vrt_core::op::{OpSet, PaperOps};
use vrt_core::pair::{FrameIndex, Judgment, PreferencePair};
use vrt_core::policy::query_rows;
use vrt_core::sequence::Sequence;
use vrt_core::tokenizer::{Piece, Vocabulary, VocabularyError};
use vrt_core::window::MemoryWindow;

use crate::world::corpus::CorpusItem;
use crate::world::players::{Play, Unit};
use crate::world::report::Report;
use crate::world::split::Length;
use crate::world::teacher::Call;
use crate::world::words::{self, Word};

/// The vocabulary of the paper's operations and the world's words.
///
/// # Errors
/// [`VocabularyError`] if the model's embedding table is too small for it.
pub fn vocabulary() -> Result<Vocabulary, VocabularyError> {
    Vocabulary::new(
        &PaperOps::grammars(),
        &words::pieces(),
        Length::Long.frames(),
        Tiny::VOCAB,
    )
}

/// Writes sequences in one vocabulary.
#[derive(Clone, Copy)]
pub struct Writer<'a> {
    vocabulary: &'a Vocabulary,
}

impl<'a> Writer<'a> {
    /// A writer in this vocabulary.
    pub fn new(vocabulary: &'a Vocabulary) -> Self {
        Self { vocabulary }
    }

    /// A play as the policy that played it would have seen it.
    ///
    /// # Errors
    /// [`VocabularyError`] for a word without a piece.
    pub fn play(&self, pair: &PreferencePair, play: &Play) -> Result<Sequence, VocabularyError> {
        let mut sequence = query_rows(self.vocabulary, pair, &play.initial)?;
        for (number, unit) in play.units.iter().enumerate() {
            let tokens = self.unit(unit)?;
            sequence.give(tokens[0]);
            tokens[1..]
                .iter()
                .for_each(|&token| sequence.choose(token, 0.0));
            if let Some(call) = &unit.call {
                self.show(&mut sequence, pair, number, call.frames(pair.pool()))?;
            }
        }
        Ok(sequence.close())
    }

    /// A corpus item: reports of what is visible, frames that the environment shows, the answer.
    ///
    /// # Errors
    /// [`VocabularyError`] for a word without a piece.
    pub fn corpus(
        &self,
        pair: &PreferencePair,
        item: &CorpusItem,
    ) -> Result<Sequence, VocabularyError> {
        let mut sequence = query_rows(self.vocabulary, pair, &item.initial)?;
        for (number, round) in item.rounds.iter().enumerate() {
            let tokens = self.report(&round.report)?;
            sequence.give(tokens[0]);
            tokens[1..]
                .iter()
                .for_each(|&token| sequence.choose(token, 0.0));
            if let Some(fetched) = &round.fetched {
                self.show(&mut sequence, pair, number, fetched.iter().copied())?;
            }
        }
        for token in self.answer(&item.judgment)? {
            sequence.choose(token, 0.0);
        }
        Ok(sequence.close())
    }

    /// Shows the outcome of the unit of this number, from 0, through the default window.
    fn show(
        &self,
        sequence: &mut Sequence,
        pair: &PreferencePair,
        number: usize,
        frames: impl IntoIterator<Item = FrameIndex>,
    ) -> Result<(), VocabularyError> {
        // Without a budget the window counts outcomes, whatever they cost.
        let costs = vec![0; number + 1];
        sequence.outcome(MemoryWindow::default().oldest(&costs));
        for frame in frames {
            sequence.show(self.vocabulary.frame(pair.pool(), frame)?, frame);
        }
        Ok(())
    }

    /// The tokens of one unit, from `<Snapshot>` on.
    ///
    /// # Errors
    /// [`VocabularyError`] for a word without a piece.
    pub fn unit(&self, unit: &Unit) -> Result<Vec<u32>, VocabularyError> {
        let mut tokens = self.report(&unit.report)?;
        match &unit.call {
            None => tokens.extend(self.answer(&unit.judgment)?),
            Some(call) => {
                tokens.push(self.vocabulary.id(&Piece::Recommend)?);
                tokens.extend(self.vocabulary.judgment(&unit.judgment)?);
                tokens.push(self.vocabulary.id(&Piece::Call(SELECT_FRAMES, 0))?);
                tokens.extend(self.call(call)?);
            }
        }
        Ok(tokens)
    }

    /// The tokens of a call after its opening piece.
    ///
    /// # Errors
    /// [`VocabularyError`] for a frame or an offset without a piece.
    pub fn call(&self, call: &Call) -> Result<Vec<u32>, VocabularyError> {
        let anchor = Piece::Frame(call.side, call.anchor);
        let offsets = call.offsets.map(Piece::Offset);
        let pieces = [anchor]
            .into_iter()
            .chain(offsets)
            .chain([Piece::Call(SELECT_FRAMES, CLOSING)]);
        pieces.map(|piece| self.vocabulary.id(&piece)).collect()
    }

    fn report(&self, report: &Report) -> Result<Vec<u32>, VocabularyError> {
        let mut tokens = vec![self.vocabulary.id(&Piece::Snapshot)?];
        tokens.extend(self.words(&report.snapshot())?);
        tokens.push(self.vocabulary.id(&Piece::Think)?);
        tokens.extend(self.words(&report.think())?);
        Ok(tokens)
    }

    fn words(&self, words: &[Word]) -> Result<Vec<u32>, VocabularyError> {
        let mut tokens = Vec::with_capacity(words.len());
        for word in words {
            match word {
                Word::Piece(text) => tokens.extend(self.vocabulary.words(text)?),
                Word::Frame(side, offset) => {
                    tokens.push(self.vocabulary.id(&Piece::Frame(*side, *offset))?)
                }
            }
        }
        Ok(tokens)
    }

    fn answer(&self, judgment: &Judgment) -> Result<Vec<u32>, VocabularyError> {
        let mut tokens = vec![self.vocabulary.id(&Piece::Answer)?];
        tokens.extend(self.vocabulary.judgment(judgment)?);
        tokens.push(self.vocabulary.id(&Piece::Close)?);
        Ok(tokens)
    }
}

/// `select_frames` is the first operation of the paper's set; its call is an opening, a list, a closing.
const SELECT_FRAMES: usize = 0;
const CLOSING: usize = 2;
