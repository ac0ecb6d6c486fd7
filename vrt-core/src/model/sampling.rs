//! In: one row of logits and one uniform draw. Out: a token and its log-probability.

use pulp::Simd;

use super::kernels::{self, Work, wide};

/// One sampled token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampled {
    /// Its id.
    pub token: u32,
    /// Its log-probability at the sampling temperature; when greedy, at temperature 1.
    pub logp: f32,
}

/// No token can be drawn.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum SampleError {
    /// A logit is NaN or +∞: the weights or the visual embeddings are broken.
    #[error(
        "logit {token} is {value}: the weights or the visual embeddings hold values that are not finite"
    )]
    NotFinite {
        /// The first such id.
        token: u32,
        /// Its logit.
        value: f32,
    },
    /// Every token is banned or has a logit of −∞.
    #[error("none of {vocab} tokens is left: too many are banned")]
    NothingLeft {
        /// Length of the row.
        vocab: usize,
    },
    /// The vocabulary has no such token.
    #[error("banned token {token} is beyond the vocabulary of {vocab}")]
    Banned {
        /// The id.
        token: u32,
        /// Length of the row.
        vocab: usize,
    },
    /// The temperature is negative or not finite.
    #[error("temperature is {0}: it should be 0 (greedy) or above")]
    Temperature(f32),
    /// The draw lies outside `[0, 1)`.
    #[error("the uniform draw is {0}: it should lie in [0, 1)")]
    Uniform(f32),
}

/// Draws a token from `softmax(logits / temperature)` by inverting its distribution at `uniform`.
///
/// Temperature 0 takes the largest logit, the lowest id among equals. Banned tokens are taken out before
/// normalisation. `logits` is used up as room.
///
/// # Errors
/// [`SampleError`] says which input cannot be sampled from.
pub fn sample(
    logits: &mut [f32],
    temperature: f32,
    banned: &[u32],
    uniform: f32,
) -> Result<Sampled, SampleError> {
    let vocab = logits.len();
    if !(temperature.is_finite() && temperature >= 0.0) {
        return Err(SampleError::Temperature(temperature));
    }
    if !(0.0..1.0).contains(&uniform) {
        return Err(SampleError::Uniform(uniform));
    }
    let broken = |x: &f32| x.is_nan() || *x == f32::INFINITY;
    // Without an early end, so that the common case is vector code.
    if logits.iter().fold(false, |any, x| any | broken(x))
        && let Some(token) = logits.iter().position(broken)
    {
        return Err(SampleError::NotFinite {
            token: token as u32,
            value: logits[token],
        });
    }
    for token in banned {
        *logits.get_mut(*token as usize).ok_or(SampleError::Banned {
            token: *token,
            vocab,
        })? = f32::NEG_INFINITY;
    }
    let top = kernels::max(logits);
    if top == f32::NEG_INFINITY {
        return Err(SampleError::NothingLeft { vocab });
    }
    let greedy = temperature == 0.0;
    let best = if greedy {
        logits.iter().position(|x| *x == top)
    } else {
        // The largest becomes 0 first, so that a tiny temperature cannot overflow it.
        for x in logits.iter_mut() {
            *x = (*x - top) / temperature;
        }
        None
    };
    kernels::log_softmax(logits);
    let drawn = if greedy {
        best
    } else {
        invert(logits, uniform)
    };
    let token = drawn.ok_or(SampleError::NothingLeft { vocab })?;
    Ok(Sampled {
        token: token as u32,
        logp: logits[token],
    })
}

/// The first token at which the cumulative probability exceeds `uniform`; rounding may leave the sum just
/// short of 1, then the last token that has any.
fn invert(logp: &[f32], uniform: f32) -> Option<usize> {
    wide(Reach { logp, uniform })
        .or_else(|| logp.iter().rposition(|logp| *logp > f32::NEG_INFINITY))
}

struct Reach<'a> {
    logp: &'a [f32],
    uniform: f32,
}

impl Work for Reach<'_> {
    type Output = Option<usize>;

    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> Option<usize> {
        const CHUNK: usize = 16;
        let mut reached = 0.0;
        for (c, chunk) in self.logp.chunks(CHUNK).enumerate() {
            let mut p = [0.0f32; CHUNK];
            for (p, logp) in p.iter_mut().zip(chunk) {
                *p = kernels::exp(*logp);
            }
            for (i, p) in p.iter().enumerate() {
                reached += p;
                if reached > self.uniform {
                    return Some(c * CHUNK + i);
                }
            }
        }
        None
    }
}
