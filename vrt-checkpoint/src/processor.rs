//! In: pictures and `preprocessor_config.json`. Out: patches as the vision tower reads them.

use std::path::Path;

use serde::Deserialize;
use vrt_core::pair::Frame;

use crate::error::CheckpointError;
use crate::json;
use crate::resize::{Raster, Resampling, bicubic};
use crate::smart_resize::{SizeError, smart_resize};

/// The file's name.
pub const FILE: &str = "preprocessor_config.json";
/// The file's name where videos have bounds of their own.
pub const VIDEO_FILE: &str = "video_preprocessor_config.json";
const CHANNELS: usize = 3;

/// An 8-bit picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    height: u32,
    width: u32,
    rgb: Vec<u8>,
}

impl Picture {
    /// A picture of `height × width × 3` values, row by row: red, green, blue.
    ///
    /// # Errors
    /// [`SizeError`] if there are no pixels, or not as many values as pixels need.
    pub fn new(height: u32, width: u32, rgb: Vec<u8>) -> Result<Self, SizeError> {
        if height == 0 || width == 0 {
            return Err(SizeError::Empty { width, height });
        }
        if rgb.len() != height as usize * width as usize * CHANNELS {
            return Err(SizeError::Bytes {
                width,
                height,
                found: rgb.len(),
            });
        }
        Ok(Self { height, width, rgb })
    }

    /// A frame with its values rounded to 8 bits; what lies outside 0..1 is cut off.
    ///
    /// # Errors
    /// As [`Picture::new`].
    pub fn of_frame(frame: &Frame) -> Result<Self, SizeError> {
        let rgb = frame
            .rgb
            .iter()
            .map(|v| (v * 255.0).round() as u8)
            .collect();
        Self::new(frame.height, frame.width, rgb)
    }

    /// The picture at another size, by bicubic interpolation with antialias.
    pub fn resized(&self, [height, width]: [u32; 2], resampling: Resampling) -> Self {
        let from = Raster {
            height: self.height as usize,
            width: self.width as usize,
            bytes: &self.rgb,
        };
        Self {
            height,
            width,
            rgb: bicubic(from, height as usize, width as usize, resampling),
        }
    }

    /// Its values.
    pub fn rgb(&self) -> &[u8] {
        &self.rgb
    }
}

/// An image or a video as the vision tower reads it.
#[derive(Clone, Debug, PartialEq)]
pub struct Patches {
    /// Patches in time, in a column, in a row: `grid_thw`.
    pub grid: [usize; 3],
    /// One row a patch, merge group by merge group; in it channel, frame, row, column.
    pub values: Vec<f32>,
}

impl Patches {
    /// Visual tokens it becomes.
    pub fn tokens(&self, merge: usize) -> usize {
        self.grid.iter().product::<usize>() / (merge * merge)
    }
}

/// From pictures to patches.
#[derive(Clone, Debug, PartialEq)]
pub struct Processor {
    /// Pixels on a side of a patch.
    pub patch: usize,
    /// Patches on a side of a merge group.
    pub merge: usize,
    /// Frames in a patch.
    pub temporal_patch: usize,
    /// Fewest and most pixels of a picture.
    pub pixels: [u64; 2],
    /// Subtracted from red, green, blue at 0..1.
    pub mean: [f64; 3],
    /// What the difference is divided by.
    pub std: [f64; 3],
    /// From 8 bits to 0..1.
    pub rescale: f64,
    /// Whose bicubic interpolation.
    pub resampling: Resampling,
}

#[derive(Deserialize)]
struct RawSize {
    shortest_edge: Option<u64>,
    longest_edge: Option<u64>,
}

#[derive(Deserialize)]
struct Raw {
    patch_size: usize,
    merge_size: usize,
    temporal_patch_size: usize,
    min_pixels: Option<u64>,
    max_pixels: Option<u64>,
    size: Option<RawSize>,
    image_mean: [f64; 3],
    image_std: [f64; 3],
    #[serde(default = "one_of_255")]
    rescale_factor: f64,
    #[serde(default = "cubic")]
    resample: u32,
    #[serde(default = "yes")]
    do_resize: bool,
    #[serde(default = "yes")]
    do_rescale: bool,
    #[serde(default = "yes")]
    do_normalize: bool,
}

fn one_of_255() -> f64 {
    1.0 / 255.0
}

/// Pillow's number for bicubic interpolation.
fn cubic() -> u32 {
    3
}

fn yes() -> bool {
    true
}

