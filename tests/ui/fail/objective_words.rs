use vrt_core::reward::{RewardTerm, accuracy, cot_gain, exploration, format};

vrt_core::objective! {
    /// A slip in every section.
    pub Slips {
        rewards   format + accuracy;
        advantage grup { center: mean, scale: std };
        loss      clip { low: 0.2, hihg: 0.2 }, kl { estimator: k4, beta: 0.01 }, reduce: per_sample_men;
        groups    resample when all_corect | all_wrong;
        require   accuracy > format;
    }
}

pub fn used() { let _ = (accuracy::DEFAULT, cot_gain::DEFAULT, exploration::DEFAULT, format::DEFAULT); }

fn main() {}
