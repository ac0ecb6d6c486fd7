//! In: the trace grammar, the operations' grammars and a world's words. Out: the closed vocabulary of the
//! tiny policy, and the text its tokens stand for.
//!
//! One piece is one decision: fixed text that leaves no choice is fused (`</Think>\n<Answer>` is a single
//! piece), so a trace of 300 characters is about 40 tokens. Frames are named relative to an anchor: inside a
//! call, a frame piece sets the anchor and each offset piece after it names the frame that far away, saturating
//! at the ends of the video; a frame that the call already names is not written twice. What the policy has sampled is
//! only ever rendered: tokens are made from text where somebody else has written it, and it is to be learned.

mod reading;
mod spelling;

use std::collections::HashMap;

use crate::episode::CallFault;
use crate::op::{GrammarPart, OpGrammar};
use spelling::{Spelling, spellings};

use crate::pair::{Confidence, Dimension, FrameIndex, FrameOffset, Judgment, Pool, Side};

/// What one token stands for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Piece {
    /// Opens the query.
    Query,
    /// `<Snapshot>`
    Snapshot,
    /// `</Snapshot>\n<Think>`
    Think,
    /// `</Think>\n<Recommend Answer>`
    Recommend,
    /// `</Think>\n<Answer>`
    Answer,
    /// `</Answer>`
    Close,
    /// `TA=1`, …, or `OA=1` for `None`.
    Preference(Option<Dimension>, u8),
    /// `CF=1`
    Confidence(Confidence),
    /// A word of the world's prompts and reports.
    Word(String),
    /// A frame of one video.
    Frame(Side, FrameOffset),
    /// A signed distance in frames.
    Offset(i8),
    /// A stretch of fixed text of an operation's call: `(operation, part)`.
    Call(usize, usize),
    /// A whole number inside a call.
    Number(i64),
    /// `true` or `false` inside a call.
    Flag(bool),
    /// What the episode tells of a faulty call, by its row in [`CallFault::NAMES`]. Only ever given.
    Fault(usize),
}

impl Piece {
    /// The piece of a word: a signed number is an offset.
    fn of_word(word: &str) -> Self {
        let signed = word.starts_with(['+', '-']);
        match word.parse() {
            Ok(offset) if signed => Self::Offset(offset),
            _ => Self::Word(word.to_owned()),
        }
    }
}

/// Something the vocabulary has no piece for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VocabularyError {
    /// A word outside the closed vocabulary.
    #[error(
        "the tiny policy's vocabulary has no piece for {0:?}; it knows only the words of the world it was built for"
    )]
    Unknown(String),
    /// More pieces than the model has embeddings for.
    #[error(
        "{pieces} pieces do not fit the model's vocabulary of {limit}; shorten the videos or enlarge the alias in model/dims.rs"
    )]
    TooLarge {
        /// Pieces needed.
        pieces: usize,
        /// Embeddings there are.
        limit: usize,
    },
    /// An operation whose arguments the closed vocabulary cannot spell.
    #[error(
        "operation `{0}` takes a text, a decimal number or a list of such, which the tiny policy cannot spell; \
         take frames, whole numbers or flags"
    )]
    Unspeakable(&'static str),
    /// A call of an operation that the vocabulary was not built with.
    #[error(
        "there is no operation `{name}` in this vocabulary, which was built with {known:?}; \
         add it to the set whose grammars make the vocabulary"
    )]
    UnknownOperation {
        /// What was to be called.
        name: String,
        /// What could be.
        known: Vec<&'static str>,
    },
    /// A unit that asks for more than one thing.
    #[error("the unit makes {0} calls; the tiny policy closes its unit after one")]
    Calls(usize),
    /// A call with too few or too many arguments.
    #[error(
        "`{name}` takes {expected} arguments, {given} were given; spell each, in the order of its declaration"
    )]
    Arguments {
        /// The operation.
        name: &'static str,
        /// Its arguments.
        expected: usize,
        /// Those of the call.
        given: usize,
    },
}

/// The closed vocabulary. Ids are stable for the same grammar, operations and words.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    pieces: Vec<Piece>,
    ids: HashMap<Piece, u32>,
    calls: Vec<OpGrammar>,
}

