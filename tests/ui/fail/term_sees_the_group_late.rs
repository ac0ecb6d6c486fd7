use vrt_core::reward::{Group, Judged, Score};

/// Calm samples.
#[vrt_core::reward_term(rang = 0.0..=1.0)]
fn calm(
    _ep: Judged,
    /// How much.
    #[param(default = 0.5, range = 0.0..=1.0)]
    weight: f64,
    group: &Group<'_>,
) -> f64 {
    weight * group.samples.len() as f64
}

pub fn unused(_: &Group<'_>, _: &Judged) -> Score { Score::Value(0.0) }

fn main() {}
