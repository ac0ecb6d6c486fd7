//! In: reports, plays and corpus items of the world. Out: the sequences a tiny policy learns them as.

use vrt_core::episode::Rules;
use vrt_core::model::Tiny;
use vrt_core::op::{AllOps, OpError, OpSet, Outcome, PaperOps, Past, Workspace};
use vrt_core::pair::{Judgment, PreferencePair};
use vrt_core::policy::query_rows;
use vrt_core::sequence::Sequence;
use vrt_core::tokenizer::{Piece, Vocabulary, VocabularyError};
use vrt_core::view::View;
use vrt_core::window::{MemoryWindow, visible};

use crate::world::ask::{Ask, Tools};
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
    vocabulary_of(Tools::Paper)
}

/// The vocabulary of a policy that may be offered these tools: the paper's, or the whole library's for every other
/// set, so that policies with different tools grow from one base.
///
/// # Errors
/// [`VocabularyError`] if the model's embedding table is too small for it.
pub fn vocabulary_of(tools: Tools) -> Result<Vocabulary, VocabularyError> {
    let grammars = match tools {
        Tools::Paper => PaperOps::grammars(),
        _ => AllOps::grammars(),
    };
    Vocabulary::new(
        &grammars,
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
    /// [`WriteError`] for a word without a piece, or a call that the pair does not allow.
    pub fn play(&self, pair: &PreferencePair, play: &Play) -> Result<Sequence, WriteError> {
        let mut sequence = query_rows(self.vocabulary, pair, &play.initial)?;
        let rules = Rules::default();
        let mut outcomes: Vec<Outcome> = Vec::new();
        for unit in &play.units {
            let tokens = self.unit(unit)?;
            sequence.give(tokens[0]);
            tokens[1..]
                .iter()
                .for_each(|&token| sequence.choose(token, 0.0));
            if let Some(ask) = &unit.ask {
                let oldest = rules.window.oldest(&vec![0; outcomes.len()]);
                let past: Vec<Past<'_>> = (1..)
                    .zip(&outcomes)
                    .map(|(number, outcome)| Past {
                        views: &outcome.views,
                        visible: visible(number, oldest),
                    })
                    .collect();
                let outcome = ask.carry_out(&mut Workspace::over(pair, &rules, &past))?;
                self.show(
                    &mut sequence,
                    pair,
                    outcomes.len(),
                    outcome.views.iter().copied(),
                )?;
                outcomes.push(outcome);
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
                let views = fetched.iter().copied().map(View::Frame);
                self.show(&mut sequence, pair, number, views)?;
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
        views: impl IntoIterator<Item = View>,
    ) -> Result<(), VocabularyError> {
        // Without a budget the window counts outcomes, whatever they cost.
        let costs = vec![0; number + 1];
        sequence.outcome(MemoryWindow::default().oldest(&costs));
        for view in views {
            sequence.show(self.vocabulary.frame(pair.pool(), view.frame())?, view);
        }
        Ok(())
    }

    /// The tokens of one unit, from `<Snapshot>` on.
    ///
    /// # Errors
    /// [`VocabularyError`] for a word without a piece.
    pub fn unit(&self, unit: &Unit) -> Result<Vec<u32>, VocabularyError> {
        let mut tokens = self.report(&unit.report)?;
        match &unit.ask {
            None => tokens.extend(self.answer(&unit.judgment)?),
            Some(ask) => {
                tokens.push(self.vocabulary.id(&Piece::Recommend)?);
                tokens.extend(self.vocabulary.judgment(&unit.judgment)?);
                tokens.extend(self.ask(ask)?);
            }
        }
        Ok(tokens)
    }

    /// The tokens of a call of `select_frames` after its opening piece.
    ///
    /// # Errors
    /// [`VocabularyError`] for a frame or an offset without a piece.
    pub fn call(&self, call: &Call) -> Result<Vec<u32>, VocabularyError> {
        let anchor = Piece::Frame(call.side, call.anchor);
        let offsets = call.offsets.map(Piece::Offset);
        let pieces = [anchor]
            .into_iter()
            .chain(offsets)
            .chain([Piece::Call(SELECT_FRAMES, 2)]);
        pieces.map(|piece| self.vocabulary.id(&piece)).collect()
    }

    /// The tokens of a call of any tool.
    fn ask(&self, ask: &Ask) -> Result<Vec<u32>, VocabularyError> {
        let far = |side, anchor, distance: i8| {
            let mut place = vec![Piece::Frame(side, anchor)];
            // A frame's own name needs no distance, and there is no piece for one of 0.
            place.extend((distance != 0).then_some(Piece::Offset(distance)));
            place
        };
        let number = |number: u32| vec![Piece::Number(number.into())];
        let (op, arguments) = match *ask {
            Ask::Select(call) => {
                let opening = self.vocabulary.id(&Piece::Call(SELECT_FRAMES, 0))?;
                return Ok([vec![opening], self.call(&call)?].concat());
            }
            Ask::Zoom {
                side,
                anchor,
                distance,
                region,
            } => {
                let mut arguments = vec![far(side, anchor, distance)];
                arguments.extend(region.map(number));
                (ZOOM_IN, arguments)
            }
            Ask::Difference {
                side,
                anchor,
                distance,
            } => (
                FRAME_DIFFERENCE,
                vec![far(side, anchor, 0), far(side, anchor, distance)],
            ),
            Ask::Range(call, count) => {
                let end = |at: usize| far(call.side, call.anchor, call.offsets[at]);
                (SAMPLE_RANGE, vec![end(0), end(3), number(count)])
            }
            Ask::Recall(outcome) => (RECALL, vec![number(outcome)]),
        };
        let mut pieces = vec![Piece::Call(op, 0)];
        for (i, argument) in arguments.into_iter().enumerate() {
            pieces.extend(argument);
            pieces.push(Piece::Call(op, 2 * i + 2));
        }
        pieces
            .iter()
            .map(|piece| self.vocabulary.id(piece))
            .collect()
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

/// The places of the operations in [`AllOps`]; the paper's set begins in the same way.
const SELECT_FRAMES: usize = 0;
const ZOOM_IN: usize = 1;
const FRAME_DIFFERENCE: usize = 2;
const SAMPLE_RANGE: usize = 3;
const RECALL: usize = 4;

/// A play could not be written down.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// There is no piece for it.
    #[error(transparent)]
    Vocabulary(#[from] VocabularyError),
    /// A tool refuses.
    #[error(transparent)]
    Op(#[from] OpError),
}
