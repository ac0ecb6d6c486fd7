//! In: format and accuracy. Out: rewards, advantages and loss of Grpo.

use crate::reward::{accuracy, format};

vrt_macros::objective! {
    /// Group-relative policy optimisation (DeepSeekMath, arXiv 2402.03300), as TRL computes it.
    pub Grpo {
        reward    format + accuracy;
        advantage group { center: mean, scale: std, eps: 0.0001 };
        loss      clip { low: 0.2, high: 0.2 }, kl { estimator: k3, beta: 0.04 }, reduce: per_sample_mean;
        groups    keep all;
    }
}
