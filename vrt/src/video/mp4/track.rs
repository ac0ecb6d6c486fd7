//! In: a `trak` box. Out: what the track holds: its coding, its time scale, its edits, its turn.

use super::super::colour::Colour;
use super::super::fault::Fault;
use super::super::orientation::Orientation;
use super::boxes::{Atom, Kind};

/// A video track, its samples apart.
pub(super) struct Track<'a> {
    pub(super) id: u32,
    /// Units of media time a second.
    pub(super) timescale: u32,
    pub(super) edits: Vec<Edit>,
    pub(super) orientation: Orientation,
    pub(super) entry: SampleEntry<'a>,
    /// The sample table, `stbl`.
    pub(super) table: Atom<'a>,
}

/// A line of the edit list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Edit {
    /// In units of the movie's time scale; 0 is "to the end" in a fragmented file.
    pub(super) duration: u64,
    /// In units of media time; `None` shows nothing.
    pub(super) media_time: Option<i64>,
    /// Whether one frame is held for the whole duration.
    pub(super) dwells: bool,
}

/// What the samples are coded as.
pub(super) struct SampleEntry<'a> {
    pub(super) coding: Kind,
    pub(super) width: u32,
    pub(super) height: u32,
    /// `avcC`, `hvcC` or `av1C`.
    pub(super) config: Option<&'a [u8]>,
    pub(super) colour: Option<Colour>,
}

/// The first video track that is switched on, or else the first.
pub(super) fn first_video<'a>(moov: Atom<'a>, movie_matrix: [i64; 4]) -> Result<Track<'a>, Fault> {
    let mut found: Option<Track<'a>> = None;
    for trak in moov
        .children(0)?
        .into_iter()
        .filter(|child| child.kind.0 == *b"trak")
    {
        let mdia = trak.required(b"mdia")?;
        let handler: [u8; 4] = {
            let mut fields = mdia.required(b"hdlr")?.fields();
            fields.skip(8)?;
            fields.array()?
        };
        // `pict` is an image sequence, as in AVIF.
        if !matches!(&handler, b"vide" | b"pict") {
            continue;
        }
        let enabled = trak.required(b"tkhd")?.full()?.1 & 1 != 0;
        if enabled {
            return read(trak, mdia, movie_matrix);
        }
        if found.is_none() {
            found = Some(read(trak, mdia, movie_matrix)?);
        }
    }
    found.ok_or(Fault::NoFrames("it has no video track"))
}

fn read<'a>(trak: Atom<'a>, mdia: Atom<'a>, movie_matrix: [i64; 4]) -> Result<Track<'a>, Fault> {
    let (id, matrix) = track_header(trak.required(b"tkhd")?)?;
    let table = mdia.required(b"minf")?.required(b"stbl")?;
    let mdhd = mdia.required(b"mdhd")?;
    let (version, _, mut fields) = mdhd.full()?;
    fields.skip(if version == 1 { 16 } else { 8 })?;
    let timescale = fields.u32()?;
    if timescale == 0 {
        return Err(mdhd.damaged("a time scale of 0"));
    }
    Ok(Track {
        id,
        timescale,
        edits: edits(trak)?,
        orientation: Orientation::new(product(matrix, movie_matrix))?,
        entry: sample_entry(table.required(b"stsd")?)?,
        table,
    })
}

fn track_header(tkhd: Atom<'_>) -> Result<(u32, [i64; 4]), Fault> {
    let (version, _, mut fields) = tkhd.full()?;
    fields.skip(if version == 1 { 16 } else { 8 })?;
    let id = fields.u32()?;
    // Reserved, duration, reserved, layer, alternate group, volume, reserved.
    fields.skip(4 + if version == 1 { 8 } else { 4 } + 8 + 8)?;
    Ok((id, linear_part(&mut fields)?))
}

