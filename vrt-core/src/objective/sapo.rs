//! In: format and accuracy. Out: rewards, advantages and loss of Sapo.

use crate::reward::{accuracy, format};

vrt_macros::objective! {
    /// Soft adaptive policy optimisation (SAPO, arXiv 2511.20347): a sigmoid in the place of the clip.
    pub Sapo {
        reward    format + accuracy;
        advantage group { center: mean, scale: std };
        loss      sapo { positive: 1.0, negative: 1.05 }, kl { estimator: k3, beta: 0.0 }, reduce: per_sample_mean;
        groups    keep all;
    }
}
