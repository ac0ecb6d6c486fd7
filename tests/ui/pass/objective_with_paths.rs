use vrt_core::objective::Objective;

vrt_core::objective! {
    /// Terms by their paths, sections in another order.
    Plain {
        groups    resample when all_wrong;
        loss      reduce: token_mean, kl { beta: 0.0, estimator: k2 }, clip { high: 0.3, low: 0.2 };
        advantage group { scale: std, center: mean };
        reward    vrt_core::reward::format + -0.5 * vrt_core::reward::accuracy;
    }
}

fn main() {
    assert_eq!(Plain::TERMS, ["format", "accuracy"]);
    assert!(Plain::default().validate().is_ok());
}
