use vrt_core::reward::{RewardTerm, accuracy, cot_gain, exploration, format};

vrt_core::objective! {
    /// Rewards alone.
    pub Rewards {
        reward format + accuracy;
        loss   clip { low: 0.2 };
        loss   kl { estimator: k3, beta: 0.01 };
    }
}

pub fn uses() -> vrt_core::objective::LossSpec {
    vrt_core::objective::Objective::loss(&Rewards::default())
}

pub fn used() { let _ = (accuracy::DEFAULT, cot_gain::DEFAULT, exploration::DEFAULT, format::DEFAULT); }

fn main() {}
