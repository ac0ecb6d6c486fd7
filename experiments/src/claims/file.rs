//! In: `claims.toml` and the specs. Out: every claim, or the line that is wrong.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use vrt_train::atomic::FileError;

use super::results::Quantity;
use crate::spec::{Judge, Kind, LoadError, Scale, Spec, SpecError, Statement, Text, suggest};

/// A claim, ready to be tested.
#[derive(Clone, Debug)]
pub struct Claim {
    /// `fig3:chosen` where a spec says it, a name of its own where it is about several.
    pub id: String,
    /// Where the paper says it; none where it is a prediction of ours.
    pub place: Option<String>,
    /// In words.
    pub text: String,
    /// The inequality; every judge names its experiment.
    pub statement: Statement,
    /// Of which numbers.
    pub quantity: Quantity,
    /// On which pairs.
    pub split: String,
    /// The split whose difference is taken off, if any.
    pub than_split: Option<String>,
    /// How it is decided.
    pub test: Test,
    /// The scale at which it is tested.
    pub scale: Scale,
    /// What the paper reports, in words.
    pub paper: Option<String>,
}

/// How the interval of a difference is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// Bootstrap over pairs and seeds, the same draw for everyone who judged: the experiment's own claim.
    Paired,
    /// From the 95 % intervals of numbers that were judged on different pairs, recovered variances added (Zou and
    /// Donner, 2008). Policies that share seeds make it wider than it need be, never narrower.
    Independent,
    /// From the smallest and largest of repeated measurements: holds when every repeat of one is above all of the other.
    Range,
}

/// `claims.toml` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClaimsFile {
    #[serde(default, rename = "claim")]
    claims: Vec<Entry>,
}

/// `[[claim]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    place: String,
    #[serde(default = "full")]
    scale: Scale,
    from: Option<String>,
    id: Option<String>,
    text: Option<String>,
    statement: Option<String>,
    quantity: Option<String>,
    split: Option<String>,
    test: Option<Test>,
    paper: Option<String>,
}

fn full() -> Scale {
    Scale::Full
}

/// The claims of the paper in the order of the file, then every other claim of a spec: those are ours.
///
/// # Errors
/// [`LoadError`] with the offending line.
pub fn load(path: &Path, specs: &[Spec]) -> Result<Vec<Claim>, LoadError> {
    let text = fs::read_to_string(path).map_err(FileError::at("read", path))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(parse(&name, &text, specs)?)
}

/// Checks the text of `claims.toml` against the specs.
///
/// # Errors
/// [`SpecError`] with the offending line.
pub fn parse(name: &str, text: &str, specs: &[Spec]) -> Result<Vec<Claim>, Box<SpecError>> {
    let at = Text { name, text };
    let file: ClaimsFile = toml::from_str(text).map_err(|error| at.toml(&error))?;
    let mut claims: Vec<Claim> = Vec::new();
    for (i, entry) in file.claims.into_iter().enumerate() {
        let blame = |wrong: Wrong| {
            let i = i.to_string();
            let place = at.place(&["claim", &i, wrong.key]);
            let place = place.or_else(|| at.place(&["claim", &i]));
            at.error(place, wrong.message, wrong.label, Some(wrong.help))
        };
        let claim = match entry.from {
            Some(_) => of_spec(entry, specs),
            None => of_its_own(entry, specs),
        };
        let claim = claim.map_err(blame)?;
        if claims.iter().any(|known| known.id == claim.id) {
            let message = format!("claim `{}` stands here twice", claim.id);
            return Err(blame(wrong(
                "from",
                message,
                "the second time",
                "remove it",
            )));
        }
        claims.push(claim);
    }
    let mut ours = Vec::new();
    for spec in specs {
        for claim in &spec.file.claims {
            let id = format!("{}:{}", spec.id(), claim.id);
            if claims.iter().all(|known| known.id != id) {
                ours.extend(made(spec, claim, None, Scale::Full));
            }
        }
    }
    claims.extend(ours);
    Ok(claims)
}

/// What is wrong with an entry: at which of its keys, what, and the cure.
struct Wrong {
    key: &'static str,
    message: String,
    label: String,
    help: String,
}

fn wrong(
    key: &'static str,
    message: impl Into<String>,
    label: impl Into<String>,
    help: impl Into<String>,
) -> Wrong {
    Wrong {
        key,
        message: message.into(),
        label: label.into(),
        help: help.into(),
    }
}

/// The claim that a spec makes.
fn of_spec(entry: Entry, specs: &[Spec]) -> Result<Claim, Wrong> {
    let own = [
        ("id", entry.id.is_some()),
        ("text", entry.text.is_some()),
        ("statement", entry.statement.is_some()),
        ("quantity", entry.quantity.is_some()),
        ("split", entry.split.is_some()),
        ("test", entry.test.is_some()),
        ("paper", entry.paper.is_some()),
    ];
    if let Some((key, _)) = own.into_iter().find(|(_, written)| *written) {
        return Err(wrong(
            key,
            "a claim with `from` is written in its spec, once",
            "written there already",
            "remove this line, or `from`",
        ));
    }
    let from = entry.from.unwrap_or_default();
    let Some((id, name)) = from.split_once(':') else {
        return Err(wrong(
            "from",
            "a claim is named by its experiment and its id",
            format!("`{from}` names no claim"),
            "write `experiment:claim`, such as `fig3:chosen`",
        ));
    };
    let spec = experiment(specs, id, "from")?;
    let claims = &spec.file.claims;
    let claim = claims.iter().find(|claim| claim.id == name);
    let claim = claim.ok_or_else(|| {
        wrong(
            "from",
            format!("`{id}` makes no such claim"),
            format!("unknown claim `{name}`"),
            suggest(name, claims.iter().map(|claim| claim.id.as_str())),
        )
    })?;
    // The spec was checked: its statement can be read.
    made(spec, claim, Some(entry.place), entry.scale).ok_or_else(|| {
        wrong(
            "from",
            "its statement cannot be read",
            "this claim",
            "see its spec",
        )
    })
}

