//! A temperature of 0 divides by nothing.

use vrt_core::objective;
use vrt_core::reward::{accuracy, format};

objective! {
    /// Right answers in format.
    pub Mine {
        reward    format + accuracy;
        advantage group { center: mean, scale: std };
        loss      sapo { positive: 0.0, negative: 1.05 }, kl { estimator: k3, beta: 0.01 }, reduce: per_sample_mean;
        groups    keep all;
    }
}

fn main() {}
