//! In: a frame. Out: its patches, normalised, in the order in which the vision tower reads them.

use std::sync::Arc;

use image::imageops::{self, FilterType};
use image::{ImageBuffer, Rgb};

use super::error::ModelError;
use super::vision::VisionConfig;
use crate::pair::Frame;

/// Subtracted from each value of a frame.
pub const PIXEL_MEAN: f32 = 0.42;
/// What the difference is then multiplied by.
pub const PIXEL_SCALE: f32 = 2.5;
/// Red, green, blue.
pub const CHANNELS: usize = 3;

/// `patches × (3 · patch²)` numbers; inside a patch channel by channel, row by row, as a convolution's
/// weight is laid out.
///
/// # Errors
/// [`ModelError::FrameSize`] if the frame is not a square of `grid · patch` pixels.
pub fn patchify(config: &VisionConfig, frame: &Frame) -> Result<Vec<f32>, ModelError> {
    let side = config.grid * config.patch;
    let fits = frame.width as usize == side
        && frame.height as usize == side
        && frame.rgb.len() == side * side * CHANNELS;
    if !fits {
        return Err(ModelError::FrameSize {
            width: frame.width,
            height: frame.height,
            side,
        });
    }
    let mut patches = Vec::with_capacity(frame.rgb.len());
    for [row, column] in config.patch_order() {
        for channel in 0..CHANNELS {
            for y in 0..config.patch {
                for x in 0..config.patch {
                    let y = row as usize * config.patch + y;
                    let x = column as usize * config.patch + x;
                    let value = frame.rgb[(y * side + x) * CHANNELS + channel];
                    patches.push((value - PIXEL_MEAN) * PIXEL_SCALE);
                }
            }
        }
    }
    Ok(patches)
}

/// The frame at `side × side` pixels: as it is where it has them, else resized by linear interpolation (values
/// outside 0..1 are cut off then).
///
/// # Errors
/// [`ModelError::FrameSize`] if the frame has no pixels, or not as many as it says.
pub fn fitted(frame: Frame, side: u32) -> Result<Frame, ModelError> {
    if (frame.width, frame.height) == (side, side) {
        return Ok(frame);
    }
    let (width, height) = (frame.width, frame.height);
    let refused = ModelError::FrameSize {
        width,
        height,
        side: side as usize,
    };
    let pixels = ImageBuffer::<Rgb<f32>, _>::from_raw(width, height, frame.rgb.to_vec());
    match pixels {
        Some(pixels) if width > 0 && height > 0 => {
            let resized = imageops::resize(&pixels, side, side, FilterType::Triangle);
            Ok(Frame {
                width: side,
                height: side,
                rgb: Arc::from(resized.into_raw()),
            })
        }
        _ => Err(refused),
    }
}
