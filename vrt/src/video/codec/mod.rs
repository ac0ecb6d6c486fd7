//! In: coded samples of a track. Out: their pictures, one a sample, by the decoder of their coding.

mod av1;
mod h264;
mod h265;
mod nal;
mod obu;

use super::fault::Fault;
use super::limits::Limits;
use super::picture::Picture;

/// How a track is coded, with all a decoder needs to start.
pub(super) enum Coding {
    H264(h264::Config),
    H265(h265::Config),
    Av1(av1::Config),
}

/// A decoder at some place of a track.
pub(super) trait Decoder: Send {
    /// Decodes a sample: its picture, or none where the decoder drops it.
    fn decode(&mut self, sample: &[u8]) -> Result<Option<Picture>, Fault>;
}

impl Coding {
    /// From the type of a sample entry and its configuration record.
    ///
    /// # Errors
    /// [`Fault::Unsupported`] for a coding that is not decoded here, [`Fault::Malformed`] for a broken record.
    pub(super) fn new(
        kind: [u8; 4],
        config: Option<&[u8]>,
        limits: &Limits,
    ) -> Result<Self, Fault> {
        let config = || {
            let name = kind.escape_ascii();
            config.ok_or_else(|| {
                Fault::malformed(
                    format_args!("sample entry `{name}`"),
                    "it has no decoder configuration",
                )
            })
        };
        match &kind {
            b"avc1" | b"avc3" => Ok(Self::H264(h264::Config::new(config()?, limits)?)),
            b"hvc1" | b"hev1" => Ok(Self::H265(h265::Config::new(config()?, limits)?)),
            b"av01" => Ok(Self::Av1(av1::Config::new(config()?, limits)?)),
            b"encv" => Err(Fault::Unsupported("encryption".to_owned())),
            other => Err(Fault::Unsupported(format!(
                "the coding `{}`",
                other.escape_ascii()
            ))),
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::H264(_) => h264::NAME,
            Self::H265(_) => h265::NAME,
            Self::Av1(_) => av1::NAME,
        }
    }

    /// The size of a frame as the configuration has it, cropped and not turned.
    pub(super) fn size(&self) -> Option<(u32, u32)> {
        match self {
            Self::H264(config) => config.size(),
            Self::H265(config) => config.size(),
            Self::Av1(config) => config.size(),
        }
    }

    /// Whether there is a quicker decoder than that which reads everything.
    pub(super) fn has_quick(&self) -> bool {
        match self {
            Self::H264(config) => config.has_quick(),
            Self::H265(_) | Self::Av1(_) => false,
        }
    }

    /// A decoder: the quicker one, if there is one and it is wanted.
    pub(super) fn start(&self, quick: bool) -> Result<Box<dyn Decoder>, Fault> {
        match self {
            Self::H264(config) => config.start(quick),
            Self::H265(config) => config.start(),
            Self::Av1(config) => config.start(),
        }
    }

    /// Whether no other sample refers to this one, so that a decoder may pass it over.
    pub(super) fn is_disposable(&self, sample: &[u8]) -> bool {
        match self {
            Self::H264(config) => config.is_disposable(sample),
            Self::H265(config) => config.is_disposable(sample),
            Self::Av1(config) => config.is_disposable(sample),
        }
    }

    /// Whether decoding can begin at a sample that its container calls a sync sample, judged by its first bytes; none if more
    /// bytes are needed. An H.264 recovery point is refused: pictures after it may mark and count those before it.
    pub(super) fn begins(&self, head: &[u8]) -> Option<bool> {
        match self {
            Self::H264(config) => config.is_instantaneous(head),
            Self::H265(_) | Self::Av1(_) => Some(true),
        }
    }

    /// Whether the sample is a leading picture that refers to frames before the random access point it follows.
    pub(super) fn skips_after_random_access(&self, sample: &[u8]) -> bool {
        match self {
            Self::H265(config) => config.skips_after_random_access(sample),
            Self::H264(_) | Self::Av1(_) => false,
        }
    }
}
