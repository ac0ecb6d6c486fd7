use vrt_core::reward::{Group, Judged, Score};

/// Calm samples.
#[vrt_core::reward_term(range = 0.0..=weight)]
fn calm(
    _ep: &Judged,
    /// How much.
    #[param(default = 0.0, range = 0.0..=1.0)]
    weight: f64,
) -> Score {
    Score::Value(weight)
}

/// Restless samples.
#[vrt_core::reward_term(range = 1.0..=-1.0)]
fn restless(_ep: &Judged) -> Score {
    Score::Value(0.0)
}

pub fn unused(_: &Group<'_>, _: &Judged) -> Score { Score::Value(0.0) }

fn main() {}
