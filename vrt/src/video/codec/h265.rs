//! In: an `hvcC` record and samples. Out: H.265 pictures in decoding order, by `rust_h265`.

use std::borrow::Cow;

use rust_h265::{DecodeError, DecodeLimits, NalUnit, NalUnitType, parse_nal};
use scuffle_h265::{SpsNALUnit, SpsRbsp};

use super::super::colour::Colour;
use super::super::fault::Fault;
use super::super::guard::guarded;
use super::super::limits::Limits;
use super::super::picture::{Held, Picture};
use super::nal;

pub(super) const NAME: &str = "H.265";

/// Luma samples that cropping can take from a frame, across and down.
const CROPPED: u64 = 63;

/// The record of a track.
pub(crate) struct Config {
    /// VPS, SPS and PPS units.
    parameters: Vec<Vec<u8>>,
    length_size: usize,
    sequence: Option<Sequence>,
    limits: Limits,
}

/// What is read from an SPS beside the decoder.
#[derive(Clone, Copy)]
struct Sequence {
    size: (u32, u32),
    colour: Colour,
    /// The highest temporal layer.
    top_layer: u8,
}

fn refused(error: DecodeError) -> Fault {
    match error {
        DecodeError::Unsupported(what) => Fault::Unsupported(format!("H.265 with {what}")),
        other => Fault::decode(NAME, other),
    }
}

/// The type of a unit, from its header.
fn kind(unit: &[u8]) -> u8 {
    unit[0] >> 1 & 0x3f
}

impl Config {
    pub(super) fn new(record: &[u8], limits: &Limits) -> Result<Self, Fault> {
        let (length_size, parameters) = parameters(record)?;
        let sps = parameters.iter().find(|unit| kind(unit) == 33);
        let sequence = sps
            .map(|unit| guarded(NAME, || Sequence::read(unit, limits)))
            .transpose()?;
        Ok(Self {
            parameters,
            length_size,
            sequence,
            limits: *limits,
        })
    }

    pub(super) fn size(&self) -> Option<(u32, u32)> {
        self.sequence.map(|sequence| sequence.size)
    }

    pub(super) fn start(&self) -> Result<Box<dyn super::Decoder>, Fault> {
        guarded(NAME, || {
            let limits = DecodeLimits {
                max_picture_pixels: with_cropped(self.limits.pixels),
                ..DecodeLimits::default()
            };
            let mut decoder = Decoder {
                inner: rust_h265::Decoder::with_limits(limits),
                length_size: self.length_size,
                sequence: self.sequence,
                limits: self.limits,
            };
            for unit in &self.parameters {
                decoder.feed(unit)?;
            }
            Ok(Box::new(decoder) as Box<dyn super::Decoder>)
        })
    }

    /// A sub-layer non-reference picture of the highest layer: none of its own layer refers to it, and there is none above.
    pub(super) fn is_disposable(&self, sample: &[u8]) -> bool {
        let Some(sequence) = self.sequence else {
            return false;
        };
        let disposable = |unit: &[u8]| {
            let layer = unit.get(1).map(|byte| (byte & 7).saturating_sub(1));
            kind(unit) < 16 && kind(unit).is_multiple_of(2) && layer == Some(sequence.top_layer)
        };
        self.slices(sample, disposable)
    }

    /// RASL pictures (types 8 and 9).
    pub(super) fn skips_after_random_access(&self, sample: &[u8]) -> bool {
        self.slices(sample, |unit| matches!(kind(unit), 8 | 9))
    }

    /// Whether there are slices and all are such.
    fn slices(&self, sample: &[u8], such: impl Fn(&[u8]) -> bool) -> bool {
        let units = nal::units(sample, self.length_size).unwrap_or_default();
        let mut slices = units.iter().filter(|unit| kind(unit) < 32).peekable();
        slices.peek().is_some() && slices.all(|unit| such(unit))
    }
}

/// The decoder counts coded samples, which cropping makes fewer.
fn with_cropped(pixels: u64) -> u64 {
    let side = pixels.isqrt() + CROPPED;
    pixels.saturating_add(4 * CROPPED * side)
}

