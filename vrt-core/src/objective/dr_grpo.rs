//! In: format and accuracy. Out: rewards, advantages and loss of DrGrpo.

use crate::reward::{accuracy, format};

vrt_macros::objective! {
    /// GRPO without its two biases (Dr. GRPO, arXiv 2503.20783): no deviation in the advantage, a constant in the place of a
    /// sample's length.
    pub DrGrpo {
        reward    format + accuracy;
        advantage group { center: mean, scale: none };
        loss      clip { low: 0.2, high: 0.2 }, kl { estimator: k3, beta: 0.0 }, reduce: sum_over_constant(64);
        groups    keep all;
    }
}
