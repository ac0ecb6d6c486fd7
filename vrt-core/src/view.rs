//! In: an operation's choice. Out: one picture of the evidence: a frame, or something drawn from frames.
//!
//! A view says what it shows, not its pixels: the same view of the same pair is always the same picture, so it can be
//! a key, a row of a sequence, a line of a trace.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Serialize, Serializer};

use crate::pair::{Frame, FrameIndex, PreferencePair, VideoError};

/// One picture of the evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum View {
    /// A frame as it is.
    Frame(FrameIndex),
    /// A picture made from frames.
    Drawn(Drawn),
}

/// A picture made from frames: which painter, and what it was told.
#[derive(Clone, Copy)]
pub struct Drawn {
    /// Who draws it.
    pub painter: &'static Painter,
    /// The frame it is named after.
    pub frame: FrameIndex,
    /// What else the painter needs: a region, another frame's number.
    pub args: [u32; 4],
}

/// What makes pictures from frames. Declare one as a `static` beside the operation that uses it.
pub struct Painter {
    /// The name in traces; unique among the painters of a set of operations.
    pub name: &'static str,
    /// Draws; the same arguments always give the same pixels.
    pub draw: fn(&PreferencePair, FrameIndex, [u32; 4]) -> Result<Frame, VideoError>,
}

impl View {
    /// The frame it shows, or is named after.
    pub fn frame(self) -> FrameIndex {
        match self {
            Self::Frame(frame) => frame,
            Self::Drawn(drawn) => drawn.frame,
        }
    }

    /// The frame, if it is shown as it is.
    pub fn plain(self) -> Option<FrameIndex> {
        match self {
            Self::Frame(frame) => Some(frame),
            Self::Drawn(_) => None,
        }
    }
}

impl From<FrameIndex> for View {
    fn from(frame: FrameIndex) -> Self {
        Self::Frame(frame)
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame(frame) => frame.fmt(f),
            Self::Drawn(drawn) => drawn.fmt(f),
        }
    }
}

impl Serialize for View {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Frame(frame) => frame.serialize(serializer),
            Self::Drawn(drawn) => serializer.collect_str(drawn),
        }
    }
}

impl Drawn {
    fn key(&self) -> (&'static str, FrameIndex, [u32; 4]) {
        (self.painter.name, self.frame, self.args)
    }
}

impl fmt::Display for Drawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.args;
        let name = self.painter.name;
        write!(f, "{name}({}; {a}, {b}, {c}, {d})", self.frame)
    }
}

impl fmt::Debug for Drawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialEq for Drawn {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Drawn {}

impl Hash for Drawn {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl PartialOrd for Drawn {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Drawn {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl PreferencePair {
    /// The pixels of a view.
    ///
    /// # Errors
    /// [`VideoError`] if a frame cannot be produced, or the painter cannot draw from it.
    pub fn view(&self, view: View) -> Result<Frame, VideoError> {
        match view {
            View::Frame(frame) => self.frame(frame),
            View::Drawn(drawn) => (drawn.painter.draw)(self, drawn.frame, drawn.args),
        }
    }
}
