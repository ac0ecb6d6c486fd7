//! In: the evidence and what became of the claims. Out: the one JSON value that the text reads its numbers from.

use experiments::claims::Claims;
use serde_json::{Map, Value, json};

use crate::code;
use crate::command;
use crate::evidence::{Evidence, Experiment};

/// `data.json` as the Typst files see it.
pub fn of(evidence: &Evidence, claims: &Claims) -> Value {
    let experiments: Map<String, Value> = evidence
        .experiments
        .iter()
        .map(|experiment| (experiment.spec.id().to_owned(), entry(experiment)))
        .collect();
    json!({
        "experiments": experiments,
        "claims": claims,
        "code": code::facts(),
    })
}

fn entry(experiment: &Experiment) -> Value {
    let spec = &experiment.spec;
    let title = &spec.file.experiment.title;
    let Some(outcome) = &experiment.outcome else {
        return json!({ "present": false, "title": title, "command": command::plain(spec.id()) });
    };
    let birth = &outcome.provenance;
    json!({
        "present": true,
        "title": title,
        "command": outcome.command,
        "scale": outcome.scale,
        "revision": birth.revision.commit,
        "dirty": birth.revision.dirty,
        "seeds": birth.seeds,
        "seconds": birth.seconds,
        "rustc": birth.rustc,
        "spec_changed": birth.spec != spec.hash(),
        "figure": outcome.figure.then(|| format!("/{}/figure.svg", outcome.folder)),
        "result": outcome.result,
        "stages": birth.chains(),
    })
}
