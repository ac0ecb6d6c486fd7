//! In: nothing. Out: what a format has to offer to be a video: an index, and cursors that decode.

use std::sync::Arc;

use super::fault::Fault;
use super::info::Info;
use super::picture::Rgb8;

/// An indexed video. Frames are numbered from 0 and below `info().frames`.
pub(super) trait Medium: Send + Sync {
    fn info(&self) -> &Info;

    /// Where the run begins from which a frame is decoded, and the frame's place in decoding order.
    fn run(&self, frame: u32) -> (u32, u32);

    /// A decoder that stands nowhere yet.
    fn cursor(self: Arc<Self>) -> Box<dyn Cursor>;
}

/// A decoder that stands somewhere in a video.
pub(super) trait Cursor: Send {
    /// How it would come to a frame.
    fn way(&self, frame: u32) -> Way;

    /// The frame. After an error the cursor starts anew.
    fn frame(&mut self, frame: u32) -> Result<Rgb8, Fault>;
}

/// How a cursor comes to a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    /// By going on, by so many frames.
    On(u32),
    /// From where the frame's run begins.
    Anew,
}
