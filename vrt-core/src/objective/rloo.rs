//! In: format and accuracy. Out: rewards, advantages and loss of Rloo.

use crate::reward::{accuracy, format};

vrt_macros::objective! {
    /// REINFORCE with a leave-one-out baseline (RLOO, arXiv 2402.14740): the KL is in the reward, the ratio is the
    /// sequence's.
    pub Rloo {
        reward    format + accuracy;
        advantage group { center: leave_one_out, scale: none };
        loss      ratio: sequence, clip { low: 0.2, high: 0.2 }, kl { estimator: k1, beta: 0.05, in: reward }, reduce: per_sample_mean;
        groups    keep all;
    }
}
