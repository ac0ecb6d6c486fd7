//! In: format and accuracy. Out: rewards, advantages and loss of Dapo.

use crate::reward::{accuracy, format};

vrt_macros::objective! {
    /// Decoupled clip and dynamic sampling (DAPO, arXiv 2503.14476): clip-higher, every token of the step weighs the same,
    /// cut episodes carry no loss, groups that teach nothing are drawn again.
    pub Dapo {
        reward    format + accuracy;
        advantage group { center: mean, scale: std };
        loss      clip { low: 0.2, high: 0.28 }, kl { estimator: k3, beta: 0.0 }, reduce: global_token_mean, truncated: mask;
        groups    resample when all_correct | all_wrong;
    }
}
