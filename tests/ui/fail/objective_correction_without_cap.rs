//! A correction that does not say where it is truncated.

use vrt_core::objective;
use vrt_core::reward::{accuracy, format};

objective! {
    /// Right answers in format.
    pub Mine {
        reward    format + accuracy;
        advantage group { center: mean, scale: std };
        loss      clip { low: 0.2, high: 0.2 }, correct { }, kl { estimator: k3, beta: 0.01 }, reduce: per_sample_mean;
        groups    keep all;
    }
}

fn main() {}
