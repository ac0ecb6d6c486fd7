//! In: the code itself. Out: what the paper says of the method, the model and the world, so that it cannot disagree with them.

use experiments::world::facts::{CORE_REACH, CUE_REACH};
use experiments::world::split::Length;
use serde_json::{Map, Value, json};
use vrt_core::episode::Rules;
use vrt_core::model::Tiny;
use vrt_core::objective::{Objective, VrThinker};
use vrt_core::op::{AllOps, OpSet, PaperOps};

/// Constants of the method as compiled.
pub fn facts() -> Value {
    let objective = VrThinker::default();
    let rules = Rules::default();
    json!({
        "objective": objective,
        "terms": VrThinker::TERMS,
        "advantage": objective.advantage(),
        "loss": objective.loss(),
        "resample": objective.resample(),
        "rules": rules,
        "initial": 2 * rules.initial_per_video,
        "operations": PaperOps::NAMES,
        "library": AllOps::NAMES,
        "model": {
            "parameters": Tiny::PARAMETERS,
            "vocabulary": Tiny::VOCAB,
            "width": Tiny::WIDTH,
            "side": Tiny::SIDE,
        },
        "world": {
            "frames": lengths(|length| length.frames().into()),
            "seen": lengths(|length| seen(length, &rules).into()),
            "site": 2 * CORE_REACH + 1,
            "cue": CUE_REACH - 1,
        },
    })
}

fn lengths(of: impl Fn(Length) -> Value) -> Map<String, Value> {
    let named = Length::ALL.map(|length| (length.name().to_owned(), of(length)));
    named.into_iter().collect()
}

/// The chance, in percent, that an initial frame shows a site: a centre is anywhere but in the first and last two frames.
fn seen(length: Length, rules: &Rules) -> f64 {
    let shown = rules.initial_per_video * (2 * CORE_REACH + 1);
    100.0 * f64::from(shown) / f64::from(length.frames() - 4)
}
