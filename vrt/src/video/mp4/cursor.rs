//! In: frames asked for. Out: their pixels, by a decoder that goes on from where it stands whenever it can.

use std::collections::VecDeque;
use std::sync::Arc;

use super::super::codec::Decoder;
use super::super::fault::Fault;
use super::super::guard::guarded;
use super::super::medium::{Cursor, Way};
use super::super::picture::{Picture, Rgb8};
use super::Mp4;

/// Decoded pictures that are kept unconverted: neighbours in time are decoded out of order, and are asked for next.
/// As many as H.264 and H.265 may reorder.
const KEPT: usize = 16;
/// Bytes of them, beside the one decoded last.
const KEPT_BYTES: u64 = 64 << 20;

pub(super) struct Mp4Cursor {
    mp4: Arc<Mp4>,
    decoder: Option<Box<dyn Decoder>>,
    /// The sample that the decoder is given next.
    next: u32,
    /// By sample, the newest last.
    kept: VecDeque<(u32, Picture)>,
}

impl Mp4Cursor {
    pub(super) fn new(mp4: Arc<Mp4>) -> Self {
        Self {
            mp4,
            decoder: None,
            next: 0,
            kept: VecDeque::new(),
        }
    }

    /// Decodes up to a sample.
    fn reach(&mut self, sample: u32) -> Result<(), Fault> {
        match self.reach_by(sample, true) {
            // What the quick decoder does not read; and what is wrong is said by the other.
            Err(_) if self.mp4.coding.has_quick() => self.reach_by(sample, false),
            reached => reached,
        }
    }

    /// Passes over samples that nothing refers to.
    fn reach_by(&mut self, sample: u32, quick: bool) -> Result<(), Fault> {
        let entry = self.mp4.entries[sample as usize];
        let goes_on = self.decoder.is_some() && (entry..=sample).contains(&self.next);
        // Taken out, so that a decoder that failed is not used again.
        let mut decoder = match self.decoder.take().filter(|_| goes_on) {
            Some(decoder) => decoder,
            None => {
                self.next = entry;
                self.mp4.coding.start(quick)?
            }
        };
        while self.next <= sample {
            let number = self.next;
            let coded = self.mp4.samples[number as usize];
            let bytes = self.mp4.store.read(coded.at, u64::from(coded.bytes), || {
                format!("sample {number}")
            })?;
            let passed_over = number != sample && self.mp4.coding.is_disposable(&bytes);
            if !passed_over && let Some(picture) = decoder.decode(&bytes)? {
                self.keep(number, picture);
            }
            self.next += 1;
        }
        self.decoder = Some(decoder);
        Ok(())
    }

    fn keep(&mut self, sample: u32, picture: Picture) {
        self.kept.retain(|(kept, _)| *kept != sample);
        self.kept.push_back((sample, picture));
        let mut bytes: u64 = self.kept.iter().map(|(_, picture)| picture.bytes()).sum();
        while self.kept.len() > 1 && (self.kept.len() > KEPT || bytes > KEPT_BYTES) {
            bytes -= self
                .kept
                .pop_front()
                .map_or(0, |(_, picture)| picture.bytes());
        }
    }

    fn kept(&self, sample: u32) -> Option<&Picture> {
        self.kept
            .iter()
            .find(|(kept, _)| *kept == sample)
            .map(|(_, picture)| picture)
    }
}

impl Cursor for Mp4Cursor {
    fn way(&self, frame: u32) -> Way {
        let sample = self.mp4.shown[frame as usize];
        let entry = self.mp4.entries[sample as usize];
        if self.kept(sample).is_some() {
            Way::On(0)
        } else if self.decoder.is_some() && (entry..=sample).contains(&self.next) {
            Way::On(sample - self.next + 1)
        } else {
            Way::Anew
        }
    }

    fn frame(&mut self, frame: u32) -> Result<Rgb8, Fault> {
        let sample = self.mp4.shown[frame as usize];
        if self.kept(sample).is_none() {
            self.reach(sample)?;
        }
        let name = self.mp4.coding.name();
        let Some(picture) = self.kept(sample) else {
            return Err(Fault::decode(name, "its data holds no picture"));
        };
        guarded(name, || picture.rgb8(self.mp4.colour, self.mp4.orientation))
    }
}
