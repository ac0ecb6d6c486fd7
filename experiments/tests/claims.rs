//! The claims: what is written, what the results say, and that the README says the same.

use std::fs;
use std::path::{Path, PathBuf};

use experiments::claims::{Claims, Finding, evaluate, markdown, parse, specs, within};
use experiments::cli::draw;
use experiments::spec::Scale;
use experiments::workspace::Workspace;
use serde_json::{Value, json};
use vrt_train::atomic;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn workspace(root: &Path) -> Workspace {
    Workspace {
        root: root.to_owned(),
        cache: root.join("cache"),
    }
}

#[test]
fn the_readme_is_current() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let claims = evaluate(&workspace(&root()), None).unwrap();
    let range = within(&readme).expect("README.md has no place for the claims");
    assert!(
        readme[range] == markdown(&claims),
        "the claims in README.md are not those of the results: run `cargo run -p experiments -- claims --readme`"
    );
}

#[test]
fn every_claim_of_a_spec_stands_once() {
    let claims = evaluate(&workspace(&root()), None).unwrap();
    for spec in specs(&workspace(&root())).unwrap() {
        for claim in &spec.file.claims {
            let id = format!("{}:{}", spec.id(), claim.id);
            assert_eq!(
                claims.claims.iter().filter(|one| one.id == id).count(),
                1,
                "{id}"
            );
        }
    }
    assert_eq!(
        claims.paper.total() + claims.ours.total(),
        claims.claims.len()
    );
    assert!(claims.paper.total() >= 25);
}

/// A workspace with two experiments, one measurement, and four claims.
struct Small(tempfile::TempDir);

const CLAIMS: &str = r#"
[[claim]]
place = "Table 1"
from = "one:wins"

[[claim]]
place = "Tables 1 and 2"
id = "across"
text = "The lead grows"
statement = "two:a[x] - two:b[x] > one:a - one:b"
quantity = "diff"
test = "independent"

[[claim]]
place = "Table 5"
id = "memory"
text = "Less memory"
statement = "cost:b > cost:a"
quantity = "kv_bytes"
test = "range"

[[claim]]
place = "Table 5"
id = "latency"
text = "Sooner"
statement = "cost:b > cost:a"
quantity = "seconds"
test = "range"
"#;

fn spec(id: &str, kind: &str, claims: &str) -> String {
    format!(
        "[experiment]\nid = \"{id}\"\ntitle = \"{id}\"\nkind = \"{kind}\"\n\
         [[split]]\nid = \"x\"\nlabel = \"x\"\n\
         [[arm]]\nid = \"a\"\nlabel = \"a\"\n[[arm]]\nid = \"b\"\nlabel = \"b\"\n{claims}"
    )
}

fn interval(value: f64, half: f64) -> Value {
    json!({"value": value, "low": value - half, "high": value + half})
}

impl Small {
    fn new() -> Self {
        let small = Self(tempfile::tempdir().unwrap());
        let own = "[[claim]]\nid = \"wins\"\ntext = \"a wins\"\nstatement = \"a > b + 1\"\nmetric = \"diff\"\n\
                   [[claim]]\nid = \"ours\"\ntext = \"b wins\"\nstatement = \"b > a\"\nmetric = \"diff\"\n";
        small.write("experiments/specs/one.toml", &spec("one", "table", own));
        small.write("experiments/specs/two.toml", &spec("two", "table", ""));
        small.write(
            "experiments/specs/cost.toml",
            &spec("cost", "measurement", ""),
        );
        small.write("experiments/claims.toml", CLAIMS);
        small
    }

    fn write(&self, path: &str, text: &str) {
        atomic::write(&self.0.path().join(path), text.as_bytes()).unwrap();
    }

    fn result(&self, id: &str, scale: &str, result: Value) {
        let mut result = result;
        result["scale"] = json!(scale);
        let birth = json!({
            "experiment": id, "scale": scale, "seeds": [1, 2, 3], "spec": "old",
            "revision": {"commit": "0123456789abcdef", "dirty": true},
        });
        let folder = format!("results/{id}/{scale}");
        self.write(&format!("{folder}/result.json"), &result.to_string());
        self.write(&format!("{folder}/provenance.json"), &birth.to_string());
    }

    /// Two arms whose diff is this, with intervals of ±3 and ±4.
    fn judged(&self, id: &str, scale: &str, a: f64, b: f64, claims: Value) {
        let arm = |name: &str, value: f64, half: f64| {
            let diff = json!({"metrics": {"diff": interval(value, half)}});
            json!({"id": name, "parts": {"all": diff, "x": diff}})
        };
        self.result(
            id,
            scale,
            json!({"arms": [arm("a", a, 3.0), arm("b", b, 4.0)], "claims": claims}),
        );
    }

    fn claims(&self, scale: Option<Scale>) -> Claims {
        evaluate(&workspace(self.0.path()), scale).unwrap()
    }
}

fn said(claims: &Claims, id: &str) -> Value {
    let finding: &Finding = claims.claims.iter().find(|one| one.id == id).unwrap();
    serde_json::to_value(finding).unwrap()
}

fn wins(statement: &str, margin: f64) -> Value {
    json!([{
        "id": "wins", "statement": {"better": "a", "worse": statement, "margin": margin}, "metric": "diff",
        "split": "all", "than_split": null, "difference": interval(5.0, 2.0),
    }])
}

#[test]
fn what_was_not_run_names_its_command() {
    let claims = Small::new().claims(None);
    assert_eq!((claims.paper.not_run, claims.ours.not_run), (4, 1));
    let across = said(&claims, "across");
    assert_eq!(across["verdict"], "not_run");
    assert_eq!(
        across["commands"],
        json!([
            "cargo run -p experiments -- two --scale full",
            "cargo run -p experiments -- one --scale full"
        ])
    );
}

