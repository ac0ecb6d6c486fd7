//! In: the operations, terms and objectives of the library. Out: `docs/reference.md`, a table of each.

use std::fmt::Write as _;

use serde_json::Value;
use vrt_core::objective::{
    AdvantageSpec, Bnpo, Cispo, Dapo, DrGrpo, Grpo, Gspo, LossSpec, Objective, Ratio, Reduce,
    Resample, Rloo, Sapo, Surrogate, Truncated, VrThinker,
};
use vrt_core::op::{AllOps, Limits, OpSet, OpSpec};
use vrt_core::pair::Pool;
use vrt_core::reward::{RewardTerm, Scope, accuracy, cot_gain, exploration, format};

const HEAD: &str = "\
# Reference

What the library declares, as its declarations say it. `cargo run -p experiments -- reference` prints this page; a test
compares.

";

/// Frames of each video for which bounds that vary by pair are shown.
const SHOWN: u32 = 48;

/// Earlier outcomes for which they are shown.
const OUTCOMES: u32 = 2;

/// The page.
pub fn page() -> String {
    let mut out = HEAD.to_owned();
    let mut limits = Limits::new(Pool::new(SHOWN, SHOWN));
    limits.outcomes = OUTCOMES;
    out += "## Visual operations\n\n";
    out += &format!(
        "Bounds that vary are shown for two videos of {SHOWN} frames, {OUTCOMES} earlier outcomes and {} frames a call.\n\n",
        limits.frames_a_call
    );
    for spec in AllOps::specs(&limits) {
        operation(&mut out, &spec);
    }
    out += "## Reward terms\n\n";
    out += "| term | pays | sees | parameter | default | range | meaning |\n|---|---|---|---|---|---|---|\n";
    term::<format>(&mut out);
    term::<accuracy>(&mut out);
    term::<cot_gain>(&mut out);
    term::<exploration>(&mut out);
    out += "\n## Objectives\n\n";
    out += "[objectives.md](objectives.md) holds the equations of each choice.\n\n";
    out += "| objective | terms | advantage | loss | drawn again |\n|---|---|---|---|---|\n";
    let mut about = String::new();
    objective::<VrThinker>(&mut out, &mut about);
    objective::<Grpo>(&mut out, &mut about);
    objective::<DrGrpo>(&mut out, &mut about);
    objective::<Dapo>(&mut out, &mut about);
    objective::<Bnpo>(&mut out, &mut about);
    objective::<Gspo>(&mut out, &mut about);
    objective::<Cispo>(&mut out, &mut about);
    objective::<Sapo>(&mut out, &mut about);
    objective::<Rloo>(&mut out, &mut about);
    out + "\n" + &about
}

fn operation(out: &mut String, spec: &OpSpec) {
    let _ = writeln!(out, "### `{}`\n\n{}\n", spec.name, paragraphs(spec.doc));
    *out += "| argument | value | meaning |\n|---|---|---|\n";
    for (name, schema) in declared(spec) {
        let meaning = schema["description"].as_str().unwrap_or_default();
        let _ = writeln!(out, "| `{name}` | {} | {meaning} |", value(schema));
    }
    let _ = writeln!(out, "\n```json\n{}\n```\n", spec.signature);
}

/// The arguments of an operation in the order of its declaration, with the values they take in words.
pub fn arguments(spec: &OpSpec) -> Vec<(String, String)> {
    declared(spec)
        .map(|(name, schema)| (name.to_owned(), value(schema)))
        .collect()
}

/// The arguments' schemas. The order of the declaration is the order of `required`; a map has none of its own.
fn declared(spec: &OpSpec) -> impl Iterator<Item = (&str, &Value)> {
    let names = spec.schema["required"].as_array().into_iter().flatten();
    names
        .filter_map(Value::as_str)
        .map(|name| (name, &spec.schema["properties"][name]))
}

