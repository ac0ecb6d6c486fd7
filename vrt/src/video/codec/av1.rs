//! In: an `av1C` record and samples. Out: AV1 pictures, by `re_rav1d`.

use re_rav1d::dav1d;
use re_rav1d::dav1d::pixel::YUVRange;

use super::super::colour::Colour;
use super::super::fault::Fault;
use super::super::guard::guarded;
use super::super::limits::Limits;
use super::super::picture::{Held, Picture};
use super::obu::Sequence;

pub(super) const NAME: &str = "AV1";

/// The record of a track.
pub(crate) struct Config {
    /// The sequence header, which samples may leave out.
    headers: Vec<u8>,
    sequence: Option<Sequence>,
    limits: Limits,
}

impl Config {
    pub(super) fn new(record: &[u8], limits: &Limits) -> Result<Self, Fault> {
        let Some((_, headers)) = record.split_at_checked(4) else {
            return Err(Fault::malformed(
                "box `av1C`",
                format_args!("{} bytes", record.len()),
            ));
        };
        Ok(Self {
            headers: headers.to_vec(),
            sequence: guarded(NAME, || Ok(Sequence::read(headers)))?,
            limits: *limits,
        })
    }

    /// The container's: the record does not say.
    pub(super) fn size(&self) -> Option<(u32, u32)> {
        None
    }

    pub(super) fn is_disposable(&self, sample: &[u8]) -> bool {
        let sequence = self.sequence.as_ref();
        sequence.is_some_and(|sequence| sequence.is_disposable(sample))
    }

    pub(super) fn start(&self) -> Result<Box<dyn super::Decoder>, Fault> {
        guarded(NAME, || {
            let mut settings = dav1d::Settings::new();
            // On the caller's thread: a picture comes out of the call that its sample went into.
            settings.set_n_threads(1);
            settings.set_max_frame_delay(1);
            settings.set_frame_size_limit(u32::try_from(self.limits.pixels).unwrap_or(u32::MAX));
            let inner =
                dav1d::Decoder::with_settings(&settings).map_err(|why| Fault::decode(NAME, why))?;
            let mut decoder = Decoder { inner };
            if !self.headers.is_empty() {
                decoder.feed(&self.headers)?;
            }
            Ok(Box::new(decoder) as Box<dyn super::Decoder>)
        })
    }
}

struct Decoder {
    inner: dav1d::Decoder,
}

impl Decoder {
    /// The last picture that the data shows.
    fn feed(&mut self, data: &[u8]) -> Result<Option<dav1d::Picture>, Fault> {
        let mut shown = None;
        let mut sent = self.inner.send_data(data.to_vec(), None, None, None);
        loop {
            match self.inner.get_picture() {
                Ok(picture) => shown = Some(picture),
                Err(dav1d::Error::Again) => match sent {
                    Ok(()) => return Ok(shown),
                    Err(dav1d::Error::Again) => sent = self.inner.send_pending_data(),
                    Err(why) => return Err(Fault::decode(NAME, why)),
                },
                Err(why) => return Err(Fault::decode(NAME, why)),
            }
        }
    }
}

impl super::Decoder for Decoder {
    fn decode(&mut self, sample: &[u8]) -> Result<Option<Picture>, Fault> {
        if sample.is_empty() {
            return Ok(None);
        }
        guarded(NAME, || {
            let picture = self.feed(sample)?;
            Ok(picture.map(|picture| {
                let colour = Colour {
                    matrix: picture.matrix_coefficients() as u8,
                    full_range: picture.color_range() == YUVRange::Full,
                };
                Picture {
                    held: Held::Av1(picture),
                    colour,
                }
            }))
        })
    }
}
