//! In: samples of one slice each, of progressive 8-bit 4:2:0. Out: their pictures in decoding order, by `rusty_h264-decoder`.
//!
//! It takes less than two thirds of the other decoder's time (docs/performance.md), but gives other pixels where intra prediction is constrained or a slice begins
//! within a row (0.17, beside ffmpeg), and some tools it does not know. Such streams are refused here.

use std::borrow::Cow;

use memchr::memmem;
use rust_h264::nal::SpsInfo;
use rusty_h264_common::nal::emulation_unprevent;
use rusty_h264_decoder::{Pps, Sps};

use super::super::super::fault::Fault;
use super::super::super::guard::guarded;
use super::super::super::picture::{Held, Picture};
use super::super::{Decoder, nal};
use super::{NAME, colour};

const START_CODE: [u8; 3] = [0, 0, 1];

/// Parameter sets of streams that are decoded here.
pub(super) struct Sets {
    units: Vec<Vec<u8>>,
    sps: SpsInfo,
}

impl Sets {
    /// The parameter sets of a record, none if one of them announces what is not decoded here.
    pub(super) fn read(record: &[u8], sps: &SpsInfo) -> Option<Self> {
        let (count, mut rest) = (record.get(5)? & 0x1f, record.get(6..)?);
        let mut units = sets(&mut rest, count).filter(|units| units.len() == 1)?;
        let (count, mut rest) = rest.split_first()?;
        units.extend(sets(&mut rest, *count)?);
        let known = units.iter().all(|unit| match unit[0] & 0x1f {
            7 => Sps::parse(&payload(unit)).is_ok_and(|sps| {
                sps.frame_mbs_only
                    && sps.pic_order_cnt_type != 1
                    && !sps.gaps_in_frame_num_allowed
                    && !sps.transform_bypass
            }),
            8 => Pps::parse(&payload(unit)).is_ok_and(|pps| {
                !pps.constrained_intra_pred_flag
                    && !pps.redundant_pic_cnt_present_flag
                    && pps.weighted_bipred_idc != 1
            }),
            _ => false,
        });
        known.then_some(Self { units, sps: *sps })
    }
}

/// The next units of a record, each after its length; none where they end too early or are empty.
fn sets(rest: &mut &[u8], count: u8) -> Option<Vec<Vec<u8>>> {
    let mut one = || {
        let (length, after) = rest.split_first_chunk()?;
        let (unit, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        *rest = after;
        (!unit.is_empty()).then(|| unit.to_vec())
    };
    (0..count).map(|_| one()).collect()
}

fn payload(unit: &[u8]) -> Cow<'_, [u8]> {
    emulation_unprevent(&unit[1..])
}

pub(super) struct Quick {
    inner: rusty_h264_decoder::Decoder,
    length_size: usize,
    sets: Vec<Vec<u8>>,
    sps: SpsInfo,
    /// The slice that is decoded, after its start code.
    slice: Vec<u8>,
}

impl Quick {
    pub(super) fn new(sets: &Sets, length_size: usize) -> Result<Self, Fault> {
        let mut quick = Self {
            inner: rusty_h264_decoder::Decoder::new(),
            length_size,
            sets: sets.units.clone(),
            sps: sets.sps,
            slice: Vec::new(),
        };
        for unit in &sets.units {
            quick.feed(unit)?;
        }
        Ok(quick)
    }

    fn feed(&mut self, unit: &[u8]) -> Result<Option<rusty_h264_common::YuvFrame>, Fault> {
        // Would be read as a unit of its own, past all checks.
        if memmem::find(unit, &START_CODE).is_some() {
            return Err(Fault::decode(NAME, "a start code within a unit"));
        }
        self.slice.clear();
        self.slice.extend(START_CODE);
        self.slice.extend(unit);
        self.inner
            .decode(&self.slice)
            .map_err(|why| Fault::decode(NAME, why))
    }
}

impl Decoder for Quick {
    fn decode(&mut self, sample: &[u8]) -> Result<Option<Picture>, Fault> {
        let units = nal::units(sample, self.length_size)?;
        let mut slice = None;
        for unit in units {
            match unit[0] & 0x9f {
                1 | 5 if slice.is_none() => slice = Some(unit),
                6 | 9..=12 => (),
                7 | 8 if self.sets.iter().any(|set| set == unit) => (),
                other => {
                    let what = format_args!(
                        "a second slice, a change of parameters, or a unit of type {other}"
                    );
                    return Err(Fault::decode(NAME, what));
                }
            }
        }
        let Some(slice) = slice else { return Ok(None) };
        let frame = guarded(NAME, || self.feed(slice))?;
        let frame = frame.ok_or_else(|| Fault::decode(NAME, "a part of a picture"))?;
        Ok(Some(Picture {
            held: Held::Yuv420(frame),
            colour: colour(&self.sps),
        }))
    }
}
