//! In: pictures of pairs. Out: their visual tokens, each picture encoded once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::encode::Encoder;
use crate::model::patches::fitted;
use crate::model::{ModelError, Tiny};
use crate::pair::{PairKey, PreferencePair, VideoError};
use crate::view::View;

type Token = Arc<[f32]>;

/// Frames encoded at a time: bounds the working memory of the tower.
const FRAMES_A_BATCH: usize = 128;

/// A frame could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// The video cannot produce it.
    #[error(transparent)]
    Video(#[from] VideoError),
    /// The tower cannot read it.
    #[error(transparent)]
    Tower(#[from] ModelError),
}

/// The visual tokens of every picture that was looked at, for one state of the tower.
#[derive(Default)]
pub struct FrameBank {
    tokens: Mutex<HashMap<(PairKey, View), Token>>,
}

impl FrameBank {
    /// The visual tokens of these pictures, in order; what is not there yet is rendered and encoded.
    ///
    /// # Errors
    /// [`LookError`] for the first picture that cannot be produced or read.
    pub fn look(
        &self,
        tower: &Encoder,
        wanted: &[(&PreferencePair, View)],
    ) -> Result<Vec<Token>, LookError> {
        let mut missing: Vec<(&PreferencePair, View)> = {
            let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
            wanted
                .iter()
                .copied()
                .filter(|(pair, view)| !tokens.contains_key(&(pair.key, *view)))
                .collect()
        };
        missing.sort_by_key(|(pair, view)| (pair.key, *view));
        missing.dedup_by_key(|(pair, view)| (pair.key, *view));
        for batch in missing.chunks(FRAMES_A_BATCH) {
            let mut patches = Vec::new();
            for (pair, view) in batch {
                patches.extend(tower.patchify(&fitted(pair.view(*view)?, Tiny::SIDE)?)?);
            }
            let encoded = tower.frames(&patches);
            let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
            for ((pair, view), token) in batch.iter().zip(encoded.chunks_exact(Tiny::WIDTH)) {
                tokens.insert((pair.key, *view), token.into());
            }
        }
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(wanted
            .iter()
            .map(|(pair, view)| tokens[&(pair.key, *view)].clone())
            .collect())
    }

    /// A visual token that was looked at before.
    pub fn get(&self, pair: PairKey, view: View) -> Option<Token> {
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.get(&(pair, view)).cloned()
    }

    /// Forgets everything: for the next step's pairs.
    pub fn clear(&self) {
        self.tokens
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}
