//! In: views of a pair. Out: data URIs of the size at which the model reads them, each made once.

use std::collections::HashMap;
use std::fmt;
use std::io::Cursor;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use vrt_checkpoint::Picture;
use vrt_checkpoint::resize::Resampling;
use vrt_checkpoint::smart_resize::smart_resize;
use vrt_core::pair::PreferencePair;
use vrt_core::view::View;

/// Pixels on a side of a visual token of Qwen2.5-VL: two patches of 14.
const FACTOR: u32 = 28;

/// A picture could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("picture {view}: {reason}")]
pub struct PictureError {
    /// Which one.
    pub view: String,
    /// Why.
    pub reason: String,
}

/// How pictures are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PictureFormat {
    /// Every pixel as it is: the server's model sees what a model in this process would.
    #[default]
    Png,
    /// A fifth of the bytes, at this quality from 1 to 100.
    Jpeg(u8),
}

/// The pictures of one pair, for all of its samples.
pub struct Pictures {
    pair: PreferencePair,
    pixels: [u64; 2],
    format: PictureFormat,
    made: Mutex<HashMap<View, Arc<str>>>,
}

/// Videos have nothing to show in a debugger.
impl fmt::Debug for Pictures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pictures of pair {}", self.pair.key.0)
    }
}

impl Pictures {
    /// The pictures of a pair, each of at least `pixels[0]` and at most `pixels[1]` pixels.
    pub fn new(pair: &PreferencePair, pixels: [u64; 2], format: PictureFormat) -> Self {
        Self {
            pair: pair.clone(),
            pixels,
            format,
            made: Mutex::default(),
        }
    }

    /// A view's `data:` URI.
    ///
    /// # Errors
    /// [`PictureError`] if the video cannot produce it, or it has no size that the model reads.
    pub fn uri(&self, view: View) -> Result<Arc<str>, PictureError> {
        let made = |map: &Mutex<HashMap<View, Arc<str>>>| {
            let made = map.lock().unwrap_or_else(PoisonError::into_inner);
            made.get(&view).cloned()
        };
        if let Some(uri) = made(&self.made) {
            return Ok(uri);
        }
        // Outside of the lock: two that need one picture at once both make it, and it is the same.
        let uri: Arc<str> = self.make(view)?.into();
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(made.entry(view).or_insert(uri).clone())
    }

    fn make(&self, view: View) -> Result<String, PictureError> {
        let refuse = |reason: String| PictureError {
            view: view.to_string(),
            reason,
        };
        let frame = self.pair.view(view).map_err(|e| refuse(e.to_string()))?;
        let picture = Picture::of_frame(&frame).map_err(|e| refuse(e.to_string()))?;
        let size = smart_resize([frame.height, frame.width], FACTOR, self.pixels)
            .map_err(|e| refuse(e.to_string()))?;
        let picture = picture.resized(size, Resampling::Torchvision);
        let (bytes, kind) = self
            .encode(&picture, size)
            .map_err(|e| refuse(e.to_string()))?;
        Ok(format!(
            "data:image/{kind};base64,{}",
            STANDARD.encode(bytes)
        ))
    }

    fn encode(
        &self,
        picture: &Picture,
        [height, width]: [u32; 2],
    ) -> Result<(Vec<u8>, &'static str), image::ImageError> {
        let mut bytes = Cursor::new(Vec::new());
        let (rgb, color) = (picture.rgb(), ExtendedColorType::Rgb8);
        let kind = match self.format {
            PictureFormat::Png => {
                PngEncoder::new_with_quality(
                    &mut bytes,
                    CompressionType::Fast,
                    FilterType::Adaptive,
                )
                .write_image(rgb, width, height, color)?;
                "png"
            }
            PictureFormat::Jpeg(quality) => {
                JpegEncoder::new_with_quality(&mut bytes, quality.clamp(1, 100))
                    .write_image(rgb, width, height, color)?;
                "jpeg"
            }
        };
        Ok((bytes.into_inner(), kind))
    }
}
