//! In: messages with the text of their pictures. Out: the lines that other trainers read.

use serde::Serialize;
use vrt_view::JudgmentRecord;

/// One line: a conversation, and which of its text is learned.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Example {
    /// Pair, sample, and the unit's number from 1 where a line holds one.
    pub id: String,
    /// The conversation, beginning with the system's message.
    pub messages: Vec<ChatMessage>,
    /// The text that carries loss; everything else carries none.
    pub loss: Vec<LossSpan>,
    /// The ground truth, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truth: Option<JudgmentRecord>,
}

/// One message, as chat templates take it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChatMessage {
    /// `system`, `user` or `assistant`.
    pub role: &'static str,
    /// What is said, in order.
    pub content: Vec<ChatPart>,
}

/// A piece of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ChatPart {
    /// Text.
    Text {
        /// As it stands.
        text: String,
    },
    /// A picture.
    Image {
        /// A data URI, or a path from the folder of the file of examples.
        image: String,
    },
}

/// Text of the judge's own that is learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LossSpan {
    /// Which message, from 0.
    pub message: usize,
    /// Which piece of its content, from 0.
    pub part: usize,
    /// Its first character; characters are Unicode scalar values, as Python counts them.
    pub start: usize,
    /// One beyond its last character.
    pub end: usize,
}
