//! A pair of made-up videos that every implementation is asked about.

use std::sync::Arc;

use vrt_core::pair::{Frame, FrameOffset, PairKey, PreferencePair, Video, VideoError};

/// A video of coloured slopes. Its pictures have 16 visual tokens, all in one window: the server makes none of less than 8,
/// and nothing has to be resized.
struct Slopes(u32);

impl Video for Slopes {
    fn len(&self) -> u32 {
        64
    }

    fn frame(&self, offset: FrameOffset) -> Result<Frame, VideoError> {
        const SIDE: u32 = 112;
        let pixels = (0..SIDE * SIDE).flat_map(|at| {
            let (y, x) = (at / SIDE, at % SIDE);
            [x * 2, y * 2, (x + y + 3 * offset.0 + self.0) % 256].map(|v| v as f32 / 255.0)
        });
        Ok(Frame {
            width: SIDE,
            height: SIDE,
            rgb: pixels.collect(),
        })
    }
}

pub fn pair(key: u64) -> PreferencePair {
    PreferencePair {
        key: PairKey(key),
        caption: "a fox jumps over a fence".to_owned(),
        videos: [Arc::new(Slopes(7 * key as u32)), Arc::new(Slopes(40))],
        truth: None,
    }
}
