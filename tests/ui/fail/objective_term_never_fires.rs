use vrt_core::reward::{RewardTerm, accuracy, cot_gain, exploration, format};

vrt_core::objective! {
    /// A weight that is 0 where nothing overrides it.
    pub Idle {
        reward    format + eta * exploration;
        weight    eta = 0.0 in 0.0..=1.0;
        advantage group { center: mean, scale: std };
        loss      clip { low: 0.2, high: 0.2 }, kl { estimator: k3, beta: 0.01 }, reduce: per_sample_mean;
        groups    keep all;
    }
}

pub fn used() { let _ = (accuracy::DEFAULT, cot_gain::DEFAULT, exploration::DEFAULT, format::DEFAULT); }

fn main() {}
