//! In: any bytes. Out: nothing, or a crash to look at.
//!
//! CONTRIBUTING.md says how it is run; `tests/hostile` is a corpus to begin with.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vrt::video::{Limits, from_bytes};
use vrt_core::pair::{FrameOffset, Video};

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { pixels: 128 * 128, frames: 64, seconds: 60, index_bytes: 1 << 16, cache_bytes: 1 << 20 };
    if let Ok(video) = from_bytes("fuzz", bytes, &limits) {
        for frame in 0..video.len() {
            let _ = video.rgb8(FrameOffset(frame));
        }
    }
});
