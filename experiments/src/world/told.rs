//! In: places in videos and numbers. Out: the pieces that spell a call's arguments.

use vrt_core::pair::{FrameOffset, Side};
use vrt_core::tokenizer::Piece;

/// A call as a demonstration tells it: the tool, and its arguments in the order of their declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The tool's name.
    pub tool: &'static str,
    /// The pieces of each argument.
    pub arguments: Vec<Vec<Piece>>,
}

impl Told {
    /// A call of this tool, without an argument yet.
    pub fn new(tool: &'static str) -> Self {
        Self {
            tool,
            arguments: Vec::new(),
        }
    }

    /// The frame that far from an anchor.
    pub fn frame(self, side: Side, anchor: FrameOffset, distance: i8) -> Self {
        let mut place = vec![Piece::Frame(side, anchor)];
        // A frame's own name needs no distance, and there is no piece for one of 0.
        place.extend((distance != 0).then_some(Piece::Offset(distance)));
        self.with(place)
    }

    /// A list of the frames that far from an anchor.
    pub fn frames(self, side: Side, anchor: FrameOffset, distances: &[i8]) -> Self {
        let anchor = [Piece::Frame(side, anchor)].into_iter();
        let list = anchor.chain(distances.iter().copied().map(Piece::Offset));
        self.with(list.collect())
    }

    /// A whole number.
    pub fn number(self, number: impl Into<i64>) -> Self {
        self.with(vec![Piece::Number(number.into())])
    }

    /// Yes or no.
    pub fn flag(self, flag: bool) -> Self {
        self.with(vec![Piece::Flag(flag)])
    }

    fn with(mut self, argument: Vec<Piece>) -> Self {
        self.arguments.push(argument);
        self
    }
}
