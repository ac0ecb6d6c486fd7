//! In: a format that can only be decoded from its beginning (GIF, animated WebP, a program's output). Out: frames by number.

use std::sync::Arc;

use super::fault::Fault;
use super::guard::guarded;
use super::info::Info;
use super::medium::{Cursor, Medium, Way};
use super::picture::Rgb8;

/// The frames from the first on.
pub(super) type Frames = Box<dyn Iterator<Item = Result<Rgb8, Fault>> + Send>;

/// A format that starts anew whenever it is asked.
pub(super) trait Sequence: Send + Sync + 'static {
    fn name(&self) -> &'static str;

    fn start(&self) -> Result<Frames, Fault>;
}

/// An indexed sequence.
pub(super) struct Sequential<S> {
    pub(super) sequence: S,
    pub(super) info: Info,
}

impl<S: Sequence> Medium for Sequential<S> {
    fn info(&self) -> &Info {
        &self.info
    }

    fn run(&self, frame: u32) -> (u32, u32) {
        (0, frame)
    }

    fn cursor(self: Arc<Self>) -> Box<dyn Cursor> {
        Box::new(Reader {
            medium: self,
            frames: None,
            next: 0,
        })
    }
}

struct Reader<S> {
    medium: Arc<Sequential<S>>,
    frames: Option<Frames>,
    next: u32,
}

impl<S: Sequence> Cursor for Reader<S> {
    fn way(&self, frame: u32) -> Way {
        if self.frames.is_some() && self.next <= frame {
            Way::On(frame - self.next + 1)
        } else {
            Way::Anew
        }
    }

    fn frame(&mut self, frame: u32) -> Result<Rgb8, Fault> {
        let name = self.medium.sequence.name();
        let goes_on = self.next <= frame;
        guarded(name, || {
            // Taken out, so that frames that failed are not asked again.
            let mut frames = match self.frames.take().filter(|_| goes_on) {
                Some(frames) => frames,
                None => {
                    self.next = 0;
                    self.medium.sequence.start()?
                }
            };
            loop {
                let ended =
                    || Fault::decode(name, format_args!("it ends after {} frames", self.next));
                let rgb = frames.next().ok_or_else(ended)??;
                self.next += 1;
                if self.next > frame {
                    self.frames = Some(frames);
                    return Ok(rgb);
                }
            }
        })
    }
}
