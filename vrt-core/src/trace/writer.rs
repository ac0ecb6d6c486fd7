//! In: a typed unit. Out: the one canonical text.

use std::fmt;
use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use super::{Action, Unit};
use crate::pair::{Dimension, Judgment};

impl fmt::Display for Judgment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for dimension in Dimension::ALL {
            write!(
                f,
                "{}={}, ",
                dimension.key(),
                self.verdict.get(dimension).digit()
            )?;
        }
        write!(f, "OA={}", self.verdict.overall.digit())?;
        match self.confidence {
            Some(confidence) => write!(f, ", CF={}", confidence.digit()),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "<Snapshot>{}</Snapshot>", self.snapshot.as_str())?;
        writeln!(f, "<Think>{}</Think>", self.think.as_str())?;
        match &self.action {
            Action::Answer(judgment) => write!(f, "<Answer>{judgment}</Answer>"),
            Action::Recommend { judgment, call } => {
                writeln!(f, "<Recommend Answer>{judgment}</Recommend Answer>")?;
                write!(
                    f,
                    "<tool_call>{{\"name\": {}, \"arguments\": {}}}</tool_call>",
                    canonical_json(&call.name.as_str().into()),
                    canonical_json(&call.arguments)
                )
            }
        }
    }
}

/// JSON on one line with a space after `:` and `,`, as in the paper's traces.
pub fn canonical_json(value: &serde_json::Value) -> String {
    let mut bytes = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut bytes, Spaced);
    value
        .serialize(&mut serializer)
        .expect("a JSON value serialises into memory");
    String::from_utf8(bytes).expect("serde_json writes UTF-8")
}

struct Spaced;

impl Formatter for Spaced {
    /// `<` is escaped: no string may close the block it stands in.
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        for (i, part) in fragment.split('<').enumerate() {
            if i > 0 {
                writer.write_all(b"\\u003c")?;
            }
            writer.write_all(part.as_bytes())?;
        }
        Ok(())
    }

    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        writer.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        writer.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}
