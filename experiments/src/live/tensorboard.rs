//! In: scalars of a step. Out: an event file that TensorBoard reads.
//!
//! A file is a row of TFRecords: length as 8 bytes, its checksum, the data, its checksum; little-endian, CRC-32C masked
//! as `rotr(crc, 15) + 0xa282ead8`. The data are `Event` messages of protocol buffers, of which a scalar needs five
//! fields: `tensorflow/core/util/event.proto` and `tensorflow/core/framework/summary.proto` name them.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;
use vrt_train::atomic::FileError;

/// An open event file; what is recorded is in the file when the call returns.
#[derive(Debug)]
pub struct EventFile {
    path: PathBuf,
}

impl EventFile {
    /// A new file in this folder. TensorBoard tells the files of a run apart by the time in their names.
    pub fn create(folder: &Path, wall: f64) -> Result<Self, FileError> {
        let process = std::process::id();
        let name = format!("events.out.tfevents.{:010}.vrt.{process}", wall as u64);
        let file = Self {
            path: folder.join(name),
        };
        let mut version = Message::at(wall, 0);
        version.text(FILE_VERSION, "brain.Event:2");
        file.append(&version)?;
        Ok(file)
    }

    /// Records the scalars of a step.
    pub fn scalars(
        &self,
        wall: f64,
        step: u64,
        scalars: &[(String, f64)],
    ) -> Result<(), FileError> {
        let mut summary = Message::default();
        for (tag, value) in scalars {
            let mut scalar = Message::default();
            scalar.text(TAG, tag);
            scalar.float(SIMPLE_VALUE, *value as f32);
            summary.message(VALUE, &scalar);
        }
        let mut event = Message::at(wall, step);
        event.message(SUMMARY, &summary);
        self.append(&event)
    }

    /// Takes back the scalars of this step and later ones, also of earlier files: they are measured again.
    pub fn restart(&self, wall: f64, step: u64) -> Result<(), FileError> {
        let mut log = Message::default();
        log.number(STATUS, START);
        let mut event = Message::at(wall, step);
        event.message(SESSION_LOG, &log);
        self.append(&event)
    }

    fn append(&self, event: &Message) -> Result<(), FileError> {
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.path)
            .and_then(|mut file| file.write_all(&record(&event.0)))
            .map_err(FileError::at("write", &self.path))
    }
}

/// The numbers of a map with their paths, `/` between the levels; what is no number has no scalar.
pub fn scalars(values: &Value) -> Vec<(String, f64)> {
    fn walk(path: &str, value: &Value, into: &mut Vec<(String, f64)>) {
        let below = |name: &str| match path {
            "" => name.to_owned(),
            _ => format!("{path}/{name}"),
        };
        match value {
            Value::Object(map) => map
                .iter()
                .for_each(|(key, value)| walk(&below(key), value, into)),
            Value::Array(list) => {
                let numbered = list.iter().enumerate();
                numbered.for_each(|(i, value)| walk(&below(&i.to_string()), value, into));
            }
            _ => into.extend(value.as_f64().map(|number| (path.to_owned(), number))),
        }
    }
    let mut found = Vec::new();
    walk("", values, &mut found);
    found
}

/// Fields of `Event`.
const WALL_TIME: u64 = 1;
const STEP: u64 = 2;
const FILE_VERSION: u64 = 3;
const SUMMARY: u64 = 5;
const SESSION_LOG: u64 = 7;
/// Of `SessionLog`, and its value that announces a restart.
const STATUS: u64 = 1;
const START: u64 = 1;
/// Of `Summary`.
const VALUE: u64 = 1;
/// Of `Summary.Value`.
const TAG: u64 = 1;
const SIMPLE_VALUE: u64 = 2;

/// A protocol buffers message, field by field.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    /// An event of this time and step; a step of 0 is the default and not written.
    fn at(wall: f64, step: u64) -> Self {
        let mut event = Self::default();
        event.key(WALL_TIME, 1);
        event.0.extend(wall.to_le_bytes());
        if step > 0 {
            event.number(STEP, step);
        }
        event
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn key(&mut self, field: u64, wire: u64) {
        self.varint(field << 3 | wire);
    }

    fn number(&mut self, field: u64, value: u64) {
        self.key(field, 0);
        self.varint(value);
    }

    fn float(&mut self, field: u64, value: f32) {
        self.key(field, 5);
        self.0.extend(value.to_le_bytes());
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.key(field, 2);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
    }

    fn text(&mut self, field: u64, text: &str) {
        self.bytes(field, text.as_bytes());
    }

    fn message(&mut self, field: u64, message: &Message) {
        self.bytes(field, &message.0);
    }
}

/// Data as a TFRecord.
fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut record = Vec::with_capacity(data.len() + 16);
    record.extend(length);
    record.extend(masked(&length).to_le_bytes());
    record.extend(data);
    record.extend(masked(data).to_le_bytes());
    record
}

fn masked(data: &[u8]) -> u32 {
    crc32c::crc32c(data)
        .rotate_right(15)
        .wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests;
