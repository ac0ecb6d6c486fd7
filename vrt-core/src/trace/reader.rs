//! In: text a model wrote. Out: a [`Unit`], or a [`UnitError`] that names the place.
//!
//! Tolerated: any letter case in tags and keys, spaces inside a tag and around `=`, keys in any order, `CF` in
//! a final answer, `<Final Answer>`, white space between blocks. Nothing else is.

use super::{Action, Call, Prose, Unit};
use crate::pair::{Confidence, Dimension, Judgment, Preference, Verdict};

/// Why a text is not a unit. `at` is a byte offset into the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// Another tag or the end stands where a tag is due.
    #[error("byte {at}: expected {expected}, found {found}")]
    Expected {
        /// The tags that could stand here.
        expected: &'static str,
        /// What stands here.
        found: String,
        /// Where.
        at: usize,
    },
    /// Text between two blocks.
    #[error("byte {at}: text outside of every tag: {text:?}")]
    Stray {
        /// Its beginning.
        text: String,
        /// Where.
        at: usize,
    },
    /// A block is not closed: the reply was cut off.
    #[error("byte {at}: <{tag}> is never closed")]
    Unclosed {
        /// The open tag.
        tag: &'static str,
        /// Where it was opened.
        at: usize,
    },
    /// A tag inside a snapshot or a thought.
    #[error("byte {at}: <{tag}> may not stand inside another block")]
    TagInProse {
        /// The inner tag.
        tag: String,
        /// Where.
        at: usize,
    },
    /// A judgment with a wrong entry.
    #[error("byte {at}: {text:?} is not a judgment entry: {problem}")]
    Entry {
        /// The entry.
        text: String,
        /// What is wrong with it.
        problem: &'static str,
        /// Where.
        at: usize,
    },
    /// A judgment without one of its keys.
    #[error("byte {at}: the judgment lacks {key}")]
    MissingKey {
        /// The missing key.
        key: &'static str,
        /// Where the judgment begins.
        at: usize,
    },
    /// The call is no JSON object with exactly `name` and `arguments`.
    #[error("byte {at}: the tool call is not {{\"name\": …, \"arguments\": {{…}}}}: {problem}")]
    Call {
        /// What is wrong with it.
        problem: String,
        /// Where its JSON begins.
        at: usize,
    },
}

/// The tags of the trace format, in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tag {
    Snapshot,
    Think,
    Answer,
    FinalAnswer,
    Recommend,
    ToolCall,
}

