//! In: frames of pairs. Out: their visual tokens, each frame encoded once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use dfdx::prelude::Cpu;

use crate::model::{Fused, ModelError, Tiny};
use crate::pair::{FrameIndex, PairKey, PreferencePair, VideoError};

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

/// The visual tokens of every frame that was looked at, for one state of the tower.
#[derive(Default)]
pub struct FrameBank {
    tokens: Mutex<HashMap<(PairKey, FrameIndex), Token>>,
}

impl FrameBank {
    /// The visual tokens of these frames, in order; what is not there yet is rendered and encoded.
    ///
    /// # Errors
    /// [`LookError`] for the first frame that cannot be produced or read.
    pub fn look(
        &self,
        tower: &Tiny,
        wanted: &[(&PreferencePair, FrameIndex)],
    ) -> Result<Vec<Token>, LookError> {
        let mut missing: Vec<(&PreferencePair, FrameIndex)> = {
            let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
            wanted
                .iter()
                .copied()
                .filter(|(pair, frame)| !tokens.contains_key(&(pair.key, *frame)))
                .collect()
        };
        missing.sort_by_key(|(pair, frame)| (pair.key, *frame));
        missing.dedup_by_key(|(pair, frame)| (pair.key, *frame));
        for batch in missing.chunks(FRAMES_A_BATCH) {
            let mut patches = Vec::new();
            for (pair, frame) in batch {
                patches.extend(tower.patchify(&pair.frame(*frame)?)?);
            }
            let encoded = tower.visual_rows::<Fused>(&Cpu::default(), &patches)?;
            let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
            for ((pair, frame), token) in batch.iter().zip(encoded.chunks_exact(Tiny::WIDTH)) {
                tokens.insert((pair.key, *frame), token.into());
            }
        }
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(wanted
            .iter()
            .map(|(pair, frame)| tokens[&(pair.key, *frame)].clone())
            .collect())
    }

    /// A visual token that was looked at before.
    pub fn get(&self, pair: PairKey, frame: FrameIndex) -> Option<Token> {
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.get(&(pair, frame)).cloned()
    }

    /// Forgets everything: for the next step's pairs.
    pub fn clear(&self) {
        self.tokens
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}