impl Vocabulary {
    /// Builds the vocabulary of these operations, of a world's words (signed numbers are offsets) and of the
    /// frames of videos of up to `longest` frames; id 0 is reserved for visual rows.
    ///
    /// # Errors
    /// [`VocabularyError`] if an operation cannot be spelled or `limit` is exceeded.
    pub fn new(
        operations: &[OpGrammar],
        words: &[&str],
        longest: u32,
        limit: usize,
    ) -> Result<Self, VocabularyError> {
        // Before anything is made: the numbers may be a file's.
        let least = words
            .len()
            .saturating_add((longest as usize).saturating_mul(2));
        if least > limit {
            return Err(VocabularyError::TooLarge {
                pieces: least,
                limit,
            });
        }
        let mut pieces = vec![
            Piece::Query,
            Piece::Query,
            Piece::Snapshot,
            Piece::Think,
            Piece::Recommend,
            Piece::Answer,
            Piece::Close,
        ];
        for dimension in Dimension::ALL.map(Some).into_iter().chain([None]) {
            pieces.extend((0..3).map(|digit| Piece::Preference(dimension, digit)));
        }
        pieces.extend(Confidence::ALL.map(Piece::Confidence));
        let mut spelled: Vec<Piece> = Vec::new();
        for (op, grammar) in operations.iter().enumerate() {
            for (part, element) in grammar.parts.iter().enumerate() {
                match element {
                    GrammarPart::Fixed(_) => pieces.push(Piece::Call(op, part)),
                    GrammarPart::Slot(slot) => {
                        spelled.extend(
                            spellings(slot).ok_or(VocabularyError::Unspeakable(grammar.name))?,
                        );
                    }
                }
            }
        }
        for side in Side::BOTH {
            pieces.extend((0..longest).map(|t| Piece::Frame(side, FrameOffset(t))));
        }
        pieces.extend(words.iter().map(|word| Piece::of_word(word)));
        for piece in spelled {
            if !pieces.contains(&piece) {
                pieces.push(piece);
            }
        }
        pieces.extend((0..CallFault::NAMES.len()).map(Piece::Fault));
        if pieces.len() > limit {
            return Err(VocabularyError::TooLarge {
                pieces: pieces.len(),
                limit,
            });
        }
        let ids = pieces
            .iter()
            .enumerate()
            .skip(1)
            .map(|(id, piece)| (piece.clone(), id as u32))
            .collect();
        Ok(Self {
            pieces,
            ids,
            calls: operations.to_vec(),
        })
    }

    /// Number of ids in use, id 0 included.
    pub fn len(&self) -> usize {
        self.pieces.len()
    }

    /// Never: the trace grammar alone has pieces.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// What an id stands for; `None` for id 0 and beyond the end.
    pub fn piece(&self, id: u32) -> Option<&Piece> {
        self.pieces.get(id as usize).filter(|_| id != 0)
    }