/// The length size and the parameter sets of an `hvcC` record (ISO/IEC 14496-15, 8.3.3.1).
fn parameters(record: &[u8]) -> Result<(usize, Vec<Vec<u8>>), Fault> {
    let cut = || {
        Fault::malformed(
            "box `hvcC`",
            format_args!("its parameter sets reach beyond its {} bytes", record.len()),
        )
    };
    let mut rest = record.get(21..).ok_or_else(cut)?;
    let mut take = |count: usize| -> Result<&[u8], Fault> {
        let (taken, after) = rest.split_at_checked(count).ok_or_else(cut)?;
        rest = after;
        Ok(taken)
    };
    let two = |bytes: &[u8]| usize::from(bytes[0]) << 8 | usize::from(bytes[1]);
    let head = take(2)?;
    let (length_size, arrays) = (usize::from(head[0] & 3) + 1, head[1]);
    let mut units = Vec::new();
    for _ in 0..arrays {
        for _ in 0..two(&take(3)?[1..]) {
            let length = two(take(2)?);
            let unit = take(length)?;
            if matches!(unit.first(), Some(byte) if matches!(byte >> 1 & 0x3f, 32..=34)) {
                units.push(unit.to_vec());
            }
        }
    }
    Ok((length_size, units))
}

impl Sequence {
    fn read(unit: &[u8], limits: &Limits) -> Result<Self, Fault> {
        let SpsNALUnit { rbsp: sps, .. } =
            SpsNALUnit::parse(unit).map_err(|why| Fault::decode(NAME, why))?;
        let SpsRbsp {
            bit_depth_luma_minus8: luma,
            bit_depth_chroma_minus8: chroma,
            ..
        } = sps;
        if luma != chroma || luma > 4 {
            return Err(Fault::Unsupported(format!(
                "H.265 with luma of {} bits and chroma of {}",
                luma + 8,
                chroma + 8
            )));
        }
        if matches!(sps.chroma_format_idc, 0 | 2) {
            let layout = if sps.chroma_format_idc == 0 {
                "no"
            } else {
                "4:2:2"
            };
            return Err(Fault::Unsupported(format!("H.265 with {layout} chroma")));
        }
        let narrow = |pixels: u64| u32::try_from(pixels).unwrap_or(u32::MAX);
        let coded = [
            sps.pic_width_in_luma_samples,
            sps.pic_height_in_luma_samples,
        ]
        .map(|side| side.get());
        let [width, height] = coded.map(|side| narrow(side.saturating_sub(CROPPED).max(1)));
        limits.check_size(width, height)?;
        let signal = sps
            .vui_parameters
            .as_ref()
            .map(|vui| &vui.video_signal_type);
        Ok(Self {
            size: (narrow(sps.cropped_width()), narrow(sps.cropped_height())),
            colour: signal.map_or(Colour::UNSPECIFIED, |signal| Colour {
                matrix: signal.matrix_coeffs,
                full_range: signal.video_full_range_flag,
            }),
            top_layer: sps.sps_max_sub_layers_minus1,
        })
    }
}

struct Decoder {
    inner: rust_h265::Decoder,
    length_size: usize,
    sequence: Option<Sequence>,
    limits: Limits,
}

impl Decoder {
    fn feed(&mut self, bytes: &[u8]) -> Result<Option<rust_h265::Frame>, Fault> {
        let unit =
            parse_nal(bytes).ok_or_else(|| Fault::decode(NAME, "a NAL unit without a header"))?;
        if unit.nuh_layer_id > 0 {
            // Layers above the base are left out, as every single-layer decoder does.
            return Ok(None);
        }
        if unit.nal_unit_type == NalUnitType::Sps {
            self.sequence = Some(Sequence::read(bytes, &self.limits)?);
        }
        self.inner.decode_nal(&unit).map_err(refused)
    }
}

impl super::Decoder for Decoder {
    fn decode(&mut self, sample: &[u8]) -> Result<Option<Picture>, Fault> {
        guarded(NAME, || {
            let mut frame = None;
            for unit in nal::units(sample, self.length_size)? {
                frame = self.feed(unit)?.or(frame);
            }
            // Ends the picture: no later sample belongs to it.
            let end = NalUnit {
                nal_unit_type: NalUnitType::Aud,
                nuh_layer_id: 0,
                temporal_id: 0,
                rbsp: Cow::Borrowed(&[]),
                epb_positions: Vec::new(),
            };
            frame = self.inner.decode_nal(&end).map_err(refused)?.or(frame);
            let colour = self
                .sequence
                .map_or(Colour::UNSPECIFIED, |sequence| sequence.colour);
            Ok(frame.map(|frame| Picture {
                held: Held::H265(frame),
                colour,
            }))
        })
    }
}
