use vrt_core::reward::{RewardTerm, accuracy, cot_gain, exploration, format};

vrt_core::objective! {
    /// Numbers that cannot be.
    pub Numbers {
        reward    exploration * 0.5 + format;
        advantage group { center: 0.5, scale: std, eps: small };
        loss      clip { low: 2.0, high: 0.2 }, kl { estimator: k3, beta: -0.01 }, reduce: sum_over_constant;
        groups    drop when all_correct;
        require   max(cot_gain) < accuracy;
    }
}

pub fn used() { let _ = (accuracy::DEFAULT, cot_gain::DEFAULT, exploration::DEFAULT, format::DEFAULT); }

fn main() {}
