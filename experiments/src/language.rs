//! In: reports, plays and corpus items of the world. Out: the sequences a tiny policy learns them as.

use vrt_core::episode::Rules;
use vrt_core::op::{OpError, Outcome, Past, Workspace};
use vrt_core::pair::{Judgment, PreferencePair};
use vrt_core::policy::query_rows;
use vrt_core::sequence::Sequence;
use vrt_core::tokenizer::{Piece, Vocabulary, VocabularyError};
use vrt_core::view::View;
use vrt_core::window::{MemoryWindow, visible};

use crate::world::corpus::CorpusItem;
use crate::world::players::{Play, Unit};
use crate::world::report::Report;
use crate::world::told::Told;
use crate::world::words::Word;

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
                let Told { tool, arguments } = ask.told();
                tokens.extend(self.vocabulary.call(tool, &arguments)?);
            }
        }
        Ok(tokens)
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