impl Tag {
    const ALL: [(Tag, &'static str); 6] = [
        (Tag::Snapshot, "snapshot"),
        (Tag::Think, "think"),
        (Tag::Answer, "answer"),
        (Tag::FinalAnswer, "final answer"),
        (Tag::Recommend, "recommend answer"),
        (Tag::ToolCall, "tool_call"),
    ];

    fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    fn from_name(name: &str) -> Option<Self> {
        let mut words = name.split_ascii_whitespace();
        let (first, second) = (words.next()?, words.next());
        if words.next().is_some() {
            return None;
        }
        Self::ALL
            .into_iter()
            .find(|(_, known)| {
                let mut known = known.split(' ');
                known
                    .next()
                    .is_some_and(|word| word.eq_ignore_ascii_case(first))
                    && match (known.next(), second) {
                        (Some(known), Some(word)) => known.eq_ignore_ascii_case(word),
                        (None, None) => true,
                        _ => false,
                    }
            })
            .map(|(tag, _)| tag)
    }
}

struct Found {
    tag: Tag,
    closing: bool,
    start: usize,
    end: usize,
}

/// The next tag of the format at or after `from`; anything else in angle brackets is text.
fn next_tag(text: &str, from: usize) -> Option<Found> {
    let mut open = from + text.get(from..)?.find('<')?;
    loop {
        let rest = &text[open + 1..];
        let stop = rest.find(['<', '>'])?;
        if rest.as_bytes()[stop] == b'>' {
            let inner = rest[..stop].trim();
            let (closing, name) = match inner.strip_prefix('/') {
                Some(name) => (true, name),
                None => (false, inner),
            };
            if let Some(tag) = Tag::from_name(name) {
                return Some(Found {
                    tag,
                    closing,
                    start: open,
                    end: open + 1 + stop + 1,
                });
            }
        }
        open = open + 1 + stop + rest[stop..].find('<')?;
    }
}

/// The first tag of the format in a text, with its place.
pub(super) fn first_tag(text: &str) -> Option<(usize, &'static str)> {
    next_tag(text, 0).map(|found| (found.start, found.tag.name()))
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    /// Opens one of `allowed` after optional white space.
    fn open(&mut self, allowed: &[Tag], expected: &'static str) -> Result<Tag, UnitError> {
        let found = next_tag(self.text, self.at);
        let before = found.as_ref().map_or(self.text.len(), |found| found.start);
        self.only_space(before)?;
        match found {
            Some(found) if !found.closing && allowed.contains(&found.tag) => {
                self.at = found.end;
                Ok(found.tag)
            }
            Some(found) => Err(UnitError::Expected {
                expected,
                found: self.text[found.start..found.end].to_owned(),
                at: found.start,
            }),
            None => Err(UnitError::Expected {
                expected,
                found: "the end".to_owned(),
                at: self.at,
            }),
        }
    }

    /// Whether the next tag opens this block.
    fn opens(&self, tag: Tag) -> bool {
        next_tag(self.text, self.at).is_some_and(|found| !found.closing && found.tag == tag)
    }

    /// The text up to the closing tag, with the place where it begins.
    fn body(&mut self, tag: Tag) -> Result<(&'a str, usize), UnitError> {
        let start = self.at;
        match next_tag(self.text, start) {
            Some(found) if found.closing && found.tag == tag => {
                self.at = found.end;
                Ok((&self.text[start..found.start], start))
            }
            Some(found) => Err(UnitError::TagInProse {
                tag: found.tag.name().to_owned(),
                at: found.start,
            }),
            None => Err(UnitError::Unclosed {
                tag: tag.name(),
                at: start,
            }),
        }
    }

    fn only_space(&self, until: usize) -> Result<(), UnitError> {
        let between = &self.text[self.at..until];
        if between.trim().is_empty() {
            return Ok(());
        }
        let at = self.at + (between.len() - between.trim_start().len());
        Err(UnitError::Stray {
            text: between.trim().chars().take(40).collect(),
            at,
        })
    }

    fn prose(&mut self, tag: Tag, expected: &'static str) -> Result<Prose, UnitError> {
        self.open(&[tag], expected)?;
        let (body, _) = self.body(tag)?;
        Prose::new(body)
    }
}

/// Reads one unit.
///
/// # Errors
/// [`UnitError`] with the byte at which the text leaves the format.
pub fn read_unit(text: &str) -> Result<Unit, UnitError> {
    let mut reader = Reader { text, at: 0 };
    let snapshot = reader.prose(Tag::Snapshot, "<Snapshot>")?;
    let think = reader.prose(Tag::Think, "<Think>")?;
    let tag = reader.open(
        &[Tag::Answer, Tag::FinalAnswer, Tag::Recommend],
        "<Answer> or <Recommend Answer>",
    )?;
    let (body, at) = reader.body(tag)?;
    let judgment = read_judgment(body, at)?;
    let action = if tag == Tag::Recommend {
        let mut calls = Vec::new();
        while calls.is_empty() || reader.opens(Tag::ToolCall) {
            reader.open(&[Tag::ToolCall], "<tool_call>")?;
            let (body, at) = reader.body(Tag::ToolCall)?;
            calls.push(read_call(body, at)?);
        }
        Action::Recommend { judgment, calls }
    } else {
        Action::Answer(judgment)
    };
    match next_tag(text, reader.at) {
        Some(found) => {
            reader.only_space(found.start)?;
            Err(UnitError::Expected {
                expected: "the end of the unit",
                found: text[found.start..found.end].to_owned(),
                at: found.start,
            })
        }
        None => {
            reader.only_space(text.len())?;
            Ok(Unit {
                snapshot,
                think,
                action,
            })
        }
    }
}

/// Reads `TA=1, VQ=1, MQ=0, OA=1[, CF=2]`, keys in any order.
fn read_judgment(body: &str, at: usize) -> Result<Judgment, UnitError> {
    let mut dimensions = [None; 3];
    let mut overall = None;
    let mut confidence = None;
    let mut offset = at;
    for entry in body.split(',') {
        let wrong = |problem| UnitError::Entry {
            text: entry.trim().chars().take(40).collect(),
            problem,
            at: offset,
        };
        let (key, value) = entry
            .split_once('=')
            .ok_or_else(|| wrong("it wants KEY=DIGIT"))?;
        let (key, value) = (key.trim(), value.trim());
        let digit = match value.as_bytes() {
            [digit @ b'0'..=b'9'] => digit - b'0',
            _ => return Err(wrong("the value is one digit")),
        };
        let preference =
            || Preference::from_digit(digit).ok_or_else(|| wrong("a preference is 0, 1 or 2"));
        let dimension = Dimension::ALL
            .into_iter()
            .find(|d| d.key().eq_ignore_ascii_case(key));
        let repeated = if let Some(dimension) = dimension {
            dimensions[dimension as usize]
                .replace(preference()?)
                .is_some()
        } else if key.eq_ignore_ascii_case("OA") {
            overall.replace(preference()?).is_some()
        } else if key.eq_ignore_ascii_case("CF") {
            let level =
                Confidence::from_digit(digit).ok_or_else(|| wrong("a confidence is 1, 2 or 3"))?;
            confidence.replace(level).is_some()
        } else {
            return Err(wrong("the keys are TA, VQ, MQ, OA and CF"));
        };
        if repeated {
            return Err(wrong("the key stands twice"));
        }
        offset += entry.len() + 1;
    }
    let dimension =
        |d: Dimension| dimensions[d as usize].ok_or(UnitError::MissingKey { key: d.key(), at });
    Ok(Judgment {
        verdict: Verdict {
            dimensions: [
                dimension(Dimension::TextAlignment)?,
                dimension(Dimension::VisualQuality)?,
                dimension(Dimension::MotionQuality)?,
            ],
            overall: overall.ok_or(UnitError::MissingKey { key: "OA", at })?,
        },
        confidence,
    })
}

fn read_call(body: &str, at: usize) -> Result<Call, UnitError> {
    let wrong = |problem: String| UnitError::Call { problem, at };
    let value: serde_json::Value =
        serde_json::from_str(body.trim()).map_err(|error| wrong(error.to_string()))?;
    let serde_json::Value::Object(mut fields) = value else {
        return Err(wrong("it is not an object".to_owned()));
    };
    let name = match fields.remove("name") {
        Some(serde_json::Value::String(name)) => name,
        Some(_) => return Err(wrong("`name` is not a string".to_owned())),
        None => return Err(wrong("it lacks `name`".to_owned())),
    };
    let arguments = match fields.remove("arguments") {
        Some(arguments @ serde_json::Value::Object(_)) => arguments,
        Some(_) => return Err(wrong("`arguments` is not an object".to_owned())),
        None => return Err(wrong("it lacks `arguments`".to_owned())),
    };
    match fields.keys().next() {
        Some(key) => Err(wrong(format!("it has a key `{key}` too many"))),
        None => Ok(Call { name, arguments }),
    }
}
