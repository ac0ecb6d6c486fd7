//! In: a video file or a folder of images. Out: frames by presentation index.
//!
//! [`open`] looks at the contents and gives a [`VideoSource`], a [`vrt_core::pair::Video`]. Frames are numbered in the order
//! in which a player shows them: by composition time, through the edit list. Colours follow the stream's matrix and range and
//! are within 1 level of the exact formula; chroma is repeated, not interpolated. HDR is not tone-mapped.
//!
//! | container | coding | by |
//! |---|---|---|
//! | MP4, MOV, fragmented or not | H.264 (8 bits, 4:2:0, progressive, one slice a frame) | `rusty_h264`, which is quick |
//! | | H.264 (8 and 10 bits, 4:2:0 and 4:2:2) | `rust_h264` |
//! | | H.265 (8 to 12 bits, 4:2:0 and 4:4:4) | `rust_h265` |
//! | | AV1 | `re_rav1d`; feature `av1-asm` turns its assembly on |
//! | GIF, WebP, moving or still | their own | `image` |
//! | a folder of PNG, JPEG or WebP images, or one image | their own | `image` |
//! | whatever ffmpeg reads (VP9, WebM, MKV, AVI, 4:4:4 …) | feature `ffmpeg` | the ffmpeg program |

mod animation;
mod cache;
mod codec;
mod colour;
mod fault;
#[cfg(feature = "ffmpeg")]
mod ffmpeg;
mod guard;
mod info;
mod kind;
mod limits;
mod medium;
mod mp4;
mod order;
mod orientation;
mod picture;
mod sequence;
mod source;
mod stills;
mod store;

pub use fault::{Fault, OpenError};
#[cfg(feature = "parquet")]
pub(crate) use guard::guarded;
pub use info::Info;
pub use limits::Limits;
pub use picture::Rgb8;
pub use source::{VideoSource, from_bytes, open};
