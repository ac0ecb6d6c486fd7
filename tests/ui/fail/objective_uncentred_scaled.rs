//! A scale without a centre.

use vrt_core::objective;
use vrt_core::reward::{accuracy, format};

objective! {
    /// Right answers in format.
    pub Mine {
        reward    format + accuracy;
        advantage group { center: none, scale: batch_std };
        loss      clip { low: 0.2, high: 0.2 }, kl { estimator: k3, beta: 0.01 }, reduce: per_sample_mean;
        groups    keep all;
    }
}

fn main() {}
