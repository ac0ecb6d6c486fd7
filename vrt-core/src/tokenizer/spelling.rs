//! In: the pieces inside a call. Out: the text of the argument that they spell.

use super::Piece;
use crate::op::Slot;
use crate::pair::{FrameIndex, FrameOffset, Pool, Side};

/// Whole numbers that a slot of a wide range is spelled with, spread evenly over it.
const STEPS: i64 = 16;

/// The pieces that a slot needs besides frames and offsets; `None` if no pieces can spell it.
pub(super) fn spellings(slot: &Slot) -> Option<Vec<Piece>> {
    match slot {
        Slot::Frame | Slot::Frames { .. } => Some(Vec::new()),
        Slot::Integer { low, high } => Some(numbers(*low, *high)),
        Slot::Boolean => Some([false, true].map(Piece::Flag).to_vec()),
        Slot::List { of, .. } if matches!(**of, Slot::Integer { .. } | Slot::Boolean) => {
            spellings(of)
        }
        _ => None,
    }
}

fn numbers(low: i64, high: i64) -> Vec<Piece> {
    let span = i128::from(high) - i128::from(low);
    if span <= i128::from(STEPS) {
        return (low..=high).map(Piece::Number).collect();
    }
    // In between, the tiny policy has to do with the nearest of these.
    (0..=i128::from(STEPS))
        .map(|step| i128::from(low) + span * step / i128::from(STEPS))
        .map(|number| Piece::Number(number as i64))
        .collect()
}

/// An argument while it is spelled.
pub(super) enum Spelling {
    /// A list of frames: a frame piece sets the anchor, each offset piece names a frame.
    Frames(FrameList),
    /// One frame: a frame piece, moved by offset pieces.
    Frame(Option<(Side, FrameOffset)>),
    /// One word, or a list of words.
    Words {
        /// Between two of them; a space alone is no JSON, so a second word in a place for one is refused by the reader.
        joint: &'static str,
        /// Whether one was written.
        any: bool,
    },
}

impl Spelling {
    /// An empty argument of this kind.
    pub(super) fn of(slot: &Slot) -> Self {
        let words = |joint| Self::Words { joint, any: false };
        match slot {
            Slot::Frames { .. } => Self::Frames(FrameList::default()),
            Slot::Frame => Self::Frame(None),
            Slot::List { .. } => words(", "),
            _ => words(" "),
        }
    }

    /// Takes a piece of the argument; false if the piece is none.
    pub(super) fn take(&mut self, piece: &Piece, pool: Pool, text: &mut String) -> bool {
        match (self, piece) {
            (Self::Frames(list), Piece::Frame(side, offset)) => {
                match pool.index(*side, *offset) {
                    Some(_) => list.anchor = Some((*side, *offset)),
                    None => text.push_str("no such frame"),
                }
                true
            }
            (Self::Frames(list), Piece::Offset(distance)) => {
                if let Some(frame) = list.name(*distance, pool) {
                    if !list.named.is_empty() {
                        text.push_str(", ");
                    }
                    text.push_str(&frame.to_string());
                    list.named.push(frame);
                } else if list.anchor.is_none() {
                    text.push_str("no anchor");
                }
                true
            }
            (Self::Frame(place), Piece::Frame(side, offset)) => {
                *place = Some((*side, *offset));
                true
            }
            (Self::Frame(Some((side, offset))), Piece::Offset(distance)) => {
                *offset = pool.moved(*side, *offset, (*distance).into());
                true
            }
            (Self::Words { joint, any }, Piece::Number(_) | Piece::Flag(_)) => {
                if *any {
                    text.push_str(joint);
                }
                match piece {
                    Piece::Number(number) => text.push_str(&number.to_string()),
                    Piece::Flag(flag) => text.push_str(&flag.to_string()),
                    _ => {}
                }
                *any = true;
                true
            }
            _ => false,
        }
    }

    /// Ends the argument.
    pub(super) fn close(&self, pool: Pool, text: &mut String) {
        if let Self::Frame(Some((side, offset))) = self {
            match pool.index(*side, *offset) {
                Some(frame) => text.push_str(&frame.to_string()),
                None => text.push_str("no such frame"),
            }
        }
    }
}

/// A list of frames while it is spelled.
#[derive(Default)]
pub(super) struct FrameList {
    anchor: Option<(Side, FrameOffset)>,
    named: Vec<FrameIndex>,
}

impl FrameList {
    /// The frame that far from the anchor, unless there is no anchor or the call names it already.
    fn name(&self, distance: i8, pool: Pool) -> Option<FrameIndex> {
        let (side, anchor) = self.anchor?;
        let frame = pool.index(side, pool.moved(side, anchor, distance.into()))?;
        (!self.named.contains(&frame)).then_some(frame)
    }
}
