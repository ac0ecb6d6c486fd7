//! In: a decoder's picture, in its own planes. Out: 8-bit RGB, only for the frames that somebody asked for.

use std::sync::Arc;

use re_rav1d::dav1d::{PixelLayout, PlanarImageComponent, Plane};
use rust_h265::PixelData;

use super::colour::{Colour, Conversion};
use super::fault::Fault;
use super::orientation::Orientation;

/// A frame as 8-bit RGB: `pixels[(y·width + x)·3 + channel]`, gamma-encoded as in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rgb8 {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `height × width × 3` levels.
    pub pixels: Arc<[u8]>,
}

impl Rgb8 {
    pub(super) fn new(width: u32, height: u32, pixels: Vec<u8>) -> Self {
        Self {
            width,
            height,
            pixels: pixels.into(),
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.pixels.len() as u64
    }
}

/// A decoded picture, not yet converted.
pub(super) struct Picture {
    pub(super) held: Held,
    /// As the stream describes it.
    pub(super) colour: Colour,
}

/// Samples in their decoder's memory.
pub(super) enum Held {
    H264(rust_h264::decoder::Frame),
    /// Of eight bits.
    Yuv420(rusty_h264_common::YuvFrame),
    H265(rust_h265::Frame),
    Av1(re_rav1d::dav1d::Picture),
}

/// Samples of a plane, as a decoder stores them.
enum Samples<'a> {
    Bytes(&'a [u8]),
    /// Two bytes a sample, little-endian.
    Pairs(&'a [u8]),
    Words(&'a [u16]),
}

impl Samples<'_> {
    /// Samples `start..` at every `2^-shift`-th column: chroma is repeated, as ffmpeg's unscaled conversion does.
    fn widen(&self, start: usize, shift: u32, row: &mut [i32]) -> Option<()> {
        let count = (row.len() + (1 << shift) - 1) >> shift;
        match self {
            Self::Bytes(bytes) => spread(
                bytes
                    .get(start..start + count)?
                    .iter()
                    .map(|sample| i32::from(*sample)),
                shift,
                row,
            ),
            Self::Pairs(bytes) => {
                let pairs = bytes.get(2 * start..2 * (start + count))?.chunks_exact(2);
                spread(
                    pairs.map(|pair| i32::from(u16::from_le_bytes([pair[0], pair[1]]))),
                    shift,
                    row,
                );
            }
            Self::Words(words) => spread(
                words
                    .get(start..start + count)?
                    .iter()
                    .map(|sample| i32::from(*sample)),
                shift,
                row,
            ),
        }
        Some(())
    }
}

/// Each sample `2^shift` times.
fn spread(samples: impl Iterator<Item = i32>, shift: u32, row: &mut [i32]) {
    match shift {
        0 => row
            .iter_mut()
            .zip(samples)
            .for_each(|(to, sample)| *to = sample),
        _ => row
            .chunks_mut(1 << shift)
            .zip(samples)
            .for_each(|(group, sample)| group.fill(sample)),
    }
}

/// The planes of a picture.
struct Planes<'a> {
    width: usize,
    height: usize,
    depth: u8,
    /// Y, U, V; U and V are absent in monochrome.
    samples: [Option<Samples<'a>>; 3],
    /// Samples from one row to the next, of luma and of chroma.
    strides: [usize; 2],
    /// log2 of luma samples a chroma sample, across and down.
    shifts: [u32; 2],
}

impl Picture {
    /// Bytes held, roughly: samples only.
    pub(super) fn bytes(&self) -> u64 {
        let (width, height, depth) = match &self.held {
            Held::H264(frame) => (frame.width, frame.height, frame.bit_depth),
            Held::Yuv420(frame) => (frame.width as u32, frame.height as u32, 8),
            Held::H265(frame) => (frame.width, frame.height, frame.bit_depth),
            Held::Av1(picture) => (picture.width(), picture.height(), picture.bit_depth() as u8),
        };
        3 * u64::from(width) * u64::from(height) * (1 + u64::from(depth > 8))
    }

    /// The picture's colours, upright. `container` describes the colours where the stream does not.
    pub(super) fn rgb8(
        &self,
        container: Option<Colour>,
        orientation: Orientation,
    ) -> Result<Rgb8, Fault> {
        let colour = self.colour.or(container);
        let rgb = match &self.held {
            Held::H264(frame) => h264(frame).rgb8(colour),
            Held::Yuv420(frame) => yuv420(frame).rgb8(colour),
            Held::H265(frame) => h265(frame).rgb8(colour),
            Held::Av1(picture) => {
                // The planes are counted references: they outlive the view of them.
                let held = av1_planes(picture);
                av1(picture, &held).rgb8(colour)
            }
        };
        Ok(orientation.turn(rgb?))
    }
}

fn h264(frame: &rust_h264::decoder::Frame) -> Planes<'_> {
    let samples = |plane| match frame.bit_depth {
        8 => Samples::Bytes(plane),
        _ => Samples::Pairs(plane),
    };
    Planes {
        width: frame.width as usize,
        height: frame.height as usize,
        depth: frame.bit_depth,
        samples: [&frame.y, &frame.u, &frame.v].map(|plane| Some(samples(plane))),
        strides: [frame.width as usize, frame.chroma_width() as usize],
        shifts: [1, u32::from(frame.chroma_height() != frame.height)],
    }
}

fn yuv420(frame: &rusty_h264_common::YuvFrame) -> Planes<'_> {
    Planes {
        width: frame.width,
        height: frame.height,
        depth: 8,
        samples: [&frame.y, &frame.u, &frame.v].map(|plane| Some(Samples::Bytes(plane))),
        strides: [frame.width, frame.width / 2],
        shifts: [1; 2],
    }
}