#[test]
fn a_claim_of_a_spec_has_the_verdict_of_its_experiment() {
    let small = Small::new();
    small.judged("one", "laptop", 80.0, 70.0, wins("b", 1.0));
    let claims = small.claims(None);
    let one = said(&claims, "one:wins");
    assert_eq!(
        (&one["verdict"], &one["scale"]),
        (&json!("holds"), &json!("laptop"))
    );
    assert_eq!(one["difference"], interval(5.0, 2.0));
    assert_eq!(one["revisions"]["one"], "0123456789ab+");
    assert_eq!(one["edited"], json!(["one"]));
    // The other claim of the spec is younger than the result.
    let ours = said(&claims, "one:ours");
    assert_eq!(ours["verdict"], "not_run");
    assert_eq!(
        said(&small.claims(Some(Scale::Full)), "one:wins")["verdict"],
        "not_run"
    );
    // A claim that says something else than it did is not decided by the old result.
    small.judged("one", "laptop", 80.0, 70.0, wins("b", 0.0));
    assert_eq!(said(&small.claims(None), "one:wins")["verdict"], "not_run");
}

#[test]
fn differences_of_several_experiments_add_their_variances() {
    let small = Small::new();
    small.judged("one", "full", 80.0, 70.0, json!([]));
    small.judged("two", "full", 85.0, 60.0, json!([]));
    let across = said(&small.claims(None), "across");
    // (85 - 60) - (80 - 70), and √(2·3² + 2·4²).
    let expected = interval(15.0, f64::sqrt(50.0));
    for key in ["value", "low", "high"] {
        let off = across["difference"][key].as_f64().unwrap() - expected[key].as_f64().unwrap();
        assert!(off.abs() < 1e-9, "{key}: {across}");
    }
    assert_eq!(across["verdict"], "holds");
    small.judged("two", "full", 72.0, 60.0, json!([]));
    assert_eq!(said(&small.claims(None), "across")["verdict"], "undecided");
    small.judged("two", "full", 60.0, 60.0, json!([]));
    assert_eq!(
        said(&small.claims(None), "across")["verdict"],
        "does_not_hold"
    );
}

#[test]
fn measurements_are_apart_or_undecided() {
    let small = Small::new();
    let costs = |kv: f64, low: f64, high: f64| {
        let spread = json!({"median": (low + high) / 2.0, "low": low, "high": high});
        json!({"kv_bytes": kv, "seconds": spread, "tokens_per_second": spread})
    };
    let arms = json!([
        {"id": "a", "costs": costs(10_000.0, 0.002, 0.004)},
        {"id": "b", "costs": costs(12_500.0, 0.003, 0.006)},
    ]);
    small.result("cost", "laptop", json!({"arms": arms}));
    let claims = small.claims(None);
    let memory = said(&claims, "memory");
    assert_eq!(
        (&memory["verdict"], &memory["unit"]),
        (&json!("holds"), &json!(" kB"))
    );
    assert_eq!(
        memory["difference"],
        json!({"value": 2.5, "low": 2.5, "high": 2.5})
    );
    assert_eq!(said(&claims, "latency")["verdict"], "undecided");
}

#[test]
fn a_number_without_provenance_is_no_number() {
    let small = Small::new();
    small.judged("one", "full", 80.0, 70.0, wins("b", 1.0));
    let birth = small.0.path().join("results/one/full/provenance.json");
    let other = fs::read_to_string(&birth)
        .unwrap()
        .replace("\"one\"", "\"two\"");
    fs::remove_file(&birth).unwrap();
    let one = said(&small.claims(None), "one:wins");
    assert_eq!(one["verdict"], "not_run");
    assert!(
        one["why"].as_str().unwrap().contains("no provenance"),
        "{one}"
    );
    // And that of another experiment is refused.
    atomic::write(&birth, other.as_bytes()).unwrap();
    let error = evaluate(&workspace(small.0.path()), None)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("provenance.json") && error.contains("it is of `two`"),
        "{error}"
    );
}

/// What the author sees when `from` is replaced by `to`.
fn wrong(from: &str, to: &str) -> String {
    let small = Small::new();
    assert!(CLAIMS.contains(from), "the claims no longer say {from:?}");
    let specs = specs(&workspace(small.0.path())).unwrap();
    let error = parse("claims.toml", &CLAIMS.replacen(from, to, 1), &specs).unwrap_err();
    draw(error.as_ref(), false)
}

#[test]
fn a_claim_that_its_spec_does_not_make() {
    insta::assert_snapshot!(wrong("one:wins", "one:win"));
}

#[test]
fn a_claim_written_twice() {
    insta::assert_snapshot!(wrong(
        "from = \"one:wins\"",
        "from = \"one:wins\"\npaper = \"+1\""
    ));
}

#[test]
fn an_arm_of_another_experiment() {
    insta::assert_snapshot!(wrong("two:b[x]", "two:c[x]"));
}

#[test]
fn an_arm_without_its_experiment() {
    insta::assert_snapshot!(wrong("one:a - one:b", "one:a - b"));
}

#[test]
fn a_split_of_another_experiment() {
    insta::assert_snapshot!(wrong("two:a[x]", "two:a[y]"));
}

#[test]
fn a_test_that_does_not_fit() {
    insta::assert_snapshot!(wrong("\"independent\"", "\"paired\""));
}

#[test]
fn a_cost_of_what_was_judged() {
    insta::assert_snapshot!(wrong("cost:b > cost:a", "one:b > cost:a"));
}
