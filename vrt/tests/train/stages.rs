//! All three stages one after the other, and the checkpoint that comes of them.

use std::fs;

use serde_json::Value;

use crate::school::School;

fn metrics(school: &School, stage: &str) -> Vec<Value> {
    let text = fs::read_to_string(school.path(&format!("run/{stage}/metrics.jsonl"))).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

fn ledger(school: &School, stage: &str) -> Value {
    let text = fs::read(school.path(&format!("run/{stage}/ledger.json"))).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn sum(rows: &Value) -> u64 {
    let rows = rows.as_object().unwrap().iter();
    let counted = rows.filter(|(name, _)| !["lines", "sampled"].contains(&name.as_str()));
    counted.map(|(_, count)| count.as_u64().unwrap()).sum()
}

/// Episodes that ended with an answer, of all, when `vrt eval` judges with a checkpoint.
fn answered(school: &School, checkpoint: &str) -> u64 {
    let run = format!("judged-{checkpoint}");
    let mut arguments = vec![
        "eval",
        "videogen-rewardbench",
        "--data",
        "data",
        "--videos",
        "videos",
    ];
    arguments.extend(["--frames", "1", "--max-calls", "1", "--picture-tokens", "4"]);
    arguments.extend([
        "--max-tokens",
        "12",
        "--checkpoint",
        checkpoint,
        "--run",
        &run,
    ]);
    arguments.extend(["--traces", "judged.jsonl", "--no-pictures"]);
    school.done(&arguments);
    let text = fs::read_to_string(school.path("judged.jsonl")).unwrap();
    let records = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    records.filter(|record| !record["answer"].is_null()).count() as u64
}

#[test]
fn three_stages_make_a_judge() {
    let school = School::new();
    let train = |stage| school.done(&["train", stage, "--config", "train.toml"]);
    assert_eq!(train("cold-start"), "cold-start: run/cold_start\n");
    let traces = &ledger(&school, "cold_start")["traces"];
    assert_eq!(traces["lines"], 12);
    assert_eq!(
        (&traces["kept"], &traces["overall"], &traces["format"]),
        (&10.into(), &1.into(), &1.into())
    );
    assert_eq!(sum(traces), 12);
    let steps = metrics(&school, "cold_start");
    // Six passes over ten traces, four at a time.
    assert_eq!(steps.len(), 18);
    let loss = |step: usize| steps[step]["loss"].as_f64().unwrap();
    assert!(loss(17) < 0.2 * loss(0), "{} fell to {}", loss(0), loss(17));
    // A call of one token, its end, and an answer of three with its end.
    assert_eq!(steps[0]["tokens"], 4 * 6);

    assert_eq!(train("rft"), "rft: run/rft\n");
    let samples = &ledger(&school, "rft")["samples"];
    assert_eq!(
        (&samples["pairs"], &samples["samples"]),
        (&12.into(), &24.into())
    );
    let kept = samples["kept"].as_u64().unwrap();
    assert!(kept > 0 && kept <= samples["right"].as_u64().unwrap());
    assert_eq!(metrics(&school, "rft").len() as u64, kept.div_ceil(4));

    assert_eq!(train("grpo"), "grpo: run/grpo\n");
    let steps = metrics(&school, "grpo");
    assert_eq!(steps.len(), 2);
    for step in &steps {
        assert_eq!(
            sum(&step["groups"]),
            step["groups"]["sampled"].as_u64().unwrap()
        );
        // On the first mini-batch the policy is the sampler.
        assert!(step["drift"].as_f64().unwrap() < 1e-5);
    }
    assert!(
        steps
            .iter()
            .any(|step| step["groups"]["learned"].as_u64() > Some(0))
    );
    assert_eq!(train("grpo"), "grpo had ended before: run/grpo\n");

    assert_eq!(answered(&school, "base"), 0);
    for stage in ["cold-start", "grpo"] {
        let out = format!("judge-{stage}");
        school.done(&[
            "train",
            "export",
            "--config",
            "train.toml",
            "--stage",
            stage,
            "--out",
            &out,
        ]);
        let answered = answered(&school, &out);
        assert!(answered >= 9, "{stage}: {answered} of 12 answered");
    }
}

#[test]
fn a_plan_is_told_before_a_weight_is_read() {
    let school = School::new();
    let plan = |stage| school.done(&["train", stage, "--config", "train.toml", "--dry-run"]);
    let told = ["cold-start", "rft", "grpo"].map(plan).join("\n");
    insta::assert_snapshot!(told);
    assert!(!school.path("run").exists());
}