impl Processor {
    /// Reads `preprocessor_config.json`. Pictures are resized as transformers 5 does; [`Processor::resampling`] can be
    /// changed.
    ///
    /// # Errors
    /// [`CheckpointError`]: unreadable, a field is missing, or a step is asked for that is not done here.
    pub fn read(path: &Path) -> Result<Self, CheckpointError> {
        let raw: Raw = json::read(path)?;
        let refuse = |problem: String| {
            Err(CheckpointError::Config {
                path: path.to_owned(),
                problem,
            })
        };
        if raw.resample != cubic() {
            return refuse(format!(
                "`resample` is {}, only 3 (bicubic) is built",
                raw.resample
            ));
        }
        for (name, done) in [
            ("do_resize", raw.do_resize),
            ("do_rescale", raw.do_rescale),
            ("do_normalize", raw.do_normalize),
        ] {
            if !done {
                return refuse(format!("`{name}` is false, this step is always done here"));
            }
        }
        let size = raw.size.as_ref();
        let (Some(min), Some(max)) = (
            raw.min_pixels.or(size.and_then(|size| size.shortest_edge)),
            raw.max_pixels.or(size.and_then(|size| size.longest_edge)),
        ) else {
            return refuse(
                "neither `min_pixels` and `max_pixels` nor `size` with `shortest_edge` and `longest_edge`"
                    .into(),
            );
        };
        let sides = [raw.patch_size, raw.merge_size, raw.temporal_patch_size];
        if sides.iter().any(|side| !(1..=1024).contains(side)) || min == 0 || min > max {
            return refuse(format!(
                "patch, merge group and frames {sides:?}, pixels {min} to {max}: sizes lie in 1..1024, bounds ascend"
            ));
        }
        if raw.image_std.contains(&0.0) || raw.rescale_factor == 0.0 {
            return refuse("`image_std` or `rescale_factor` is 0, values are divided by it".into());
        }
        Ok(Self {
            patch: raw.patch_size,
            merge: raw.merge_size,
            temporal_patch: raw.temporal_patch_size,
            pixels: [min, max],
            mean: raw.image_mean,
            std: raw.image_std,
            rescale: raw.rescale_factor,
            resampling: Resampling::Torchvision,
        })
    }

    /// The patches of an image: its one frame fills a patch in time.
    ///
    /// # Errors
    /// [`SizeError`] if the picture cannot be resized.
    pub fn image(&self, picture: &Picture) -> Result<Patches, SizeError> {
        self.video(std::slice::from_ref(picture))
    }

    /// The patches of a video; the last frame is repeated until the frames fill whole patches.
    ///
    /// # Errors
    /// [`SizeError`] if there is no frame, frames differ in size, or cannot be resized.
    pub fn video(&self, frames: &[Picture]) -> Result<Patches, SizeError> {
        let first = frames.first().ok_or(SizeError::NoFrames)?;
        for (number, frame) in frames.iter().enumerate() {
            if (frame.width, frame.height) != (first.width, first.height) {
                return Err(SizeError::Frames {
                    frame: number,
                    width: frame.width,
                    height: frame.height,
                    first_width: first.width,
                    first_height: first.height,
                });
            }
        }
        let factor = (self.patch * self.merge) as u32;
        let size = smart_resize([first.height, first.width], factor, self.pixels)?;
        let [rows, columns] = size.map(|side| side as usize / self.patch);
        let resized: Vec<Picture> = frames
            .iter()
            .map(|frame| frame.resized(size, self.resampling))
            .collect();
        let periods: Vec<Vec<&[u8]>> = resized
            .chunks(self.temporal_patch)
            .map(|period| {
                let last = &period[period.len() - 1];
                let repeated = std::iter::repeat_n(last, self.temporal_patch - period.len());
                period.iter().chain(repeated).map(Picture::rgb).collect()
            })
            .collect();
        let grid = [periods.len(), rows, columns];
        let mut values = Vec::with_capacity(
            grid.iter().product::<usize>() * CHANNELS * self.temporal_patch * self.patch.pow(2),
        );
        for period in &periods {
            for group in cells(rows / self.merge, columns / self.merge) {
                for inner in cells(self.merge, self.merge) {
                    let row = group.0 * self.merge + inner.0;
                    let column = group.1 * self.merge + inner.1;
                    self.push_patch(&mut values, period, [row, column], columns * self.patch);
                }
            }
        }
        Ok(Patches { grid, values })
    }

    fn push_patch(
        &self,
        values: &mut Vec<f32>,
        period: &[&[u8]],
        [row, column]: [usize; 2],
        width: usize,
    ) {
        for channel in 0..CHANNELS {
            // In 32 bits and in this order, as transformers folds the factor into mean and deviation.
            let mean = self.mean[channel] as f32 * (1.0 / self.rescale) as f32;
            let std = self.std[channel] as f32 * (1.0 / self.rescale) as f32;
            for frame in period {
                for (y, x) in cells(self.patch, self.patch) {
                    let pixel = (row * self.patch + y) * width + column * self.patch + x;
                    let value = f32::from(frame[pixel * CHANNELS + channel]);
                    values.push((value - mean) / std);
                }
            }
        }
    }
}

fn cells(rows: usize, columns: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..rows).flat_map(move |y| (0..columns).map(move |x| (y, x)))
}
