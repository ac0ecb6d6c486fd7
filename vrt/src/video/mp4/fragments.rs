//! In: the movie fragments (`moof`) of a file. Out: the samples they add to a track.

use super::super::fault::Fault;
use super::super::limits::Limits;
use super::boxes::{Atom, Fields};
use super::samples::Sample;

/// `sample_is_non_sync_sample` of a sample's flags.
const NOT_SYNC: u32 = 1 << 16;

/// What a fragment leaves out.
#[derive(Clone, Copy, Default)]
pub(super) struct Defaults {
    duration: u32,
    bytes: u32,
    flags: u32,
}

/// The defaults of `trex` for a track.
pub(super) fn defaults(moov: Atom<'_>, track: u32) -> Result<Defaults, Fault> {
    let Some(mvex) = moov.child(b"mvex")? else {
        return Ok(Defaults::default());
    };
    for trex in mvex
        .children(0)?
        .into_iter()
        .filter(|child| child.kind.0 == *b"trex")
    {
        let (_, _, mut fields) = trex.full()?;
        if fields.u32()? == track {
            fields.skip(4)?;
            return Ok(Defaults {
                duration: fields.u32()?,
                bytes: fields.u32()?,
                flags: fields.u32()?,
            });
        }
    }
    Ok(Defaults::default())
}

/// The samples of a track, fragment after fragment.
pub(super) struct Collector<'a> {
    pub(super) track: u32,
    pub(super) defaults: Defaults,
    pub(super) limits: &'a Limits,
    pub(super) samples: Vec<Sample>,
}

impl Collector<'_> {
    /// Adds the samples of a `moof` box that begins at byte `begin` of the file.
    pub(super) fn add(&mut self, moof: Atom<'_>, begin: u64) -> Result<(), Fault> {
        // Where the data of the last run of the fragment ended, in whatever track.
        let mut end = begin;
        for traf in moof
            .children(0)?
            .into_iter()
            .filter(|child| child.kind.0 == *b"traf")
        {
            let (_, flags, mut fields) = traf.required(b"tfhd")?.full()?;
            let track = fields.u32()?;
            let base = if flags & 0x1 != 0 {
                fields.u64()?
            } else if flags & 0x2_0000 != 0 {
                begin
            } else {
                end
            };
            let description = if flags & 0x2 != 0 { fields.u32()? } else { 1 };
            let field = |bit: u32, default: u32, fields: &mut Fields<'_>| match flags & bit {
                0 => Ok(default),
                _ => fields.u32(),
            };
            // The defaults of another track do no harm: its samples are counted and not kept.
            let defaults = Defaults {
                duration: field(0x8, self.defaults.duration, &mut fields)?,
                bytes: field(0x10, self.defaults.bytes, &mut fields)?,
                flags: field(0x20, self.defaults.flags, &mut fields)?,
            };
            let ours = track == self.track;
            if ours && description != 1 {
                return Err(Fault::Unsupported(format!(
                    "a change of the coding inside a track (sample entry {description})"
                )));
            }
            let mut now = self.samples.last().map_or(0, |last| {
                last.decoded.saturating_add(i64::from(last.duration))
            });
            if let Some(tfdt) = traf.child(b"tfdt")? {
                let (version, _, mut fields) = tfdt.full()?;
                let time = fields.wide(version)?;
                now = i64::try_from(time)
                    .map_err(|_| tfdt.damaged(format_args!("a time of {time}")))?;
            }
            let mut at = base;
            for trun in traf
                .children(0)?
                .into_iter()
                .filter(|child| child.kind.0 == *b"trun")
            {
                let run = Run {
                    trun,
                    base,
                    defaults,
                };
                (at, now) = run.read(at, now, ours.then_some((&mut self.samples, self.limits)))?;
            }
            end = at;
        }
        Ok(())
    }
}

/// One `trun` box.
struct Run<'a> {
    trun: Atom<'a>,
    base: u64,
    defaults: Defaults,
}

impl Run<'_> {
    /// Reads the run whose data begins at `at`, unless it says otherwise, and whose time is `now`; gives both at its end.
    fn read(
        &self,
        mut at: u64,
        mut now: i64,
        mut into: Option<(&mut Vec<Sample>, &Limits)>,
    ) -> Result<(u64, i64), Fault> {
        let (version, flags, mut fields) = self.trun.full()?;
        let count = fields.u32()?;
        match &into {
            Some((samples, limits)) => {
                limits.check_frames(samples.len() as u64 + u64::from(count))?
            }
            // A run of another track: what it lists takes bytes, or is skipped in one step.
            None if flags & 0xf00 == 0 => {
                return Ok((
                    at.saturating_add(u64::from(count) * u64::from(self.defaults.bytes)),
                    now,
                ));
            }
            None => {}
        }
        if flags & 0x1 != 0 {
            let offset = i64::from(fields.i32()?);
            at = self
                .base
                .checked_add_signed(offset)
                .ok_or_else(|| self.trun.damaged("data before the file"))?;
        }
        let first_flags = if flags & 0x4 != 0 {
            Some(fields.u32()?)
        } else {
            None
        };
        for index in 0..count {
            let duration = if flags & 0x100 != 0 {
                fields.u32()?
            } else {
                self.defaults.duration
            };
            let bytes = if flags & 0x200 != 0 {
                fields.u32()?
            } else {
                self.defaults.bytes
            };
            let own = if flags & 0x400 != 0 {
                fields.u32()?
            } else {
                self.defaults.flags
            };
            let offset = match (flags & 0x800, version) {
                (0, _) => 0,
                (_, 0) => i64::from(fields.u32()?),
                _ => i64::from(fields.i32()?),
            };
            let own = first_flags.filter(|_| index == 0).unwrap_or(own);
            if let Some((samples, _)) = &mut into {
                samples.push(Sample {
                    at,
                    bytes,
                    decoded: now,
                    composed: now.saturating_add(offset),
                    duration,
                    sync: own & NOT_SYNC == 0,
                });
            }
            at = at.saturating_add(u64::from(bytes));
            now = now.saturating_add(i64::from(duration));
        }
        Ok((at, now))
    }
}
