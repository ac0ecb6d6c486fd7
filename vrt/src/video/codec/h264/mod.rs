//! In: an `avcC` record. Out: what it tells of its samples, and decoders of them.
//!
//! Most videos are frames of 8-bit 4:2:0 in one slice each: a quick decoder reads those, a general one all others.

mod general;
mod quick;

use rust_h264::error::DecodeError;
use rust_h264::nal::{NalUnit, SpsInfo, parse_avcc_config, parse_sps_info};

use self::general::General;
use self::quick::{Quick, Sets};
use super::super::colour::Colour;
use super::super::fault::Fault;
use super::super::guard::guarded;
use super::super::limits::Limits;
use super::nal;

pub(super) const NAME: &str = "H.264";

/// Macroblock rows that cropping can take from a frame: two of them in interlaced video.
const CROPPED: [u32; 2] = [15, 31];

/// The record of a track.
pub(crate) struct Config {
    record: Vec<u8>,
    length_size: usize,
    sps: Option<SpsInfo>,
    /// The parameter sets, if the quick decoder reads such.
    quick: Option<Sets>,
    limits: Limits,
}

fn refused(error: DecodeError) -> Fault {
    match error {
        DecodeError::Unsupported(what) => Fault::Unsupported(format!("H.264 with {what}")),
        other => Fault::decode(NAME, other),
    }
}

impl Config {
    pub(super) fn new(record: &[u8], limits: &Limits) -> Result<Self, Fault> {
        guarded(NAME, || {
            let parsed =
                parse_avcc_config(record).map_err(|why| Fault::malformed("box `avcC`", why))?;
            let sps = parsed
                .sps_nals
                .first()
                .map(|unit| checked(unit, limits))
                .transpose()?;
            Ok(Self {
                record: record.to_vec(),
                length_size: parsed.length_size,
                sps,
                quick: sps.and_then(|sps| Sets::read(record, &sps)),
                limits: *limits,
            })
        })
    }

    pub(super) fn size(&self) -> Option<(u32, u32)> {
        self.sps.map(|sps| (sps.width, sps.height))
    }

    pub(super) fn has_quick(&self) -> bool {
        self.quick.is_some()
    }

    pub(super) fn start(&self, quick: bool) -> Result<Box<dyn super::Decoder>, Fault> {
        guarded(NAME, || match self.quick.as_ref().filter(|_| quick) {
            Some(sets) => {
                Ok(Box::new(Quick::new(sets, self.length_size)?) as Box<dyn super::Decoder>)
            }
            None => Ok(Box::new(General::new(self)?) as Box<dyn super::Decoder>),
        })
    }

    /// `nal_ref_idc` is 0 for all slices of a picture or for none.
    pub(super) fn is_disposable(&self, sample: &[u8]) -> bool {
        let slices = nal::units(sample, self.length_size).unwrap_or_default();
        let mut slices = slices
            .iter()
            .filter(|unit| matches!(unit[0] & 0x1f, 1 | 5))
            .peekable();
        slices.peek().is_some() && slices.all(|unit| unit[0] & 0x60 == 0)
    }

    /// Whether the first slice is of an IDR picture, if these bytes reach that far.
    pub(super) fn is_instantaneous(&self, head: &[u8]) -> Option<bool> {
        let mut rest = head;
        loop {
            let (length, after) = rest.split_at_checked(self.length_size)?;
            let length = length
                .iter()
                .fold(0usize, |length, byte| length << 8 | usize::from(*byte));
            match after.first()? & 0x1f {
                5 => return Some(true),
                1..=4 => return Some(false),
                _ => rest = after.get(length..)?,
            }
        }
    }
}

/// The parameters of a sequence, within the limits.
fn checked(unit: &NalUnit<'_>, limits: &Limits) -> Result<SpsInfo, Fault> {
    let sps = parse_sps_info(unit).map_err(refused)?;
    let [across, down] = CROPPED;
    limits.check_size(
        sps.coded_width.saturating_sub(across),
        sps.coded_height.saturating_sub(down),
    )?;
    if sps.width > sps.coded_width
        || sps.height > sps.coded_height
        || sps.width == 0
        || sps.height == 0
    {
        return Err(Fault::decode(
            NAME,
            format_args!(
                "a frame of {} × {} pixels after cropping",
                sps.width, sps.height
            ),
        ));
    }
    // Said when the video is opened, before a frame is asked for.
    let (luma, chroma) = (sps.bit_depth_luma, sps.bit_depth_chroma);
    if sps.chroma_format > 2 {
        return Err(Fault::Unsupported("H.264 with 4:4:4 chroma".to_owned()));
    }
    if !matches!(luma, 8 | 10) || (sps.chroma_format != 0 && luma != chroma) {
        return Err(Fault::Unsupported(format!(
            "H.264 with luma of {luma} bits and chroma of {chroma}"
        )));
    }
    Ok(sps)
}

fn colour(sps: &SpsInfo) -> Colour {
    Colour {
        matrix: sps.matrix,
        full_range: sps.full_range,
    }
}