/// A schema in words: `list of 1 to 8 different whole numbers from 1 to 96`.
fn value(schema: &Value) -> String {
    let bounds = |low: &str, high: &str| match (&schema[low], &schema[high]) {
        (Value::Null, Value::Null) => String::new(),
        (low, high) if low == high => format!(" {low}"),
        (Value::Null, high) => format!(" up to {high}"),
        (low, Value::Null) => format!(" from {low}"),
        (low, high) => format!(" {low} to {high}"),
    };
    match schema["type"].as_str() {
        Some("integer") => format!("whole number{}", bounds("minimum", "maximum")),
        Some("number") => format!("number{}", bounds("minimum", "maximum")),
        Some("boolean") => "yes or no".to_owned(),
        Some("string") => format!("text of{} characters", bounds("minLength", "maxLength")),
        Some("array") => {
            let distinct = match schema["uniqueItems"].as_bool() {
                Some(true) => ", all different",
                _ => "",
            };
            format!(
                "list of{}, each a {}{distinct}",
                bounds("minItems", "maxItems"),
                value(&schema["items"])
            )
        }
        _ => format!("`{schema}`"),
    }
}

fn term<T: RewardTerm>(out: &mut String) {
    let sees = match T::SCOPE {
        Scope::Sample => "the sample",
        Scope::Group => "its group",
    };
    let doc = T::DOC.replace('\n', " ");
    let _ = writeln!(
        out,
        "| `{}` | {} | {sees} | | | | {doc} |",
        T::NAME,
        T::RANGE
    );
    for param in T::PARAMS {
        let _ = writeln!(
            out,
            "| | | | `{}` | {} | {} | {} |",
            param.name, param.default, param.range, param.doc
        );
    }
}

fn objective<B: Objective>(out: &mut String, about: &mut String) {
    let objective = B::default();
    let terms: Vec<String> = B::TERMS.iter().map(|term| format!("`{term}`")).collect();
    let _ = writeln!(
        out,
        "| `{}` | {} | {} | {} | {} |",
        B::NAME,
        terms.join(" + "),
        advantage(&objective.advantage()),
        loss(&objective.loss()),
        again(objective.resample()),
    );
    let _ = writeln!(about, "- **`{}`**: {}", B::NAME, B::DOC.replace('\n', " "));
}

fn advantage(spec: &AdvantageSpec) -> String {
    let [center, scale, normalise] = [word(&spec.center), word(&spec.scale), word(&spec.normalise)];
    let mut parts = vec![format!("center {center}"), format!("scale {scale}")];
    if scale != "none" {
        parts.push(format!("eps {:e}, ddof {}", spec.eps, spec.ddof));
    }
    if normalise != "total" {
        parts.push(format!("normalise {normalise}"));
    }
    parts.join(", ")
}

fn loss(spec: &LossSpec) -> String {
    let mut parts = Vec::new();
    if spec.ratio == Ratio::Sequence {
        parts.push("ratio of the sequence".to_owned());
    }
    parts.push(match spec.surrogate {
        Surrogate::Clip {
            low,
            high,
            dual,
            delta,
        } => {
            let more = |name, value: Option<f64>| {
                value.map_or_else(String::new, |value| format!(", {name} {value}"))
            };
            format!(
                "clip −{low}/+{high}{}{}",
                more("dual", dual),
                more("delta", delta)
            )
        }
        Surrogate::Cispo { cap, floor } => {
            let floor = floor.map_or_else(String::new, |floor| format!(", floor {floor}"));
            format!("cispo, cap {cap}{floor}")
        }
        Surrogate::Sapo { positive, negative } => format!("sapo, τ {positive}/{negative}"),
    });
    if spec.kl.beta > 0.0 {
        let place = word(&spec.kl.place);
        parts.push(format!(
            "β {} · {} in the {place}",
            spec.kl.beta,
            word(&spec.kl.estimator)
        ));
    }
    parts.push(match spec.reduce {
        Reduce::SumOverConstant(constant) => format!("sum over {constant}"),
        other => word(&other).replace('_', " "),
    });
    if let Some(cap) = spec.correction {
        parts.push(format!("corrected up to {cap}"));
    }
    if spec.truncated == Truncated::Mask {
        parts.push("cut episodes masked".to_owned());
    }
    parts.join("; ")
}

fn again(spec: Resample) -> &'static str {
    match (spec.all_correct, spec.all_wrong) {
        (true, true) => "all right, all wrong",
        (true, false) => "all right",
        (false, true) => "all wrong",
        (false, false) => "none",
    }
}

/// The word that declares a choice.
fn word(choice: &impl serde::Serialize) -> String {
    match serde_json::to_value(choice) {
        Ok(Value::String(word)) => word,
        other => format!("{other:?}"),
    }
}

/// A doc comment's paragraphs, apart.
fn paragraphs(doc: &str) -> String {
    doc.replace('\n', "\n\n")
}
