//! Random batches for the model's tests.

use rand::RngExt;
use vrt_core::rng::{Purpose, stream};
use vrt_core::sequence::Packed;
use vrt_core::window::MemoryWindow;

/// Frames that the batches show.
pub const FRAMES: usize = 5;

/// Patches of `frames` random frames of the small models.
pub fn patches(seed: u64, frames: usize) -> Vec<f32> {
    let mut rng = stream(seed, Purpose::Pixels, 0, 0, 0);
    (0..frames * 16 * 48)
        .map(|_| rng.random_range(-1.0..1.0))
        .collect()
}

/// Sequences of these lengths with initial frames, then rounds that fetch two frames each; every third
/// text row is a target. The newest `width` rounds are visible.
pub fn batch(seed: u64, lengths: &[usize], width: u8) -> Packed {
    let mut rng = stream(seed, Purpose::Corpus, 0, 0, 0);
    let mut packed = Packed {
        starts: vec![0],
        ..Packed::default()
    };
    for &length in lengths {
        let mut round = 0;
        for position in 0..length {
            let row = packed.tokens.len() as u32;
            let initial = (1..3).contains(&position);
            let fetched = position % 8 == 6 || position % 8 == 7;
            if position % 8 == 6 {
                round += 1;
            }
            if initial || fetched {
                packed.visual_rows.push(row);
                packed.visual_index.push(rng.random_range(0..FRAMES as u32));
                packed.tokens.push(0);
            } else {
                packed.tokens.push(rng.random_range(0..384));
                if position % 3 == 0 {
                    packed.target_rows.push(row);
                    packed.target_tokens.push(rng.random_range(0..384));
                }
            }
            packed
                .positions
                .push([position as u32, position as u32 / 2, rng.random_range(0..9)]);
            packed.evidence.push(if fetched { round } else { 0 });
            let costs = vec![2; usize::from(round)];
            packed.oldest.push(MemoryWindow::new(width).oldest(&costs));
        }
        packed.starts.push(packed.tokens.len() as u32);
    }
    packed
}

/// [`batch`] with `targets` targets in each sequence, the last rows.
pub fn dense_batch(seed: u64, lengths: &[usize], targets: usize, width: u8) -> Packed {
    let mut packed = batch(seed, lengths, width);
    packed.target_rows.clear();
    packed.target_tokens.clear();
    for bounds in packed.starts.windows(2) {
        for row in bounds[1] - targets as u32..bounds[1] {
            packed.target_rows.push(row);
            packed.target_tokens.push(row * 7 % 384);
        }
    }
    packed
}

/// A loss whose derivative differs from target to target: `Σ sin(i + 1) · logp`.
pub fn loss_of(logps: &[f32]) -> (f64, Vec<f32>) {
    let derivative: Vec<f32> = (0..logps.len()).map(|i| (i as f32 + 1.0).sin()).collect();
    let loss = logps
        .iter()
        .zip(&derivative)
        .map(|(logp, d)| f64::from(*logp) * f64::from(*d))
        .sum();
    (loss, derivative)
}
