//! In: paths of two videos, a caption. Out: the pair to be judged, in the order given and in the other one.

use std::path::Path;
use std::sync::Arc;

use rand::RngExt;
use vrt_core::pair::{FrameOffset, PairKey, PreferencePair, Side, Video, VideoError};
use vrt_core::rng::{Purpose, stream};
use vrt_view::VideoName;

use crate::eval::Sides;
use crate::video::{Info, Limits, OpenError, VideoSource, open};

/// Two videos and their caption.
pub struct Clips {
    caption: String,
    names: [String; 2],
    videos: [Arc<VideoSource>; 2],
    key: PairKey,
}

/// A video cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum ClipError {
    /// It cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// One of the frames that are shown first is damaged.
    #[error(transparent)]
    Frame(#[from] VideoError),
}

/// The order in which the videos are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Whether they change places.
    pub sides: Sides,
    /// From which the second order's own draws follow.
    pub seed: u64,
}

impl Clips {
    /// Opens two videos, each held to the limits. Their pair's key follows from the caption, and from the names and
    /// lengths of both, not from their folders.
    ///
    /// # Errors
    /// [`ClipError`] names the file and says what is wrong with it.
    pub fn open(paths: [&Path; 2], caption: &str, limits: &Limits) -> Result<Self, ClipError> {
        let [first, second] = paths;
        let videos = [
            Arc::new(open(first, limits)?),
            Arc::new(open(second, limits)?),
        ];
        let mut hasher = blake3::Hasher::new();
        let mut add = |text: &[u8]| {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text);
        };
        add(caption.as_bytes());
        for (path, video) in paths.iter().zip(&videos) {
            let name = path.file_name().unwrap_or(path.as_os_str());
            add(name.to_string_lossy().as_bytes());
            add(&video.info().frames.to_le_bytes());
        }
        let mut word = [0; 8];
        hasher.finalize_xof().fill(&mut word);
        Ok(Self {
            caption: caption.to_owned(),
            names: paths.map(|path| path.display().to_string()),
            videos,
            key: PairKey(u64::from_le_bytes(word)),
        })
    }

    /// The caption.
    pub fn caption(&self) -> &str {
        &self.caption
    }

    /// The paths, in the order given.
    pub fn names(&self) -> &[String; 2] {
        &self.names
    }

    /// What is known of the videos, in the order given.
    pub fn infos(&self) -> [&Info; 2] {
        self.videos.each_ref().map(|video| video.info())
    }

    /// Decodes the frames that an episode begins with, all cores at work: what is damaged is found before anybody is asked.
    ///
    /// # Errors
    /// [`ClipError::Frame`] for the first one that cannot be shown.
    pub fn look(&self, per_video: u32) -> Result<(), ClipError> {
        let pool = self.pair(Order {
            sides: Sides::AsFiled,
            seed: 0,
        });
        let pool = pool.pool();
        let initial = pool.evenly(per_video);
        for (side, video) in Side::BOTH.into_iter().zip(&self.videos) {
            let own = initial.iter().filter_map(|frame| pool.locate(*frame));
            let own = own.filter(|(of, _)| *of == side).map(|(_, offset)| offset);
            video.rgb8_each(&own.collect::<Vec<FrameOffset>>())?;
        }
        Ok(())
    }

    /// The pair in this order. The second order has a key of its own, so that no draw is made twice.
    pub fn pair(&self, order: Order) -> PreferencePair {
        let key = match order.sides {
            Sides::AsFiled => self.key,
            Sides::Swapped => {
                let mut own = stream(order.seed, Purpose::SecondOrder, 0, self.key.0, 0);
                PairKey(own.random())
            }
        };
        let [first, second] = &self.videos;
        PreferencePair {
            key,
            caption: self.caption.clone(),
            videos: order
                .sides
                .arrange::<Arc<dyn Video>>([first.clone(), second.clone()]),
            truth: None,
        }
    }

    /// What a trace calls the videos in this order.
    pub fn video_names(&self, sides: Sides) -> [VideoName; 2] {
        let name = |side: usize| VideoName {
            name: self.names[side].clone(),
            fps: self.videos[side].info().rate(),
        };
        sides.arrange([name(0), name(1)])
    }
}