fn made(
    spec: &Spec,
    claim: &crate::spec::Claim,
    place: Option<String>,
    scale: Scale,
) -> Option<Claim> {
    Some(Claim {
        id: format!("{}:{}", spec.id(), claim.id),
        place,
        text: claim.text.clone(),
        statement: Statement::parse(&claim.statement).ok()?.of(spec.id()),
        quantity: Quantity::Judged(claim.metric),
        split: claim.split.clone(),
        than_split: claim.than_split.clone(),
        test: Test::Paired,
        scale,
        paper: claim.paper.clone(),
    })
}

/// A claim over several experiments, or over measurements.
fn of_its_own(entry: Entry, specs: &[Spec]) -> Result<Claim, Wrong> {
    let needed = |key: &'static str, value: Option<String>| {
        value.ok_or_else(|| {
            wrong(
                key,
                format!("a claim without `from` needs `{key}`"),
                "this claim",
                "it needs id, text, statement, quantity and test; or name a spec's claim with `from`",
            )
        })
    };
    let id = needed("id", entry.id)?;
    let text = needed("text", entry.text)?;
    let statement = Statement::parse(&needed("statement", entry.statement)?).map_err(|help| {
        wrong(
            "statement",
            "the claim cannot be read",
            "this statement",
            help,
        )
    })?;
    let name = needed("quantity", entry.quantity)?;
    let quantity = Quantity::named(&name).ok_or_else(|| {
        wrong(
            "quantity",
            "there is no such quantity",
            format!("unknown quantity `{name}`"),
            suggest(&name, Quantity::names().iter().copied()),
        )
    })?;
    let test = match (quantity, entry.test) {
        (Quantity::Judged(_), Some(Test::Independent)) => Test::Independent,
        (Quantity::Cost(_), Some(Test::Range)) => Test::Range,
        _ => {
            return Err(wrong(
                "test",
                "the claim's test does not fit its quantity",
                "this test",
                "accuracies of several experiments: \"independent\"; measured costs: \"range\"; what is paired is the \
                 claim of a spec, named with `from`",
            ));
        }
    };
    let split = entry.split.unwrap_or_else(|| "all".to_owned());
    for judge in statement.judges() {
        check(judge, specs, quantity, &split)?;
    }
    if statement.terms().any(|term| term.best_of.len() > 1) {
        return Err(wrong(
            "statement",
            "the best of several needs their joint distribution",
            "`max` outside a spec",
            "let a spec claim it: its bootstrap draws the best anew each time",
        ));
    }
    Ok(Claim {
        id,
        place: Some(entry.place),
        text,
        statement,
        quantity,
        split,
        than_split: None,
        test,
        scale: entry.scale,
        paper: entry.paper,
    })
}

fn experiment<'a>(specs: &'a [Spec], id: &str, key: &'static str) -> Result<&'a Spec, Wrong> {
    specs.iter().find(|spec| spec.id() == id).ok_or_else(|| {
        wrong(
            key,
            "the claim names an experiment that does not exist",
            format!("unknown experiment `{id}`"),
            suggest(id, specs.iter().map(Spec::id)),
        )
    })
}

/// Whether a judge exists and has such numbers.
fn check(judge: &Judge, specs: &[Spec], quantity: Quantity, split: &str) -> Result<(), Wrong> {
    let Some(id) = &judge.experiment else {
        return Err(wrong(
            "statement",
            "a claim without a spec says whose arm it means",
            format!("`{}` of which experiment?", judge.arm),
            format!("write `experiment:{}`", judge.arm),
        ));
    };
    let spec = experiment(specs, id, "statement")?;
    let arms = || spec.file.arms.iter().map(|arm| arm.id.as_str());
    if !arms().any(|arm| arm == judge.arm) {
        return Err(wrong(
            "statement",
            format!("`{id}` has no such arm"),
            format!("unknown arm `{}`", judge.arm),
            suggest(&judge.arm, arms()),
        ));
    }
    let measured = spec.file.experiment.kind == Kind::Measurement;
    if measured != matches!(quantity, Quantity::Cost(_)) {
        let has = if measured { "costs" } else { "accuracies" };
        return Err(wrong(
            "quantity",
            format!("`{id}` has {has} only"),
            "this quantity",
            suggest("", Quantity::names().iter().copied()),
        ));
    }
    let part = judge.part.as_deref().unwrap_or(split);
    let parts = spec.parts();
    if !measured && !parts.iter().any(|known| known == part) {
        return Err(wrong(
            "statement",
            format!("`{id}` has no such split"),
            format!("unknown split `{part}`"),
            suggest(part, parts.iter().map(String::as_str)),
        ));
    }
    Ok(())
}
