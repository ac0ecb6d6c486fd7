//! In: format and accuracy. Out: rewards, advantages and loss of Gspo.

use crate::reward::{accuracy, format};

vrt_macros::objective! {
    /// Group sequence policy optimisation (GSPO, arXiv 2507.18071): one ratio a sequence, clipped tightly.
    pub Gspo {
        reward    format + accuracy;
        advantage group { center: mean, scale: std };
        loss      ratio: sequence, clip { low: 0.0003, high: 0.0004 }, kl { estimator: k3, beta: 0.0 }, reduce: per_sample_mean;
        groups    keep all;
    }
}
