//! In: records, or the lines of a file. Out: one JSON line a record, or the records, every one of them consistent.
//!
//! A file is not trusted: a line that is no record, or says what cannot be, is an error that names the line and the field.

use std::io::BufRead;

use serde::{Deserialize, Serialize};
use vrt_core::pair::{FrameIndex, Pool};
use vrt_core::trace::TRACE_VERSION;

use crate::picture::is_picture;
use crate::record::TraceRecord;

/// A line of a file of traces cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{name}, line {line}: {problem}")]
pub struct LineError {
    /// The file, as a person knows it.
    pub name: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, and where in the line.
    pub problem: Problem,
}

/// What can be wrong with a line.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// It could not be read at all.
    #[error("cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// It is no record.
    #[error("no trace record: at `{path}`: {why}; write the traces anew")]
    Record {
        /// Path of the field; `.` for the whole.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// It was written in another format.
    #[error("trace format {found}, but this program reads {TRACE_VERSION}; write the traces anew")]
    Version {
        /// Its version.
        found: u32,
    },
    /// A frame beyond both videos.
    #[error("`{path}`: frame {frame} is beyond the pool of {total} frames")]
    Frame {
        /// Path of the field.
        path: String,
        /// The frame's number.
        frame: u32,
        /// Frames of both videos.
        total: u32,
    },
    /// A picture that is no picture.
    #[error("`pictures.{key}` is no data URI of a PNG or JPEG file")]
    Picture {
        /// The view's key.
        key: String,
    },
}

/// One line a record.
pub fn write(records: &[TraceRecord]) -> String {
    records.iter().map(|record| json(record) + "\n").collect()
}

/// Plain data as JSON.
pub(crate) fn json(value: &impl Serialize) -> String {
    // JSON has no place for a map whose keys are no text, and for nothing else; a record has no such map.
    serde_json::to_string(value).expect("a record is plain data")
}

/// The records of a file; empty lines are skipped. `name` is what errors call it.
///
/// # Errors
/// [`LineError`] for the first line that cannot be used.
pub fn read(name: &str, from: impl BufRead) -> Result<Vec<TraceRecord>, LineError> {
    let mut records = Vec::new();
    for (line, text) in (1..).zip(from.lines()) {
        let at = |problem| LineError {
            name: name.to_owned(),
            line,
            problem,
        };
        let text = text.map_err(|error| at(error.into()))?;
        if !text.trim().is_empty() {
            records.push(parse(&text).map_err(at)?);
        }
    }
    Ok(records)
}

/// One line's record.
///
/// # Errors
/// [`Problem`] if the line is no record, or says what cannot be.
pub fn parse(text: &str) -> Result<TraceRecord, Problem> {
    // Asked first: another version's fields would only confuse.
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    if let Ok(Versioned { version }) = serde_json::from_str(text)
        && version != TRACE_VERSION
    {
        return Err(Problem::Version { found: version });
    }
    let record: TraceRecord = serde_path_to_error::deserialize(
        &mut serde_json::Deserializer::from_str(text),
    )
    .map_err(|error| {
        let why = error.inner().to_string();
        Problem::Record {
            path: error.path().to_string(),
            // The parser counts lines inside this one; the file's line and the path say where.
            why: why.split(" at line ").next().unwrap_or_default().to_owned(),
        }
    })?;
    check(&record)?;
    Ok(record)
}

/// Whether every frame exists and every picture is one.
fn check(record: &TraceRecord) -> Result<(), Problem> {
    let [first, second] = &record.videos;
    // Lengths that no pool can hold are as good as the longest that it can.
    let pool = Pool::new(first.frames, second.frames.min(u32::MAX - first.frames));
    let within = |path: String, frame: FrameIndex| match pool.locate(frame) {
        Some(_) => Ok(()),
        None => Err(Problem::Frame {
            path,
            frame: frame.get(),
            total: pool.total(),
        }),
    };
    for (i, &frame) in record.initial.iter().enumerate() {
        within(format!("initial[{i}]"), frame)?;
    }
    for (r, round) in record.rounds.iter().enumerate() {
        for (v, view) in round.views.iter().flatten().enumerate() {
            within(format!("rounds[{r}].views[{v}].frame"), view.frame)?;
        }
    }
    match record.pictures.iter().find(|(_, uri)| !is_picture(uri)) {
        Some((key, _)) => Err(Problem::Picture { key: key.clone() }),
        None => Ok(()),
    }
}