/// The movie's time scale and its matrix.
pub(super) fn movie_header(mvhd: Atom<'_>) -> Result<(u32, [i64; 4]), Fault> {
    let (version, _, mut fields) = mvhd.full()?;
    fields.skip(if version == 1 { 16 } else { 8 })?;
    let timescale = fields.u32()?;
    // Duration, rate, volume, reserved.
    fields.skip(if version == 1 { 8 } else { 4 } + 4 + 2 + 10)?;
    if timescale == 0 {
        return Err(mvhd.damaged("a time scale of 0"));
    }
    Ok((timescale, linear_part(&mut fields)?))
}

/// a, b, c, d of the matrix `[a b u; c d v; x y w]`.
fn linear_part(fields: &mut super::boxes::Fields<'_>) -> Result<[i64; 4], Fault> {
    let mut matrix = [0; 9];
    for entry in &mut matrix {
        *entry = i64::from(fields.i32()?);
    }
    let [a, b, _, c, d, ..] = matrix;
    Ok([a, b, c, d])
}

/// The track's matrix followed by the movie's. A matrix left zero is none.
fn product(track: [i64; 4], movie: [i64; 4]) -> [i64; 4] {
    if movie == [0; 4] || track == [0; 4] {
        return if track == [0; 4] { movie } else { track };
    }
    let [a, b, c, d] = track.map(i128::from);
    let [e, f, g, h] = movie.map(i128::from);
    // Only the signs are used.
    [a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h].map(|entry| entry.signum() as i64)
}

fn edits(trak: Atom<'_>) -> Result<Vec<Edit>, Fault> {
    let Some(elst) = trak
        .child(b"edts")?
        .map(|edts| edts.child(b"elst"))
        .transpose()?
        .flatten()
    else {
        return Ok(Vec::new());
    };
    let (version, _, mut fields) = elst.full()?;
    let wide = version == 1;
    let count = fields.count(if wide { 20 } else { 12 })?;
    let mut edits = Vec::new();
    for _ in 0..count {
        let duration = fields.wide(version)?;
        let media_time = if wide {
            fields.u64()? as i64
        } else {
            i64::from(fields.i32()?)
        };
        let rate = fields.u32()?;
        edits.push(Edit {
            duration,
            media_time: (media_time >= 0).then_some(media_time),
            dwells: rate == 0,
        });
    }
    Ok(edits)
}

fn sample_entry(stsd: Atom<'_>) -> Result<SampleEntry<'_>, Fault> {
    // Version, flags and the number of entries come before the entries.
    let Some(entry) = stsd.children(8)?.into_iter().next() else {
        return Err(stsd.damaged("no sample entry"));
    };
    let mut fields = entry.fields();
    fields.skip(24)?;
    let (width, height) = (u32::from(fields.u16()?), u32::from(fields.u16()?));
    let mut found = SampleEntry {
        coding: entry.kind,
        width,
        height,
        config: None,
        colour: None,
    };
    if !matches!(
        &entry.kind.0,
        b"avc1" | b"avc3" | b"hvc1" | b"hev1" | b"av01"
    ) {
        return Ok(found);
    }
    for child in entry.children(78)? {
        match &child.kind.0 {
            b"avcC" | b"hvcC" | b"av1C" if found.config.is_none() => {
                found.config = Some(child.body)
            }
            b"colr" if found.colour.is_none() => found.colour = colour(child)?,
            _ => {}
        }
    }
    Ok(found)
}

/// `nclx` of ISO/IEC 14496-12 and `nclc` of QuickTime; an ICC profile says nothing about the matrix.
fn colour(colr: Atom<'_>) -> Result<Option<Colour>, Fault> {
    let mut fields = colr.fields();
    let kind: [u8; 4] = fields.array()?;
    if !matches!(&kind, b"nclx" | b"nclc") {
        return Ok(None);
    }
    fields.skip(4)?;
    let matrix = fields.u16()?;
    let full_range = &kind == b"nclx" && fields.u8()? & 0x80 != 0;
    Ok(Some(Colour {
        matrix: u8::try_from(matrix).unwrap_or(Colour::UNSPECIFIED.matrix),
        full_range,
    }))
}
