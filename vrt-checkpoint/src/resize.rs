//! In: a picture of 8-bit values. Out: the same at another size, by bicubic interpolation with antialias.
//!
//! One filter (a = −0.5, stretched by the scale where it shrinks), two passes, integers throughout: the implementations
//! that published processors use differ in how they turn weights into integers, and both are here to the last bit.

/// Whose integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resampling {
    /// torchvision on 8-bit tensors: images and videos in transformers 5, videos in transformers 4. Weights have 15 bits.
    Torchvision,
    /// Pillow: images in transformers 4. Weights have 22 bits after the point.
    Pillow,
}

const CHANNELS: usize = 3;
/// The filter's reach on each side, in source pixels at scale 1.
const REACH: f64 = 2.0;

/// Rows of `width` pixels, red, green, blue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raster<'a> {
    pub height: usize,
    pub width: usize,
    pub bytes: &'a [u8],
}

/// The picture at `height × width` pixels.
pub(crate) fn bicubic(from: Raster<'_>, height: usize, width: usize, kind: Resampling) -> Vec<u8> {
    // Pillow's rule: rows first where more than twice as many of them go as columns.
    let vertical_first = kind == Resampling::Pillow
        && from.height.saturating_sub(height) > 2 * from.width.saturating_sub(width);
    let tall = |raster: Raster<'_>| columns(raster, height, kind);
    let wide = |raster: Raster<'_>| rows(raster, width, kind);
    if vertical_first {
        let bytes = tall(from);
        wide(Raster {
            height,
            width: from.width,
            bytes: &bytes,
        })
    } else {
        let bytes = wide(from);
        tall(Raster {
            height: from.height,
            width,
            bytes: &bytes,
        })
    }
}

/// The integers of one output pixel: which source pixels it reads, and their weights.
struct Tap {
    first: usize,
    weights: Vec<i32>,
}

struct Taps {
    taps: Vec<Tap>,
    /// Bits after the point.
    bits: u32,
}

fn rows(from: Raster<'_>, width: usize, kind: Resampling) -> Vec<u8> {
    if width == from.width {
        return from.bytes.to_vec();
    }
    let Taps { taps, bits } = taps(from.width, width, kind);
    let mut out = Vec::with_capacity(from.height * width * CHANNELS);
    for row in from.bytes.chunks_exact(from.width * CHANNELS) {
        for tap in &taps {
            for channel in 0..CHANNELS {
                let values = row[tap.first * CHANNELS + channel..]
                    .iter()
                    .step_by(CHANNELS);
                out.push(weigh(values, tap, bits));
            }
        }
    }
    out
}

fn columns(from: Raster<'_>, height: usize, kind: Resampling) -> Vec<u8> {
    if height == from.height {
        return from.bytes.to_vec();
    }
    let Taps { taps, bits } = taps(from.height, height, kind);
    let stride = from.width * CHANNELS;
    let mut out = Vec::with_capacity(height * stride);
    for tap in &taps {
        for at in 0..stride {
            let values = from.bytes[tap.first * stride + at..].iter().step_by(stride);
            out.push(weigh(values, tap, bits));
        }
    }
    out
}

fn weigh<'a>(values: impl Iterator<Item = &'a u8>, tap: &Tap, bits: u32) -> u8 {
    let half = 1 << (bits - 1);
    let sum = tap
        .weights
        .iter()
        .zip(values)
        .fold(half, |sum, (weight, value)| {
            sum + weight * i32::from(*value)
        });
    (sum >> bits).clamp(0, 255) as u8
}

fn filter(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

fn taps(from: usize, to: usize, kind: Resampling) -> Taps {
    let scale = from as f64 / to as f64;
    let stretch = scale.max(1.0);
    let support = REACH * stretch;
    let weights: Vec<(usize, Vec<f64>)> = (0..to)
        .map(|at| {
            let center = scale * (at as f64 + 0.5);
            let first = (center - support + 0.5).max(0.0) as usize;
            let end = ((center + support + 0.5) as usize).min(from);
            let raw: Vec<f64> = (first..end)
                .map(|pixel| filter((pixel as f64 - center + 0.5) / stretch))
                .collect();
            let total: f64 = raw.iter().sum();
            (
                first,
                raw.into_iter().map(|weight| weight / total).collect(),
            )
        })
        .collect();
    let bits = match kind {
        Resampling::Pillow => 22,
        Resampling::Torchvision => bits_in_15(&weights),
    };
    let one = f64::from(1 << bits);
    let taps = weights
        .into_iter()
        .map(|(first, weights)| Tap {
            first,
            // Half away from zero.
            weights: weights.iter().map(|w| (w * one).round() as i32).collect(),
        })
        .collect();
    Taps { taps, bits }
}

/// Most bits after the point with which the largest weight stays below 2¹⁵, at most 22.
fn bits_in_15(weights: &[(usize, Vec<f64>)]) -> u32 {
    let largest = weights
        .iter()
        .flat_map(|(_, weights)| weights)
        .fold(0.0, |largest: f64, weight| largest.max(*weight));
    (0..22)
        .find(|bits| 0.5 + largest * f64::from(1 << (bits + 1)) >= f64::from(1 << 15))
        .unwrap_or(22)
}
