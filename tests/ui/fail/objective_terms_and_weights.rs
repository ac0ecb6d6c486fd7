use vrt_core::reward::{RewardTerm, accuracy, cot_gain, exploration, format};

vrt_core::objective! {
    pub Slips {
        reward    format + accuracy + accuracy + 0.0 * cot_gain + etta * exploration;
        weight    eta = 1.5 in 0.0..=1.0;
        weight    theta = 0.5;
        weight    kl = 0.5 in 1.0..=0.0;
        advantage group { center: mean, scale: std };
        loss      clip { low: 0.2, high: 0.2 }, kl { estimator: k3, beta: 0.01 }, reduce: per_sample_mean;
        groups    keep all;
        require   abs(cot_gian) + eta * exploration < accuracy;
        tie       cot_gain.alpha = acuracy.alpha;
    }
}

pub fn used() { let _ = (accuracy::DEFAULT, cot_gain::DEFAULT, exploration::DEFAULT, format::DEFAULT); }

fn main() {}
