//! Decodes eight frames spread over a video, as a judge first asks for them: `cargo run --example eight_frames -- VIDEO`.
//! `benches/video.py` compares its time with ffmpeg's.

use vrt::video::{Limits, open};
use vrt_core::pair::{FrameOffset, Video};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args()
        .nth(1)
        .ok_or("the path of a video is missing")?;
    let video = open(path, &Limits::default())?;
    let offsets: Vec<FrameOffset> = (0..8)
        .map(|part| FrameOffset((2 * part + 1) * video.len() / 16))
        .collect();
    let frames = video.rgb8_each(&offsets)?;
    let levels: u64 = frames
        .iter()
        .flat_map(|frame| frame.pixels.iter())
        .map(|level| u64::from(*level))
        .sum();
    println!(
        "{video:?}; {} frames, levels add up to {levels}",
        frames.len()
    );
    Ok(())
}
