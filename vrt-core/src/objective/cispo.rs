//! In: format and accuracy. Out: rewards, advantages and loss of Cispo.

use crate::reward::{accuracy, format};

vrt_macros::objective! {
    /// Clipped importance-sampling weights (CISPO, MiniMax-M1, arXiv 2506.13585): no token loses its gradient.
    pub Cispo {
        reward    format + accuracy;
        advantage group { center: mean, scale: std };
        loss      cispo { cap: 5.0 }, kl { estimator: k3, beta: 0.0 }, reduce: global_token_mean;
        groups    keep all;
    }
}
