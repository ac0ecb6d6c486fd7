//! In: views of a pair. Out: their visual embeddings, each picture looked at once for all samples of the pair.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use vrt_checkpoint::Picture;
use vrt_checkpoint::processor::Processor;
use vrt_core::pair::PreferencePair;
use vrt_core::view::View;

use super::reader::Reader;
use crate::server::PictureError;

/// A picture as the model sees it.
#[derive(Clone)]
pub(super) struct Seen {
    /// Patches in time, in a column, in a row.
    pub grid: [usize; 3],
    /// Its visual tokens, one after the other.
    pub embeddings: Arc<[f32]>,
}

/// The pictures of one pair.
pub struct Gallery {
    pair: PreferencePair,
    seen: Mutex<HashMap<View, Seen>>,
}

impl Gallery {
    /// An empty gallery.
    pub fn new(pair: &PreferencePair) -> Self {
        Self {
            pair: pair.clone(),
            seen: Mutex::default(),
        }
    }

    /// What the model sees of a picture of at least `pixels[0]` and at most `pixels[1]` pixels.
    pub(super) fn look(
        &self,
        reader: &Reader,
        pixels: [u64; 2],
        view: View,
    ) -> Result<Seen, PictureError> {
        let lock = || self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seen) = lock().get(&view) {
            return Ok(seen.clone());
        }
        let refuse = |reason: String| PictureError {
            view: view.to_string(),
            reason,
        };
        let frame = self.pair.view(view).map_err(|e| refuse(e.to_string()))?;
        let picture = Picture::of_frame(&frame).map_err(|e| refuse(e.to_string()))?;
        let processor = Processor {
            pixels,
            ..reader.processor().clone()
        };
        let patches = processor
            .image(&picture)
            .map_err(|e| refuse(e.to_string()))?;
        let seen = Seen {
            grid: patches.grid,
            embeddings: reader.look(&patches).into(),
        };
        lock().insert(view, seen.clone());
        Ok(seen)
    }
}
