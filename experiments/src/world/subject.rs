//! In: nothing. Out: what a caption of the synthetic world can ask for.

use super::split::Length;

/// The colour of a sprite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Colour {
    /// (.95, .1, .1)
    Red,
    /// (.1, .9, .1)
    Green,
    /// (.15, .2, 1)
    Blue,
    /// (.95, .9, .1)
    Yellow,
    /// (.95, .1, .9)
    Magenta,
    /// (.1, .9, .95)
    Cyan,
}

impl Colour {
    /// Every colour, in the order of its head and its words.
    pub const ALL: [Colour; 6] = [
        Colour::Red,
        Colour::Green,
        Colour::Blue,
        Colour::Yellow,
        Colour::Magenta,
        Colour::Cyan,
    ];

    /// Red, green and blue, linear in 0..1.
    pub fn rgb(self) -> [f32; 3] {
        match self {
            Colour::Red => [0.95, 0.1, 0.1],
            Colour::Green => [0.1, 0.9, 0.1],
            Colour::Blue => [0.15, 0.2, 1.0],
            Colour::Yellow => [0.95, 0.9, 0.1],
            Colour::Magenta => [0.95, 0.1, 0.9],
            Colour::Cyan => [0.1, 0.9, 0.95],
        }
    }
}

/// The form of a sprite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// All of the box.
    Square,
    /// The box without its inner 3×3.
    Ring,
    /// The middle row and the middle column.
    Cross,
    /// A triangle standing on its base.
    Triangle,
}

impl Shape {
    /// Every shape, in the order of its head and its words.
    pub const ALL: [Shape; 4] = [Shape::Square, Shape::Ring, Shape::Cross, Shape::Triangle];

    /// The 5×5 bitmap, row by row, the leftmost column in the highest bit.
    pub fn bitmap(self) -> [u8; 5] {
        match self {
            Shape::Square => [0b11111; 5],
            Shape::Ring => [0b11111, 0b10001, 0b10001, 0b10001, 0b11111],
            Shape::Cross => [0b00100, 0b00100, 0b11111, 0b00100, 0b00100],
            Shape::Triangle => [0b00100, 0b00100, 0b01110, 0b01110, 0b11111],
        }
    }
}

/// Whether the sprite is asked, or seen, to turn another colour for a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// It keeps its colour.
    None,
    /// It turns this colour.
    Then(Colour),
}

/// What both videos of a pair were made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Prompt {
    /// The colour that is asked for.
    pub colour: Colour,
    /// The shape that is asked for.
    pub shape: Shape,
    /// The event that is asked for; never the sprite's own colour.
    pub event: Event,
    /// How long both videos are.
    pub length: Length,
}

impl Prompt {
    /// `T`: frames of each of the two videos.
    pub fn frames(&self) -> u32 {
        self.length.frames()
    }
}
