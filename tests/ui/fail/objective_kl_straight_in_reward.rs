//! A gradient for a reward.

use vrt_core::objective;
use vrt_core::reward::{accuracy, format};

objective! {
    /// Right answers in format.
    pub Mine {
        reward    format + accuracy;
        advantage group { center: mean, scale: std };
        loss      clip { low: 0.2, high: 0.2 }, kl { estimator: k3_straight, beta: 0.1, in: reward }, reduce: token_mean;
        groups    keep all;
    }
}

fn main() {}
