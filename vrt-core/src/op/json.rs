//! In: a JSON value. Out: its canonical text, a space after every `:` and `,`, as the paper prints calls.

use std::io;

use serde::Serialize;
use serde::ser::{SerializeMap, SerializeSeq, Serializer};
use serde_json::Value;
use serde_json::ser::Formatter;

/// Keys of a schema that a reader expects first; all others follow in the order of the map.
const FIRST: [&str; 7] = [
    "type",
    "function",
    "name",
    "description",
    "parameters",
    "properties",
    "items",
];

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

/// The canonical text of anything that serialises to JSON.
pub fn canonical_json<T: Serialize + ?Sized>(value: &T) -> String {
    let mut text = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, Spaced);
    // Writing to memory cannot fail, and a value that does not serialise leaves an empty text.
    match value.serialize(&mut serializer) {
        Ok(()) => String::from_utf8(text).unwrap_or_default(),
        Err(_) => String::new(),
    }
}

/// A schema whose keys come in the order in which a person would write them.
pub(super) struct Readable<'a>(pub(super) &'a Value);

impl Serialize for Readable<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(map) => {
                let mut out = serializer.serialize_map(Some(map.len()))?;
                for key in FIRST {
                    if let Some(value) = map.get(key) {
                        out.serialize_entry(key, &Readable(value))?;
                    }
                }
                for (key, value) in map.iter().filter(|(key, _)| !FIRST.contains(&key.as_str())) {
                    out.serialize_entry(key, &Readable(value))?;
                }
                out.end()
            }
            Value::Array(items) => {
                let mut out = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    out.serialize_element(&Readable(item))?;
                }
                out.end()
            }
            plain => plain.serialize(serializer),
        }
    }
}
