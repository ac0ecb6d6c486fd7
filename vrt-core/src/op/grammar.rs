//! In: an operation's name and argument types. Out: the canonical text of a call as fixed text and typed slots.
//!
//! The tiny tokenizer makes one piece of each fixed part and knows how to write each kind of slot.

use super::Most;

/// What a slot holds and how it is written.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Slot {
    /// One frame number.
    Frame,
    /// Between `min` and `max` frame numbers, joined by `, `.
    Frames {
        /// Smallest number of frames.
        min: u32,
        /// Largest number of frames.
        max: Most,
    },
    /// A whole number.
    Integer {
        /// Smallest value.
        low: i64,
        /// Largest value.
        high: i64,
    },
    /// A decimal number.
    Real {
        /// Smallest value.
        low: f64,
        /// Largest value.
        high: f64,
    },
    /// `true` or `false`.
    Boolean,
    /// A quoted and escaped JSON string.
    Text {
        /// Largest number of characters.
        max: Most,
    },
    /// Between `min` and `max` values of one kind, joined by `, `.
    List {
        /// What each value is.
        of: Box<Slot>,
        /// Smallest number of values.
        min: u32,
        /// Largest number of values.
        max: Most,
    },
}

/// One part of a call's canonical text.
#[derive(Clone, Debug, PartialEq)]
pub enum GrammarPart {
    /// Text that is the same in every call.
    Fixed(String),
    /// Text that depends on an argument.
    Slot(Slot),
}

/// The canonical text of an operation's calls. Two fixed parts never stand side by side.
#[derive(Clone, Debug, PartialEq)]
pub struct OpGrammar {
    /// The operation.
    pub name: &'static str,
    /// Its arguments in the order of their declaration; each has one slot.
    pub arguments: Vec<&'static str>,
    /// From `<tool_call>` to `</tool_call>`.
    pub parts: Vec<GrammarPart>,
}

impl OpGrammar {
    /// The grammar of a call whose arguments, in order, are written with these parts.
    pub fn new(name: &'static str, arguments: &[(&'static str, Vec<GrammarPart>)]) -> Self {
        let mut grammar = Self {
            name,
            arguments: arguments.iter().map(|(argument, _)| *argument).collect(),
            parts: Vec::new(),
        };
        grammar.fixed(&opening(name));
        for (i, (argument, parts)) in arguments.iter().enumerate() {
            grammar.fixed(&key(i, argument));
            for part in parts {
                match part {
                    GrammarPart::Fixed(text) => grammar.fixed(text),
                    slot => grammar.parts.push(slot.clone()),
                }
            }
        }
        grammar.fixed(CLOSING);
        grammar
    }

    fn fixed(&mut self, text: &str) {
        if let Some(GrammarPart::Fixed(last)) = self.parts.last_mut() {
            last.push_str(text);
        } else {
            self.parts.push(GrammarPart::Fixed(text.to_owned()));
        }
    }
}

/// What ends every call.
pub(super) const CLOSING: &str = "}}</tool_call>";

/// What begins a call, up to its first argument.
pub(super) fn opening(name: &str) -> String {
    format!("<tool_call>{{\"name\": \"{name}\", \"arguments\": {{")
}

/// What stands before the value of the argument at this position.
pub(super) fn key(position: usize, argument: &str) -> String {
    let comma = if position == 0 { "" } else { ", " };
    format!("{comma}\"{argument}\": ")
}
