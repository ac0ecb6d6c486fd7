//! In: samples. Out: H.264 pictures in decoding order, by `rust_h264`: interlaced, of ten bits and of 4:2:2 as well.

use rust_h264::decoder;
use rust_h264::nal::{NalUnit, NalUnitType, SpsInfo, parse_avcc, parse_avcc_config};

use super::super::super::fault::Fault;
use super::super::super::guard::guarded;
use super::super::super::limits::Limits;
use super::super::super::picture::{Held, Picture};
use super::super::{Decoder, nal};
use super::{Config, NAME, checked, colour, refused};

pub(super) struct General {
    inner: decoder::Decoder,
    length_size: usize,
    sps: Option<SpsInfo>,
    limits: Limits,
}

impl General {
    pub(super) fn new(config: &Config) -> Result<Self, Fault> {
        let mut general = Self {
            inner: decoder::Decoder::new(),
            length_size: config.length_size,
            sps: config.sps,
            limits: config.limits,
        };
        let parsed =
            parse_avcc_config(&config.record).map_err(|why| Fault::malformed("box `avcC`", why))?;
        for unit in parsed.sps_nals.iter().chain(&parsed.pps_nals) {
            general.feed(unit)?;
        }
        Ok(general)
    }

    fn feed(&mut self, unit: &NalUnit<'_>) -> Result<Option<decoder::Frame>, Fault> {
        // The decoder takes memory by what a sequence announces.
        if unit.nal_unit_type == NalUnitType::Sps {
            self.sps = Some(checked(unit, &self.limits)?);
        }
        self.inner.decode_nal(unit).map_err(refused)
    }
}

impl Decoder for General {
    fn decode(&mut self, sample: &[u8]) -> Result<Option<Picture>, Fault> {
        nal::units(sample, self.length_size)?;
        guarded(NAME, || {
            for unit in &parse_avcc(sample, self.length_size) {
                self.feed(unit)?;
            }
            // Ends the picture: no later sample belongs to it.
            let Some(frame) = self.inner.flush() else {
                return Ok(None);
            };
            let sps = self
                .sps
                .ok_or_else(|| Fault::decode(NAME, "a picture without a sequence"))?;
            if frame.height < sps.height && !sps.progressive {
                return Err(Fault::Unsupported(
                    "H.264 fields in samples of their own".to_owned(),
                ));
            }
            Ok(Some(Picture {
                held: Held::H264(frame),
                colour: colour(&sps),
            }))
        })
    }
}
