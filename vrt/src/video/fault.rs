//! In: what a file, a decoder or a limit refuses. Out: an error that names the video, the place, the cause and the remedy.

use std::fmt;

/// A video could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{video}: {fault}")]
pub struct OpenError {
    /// The video's name, as a person knows it.
    pub video: String,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a video.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The operating system refused.
    #[error("cannot be read: {0}")]
    Io(String),
    /// No byte, or no image in the folder.
    #[error("is empty")]
    Empty,
    /// No known magic number.
    #[error(
        "is of no kind that is read here (it begins with {begins}): MP4, MOV, GIF, WebP, PNG, JPEG, or a folder of images{}",
        ffmpeg_hint()
    )]
    Unknown {
        /// The first bytes, in hexadecimal.
        begins: String,
    },
    /// The file ends before what it announces.
    #[error(
        "is cut short: {what} needs bytes {from}..{to}, but the file ends at byte {end}; copy it again"
    )]
    Truncated {
        /// What lies there.
        what: String,
        /// Its first byte.
        from: u64,
        /// One past its last byte.
        to: u64,
        /// The file's length.
        end: u64,
    },
    /// A structure contradicts itself or its format.
    #[error("is damaged at {place}: {why}")]
    Malformed {
        /// Box, byte or frame.
        place: String,
        /// What is wrong there.
        why: String,
    },
    /// A well-formed file with nothing to show.
    #[error("shows no frame: {0}")]
    NoFrames(&'static str),
    /// The format's feature is not implemented here.
    #[error("uses {0}, which is not decoded here{hint}", hint = ffmpeg_hint())]
    Unsupported(String),
    /// A value of the file is above a limit.
    #[error("has {value} {unit}, above the limit of {limit} (`Limits::{field}`)")]
    Limit {
        /// The field of [`Limits`](super::Limits).
        field: &'static str,
        /// What is counted.
        unit: &'static str,
        /// The file's value.
        value: u64,
        /// The limit's value.
        limit: u64,
    },
    /// The decoder refused a frame's data.
    #[error("has a frame that the {decoder} decoder refuses: {why}")]
    Decode {
        /// The decoder's name.
        decoder: &'static str,
        /// Its words.
        why: String,
    },
    /// The decoder failed on data that it should have refused.
    #[error(
        "made the {decoder} decoder fail: {message}; the file is damaged, or this is a bug of that decoder"
    )]
    Panicked {
        /// The decoder's name.
        decoder: &'static str,
        /// The panic's message.
        message: String,
    },
}

impl Fault {
    /// A structure that is wrong at a place.
    pub(super) fn malformed(place: impl fmt::Display, why: impl fmt::Display) -> Self {
        Self::Malformed {
            place: place.to_string(),
            why: why.to_string(),
        }
    }

    /// A decoder's refusal.
    pub(super) fn decode(decoder: &'static str, why: impl fmt::Display) -> Self {
        Self::Decode {
            decoder,
            why: why.to_string(),
        }
    }
}

fn ffmpeg_hint() -> &'static str {
    if cfg!(feature = "ffmpeg") {
        ""
    } else {
        "; build with `--features ffmpeg` to read more kinds with the ffmpeg program"
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error.to_string())
    }
}
