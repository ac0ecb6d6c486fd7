//! In: what a draw is for. Out: a random stream that depends on nothing else.
//!
//! Counter-based: the key of a ChaCha8 stream is (seed, purpose, a, b) and its number is `stream`, so a
//! result cannot depend on the number of threads, the order of a batch, or a restart.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// What a stream is for. Two purposes never share a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u64)]
pub enum Purpose {
    /// The facts of a synthetic pair.
    World = 1,
    /// The pixels of one frame.
    Pixels = 2,
    /// Initial weights.
    Init = 3,
    /// A scripted player's choices.
    Teacher = 4,
    /// The pretraining corpus of the base.
    Corpus = 5,
    /// One sampled token.
    Token = 6,
    /// The order of training examples.
    Shuffle = 7,
    /// Which pairs a step trains on.
    Prompts = 8,
    /// Resampling for intervals.
    Bootstrap = 9,
    /// Frames chosen at random, for the control arm.
    RandomFrames = 10,
    /// Frames that are shown twice.
    Duplicates = 11,
    /// The seed that a server is given with a request.
    Request = 12,
    /// How long a request waits before it is sent again.
    Backoff = 13,
    /// Which video of a benchmark's pair is shown first.
    Sides = 14,
    /// The second episode of a pair that is judged in both orders.
    SecondOrder = 15,
}

/// The stream for one purpose, keyed by up to three numbers.
///
/// `a` and `b` are typically the step and the pair's key, `stream` a sample, frame or token number.
pub fn stream(seed: u64, purpose: Purpose, a: u64, b: u64, stream: u64) -> ChaCha8Rng {
    let mut key = [0u8; 32];
    for (chunk, word) in key.chunks_exact_mut(8).zip([seed, purpose as u64, a, b]) {
        chunk.copy_from_slice(&word.to_le_bytes());
    }
    let mut rng = ChaCha8Rng::from_seed(key);
    rng.set_stream(stream);
    rng
}
