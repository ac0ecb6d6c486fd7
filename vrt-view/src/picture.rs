//! In: a frame. Out: a data URI that a browser draws: PNG where it is small, JPEG where it is a photograph's size.

use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use image::{ImageError, ImageFormat, RgbImage};
use vrt_core::pair::Frame;

/// Pixels of a picture's longer side at most: larger frames are made smaller before they are kept.
pub const LONGEST_SIDE: u32 = 320;

/// Up to this side a frame is kept to the last bit.
const LOSSLESS_SIDE: u32 = 64;

const JPEG_QUALITY: u8 = 82;

/// A frame cannot be kept as a picture.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// Its values are not those of its size.
    #[error(
        "a frame of {width} × {height} pixels holds {values} values, not {width} · {height} · 3"
    )]
    Size {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
        /// Values that are there.
        values: usize,
    },
    /// The encoder refused.
    #[error("the picture cannot be encoded: {0}")]
    Encode(#[from] ImageError),
}

/// The frame as `data:image/…;base64,…`; values outside 0..1 are clipped.
///
/// # Errors
/// [`PictureError`] for a frame whose values do not fit its size.
pub fn data_uri(frame: &Frame) -> Result<String, PictureError> {
    let (width, height) = (frame.width, frame.height);
    let bytes = frame.rgb8();
    let values = bytes.len();
    // The buffer would accept spare values, and an empty picture has no encoding.
    let fits = values as u64 == u64::from(width) * u64::from(height) * 3 && values > 0;
    let whole = RgbImage::from_raw(width, height, bytes)
        .filter(|_| fits)
        .ok_or(PictureError::Size {
            width,
            height,
            values,
        })?;
    let longest = width.max(height);
    let mut file = Cursor::new(Vec::new());
    if longest <= LOSSLESS_SIDE {
        whole.write_to(&mut file, ImageFormat::Png)?;
        return Ok(uri("png", file.get_ref()));
    }
    let kept = if longest > LONGEST_SIDE {
        let shrunk = |side: u32| {
            let exact = u64::from(side) * u64::from(LONGEST_SIDE) / u64::from(longest);
            (exact as u32).max(1)
        };
        imageops::resize(&whole, shrunk(width), shrunk(height), FilterType::Triangle)
    } else {
        whole
    };
    kept.write_with_encoder(JpegEncoder::new_with_quality(&mut file, JPEG_QUALITY))?;
    Ok(uri("jpeg", file.get_ref()))
}

fn uri(format: &str, bytes: &[u8]) -> String {
    format!("data:image/{format};base64,{}", STANDARD.encode(bytes))
}

/// Whether this is a data URI of a format that [`data_uri`] writes.
pub(crate) fn is_picture(uri: &str) -> bool {
    ["data:image/png;base64,", "data:image/jpeg;base64,"]
        .iter()
        .find_map(|head| uri.strip_prefix(head))
        .is_some_and(|body| {
            let digit = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/' | b'=');
            !body.is_empty() && body.bytes().all(digit)
        })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn frame(width: u32, height: u32, value: impl Fn(usize) -> f32) -> Frame {
        let count = (width * height * 3) as usize;
        Frame {
            width,
            height,
            rgb: (0..count).map(value).collect(),
        }
    }

    fn decoded(uri: &str) -> RgbImage {
        let (_, body) = uri.split_once(";base64,").unwrap();
        image::load_from_memory(&STANDARD.decode(body).unwrap())
            .unwrap()
            .into_rgb8()
    }

    #[test]
    fn a_small_frame_is_kept_to_the_last_bit() {
        let small = frame(16, 9, |i| i as f32 / 431.0);
        let uri = data_uri(&small).unwrap();
        assert!(uri.starts_with("data:image/png;base64,"), "{uri}");
        let back = decoded(&uri);
        assert_eq!(back.dimensions(), (16, 9));
        for (byte, value) in back.as_raw().iter().zip(small.rgb.iter()) {
            assert_eq!(*byte, (value * 255.0).round() as u8);
        }
    }

    #[test]
    fn values_outside_the_range_are_clipped() {
        let back = decoded(&data_uri(&frame(2, 1, |i| [-3.0, 9.0, f32::NAN][i % 3])).unwrap());
        assert_eq!(back.as_raw(), &[0, 255, 0, 0, 255, 0]);
    }

    #[test]
    fn a_large_frame_keeps_its_proportions() {
        let uri = data_uri(&frame(1280, 720, |i| (i % 7) as f32 / 7.0)).unwrap();
        assert!(uri.starts_with("data:image/jpeg;base64,"));
        assert_eq!(decoded(&uri).dimensions(), (320, 180));
        assert_eq!(
            decoded(&data_uri(&frame(2000, 2, |_| 0.5)).unwrap()).dimensions(),
            (320, 1)
        );
    }

    #[test]
    fn a_frame_of_another_size_is_refused() {
        for rgb in [vec![0.0; 5], vec![0.0; 13], vec![]] {
            let wrong = Frame {
                width: 2,
                height: 2,
                rgb: Arc::from(rgb),
            };
            let message = data_uri(&wrong).unwrap_err().to_string();
            assert!(message.contains("2 × 2"), "{message}");
        }
    }

    #[test]
    fn only_pictures_are_pictures() {
        assert!(is_picture(&data_uri(&frame(1, 1, |_| 1.0)).unwrap()));
        for other in [
            "javascript:alert(1)",
            "data:text/html;base64,AAAA",
            "data:image/svg+xml;base64,AAAA",
            "data:image/png;base64,",
            "data:image/png;base64,AA\"onerror=\"x",
        ] {
            assert!(!is_picture(other), "{other}");
        }
    }
}
