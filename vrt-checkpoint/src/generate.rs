//! In: a prompt's rows. Out: the tokens that follow it, the likeliest each time.

use vrt_core::model::decode::{DecodeError, Engine, NewRow};
use vrt_core::model::sampling::{SampleError, sample};

use crate::prompt::text_row;

/// Generation stopped at something that cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// A row was refused.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// No token can be chosen.
    #[error("after {tokens} tokens: {source}")]
    Sample {
        /// Tokens chosen before.
        tokens: usize,
        /// Why.
        source: SampleError,
    },
}

/// Up to `count` tokens after a prompt, each the likeliest; the lowest id among equals.
///
/// `next_position` is the prompt's; a token of `ends` stops generation and is the last one given; `barred` tokens are
/// never chosen.
///
/// # Errors
/// [`GenerateError`] if a row is refused or no token is left.
pub fn greedy(
    engine: &mut Engine,
    prompt: &[NewRow<'_>],
    next_position: u32,
    count: usize,
    ends: &[u32],
    barred: &[u32],
) -> Result<Vec<u32>, GenerateError> {
    let (mut cache, mut logits) = (engine.cache(), Vec::new());
    let mut tokens = Vec::with_capacity(count);
    let mut row;
    let mut new = prompt;
    while tokens.len() < count {
        engine.forward(&mut [(&mut cache, new)], &mut logits)?;
        let chosen = sample(&mut logits, 0.0, barred, 0.0)
            .map_err(|source| GenerateError::Sample {
                tokens: tokens.len(),
                source,
            })?
            .token;
        row = [text_row(chosen, [next_position + tokens.len() as u32; 3])];
        new = &row;
        tokens.push(chosen);
        if ends.contains(&chosen) {
            break;
        }
    }
    Ok(tokens)
}
