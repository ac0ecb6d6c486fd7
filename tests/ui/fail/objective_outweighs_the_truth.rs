use vrt_core::reward::{RewardTerm, accuracy, cot_gain, exploration, format};

vrt_core::objective! {
    /// Looking pays more than being right.
    pub Greedy {
        reward    format + accuracy + cot_gain + eta * exploration;
        weight    eta = 5.0 in 0.0..=10.0;
        advantage group { center: mean, scale: std };
        loss      clip { low: 0.2, high: 0.2 }, kl { estimator: k3, beta: 0.01 }, reduce: per_sample_mean;
        groups    resample when all_correct | all_wrong;
        require   abs(cot_gain) + eta * exploration < accuracy;
    }
}

pub fn used() { let _ = (accuracy::DEFAULT, cot_gain::DEFAULT, exploration::DEFAULT, format::DEFAULT); }

fn main() {}
