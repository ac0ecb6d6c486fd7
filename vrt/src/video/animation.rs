//! In: a GIF or an animated WebP. Out: its frames, each composed with those before it, over white.

use std::io::Cursor;
use std::sync::{Arc, mpsc};
use std::thread;

use image::codecs::gif::GifDecoder;
use image::codecs::webp::WebPDecoder;
use image::{AnimationDecoder, ImageDecoder, ImageError, RgbaImage};

use super::fault::Fault;
use super::guard::guarded;
use super::info::Info;
use super::limits::Limits;
use super::picture::Rgb8;
use super::sequence::{Frames, Sequence, Sequential};

/// The canvas, the frame and the composed picture, four bytes a pixel each, and as much again.
const GIF_BYTES_A_PIXEL: u64 = 16;

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Gif,
    WebP,
}

/// The bytes of an animation.
#[derive(Clone)]
pub(super) struct Animation {
    bytes: Arc<[u8]>,
    kind: Kind,
    limits: Limits,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Gif => "GIF",
            Self::WebP => "WebP",
        }
    }
}

/// Indexes an animation by decoding it once: neither format says how many frames it has without lying at will.
pub(super) fn open(
    bytes: Arc<[u8]>,
    kind: Kind,
    limits: &Limits,
) -> Result<Sequential<Animation>, Fault> {
    let animation = Animation {
        bytes,
        kind,
        limits: *limits,
    };
    let (size, frames, seconds) = guarded(kind.name(), || {
        let (size, decoded) = animation.decode()?;
        let mut count = 0;
        let mut seconds = 0.0;
        for frame in decoded {
            let (_, delay) = frame?;
            count += 1;
            seconds += delay;
            limits.check_frames(count)?;
            limits.check_seconds(seconds)?;
        }
        Ok((size, count as u32, seconds))
    })?;
    if frames == 0 {
        return Err(Fault::NoFrames("it holds no picture"));
    }
    let (width, height) = size;
    let (container, codec) = (kind.name(), kind.name().to_owned());
    let seconds = (seconds > 0.0).then_some(seconds);
    Ok(Sequential {
        sequence: animation,
        info: Info {
            frames,
            width,
            height,
            seconds,
            container,
            codec,
        },
    })
}

type Timed = Box<dyn Iterator<Item = Result<(RgbaImage, f64), Fault>>>;

impl Animation {
    /// The size, and the frames with the seconds each is shown.
    fn decode(&self) -> Result<((u32, u32), Timed), Fault> {
        let name = self.kind.name();
        let refused = move |error: ImageError| Fault::decode(name, error);
        let input = Cursor::new(Arc::clone(&self.bytes));
        let (size, frames) = match self.kind {
            Kind::Gif => {
                let mut decoder = GifDecoder::new(input).map_err(refused)?;
                let size = decoder.dimensions();
                self.limits.check_size(size.0, size.1)?;
                // A frame may announce more pixels than the canvas has.
                let mut room = image::Limits::no_limits();
                room.max_alloc = Some(self.limits.pixels.saturating_mul(GIF_BYTES_A_PIXEL));
                decoder.set_limits(room).map_err(refused)?;
                (size, decoder.into_frames())
            }
            Kind::WebP => {
                let decoder = WebPDecoder::new(input).map_err(refused)?;
                let size = decoder.dimensions();
                self.limits.check_size(size.0, size.1)?;
                if !decoder.has_animation() {
                    let mut pixels = vec![0; decoder.total_bytes() as usize];
                    let alpha = decoder.color_type().has_alpha();
                    decoder.read_image(&mut pixels).map_err(refused)?;
                    let still = if alpha {
                        RgbaImage::from_raw(size.0, size.1, pixels)
                    } else {
                        image::RgbImage::from_raw(size.0, size.1, pixels)
                            .map(|rgb| image::DynamicImage::from(rgb).to_rgba8())
                    };
                    let still = still.ok_or_else(|| {
                        Fault::decode(name, "a picture of another size than announced")
                    })?;
                    return Ok((size, Box::new(std::iter::once(Ok((still, 0.0))))));
                }
                (size, decoder.into_frames())
            }
        };
        Ok((
            size,
            Box::new(frames.map(move |frame| {
                let frame = frame.map_err(refused)?;
                let (numerator, denominator) = frame.delay().numer_denom_ms();
                let seconds = f64::from(numerator) / f64::from(denominator.max(1)) / 1000.0;
                Ok((frame.into_buffer(), seconds))
            })),
        ))
    }
}

/// What is transparent shows white, as in ffmpeg's GIF decoder.
pub(super) fn over_white(image: &RgbaImage) -> Rgb8 {
    let mut rgb = Vec::with_capacity(image.len() / 4 * 3);
    for pixel in image.pixels() {
        let [red, green, blue, alpha] = pixel.0;
        let alpha = u32::from(alpha);
        let blend =
            |level: u8| ((u32::from(level) * alpha + 255 * (255 - alpha) + 127) / 255) as u8;
        rgb.extend([blend(red), blend(green), blend(blue)]);
    }
    Rgb8::new(image.width(), image.height(), rgb)
}

impl Sequence for Animation {
    fn name(&self) -> &'static str {
        self.kind.name()
    }

    /// `image`'s frames stay on the thread that made them: one is decoded ahead there, until nobody listens.
    fn start(&self) -> Result<Frames, Fault> {
        let animation = self.clone();
        let (frames, listener) = mpsc::sync_channel(1);
        thread::spawn(move || {
            let done = guarded(animation.kind.name(), || {
                for frame in animation.decode()?.1 {
                    if frames.send(Ok(over_white(&frame?.0))).is_err() {
                        break;
                    }
                }
                Ok(())
            });
            if let Err(fault) = done {
                // Nobody may be listening any more.
                let _ = frames.send(Err(fault));
            }
        });
        Ok(Box::new(listener.into_iter()))
    }
}
