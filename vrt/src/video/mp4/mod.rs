//! In: an MP4 or MOV file (ISO/IEC 14496-12), whole or fragmented. Out: its frames in the order in which they are shown.
//!
//! The index is read here and not by a crate: none follows edit lists, colour boxes and display matrices, and none holds
//! against a table that announces four billion samples.

mod boxes;
mod cursor;
mod fragments;
mod samples;
mod shown;
mod track;

use std::sync::Arc;

use self::boxes::Atom;
use self::samples::Sample;
use super::codec::Coding;
use super::colour::Colour;
use super::fault::Fault;
use super::info::Info;
use super::limits::Limits;
use super::medium::{Cursor, Medium};
use super::orientation::Orientation;
use super::store::Store;

/// An indexed file.
pub(super) struct Mp4 {
    store: Store,
    coding: Coding,
    colour: Option<Colour>,
    orientation: Orientation,
    /// In decoding order.
    samples: Vec<Sample>,
    /// `shown[frame]` is a sample.
    shown: Vec<u32>,
    /// `entries[sample]` is the sample where decoding begins.
    entries: Vec<u32>,
    info: Info,
}

impl Mp4 {
    pub(super) fn open(store: Store, limits: &Limits) -> Result<Self, Fault> {
        let index = Index::read(&store, limits)?;
        let moov = Atom {
            kind: boxes::Kind(*b"moov"),
            at: index.moov_at,
            body: &index.moov,
        };
        let (movie_scale, movie_matrix) = track::movie_header(moov.required(b"mvhd")?)?;
        let track = track::first_video(moov, movie_matrix)?;
        let mut samples = samples::from_table(track.table, limits)?;
        if !index.moofs.is_empty() {
            let defaults = fragments::defaults(moov, track.id)?;
            let mut collector = fragments::Collector {
                track: track.id,
                defaults,
                limits,
                samples,
            };
            for (begin, at, body) in &index.moofs {
                collector.add(
                    Atom {
                        kind: boxes::Kind(*b"moof"),
                        at: *at,
                        body,
                    },
                    *begin,
                )?;
            }
            samples = collector.samples;
        }
        for (number, sample) in samples.iter().enumerate() {
            let to = sample.at.saturating_add(u64::from(sample.bytes));
            if to > store.len() {
                let what = format!("sample {number} of its {} coded frames", samples.len());
                return Err(Fault::Truncated {
                    what,
                    from: sample.at,
                    to,
                    end: store.len(),
                });
            }
        }

        let coding = Coding::new(track.entry.coding.0, track.entry.config, limits)?;
        let (width, height) = coding
            .size()
            .unwrap_or((track.entry.width, track.entry.height));
        limits.check_size(width, height)?;
        let shown::Shown {
            samples: mut frames,
            seconds,
        } = shown::shown(
            &samples,
            &track.edits,
            [movie_scale, track.timescale],
            limits,
        )?;
        let entries = shown::entries(&samples, &beginnings(&store, &coding, &samples)?);
        let lost = undecodable(&store, &coding, &samples)?;
        frames.retain(|sample| !lost.contains(sample));
        if frames.is_empty() {
            return Err(Fault::NoFrames(
                "every frame refers to frames before the file begins",
            ));
        }

        let orientation = track.orientation;
        let (width, height) = if orientation.swaps() {
            (height, width)
        } else {
            (width, height)
        };
        let info = Info {
            frames: frames.len() as u32,
            width,
            height,
            seconds: Some(seconds),
            container: if index.quicktime { "MOV" } else { "MP4" },
            codec: coding.name().to_owned(),
        };
        Ok(Self {
            colour: track.entry.colour,
            store,
            coding,
            orientation,
            samples,
            shown: frames,
            entries,
            info,
        })
    }
}