    /// Every id with its piece.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Piece)> {
        self.pieces
            .iter()
            .enumerate()
            .skip(1)
            .map(|(id, piece)| (id as u32, piece))
    }

    /// The id of a piece.
    ///
    /// # Errors
    /// [`VocabularyError::Unknown`] names the piece.
    pub fn id(&self, piece: &Piece) -> Result<u32, VocabularyError> {
        self.ids
            .get(piece)
            .copied()
            .ok_or_else(|| VocabularyError::Unknown(format!("{piece:?}")))
    }

    /// The piece that names a frame.
    ///
    /// # Errors
    /// [`VocabularyError::Unknown`] beyond the pool or the longest video.
    pub fn frame(&self, pool: Pool, frame: FrameIndex) -> Result<u32, VocabularyError> {
        match pool.locate(frame) {
            Some((side, offset)) => self.id(&Piece::Frame(side, offset)),
            None => Err(VocabularyError::Unknown(format!("frame {frame}"))),
        }
    }

    /// The ids of words separated by white space.
    ///
    /// # Errors
    /// [`VocabularyError::Unknown`] names the first word without a piece.
    pub fn words(&self, text: &str) -> Result<Vec<u32>, VocabularyError> {
        text.split_whitespace()
            .map(|word| {
                let piece = Piece::of_word(word);
                self.ids
                    .get(&piece)
                    .copied()
                    .ok_or_else(|| VocabularyError::Unknown(word.to_owned()))
            })
            .collect()
    }

    /// The words of a text that have no piece, each once, in their order.
    pub fn unknown<'t>(&self, text: &'t str) -> Vec<&'t str> {
        let mut unknown = Vec::new();
        for word in text.split_whitespace() {
            if !self.ids.contains_key(&Piece::of_word(word)) && !unknown.contains(&word) {
                unknown.push(word);
            }
        }
        unknown
    }

    /// What each id stands for, as text: row 0 is empty, frames are `A#0` or `B#0`, counted from 0 in their own video.
    pub fn spelled(&self) -> Vec<String> {
        let spell = |piece: &Piece| match piece {
            Piece::Query => "<Query>".to_owned(),
            Piece::Frame(Side::First, offset) => format!("A#{}", offset.0),
            Piece::Frame(Side::Second, offset) => format!("B#{}", offset.0),
            piece => {
                let mut text = String::new();
                self.push(&mut text, piece, Pool::new(0, 0));
                text
            }
        };
        let ids = self.iter().map(|(_, piece)| spell(piece));
        [String::new()].into_iter().chain(ids).collect()
    }

    /// A judgment's pieces, in the order in which it is written.
    ///
    /// # Errors
    /// Never for a vocabulary built by [`Vocabulary::new`].
    pub fn judgment(&self, judgment: &Judgment) -> Result<Vec<u32>, VocabularyError> {
        let verdict = judgment.verdict;
        Dimension::ALL
            .into_iter()
            .map(|dimension| Piece::Preference(Some(dimension), verdict.get(dimension).digit()))
            .chain([Piece::Preference(None, verdict.overall.digit())])
            .chain(judgment.confidence.map(Piece::Confidence))
            .map(|piece| self.id(&piece))
            .collect()
    }

    /// The pieces of a call: of its fixed text, and between that, in order, those that spell each argument.
    ///
    /// # Errors
    /// [`VocabularyError`] for another operation, another number of arguments, or a piece there is none of.
    pub fn call(&self, name: &str, arguments: &[Vec<Piece>]) -> Result<Vec<u32>, VocabularyError> {
        let Some((op, grammar)) = self
            .calls
            .iter()
            .enumerate()
            .find(|(_, grammar)| grammar.name == name)
        else {
            return Err(VocabularyError::UnknownOperation {
                name: name.to_owned(),
                known: self.calls.iter().map(|grammar| grammar.name).collect(),
            });
        };
        let is_slot = |part: &&GrammarPart| matches!(part, GrammarPart::Slot(_));
        let slots = grammar.parts.iter().filter(is_slot).count();
        if slots != arguments.len() {
            return Err(VocabularyError::Arguments {
                name: grammar.name,
                expected: slots,
                given: arguments.len(),
            });
        }
        let mut pieces = Vec::new();
        let mut next = arguments.iter();
        for (part, element) in grammar.parts.iter().enumerate() {
            match element {
                GrammarPart::Fixed(_) => pieces.push(self.id(&Piece::Call(op, part))?),
                GrammarPart::Slot(_) => {
                    for piece in next.next().into_iter().flatten() {
                        pieces.push(self.id(piece)?);
                    }
                }
            }
        }
        Ok(pieces)
    }

    /// Ids after which a unit is complete: `</Answer>` and the last piece of each call.
    pub fn closing(&self) -> Vec<u32> {
        let calls = self.calls.iter().enumerate();
        calls
            .map(|(op, grammar)| Piece::Call(op, grammar.parts.len() - 1))
            .chain([Piece::Close])
            .filter_map(|piece| self.ids.get(&piece).copied())
            .collect()
    }

    /// The text that tokens stand for, frames numbered in `pool`.
    ///
    /// Whatever the tokens, this is total: what the grammar does not allow becomes text that the reader refuses.
    pub fn render(&self, tokens: &[u32], pool: Pool) -> String {
        let mut text = String::with_capacity(tokens.len() * 8);
        let mut slot: Option<Spelling> = None;
        for &token in tokens {
            let Some(piece) = self.piece(token) else {
                text.push('\u{fffd}');
                continue;
            };
            if let Some(open) = &mut slot {
                if open.take(piece, pool, &mut text) {
                    continue;
                }
                open.close(pool, &mut text);
                slot = None;
            }
            self.push(&mut text, piece, pool);
            if let Piece::Call(op, part) = piece
                && let Some(GrammarPart::Slot(next)) = self.calls[*op].parts.get(part + 1)
            {
                slot = Some(Spelling::of(next));
            }
        }
        text
    }

    fn push(&self, text: &mut String, piece: &Piece, pool: Pool) {
        let word = |text: &mut String, word: &str| {
            if !text.is_empty() && !text.ends_with(['>', '\n']) {
                text.push(' ');
            }
            text.push_str(word);
        };
        let entry = |text: &mut String, key: &str, digit: u8| {
            if !text.is_empty() && !text.ends_with('>') {
                text.push_str(", ");
            }
            text.push_str(&format!("{key}={digit}"));
        };
        match piece {
            Piece::Query => {}
            Piece::Snapshot => text.push_str("<Snapshot>"),
            Piece::Think => text.push_str("</Snapshot>\n<Think>"),
            Piece::Recommend => text.push_str("</Think>\n<Recommend Answer>"),
            Piece::Answer => text.push_str("</Think>\n<Answer>"),
            Piece::Close => text.push_str("</Answer>"),
            Piece::Preference(dimension, digit) => {
                entry(text, dimension.map_or("OA", Dimension::key), *digit)
            }
            Piece::Confidence(level) => entry(text, "CF", level.digit()),
            Piece::Word(piece) => word(text, piece),
            Piece::Frame(side, offset) => match pool.index(*side, *offset) {
                Some(frame) => word(text, &format!("#{frame}")),
                None => word(text, "#?"),
            },
            Piece::Offset(distance) => word(text, &format!("{distance:+}")),
            Piece::Number(number) => word(text, &number.to_string()),
            Piece::Flag(flag) => word(text, &flag.to_string()),
            Piece::Fault(row) => word(text, &format!("[{}]", CallFault::NAMES[*row])),
            Piece::Call(op, part) => {
                if *part == 0 {
                    text.push_str("</Recommend Answer>\n");
                }
                if let Some(GrammarPart::Fixed(fixed)) = self.calls[*op].parts.get(*part) {
                    text.push_str(fixed);
                }
            }
        }
    }
}
