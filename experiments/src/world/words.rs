//! In: prompts and reports. Out: the closed vocabulary in which the tiny judge reads and writes them.

use vrt_core::pair::{Dimension, FrameOffset, Side};

use super::split::Length;
use super::subject::{Colour, Event, Prompt, Shape};

/// One word of a prompt or a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Word {
    /// A piece of [`pieces`].
    Piece(&'static str),
    /// A frame's name, which belongs to the tokenizer.
    Frame(Side, FrameOffset),
}

/// Says that the word before it is not what the prompt asked for.
pub const MISMATCH: &str = "!";

/// The largest distance that an offset word can say.
pub const OFFSET_REACH: i8 = 18;

/// What has been found out about one dimension of one video.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Found {
    /// It was looked at and is in order.
    Ok,
    /// It is bad.
    Bad,
    /// An event was asked for and nothing points to where it would be.
    Lost,
}

impl Found {
    /// Every finding, in the order of its words.
    pub const ALL: [Found; 3] = [Found::Ok, Found::Bad, Found::Lost];
}

/// The word of a colour.
pub fn colour(colour: Colour) -> &'static str {
    ["red", "green", "blue", "yellow", "magenta", "cyan"][colour as usize]
}

/// The word of a shape.
pub fn shape(shape: Shape) -> &'static str {
    ["square", "ring", "cross", "triangle"][shape as usize]
}

/// The word of an event, asked for or seen.
pub fn event(event: Event) -> &'static str {
    match event {
        Event::None => "noevent",
        Event::Then(colour) => [
            "then-red",
            "then-green",
            "then-blue",
            "then-yellow",
            "then-magenta",
            "then-cyan",
        ][colour as usize],
    }
}

/// The word of a finding.
pub fn finding(side: Side, dimension: Dimension, found: Found) -> &'static str {
    [
        [
            ["A:TA:ok", "A:TA:bad", "A:TA:lost"],
            ["A:VQ:ok", "A:VQ:bad", "A:VQ:lost"],
            ["A:MQ:ok", "A:MQ:bad", "A:MQ:lost"],
        ],
        [
            ["B:TA:ok", "B:TA:bad", "B:TA:lost"],
            ["B:VQ:ok", "B:VQ:bad", "B:VQ:lost"],
            ["B:MQ:ok", "B:MQ:bad", "B:MQ:lost"],
        ],
    ][side as usize][dimension as usize][found as usize]
}

/// The word of a suspicion: there is a trace, but the moment itself was not seen.
pub fn suspicion(side: Side, dimension: Dimension) -> &'static str {
    [
        ["A:TA:?", "A:VQ:?", "A:MQ:?"],
        ["B:TA:?", "B:VQ:?", "B:MQ:?"],
    ][side as usize][dimension as usize]
}

/// The word for a video in which nothing was found.
pub fn clear(side: Side) -> &'static str {
    ["A:clear", "B:clear"][side as usize]
}

const OFFSETS: [&str; 2 * OFFSET_REACH as usize + 1] = [
    "-18", "-17", "-16", "-15", "-14", "-13", "-12", "-11", "-10", "-9", "-8", "-7", "-6", "-5",
    "-4", "-3", "-2", "-1", "+0", "+1", "+2", "+3", "+4", "+5", "+6", "+7", "+8", "+9", "+10",
    "+11", "+12", "+13", "+14", "+15", "+16", "+17", "+18",
];

/// The word of an offset; beyond ±18 the nearest one that has a word.
pub fn offset(offset: i8) -> &'static str {
    OFFSETS[(offset.clamp(-OFFSET_REACH, OFFSET_REACH) + OFFSET_REACH) as usize]
}

/// The word of a length.
pub fn length(length: Length) -> &'static str {
    ["T24", "T48", "T96"][length as usize]
}

/// The offset that a word says.
pub fn read_offset(word: &str) -> Option<i8> {
    let at = OFFSETS.iter().position(|known| *known == word)?;
    Some(at as i8 - OFFSET_REACH)
}

impl Prompt {
    /// The four words of the prompt: colour, shape, event, length.
    pub fn words(&self) -> [&'static str; 4] {
        [
            colour(self.colour),
            shape(self.shape),
            event(self.event),
            length(self.length),
        ]
    }

    /// The prompt as a caption: its words with a space between them.
    pub fn caption(&self) -> String {
        self.words().join(" ")
    }
}

/// The whole vocabulary of prompts and reports, frames apart, in a fixed order.
pub fn pieces() -> Vec<&'static str> {
    let mut pieces = vec![MISMATCH];
    pieces.extend(Colour::ALL.map(colour));
    pieces.extend(Shape::ALL.map(shape));
    pieces.push(event(Event::None));
    pieces.extend(Colour::ALL.map(|colour| event(Event::Then(colour))));
    pieces.extend(Length::ALL.map(length));
    for side in Side::BOTH {
        for dimension in Dimension::ALL {
            pieces.extend(Found::ALL.map(|found| finding(side, dimension, found)));
            pieces.push(suspicion(side, dimension));
        }
        pieces.push(clear(side));
    }
    pieces.extend(OFFSETS);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vocabulary_has_no_word_twice() {
        let mut words = pieces();
        let total = words.len();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), total);
        assert_eq!(total, 1 + 6 + 4 + 7 + 3 + 26 + 37);
    }

    #[test]
    fn an_offset_word_reads_back() {
        for value in -OFFSET_REACH..=OFFSET_REACH {
            assert_eq!(read_offset(offset(value)), Some(value));
            assert_eq!(offset(value).parse(), Ok(value));
        }
        assert_eq!([offset(i8::MIN), offset(i8::MAX)], ["-18", "+18"]);
    }
}
