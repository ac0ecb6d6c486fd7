use vrt_core::reward::{RewardTerm, accuracy, cot_gain, exploration, format};

vrt_core::objective! {
    /// A term that nobody declared.
    pub Unknown {
        reward    format + acuracy;
        advantage group { center: mean, scale: std };
        loss      clip { low: 0.2, high: 0.2 }, kl { estimator: k3, beta: 0.01 }, reduce: per_sample_mean;
        groups    keep all;
    }
}

pub fn used() { let _ = (accuracy::DEFAULT, cot_gain::DEFAULT, exploration::DEFAULT, format::DEFAULT); }

fn main() {}
