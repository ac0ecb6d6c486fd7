//! In: the paper's four rewards. Out: the objective of its GRPO stage.

use crate::reward::{accuracy, cot_gain, exploration, format};

vrt_macros::objective! {
    /// The paper's objective: `s_i = f_fmt + f_acc + f_cot + η·f_explo`, normalised within the group.
    ///
    /// The clip's ε and the advantage's `eps` are not stated in the paper; 0.2 is the usual choice.
    pub VrThinker {
        reward    format + accuracy + cot_gain + eta * exploration;
        weight    eta = 0.5 in 0.0..=1.0;
        tie       cot_gain.alpha = accuracy.alpha;
        advantage group { center: mean, scale: std, eps: 1e-6 };
        loss      clip { low: 0.2, high: 0.2 }, kl { estimator: k3, beta: 0.01 }, reduce: per_sample_mean;
        groups    resample when all_correct | all_wrong;
        require   abs(cot_gain) + eta * exploration < accuracy;
    }
}
