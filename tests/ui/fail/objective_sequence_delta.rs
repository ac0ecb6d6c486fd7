//! A bound of a token's ratio where the ratio is the sequence's.

use vrt_core::objective;
use vrt_core::reward::{accuracy, format};

objective! {
    /// Right answers in format.
    pub Mine {
        reward    format + accuracy;
        advantage group { center: mean, scale: std };
        loss      ratio: sequence, clip { low: 0.2, high: 0.2, delta: 2.0 }, kl { estimator: k3, beta: 0.01 }, reduce: per_sample_mean;
        groups    keep all;
    }
}

fn main() {}
