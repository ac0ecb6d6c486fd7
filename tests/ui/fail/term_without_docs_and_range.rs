use vrt_core::reward::{Group, Judged, Score};

#[vrt_core::reward_term]
fn calm(_ep: &Judged, #[param(default = 0.5, range = 0.0..=1.0)] weight: f64) -> Score {
    Score::Value(weight)
}

pub fn unused(_: &Group<'_>, _: &Judged) -> Score { Score::Value(0.0) }

fn main() {}
