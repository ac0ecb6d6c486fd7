//! In: format and accuracy. Out: rewards, advantages and loss of Bnpo.

use crate::reward::{accuracy, format};

vrt_macros::objective! {
    /// Batch-normalised policy optimisation as TRL names it: GRPO whose tokens weigh the same within a mini-batch.
    pub Bnpo {
        reward    format + accuracy;
        advantage group { center: mean, scale: std, eps: 0.0001 };
        loss      clip { low: 0.2, high: 0.2 }, kl { estimator: k3, beta: 0.0 }, reduce: token_mean;
        groups    keep all;
    }
}
