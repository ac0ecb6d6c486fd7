//! In: the sample table of a track. Out: its samples in decoding order, with their bytes and times.

use super::super::fault::Fault;
use super::super::limits::Limits;
use super::boxes::Atom;

/// One coded frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sample {
    /// Its first byte in the file.
    pub(super) at: u64,
    pub(super) bytes: u32,
    /// Decoding and composition time, in units of media time.
    pub(super) decoded: i64,
    pub(super) composed: i64,
    pub(super) duration: u32,
    /// Whether decoding can begin here.
    pub(super) sync: bool,
}

/// The samples of `stbl`: none in a fragmented file.
pub(super) fn from_table(stbl: Atom<'_>, limits: &Limits) -> Result<Vec<Sample>, Fault> {
    let mut samples = sizes(stbl, limits)?;
    if samples.is_empty() {
        return Ok(samples);
    }
    place(stbl, &mut samples)?;
    time(stbl, &mut samples)?;
    if let Some(stss) = stbl.child(b"stss")? {
        let (_, _, mut fields) = stss.full()?;
        for _ in 0..fields.count(4)? {
            let number = fields.u32()?;
            let Some(sample) = (number as usize)
                .checked_sub(1)
                .and_then(|at| samples.get_mut(at))
            else {
                return Err(stss.damaged(format_args!("sample {number} of {}", samples.len())));
            };
            sample.sync = true;
        }
    } else {
        samples.iter_mut().for_each(|sample| sample.sync = true);
    }
    Ok(samples)
}

fn sizes(stbl: Atom<'_>, limits: &Limits) -> Result<Vec<Sample>, Fault> {
    let blank = |bytes| Sample {
        at: 0,
        bytes,
        decoded: 0,
        composed: 0,
        duration: 0,
        sync: false,
    };
    if let Some(stsz) = stbl.child(b"stsz")? {
        let (_, _, mut fields) = stsz.full()?;
        let each = fields.u32()?;
        let count = fields.u32()?;
        limits.check_frames(u64::from(count))?;
        return match each {
            0 => (0..count).map(|_| fields.u32().map(blank)).collect(),
            each => Ok(vec![blank(each); count as usize]),
        };
    }
    let Some(stz2) = stbl.child(b"stz2")? else {
        return Err(stbl.damaged("it has neither `stsz` nor `stz2`"));
    };
    let (_, _, mut fields) = stz2.full()?;
    let bits = fields.u32()? & 0xff;
    let count = fields.u32()?;
    limits.check_frames(u64::from(count))?;
    let mut samples = Vec::new();
    let mut halves = 0;
    for at in 0..count {
        let bytes = match bits {
            4 if at % 2 == 0 => {
                halves = fields.u8()?;
                u32::from(halves >> 4)
            }
            4 => u32::from(halves & 0xf),
            8 => u32::from(fields.u8()?),
            16 => u32::from(fields.u16()?),
            other => return Err(stz2.damaged(format_args!("sizes of {other} bits"))),
        };
        samples.push(blank(bytes));
    }
    Ok(samples)
}

/// Sets `at` from the chunks' places and lengths.
fn place(stbl: Atom<'_>, samples: &mut [Sample]) -> Result<(), Fault> {
    let (chunks, wide) = match stbl.child(b"stco")? {
        Some(stco) => (stco, false),
        None => (stbl.required(b"co64")?, true),
    };
    let (_, _, mut places) = chunks.full()?;
    let chunk_count = places.count(if wide { 8 } else { 4 })?;

    let stsc = stbl.required(b"stsc")?;
    let (_, _, mut fields) = stsc.full()?;
    let mut runs = Vec::new();
    for _ in 0..fields.count(12)? {
        let (first, length, description) = (fields.u32()?, fields.u32()?, fields.u32()?);
        if description != 1 {
            return Err(Fault::Unsupported(format!(
                "a change of the coding inside a track (sample entry {description})"
            )));
        }
        runs.push((first, length));
    }
    if !runs.is_sorted_by(|one, next| one.0 < next.0) || runs.first().is_none_or(|run| run.0 != 1) {
        return Err(stsc.damaged("its chunks are not in order from 1"));
    }

    let mut left = samples.iter_mut();
    let mut run = 0;
    for chunk in 1..=chunk_count {
        let mut at = if wide {
            places.u64()?
        } else {
            u64::from(places.u32()?)
        };
        if runs.get(run + 1).is_some_and(|next| next.0 <= chunk) {
            run += 1;
        }
        for sample in left.by_ref().take(runs[run].1 as usize) {
            sample.at = at;
            at = at.saturating_add(u64::from(sample.bytes));
        }
    }
    match left.len() {
        0 => Ok(()),
        missing => Err(stsc.damaged(format_args!("{missing} samples lie in no chunk"))),
    }
}

/// Sets the times from `stts` and `ctts`.
fn time(stbl: Atom<'_>, samples: &mut [Sample]) -> Result<(), Fault> {
    let stts = stbl.required(b"stts")?;
    let (_, _, mut fields) = stts.full()?;
    let mut left = samples.iter_mut();
    let mut now = 0i64;
    for _ in 0..fields.count(8)? {
        let (count, duration) = (fields.u32()?, fields.u32()?);
        for sample in left.by_ref().take(count as usize) {
            (sample.decoded, sample.composed, sample.duration) = (now, now, duration);
            // At most `Limits::frames` times 2³²: far from the end of 64 bits.
            now += i64::from(duration);
        }
    }
    if left.len() > 0 {
        return Err(stts.damaged(format_args!("{} samples have no time", left.len())));
    }
    if let Some(ctts) = stbl.child(b"ctts")? {
        // Version 0 calls the offset unsigned; writers store negative ones in it all the same.
        let (_, _, mut fields) = ctts.full()?;
        let mut left = samples.iter_mut();
        for _ in 0..fields.count(8)? {
            let (count, offset) = (fields.u32()?, fields.i32()?);
            for sample in left.by_ref().take(count as usize) {
                sample.composed = sample.decoded + i64::from(offset);
            }
        }
    }
    Ok(())
}
