//! In: a picture's size. Out: the size it is brought to: multiples of a merge group, within the bounds on pixels.

/// A picture cannot be brought to a size that the model reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// A side has no pixels.
    #[error("a picture of {width}×{height} pixels has none; give one that can be seen")]
    Empty {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// One side is more than 200 times the other.
    #[error("a picture of {width}×{height} pixels is longer than 200 to 1; crop it")]
    Aspect {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// The bytes are not those of the size.
    #[error("a picture of {width}×{height} pixels has {found} bytes instead of three a pixel")]
    Bytes {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
        /// Bytes given.
        found: usize,
    },
    /// The frames of a video differ in size.
    #[error(
        "frame {frame} is {width}×{height} pixels, the first is {first_width}×{first_height}; a video has one size"
    )]
    Frames {
        /// The frame, from 0.
        frame: usize,
        /// Pixels in a row of it.
        width: u32,
        /// Its rows.
        height: u32,
        /// Pixels in a row of the first frame.
        first_width: u32,
        /// Rows of the first frame.
        first_height: u32,
    },
    /// A video without a frame.
    #[error("a video without a frame; give at least one")]
    NoFrames,
}

/// `[height, width]` in pixels as Qwen2-VL's `smart_resize` finds them; both are multiples of `factor`.
///
/// Halves are rounded to even, as Python does.
///
/// # Errors
/// [`SizeError`] if a side is 0 or the sides are more than 200 to 1.
pub fn smart_resize(
    [height, width]: [u32; 2],
    factor: u32,
    [min_pixels, max_pixels]: [u64; 2],
) -> Result<[u32; 2], SizeError> {
    if height == 0 || width == 0 {
        return Err(SizeError::Empty { width, height });
    }
    let (h, w, f) = (f64::from(height), f64::from(width), f64::from(factor));
    if h.max(w) / h.min(w) > 200.0 {
        return Err(SizeError::Aspect { width, height });
    }
    let round = |side: f64| (side / f).round_ties_even() * f;
    let area = round(h) * round(w);
    let (min, max) = (min_pixels as f64, max_pixels as f64);
    let sides = if area > max {
        let beta = (h * w / max).sqrt();
        [h, w].map(|side| f.max((side / beta / f).floor() * f))
    } else if area < min {
        let beta = (min / (h * w)).sqrt();
        [h, w].map(|side| (side * beta / f).ceil() * f)
    } else {
        [round(h), round(w)]
    };
    Ok(sides.map(|side| side as u32))
}