fn h265(frame: &rust_h265::Frame) -> Planes<'_> {
    let shift = u32::from(frame.chroma_format_idc != 3);
    Planes {
        width: frame.width as usize,
        height: frame.height as usize,
        depth: frame.bit_depth,
        samples: [&frame.y, &frame.u, &frame.v].map(|plane| Some(h265_samples(plane))),
        strides: [frame.width as usize, (frame.width >> shift) as usize],
        shifts: [shift; 2],
    }
}

fn h265_samples(plane: &PixelData) -> Samples<'_> {
    match plane {
        PixelData::U8(bytes) => Samples::Bytes(bytes),
        PixelData::U16(words) => Samples::Words(words),
    }
}

fn av1_planes(picture: &re_rav1d::dav1d::Picture) -> [Option<Plane>; 3] {
    let mono = picture.pixel_layout() == PixelLayout::I400;
    [
        PlanarImageComponent::Y,
        PlanarImageComponent::U,
        PlanarImageComponent::V,
    ]
    .map(|component| {
        let absent = mono && component != PlanarImageComponent::Y;
        (!absent).then(|| picture.plane(component))
    })
}

fn av1<'a>(picture: &re_rav1d::dav1d::Picture, planes: &'a [Option<Plane>; 3]) -> Planes<'a> {
    let depth = picture.bit_depth() as u8;
    let bytes_a_sample = if depth > 8 { 2 } else { 1 };
    let stride = |component| picture.stride(component) as usize / bytes_a_sample;
    Planes {
        width: picture.width() as usize,
        height: picture.height() as usize,
        depth,
        samples: planes.each_ref().map(|plane| {
            plane.as_ref().map(|plane| match depth {
                8 => Samples::Bytes(plane),
                _ => Samples::Pairs(plane),
            })
        }),
        strides: [
            stride(PlanarImageComponent::Y),
            stride(PlanarImageComponent::U),
        ],
        shifts: match picture.pixel_layout() {
            PixelLayout::I444 | PixelLayout::I400 => [0, 0],
            PixelLayout::I422 => [1, 0],
            PixelLayout::I420 => [1, 1],
        },
    }
}

impl Planes<'_> {
    fn rgb8(&self, colour: Colour) -> Result<Rgb8, Fault> {
        let conversion = Conversion::new(colour, self.depth)?;
        let short =
            || Fault::malformed("a decoded picture", "its planes are smaller than its size");
        let mut rgb = vec![0; self.width * self.height * 3];
        let grey = 1 << (self.depth - 1);
        let [mut y, mut u, mut v] = [
            vec![0; self.width],
            vec![grey; self.width],
            vec![grey; self.width],
        ];
        for (at, row) in rgb.chunks_exact_mut(self.width * 3).enumerate() {
            if let Some(samples) = &self.samples[0] {
                samples
                    .widen(at * self.strides[0], 0, &mut y)
                    .ok_or_else(short)?;
            }
            let chroma_row = (at >> self.shifts[1]) * self.strides[1];
            for (samples, row) in self.samples[1..].iter().zip([&mut u, &mut v]) {
                if let Some(samples) = samples {
                    samples
                        .widen(chroma_row, self.shifts[0], row)
                        .ok_or_else(short)?;
                }
            }
            conversion.row(&y, &u, &v, row);
        }
        Ok(Rgb8::new(self.width as u32, self.height as u32, rgb))
    }
}
