//! In: a temporal unit of AV1 and its sequence header. Out: whether later units need it.

use std::io::{self, Cursor, ErrorKind};

use scuffle_av1::seq::SequenceHeaderObu;
use scuffle_av1::{ObuHeader, ObuType};
use scuffle_bytes_util::BitReader;

/// The value of a sequence's `seq_force_…` that leaves the choice to each frame.
const SELECT: u8 = 2;

/// What the headers of a sequence's frames are read by.
pub(super) struct Sequence {
    choose_screen_content_tools: Option<bool>,
    choose_integer_mv: bool,
    order_hint_bits: u8,
}

impl Sequence {
    /// From the first sequence header among these units; none for a sequence whose frames carry timing or numbers of their own, or
    /// are stills.
    pub(super) fn read(units: &[u8]) -> Option<Self> {
        let mut found = None;
        each(units, |header, payload| {
            if header.obu_type == ObuType::SequenceHeader && found.is_none() {
                found = Some(SequenceHeaderObu::parse(
                    *header,
                    &mut Cursor::new(payload),
                )?);
            }
            Ok(())
        })
        .ok()?;
        let header = found?;
        if header.reduced_still_picture_header
            || header.decoder_model_info.is_some()
            || header.frame_ids.is_some()
        {
            return None;
        }
        let tools = header.seq_force_screen_content_tools;
        Some(Self {
            choose_screen_content_tools: (tools != SELECT).then_some(tools != 0),
            choose_integer_mv: header.seq_force_integer_mv == SELECT,
            order_hint_bits: header.order_hint_bits,
        })
    }

    /// Whether a temporal unit has frames and none of them is kept for reference.
    pub(super) fn is_disposable(&self, unit: &[u8]) -> bool {
        let (mut frames, mut kept) = (0, 0);
        let read = each(unit, |header, payload| {
            match header.obu_type {
                ObuType::Frame | ObuType::FrameHeader => {
                    frames += 1;
                    kept += u32::from(self.is_kept(payload)?);
                }
                // It may change what follows.
                ObuType::SequenceHeader => kept += 1,
                _ => (),
            }
            Ok(())
        });
        read.is_ok() && frames > 0 && kept == 0
    }

    /// Whether a frame refreshes a reference: `uncompressed_header` of the specification (5.9.2) up to `refresh_frame_flags`. A frame
    /// that is shown a second time counts as kept: it costs nothing.
    fn is_kept(&self, payload: &[u8]) -> io::Result<bool> {
        const KEY: u64 = 0;
        const INTRA_ONLY: u64 = 2;
        const SWITCH: u64 = 3;
        let mut bits = BitReader::new(Cursor::new(payload));
        let show_existing_frame = bits.read_bit()?;
        if show_existing_frame {
            return Ok(true);
        }
        let frame_type = bits.read_bits(2)?;
        let show_frame = bits.read_bit()?;
        if frame_type == SWITCH || (frame_type == KEY && show_frame) {
            return Ok(true);
        }
        if !show_frame {
            let _showable_frame = bits.read_bit()?;
        }
        let error_resilient_mode = bits.read_bit()?;
        let _disable_cdf_update = bits.read_bit()?;
        let screen_content_tools = match self.choose_screen_content_tools {
            Some(forced) => forced,
            None => bits.read_bit()?,
        };
        if screen_content_tools && self.choose_integer_mv {
            let _force_integer_mv = bits.read_bit()?;
        }
        let _frame_size_override_flag = bits.read_bit()?;
        let _order_hint = bits.read_bits(self.order_hint_bits)?;
        if !matches!(frame_type, KEY | INTRA_ONLY) && !error_resilient_mode {
            let _primary_ref_frame = bits.read_bits(3)?;
        }
        let refresh_frame_flags = bits.read_bits(8)?;
        Ok(refresh_frame_flags != 0)
    }
}

/// The units of a piece of a stream, one after the other, as long as their sizes make sense.
fn each(
    mut units: &[u8],
    mut of: impl FnMut(&ObuHeader, &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    while !units.is_empty() {
        let header = ObuHeader::parse(&mut units)?;
        let size = match header.size {
            Some(size) => usize::try_from(size).unwrap_or(usize::MAX),
            None => units.len(),
        };
        let (payload, rest) = units
            .split_at_checked(size)
            .ok_or(ErrorKind::UnexpectedEof)?;
        of(&header, payload)?;
        units = rest;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sequence header of SVT-AV1 with its own header.
    const SEQUENCE: [u8; 12] = [10, 10, 0, 0, 0, 2, 0xaf, 0xff, 0x9f, 0x7f, 0x20, 0x08];

    /// A unit of `OBU_FRAME`, cut after the fields that are read.
    fn frame(head: u64) -> Vec<u8> {
        [&[0x32, 8][..], &head.to_be_bytes()].concat()
    }

    /// The beginnings of frames of that sequence, with the `refresh_frame_flags` that ffmpeg's `trace_headers` tells.
    #[test]
    fn reference_flags_are_those_of_another_reader() {
        let sequence = Sequence::read(&SEQUENCE).unwrap();
        let told = [
            (0x1400_ac00_90dd_446c, 0xff),
            (0x2904_0012_4924_8ec4, 0x01),
            (0x2902_0082_4900_0acf, 0x08),
            (0x2901_4202_4936_cad5, 0x20),
            (0x3201_8804_92b6_95b4, 0x40),
            (0x3203_000b_6d6d_95b4, 0),
            (0x3205_8006_dbb6_95b4, 0),
            (0x2903_0203_6d80_0ad5, 0x20),
        ];
        for (head, flags) in told {
            let disposable = sequence.is_disposable(&frame(head));
            assert_eq!(disposable, flags == 0, "{head:x}");
        }
        // A hidden reference before a frame that is shown, and a frame that is shown again.
        let [hidden, shown] = [0x2903_0203_6d80_0ad5, 0x3205_8006_dbb6_95b4].map(frame);
        assert!(!sequence.is_disposable(&[&hidden[..], &shown].concat()));
        assert!(!sequence.is_disposable(&[0x1a, 1, 0xd8]));
    }

    #[test]
    fn what_cannot_be_read_is_kept() {
        let sequence = Sequence::read(&SEQUENCE).unwrap();
        let shown = frame(0x3205_8006_dbb6_95b4);
        assert!(sequence.is_disposable(&shown));
        for length in 0..shown.len() {
            assert!(!sequence.is_disposable(&shown[..length]), "{length} bytes");
        }
        assert!(!sequence.is_disposable(&[&SEQUENCE[..], &shown].concat()));
        assert!(Sequence::read(&SEQUENCE[..6]).is_none());
        assert!(Sequence::read(&[]).is_none());
    }
}
