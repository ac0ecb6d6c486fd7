//! In: what a header announces. Out: whether it may be decoded, asked before anything is allocated.

use super::fault::Fault;

/// How much a video may ask for. Checked against headers before memory is taken for what they announce.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Pixels of one frame, width × height.
    pub pixels: u64,
    /// Frames of the video, counting coded frames that are not shown.
    pub frames: u32,
    /// Seconds.
    pub seconds: u64,
    /// Bytes of the container's index.
    pub index_bytes: u64,
    /// Bytes of decoded frames that are kept, 8-bit RGB. The frame asked for last is always kept.
    pub cache_bytes: u64,
}

impl Default for Limits {
    /// One frame of 8K, 100,000 frames, an hour, 64 MiB of index, 256 MiB of frames.
    fn default() -> Self {
        Self {
            pixels: 7680 * 4320,
            frames: 100_000,
            seconds: 3600,
            index_bytes: 64 << 20,
            cache_bytes: 256 << 20,
        }
    }
}

impl Limits {
    pub(super) fn check_size(&self, width: u32, height: u32) -> Result<(), Fault> {
        if width == 0 || height == 0 {
            return Err(Fault::malformed(
                "its header",
                format_args!("a frame of {width} × {height} pixels"),
            ));
        }
        let value = u64::from(width) * u64::from(height);
        at_most("pixels", "pixels a frame", value, self.pixels)
    }

    pub(super) fn check_frames(&self, frames: u64) -> Result<(), Fault> {
        at_most("frames", "frames", frames, u64::from(self.frames))
    }

    pub(super) fn check_seconds(&self, seconds: f64) -> Result<(), Fault> {
        // A float casts to an integer by saturating.
        at_most("seconds", "seconds", seconds.ceil() as u64, self.seconds)
    }

    pub(super) fn check_index(&self, bytes: u64) -> Result<(), Fault> {
        at_most("index_bytes", "bytes of index", bytes, self.index_bytes)
    }
}

fn at_most(field: &'static str, unit: &'static str, value: u64, limit: u64) -> Result<(), Fault> {
    if value > limit {
        Err(Fault::Limit {
            field,
            unit,
            value,
            limit,
        })
    } else {
        Ok(())
    }
}