/// `beginnings[sample]`: whether decoding can begin at a sample.
fn beginnings(store: &Store, coding: &Coding, samples: &[Sample]) -> Result<Vec<bool>, Fault> {
    /// Parameter sets and messages before the first slice seldom take more.
    const HEAD: u64 = 4096;
    let begins = |(number, sample): (usize, &Sample)| {
        let bytes = u64::from(sample.bytes);
        let read = |count| store.read(sample.at, count, || format!("sample {number}"));
        match sample.sync {
            false => Ok(false),
            true => match coding.begins(&read(bytes.min(HEAD))?) {
                Some(begins) => Ok(begins),
                None => Ok(coding.begins(&read(bytes)?).unwrap_or(false)),
            },
        }
    };
    samples.iter().enumerate().map(begins).collect()
}

/// Leading pictures of the first random access point: what they refer to was cut off, so ffmpeg and others show the video
/// without them.
fn undecodable(store: &Store, coding: &Coding, samples: &[Sample]) -> Result<Vec<u32>, Fault> {
    let mut lost = Vec::new();
    let Some(first) = samples.first() else {
        return Ok(lost);
    };
    for (at, sample) in samples
        .iter()
        .enumerate()
        .skip(1)
        .take_while(|(_, sample)| !sample.sync)
    {
        if sample.composed < first.composed {
            let bytes = store.read(sample.at, u64::from(sample.bytes), || {
                "a coded frame".to_owned()
            })?;
            if coding.skips_after_random_access(&bytes) {
                lost.push(at as u32);
            }
        }
    }
    Ok(lost)
}

/// The boxes that describe the file, in memory.
struct Index {
    moov: Vec<u8>,
    moov_at: u64,
    /// Where each fragment's box begins, where its contents begin, and its contents.
    moofs: Vec<(u64, u64, Vec<u8>)>,
    quicktime: bool,
}

impl Index {
    fn read(store: &Store, limits: &Limits) -> Result<Self, Fault> {
        let mut moov = None;
        let mut moofs = Vec::new();
        let mut quicktime = true;
        let (mut at, end) = (0, store.len());
        let mut held = 0u64;
        let mut cut = None;
        // Fewer bytes than a header are padding.
        while end - at >= 8 {
            let head = store.read(at, (end - at).min(16), || "a box header".to_owned())?;
            let (kind, head, size) = match boxes::header(&head, at, end - at) {
                // What follows the index of a whole file is no longer needed.
                Err(_) if moov.is_some() && moofs.is_empty() => break,
                other => other?,
            };
            let (from, to) = (at + head, at.saturating_add(size));
            let read = |held: &mut u64| {
                *held = held.saturating_add(size);
                limits.check_index(*held)?;
                store.read(from, size - head, || format!("box `{kind}`"))
            };
            match &kind.0 {
                b"moov" if moov.is_none() => moov = Some((from, read(&mut held)?)),
                b"moof" => moofs.push((at, from, read(&mut held)?)),
                b"ftyp" => quicktime = store.read(from, 4, || "box `ftyp`".to_owned())? == b"qt  ",
                _ if to > end => {
                    cut = Some(Fault::Truncated {
                        what: format!("box `{kind}`"),
                        from: at,
                        to,
                        end,
                    })
                }
                _ => {}
            }
            at = to.min(end);
        }
        match (moov, cut) {
            (Some((moov_at, moov)), _) => Ok(Self {
                moov,
                moov_at,
                moofs,
                quicktime,
            }),
            (None, Some(cut)) => Err(cut),
            (None, None) => {
                let why =
                    "no box `moov`, which lists the frames: it was cut short, or never finished";
                Err(Fault::malformed(format_args!("bytes 0..{end}"), why))
            }
        }
    }
}

impl Medium for Mp4 {
    fn info(&self) -> &Info {
        &self.info
    }

    fn run(&self, frame: u32) -> (u32, u32) {
        let sample = self.shown[frame as usize];
        (self.entries[sample as usize], sample)
    }

    fn cursor(self: Arc<Self>) -> Box<dyn Cursor> {
        Box::new(cursor::Mp4Cursor::new(self))
    }
}
