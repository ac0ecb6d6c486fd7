//! In: paths of videos and their lengths. Out: videos that are open only while somebody looks at them.
//!
//! A benchmark has more videos than a process may have open files, or memory for their frames.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use vrt_core::pair::{Frame, FrameOffset, Video, VideoError};

use crate::video::{Limits, VideoSource, open};

/// Videos that are open at a time.
const ROOM: usize = 64;

/// Bytes of decoded frames that each of them keeps: six of 720p.
const CACHE_BYTES: u64 = 16 << 20;

/// The open videos; the one that was asked last the longest ago is closed for the next.
pub struct Shelf {
    limits: Limits,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    uses: u64,
    videos: HashMap<PathBuf, (Arc<VideoSource>, u64)>,
}

impl Shelf {
    /// An empty shelf; the limits hold for every video.
    pub fn new(limits: &Limits) -> Self {
        Self {
            limits: Limits {
                cache_bytes: limits.cache_bytes.min(CACHE_BYTES),
                ..*limits
            },
            open: Mutex::default(),
        }
    }

    /// A video of this length, opened when a frame is asked for.
    pub fn video(self: &Arc<Self>, path: &Path, frames: u32) -> Arc<dyn Video> {
        Arc::new(Shelved {
            shelf: Arc::clone(self),
            path: path.to_owned(),
            frames,
        })
    }

    fn take(&self, path: &Path) -> Result<Arc<VideoSource>, String> {
        let locked = || self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let found = |open: &mut Open| {
            open.uses += 1;
            let uses = open.uses;
            let (video, used) = open.videos.get_mut(path)?;
            *used = uses;
            Some(Arc::clone(video))
        };
        if let Some(video) = found(&mut locked()) {
            return Ok(video);
        }
        // Outside of the lock: the others go on meanwhile.
        let video = open(path, &self.limits).map_err(|error| error.fault.to_string())?;
        let mut open = locked();
        if let Some(video) = found(&mut open) {
            return Ok(video);
        }
        while open.videos.len() >= ROOM {
            let oldest = open.videos.iter().min_by_key(|(_, (_, used))| *used);
            let Some(oldest) = oldest.map(|(path, _)| path.clone()) else {
                break;
            };
            open.videos.remove(&oldest);
        }
        let (video, uses) = (Arc::new(video), open.uses);
        open.videos
            .insert(path.to_owned(), (Arc::clone(&video), uses));
        Ok(video)
    }
}

struct Shelved {
    shelf: Arc<Shelf>,
    path: PathBuf,
    frames: u32,
}

impl Video for Shelved {
    fn len(&self) -> u32 {
        self.frames
    }

    fn frame(&self, offset: FrameOffset) -> Result<Frame, VideoError> {
        let fail = |reason: String| VideoError {
            video: self.path.display().to_string(),
            offset,
            reason,
        };
        let video = self
            .shelf
            .take(&self.path)
            .map_err(|fault| fail(format!("the video {fault}")))?;
        if video.len() != self.frames {
            let (before, now) = (self.frames, video.len());
            return Err(fail(format!(
                "the video had {before} frames when the run began and has {now} now"
            )));
        }
        video.frame(offset)
    }
}
