use vrt_core::reward::{Group, Judged, Score};

/// Calm samples.
#[vrt_core::reward_term(range = 0.0..=wieght)]
fn calm(
    _ep: &Judged,
    /// How much.
    #[param(default = 1.5, range = 0.0..=1.0)]
    weight: f64,
    /// How long.
    #[param(defualt = 1.0, range = 0.0..=1.0)]
    length: f64,
    /// How often.
    times: f64,
    /// How many.
    #[param(default = 1, range = 0..=3)]
    count: u32,
) -> Score {
    Score::Value(weight * length * times * f64::from(count))
}

pub fn unused(_: &Group<'_>, _: &Judged) -> Score { Score::Value(0.0) }

fn main() {}
