//! In: a path or bytes. Out: [`VideoSource`], whose frames are decoded on demand, kept, and safe to ask for from any thread.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use vrt_core::pair::{Frame, FrameOffset, Video, VideoError};

use super::cache::Cache;
use super::fault::{Fault, OpenError};
use super::info::Info;
use super::kind;
use super::limits::Limits;
use super::medium::{Cursor, Medium, Way};
use super::order::order;
use super::picture::Rgb8;
use super::store::Store;
use crate::processors::processors;

/// A video whose frames are decoded when they are asked for, by the order in which they are shown.
///
/// Two frames near each other cost one way: a decoder goes on from where it stands. Several threads may ask at once; each
/// decodes with a decoder of its own.
pub struct VideoSource {
    name: String,
    medium: Arc<dyn Medium>,
    cache: Mutex<Cache>,
    /// Decoders that nobody is using, the one used last at the end.
    idle: Mutex<Vec<Box<dyn Cursor>>>,
}

/// Opens a video file or a folder of images; its contents tell its format, never its name.
///
/// # Errors
/// [`OpenError`] names the path and says what is wrong with it.
pub fn open(path: impl AsRef<Path>, limits: &Limits) -> Result<VideoSource, OpenError> {
    let path = path.as_ref();
    let name = path.display().to_string();
    match kind::open(path, limits) {
        Ok(medium) => Ok(VideoSource::new(name, medium, limits)),
        Err(fault) => Err(OpenError { video: name, fault }),
    }
}

/// Opens a video that is in memory. `name` is what errors call it.
///
/// # Errors
/// [`OpenError`] says what is wrong with the bytes.
pub fn from_bytes(
    name: &str,
    bytes: impl Into<Arc<[u8]>>,
    limits: &Limits,
) -> Result<VideoSource, OpenError> {
    match kind::from_store(Store::Memory(bytes.into()), limits) {
        Ok(medium) => Ok(VideoSource::new(name.to_owned(), medium, limits)),
        Err(fault) => Err(OpenError {
            video: name.to_owned(),
            fault,
        }),
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds one of these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl VideoSource {
    fn new(name: String, medium: Arc<dyn Medium>, limits: &Limits) -> Self {
        Self {
            name,
            medium,
            cache: Mutex::new(Cache::new(limits.cache_bytes)),
            idle: Mutex::default(),
        }
    }

    /// The path, or the name it was opened under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Size, length, rate, container and coding.
    pub fn info(&self) -> &Info {
        self.medium.info()
    }

    /// The frame at this offset, as 8-bit RGB.
    ///
    /// # Errors
    /// [`VideoError`] beyond the end, or if the frame's data is damaged.
    pub fn rgb8(&self, offset: FrameOffset) -> Result<Rgb8, VideoError> {
        self.check(offset)?;
        if let Some(rgb) = locked(&self.cache).get(offset.0) {
            return Ok(rgb);
        }
        let mut cursor = self.borrow(offset.0);
        let rgb = cursor
            .frame(offset.0)
            .map_err(|fault| self.error(offset, &fault));
        self.give_back(cursor);
        let rgb = rgb?;
        locked(&self.cache).put(offset.0, rgb.clone());
        Ok(rgb)
    }

    /// The frames at these offsets, in that order, decoded on all cores: frames of one run by one decoder in one go.
    ///
    /// # Errors
    /// The [`VideoError`] of the first offset that has one.
    pub fn rgb8_each(&self, offsets: &[FrameOffset]) -> Result<Vec<Rgb8>, VideoError> {
        for offset in offsets {
            self.check(*offset)?;
        }
        let mut wanted: Vec<u32> = offsets.iter().map(|offset| offset.0).collect();
        wanted.sort_by_key(|frame| self.medium.run(*frame));
        wanted.dedup();
        let runs: Vec<&[u32]> = wanted
            .chunk_by(|one, next| self.medium.run(*one).0 == self.medium.run(*next).0)
            .collect();
        let ways = runs.iter().map(|run| {
            let way = run.last().map(|last| self.medium.run(*last));
            way.map_or(0, |(entry, place)| u64::from(place - entry) + 1)
        });
        let threads = processors().min(runs.len());
        let order = order(&ways.collect::<Vec<_>>(), threads);
        let left = Mutex::new(order.into_iter());
        let decoded = Mutex::new(std::collections::HashMap::new());
        let work = || {
            loop {
                let Some(run) = locked(&left).next() else {
                    break;
                };
                for frame in runs[run] {
                    let rgb = self.rgb8(FrameOffset(*frame));
                    locked(&decoded).insert(*frame, rgb);
                }
            }
        };
        match threads {
            0 | 1 => work(),
            count => thread::scope(|scope| {
                (1..count).for_each(|_| drop(scope.spawn(work)));
                work();
            }),
        }
        let decoded = decoded.into_inner().unwrap_or_else(PoisonError::into_inner);
        offsets
            .iter()
            .map(|offset| decoded[&offset.0].clone())
            .collect()
    }

    fn check(&self, offset: FrameOffset) -> Result<(), VideoError> {
        let frames = self.len();
        if offset.0 < frames {
            return Ok(());
        }
        Err(VideoError {
            video: self.name.clone(),
            offset,
            reason: format!(
                "it is beyond the video's {frames} frames (0..={})",
                frames - 1
            ),
        })
    }

    fn error(&self, offset: FrameOffset, fault: &Fault) -> VideoError {
        VideoError {
            video: self.name.clone(),
            offset,
            reason: format!("the video {fault}"),
        }
    }

    /// The idle decoder with the shortest way to a frame, or a new one.
    fn borrow(&self, frame: u32) -> Box<dyn Cursor> {
        let mut idle = locked(&self.idle);
        let nearest = idle
            .iter()
            .enumerate()
            .map(|(at, cursor)| (cursor.way(frame), at))
            .min();
        match nearest {
            Some((Way::On(_), at)) => idle.remove(at),
            // The one that was used longest ago loses its place.
            Some((Way::Anew, _)) if idle.len() >= processors() => idle.remove(0),
            _ => Arc::clone(&self.medium).cursor(),
        }
    }

    fn give_back(&self, cursor: Box<dyn Cursor>) {
        let mut idle = locked(&self.idle);
        idle.push(cursor);
        if idle.len() > processors() {
            idle.remove(0);
        }
    }
}

impl Video for VideoSource {
    fn len(&self) -> u32 {
        self.medium.info().frames
    }

    fn frame(&self, offset: FrameOffset) -> Result<Frame, VideoError> {
        let Rgb8 {
            width,
            height,
            pixels,
        } = self.rgb8(offset)?;
        let rgb = pixels
            .iter()
            .map(|level| f32::from(*level) / 255.0)
            .collect();
        Ok(Frame { width, height, rgb })
    }
}

impl std::fmt::Debug for VideoSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.name, self.info())
    }
}
