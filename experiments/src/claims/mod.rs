//! In: `claims.toml`, the specs, the results. Out: which claims of the paper hold, do not, are undecided, were not run.
//!
//! A claim that a spec makes is written there and named here; its verdict is the one that the experiment reached from
//! its judgments. Only what needs several experiments, or measurements, is written in `claims.toml` itself.

mod command;
mod file;
mod results;
mod show;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::compare::Verdict;
use crate::run::ExperimentError;
use crate::spec::{self, Scale, Spec};
use crate::stats::Interval;
use crate::workspace::Workspace;

pub use command::{ClaimsArgs, claims};
pub use file::{Claim, Test, load, parse};
pub use results::{Cost, Found, Lookup, Quantity, Tally, look};
pub use show::{BEGIN, END, markdown, text, within};

/// Every claim with what became of it.
#[derive(Clone, Debug, Serialize)]
pub struct Claims {
    /// The scale that was asked for; without one, each claim at its own, else at laptop scale.
    pub scale: Option<Scale>,
    /// The paper's claims in numbers.
    pub paper: Tally,
    /// Our own in numbers.
    pub ours: Tally,
    /// The claims: the paper's, then ours.
    pub claims: Vec<Finding>,
}

/// One claim and what became of it.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// `fig3:chosen`, or a name of its own.
    pub id: String,
    /// Where the paper says it; none where it is a prediction of ours.
    pub place: Option<String>,
    /// In words.
    pub text: String,
    /// The inequality.
    pub statement: String,
    /// Of which numbers.
    pub quantity: &'static str,
    /// Of what the difference is a number, as shown behind it; empty for percentage points.
    pub unit: &'static str,
    /// On which pairs.
    pub split: String,
    /// The split whose difference is taken off, if any.
    pub than_split: Option<String>,
    /// How it was decided.
    pub test: Test,
    /// What the paper reports, in words; never ours.
    pub paper: Option<String>,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What became of a claim.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Outcome {
    /// It was tested.
    Tested(Tested),
    /// There is no result to test it on.
    NotRun(NotRun),
}

/// A claim with numbers.
#[derive(Clone, Debug, Serialize)]
pub struct Tested {
    /// On which side its interval is.
    pub verdict: Verdict,
    /// Left side less right side, in the finding's unit.
    pub difference: Interval,
    /// What the difference must be above.
    pub margin: f64,
    /// The scale of the results.
    pub scale: Scale,
    /// Their seeds.
    pub seeds: Vec<u64>,
    /// The code that computed them, by experiment.
    pub revisions: BTreeMap<String, String>,
    /// Experiments whose spec has been edited since.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub edited: Vec<String>,
}

/// A claim without numbers.
#[derive(Clone, Debug, Serialize)]
pub struct NotRun {
    /// Always `not_run`.
    pub verdict: &'static str,
    /// What is missing.
    pub why: String,
    /// What would test it.
    pub commands: Vec<String>,
}

impl Finding {
    /// The verdict, if there is one.
    pub fn verdict(&self) -> Option<Verdict> {
        match &self.outcome {
            Outcome::Tested(tested) => Some(tested.verdict),
            Outcome::NotRun(_) => None,
        }
    }

    /// The verdict in words.
    pub fn words(&self) -> &'static str {
        self.verdict().map_or("not run", Verdict::words)
    }
}

/// Every spec of the workspace.
///
/// # Errors
/// [`ExperimentError`] when one cannot be read.
pub fn specs(workspace: &Workspace) -> Result<Vec<Spec>, ExperimentError> {
    let paths = spec::list(&workspace.specs())?;
    let loaded = paths.iter().map(|(_, path)| Ok(Spec::load(path)?));
    loaded.collect()
}

/// Tests every claim on the results that are there: at `scale`, or each at its own scale and, where that was not run, at
/// laptop scale. Smoke results mean nothing and are only read when asked for.
///
/// # Errors
/// [`ExperimentError`] when a spec, `claims.toml` or a result cannot be read.
pub fn evaluate(workspace: &Workspace, scale: Option<Scale>) -> Result<Claims, ExperimentError> {
    let specs = specs(workspace)?;
    let claims = load(&workspace.claims(), &specs)?;
    let mut shelf = Shelf {
        workspace,
        specs: &specs,
        found: BTreeMap::new(),
    };
    let mut all = Claims {
        scale,
        paper: Tally::default(),
        ours: Tally::default(),
        claims: Vec::new(),
    };
    for claim in claims {
        let scales = match (scale, claim.scale) {
            (Some(asked), _) => vec![asked],
            (None, Scale::Full) => vec![Scale::Full, Scale::Laptop],
            (None, own) => vec![own],
        };
        let mut outcome = Outcome::NotRun(shelf.missing(&claim, scales[0])?);
        for scale in scales {
            if let Some(tested) = shelf.test(&claim, scale)? {
                outcome = Outcome::Tested(tested);
                break;
            }
        }
        let finding = Finding {
            unit: claim.quantity.unit().0,
            quantity: claim.quantity.name(),
            statement: claim.statement.to_string(),
            id: claim.id,
            place: claim.place,
            text: claim.text,
            split: claim.split,
            than_split: claim.than_split,
            test: claim.test,
            paper: claim.paper,
            outcome,
        };
        let tally = match finding.place {
            Some(_) => &mut all.paper,
            None => &mut all.ours,
        };
        tally.count(finding.verdict());
        all.claims.push(finding);
    }
    Ok(all)
}

/// Results, each read once.
struct Shelf<'a> {
    workspace: &'a Workspace,
    specs: &'a [Spec],
    found: BTreeMap<(String, Scale), Lookup>,
}

impl Shelf<'_> {
    fn look(&mut self, id: &str, scale: Scale) -> Result<&Lookup, ExperimentError> {
        let key = (id.to_owned(), scale);
        if !self.found.contains_key(&key) {
            let lookup = look(self.workspace, id, scale)?;
            self.found.insert(key.clone(), lookup);
        }
        Ok(&self.found[&key])
    }

    /// Tests a claim at a scale; `None` when a result is not there, or older than the claim.
    fn test(&mut self, claim: &Claim, scale: Scale) -> Result<Option<Tested>, ExperimentError> {
        let mut found: BTreeMap<String, Found> = BTreeMap::new();
        for id in experiments(claim) {
            match self.look(&id, scale)? {
                Lookup::Here(here) => found.insert(id, (**here).clone()),
                Lookup::Absent(_) => return Ok(None),
            };
        }
        let difference = match claim.test {
            Test::Paired => recorded(claim, &found),
            Test::Independent => recovered(claim, &found),
            Test::Range => apart(claim, &found),
        };
        let Some(raw) = difference else {
            return Ok(None);
        };
        let (_, factor) = claim.quantity.unit();
        let edited = |(id, found): (&String, &Found)| {
            let spec = self.specs.iter().find(|spec| spec.id() == id);
            spec.is_some_and(|spec| spec.hash() != found.spec)
                .then(|| id.clone())
        };
        Ok(Some(Tested {
            verdict: Verdict::of(raw, claim.statement.margin),
            difference: Interval {
                value: raw.value * factor,
                low: raw.low * factor,
                high: raw.high * factor,
            },
            margin: claim.statement.margin * factor,
            scale,
            seeds: found
                .values()
                .next()
                .map_or_else(Vec::new, |one| one.seeds.clone()),
            edited: found.iter().filter_map(edited).collect(),
            revisions: found
                .into_iter()
                .map(|(id, one)| (id, one.revision))
                .collect(),
        }))
    }

    /// What a claim lacks at a scale.
    fn missing(&mut self, claim: &Claim, scale: Scale) -> Result<NotRun, ExperimentError> {
        let mut why = Vec::new();
        let mut commands = Vec::new();
        for id in experiments(claim) {
            match self.look(&id, scale)? {
                Lookup::Here(_) => why.push(format!("{id}: the result is older than the claim")),
                Lookup::Absent(reason) => why.push(format!("{id}: {reason}")),
            }
            commands.push(format!(
                "cargo run -p experiments -- {id} --scale {}",
                scale.name()
            ));
        }
        Ok(NotRun {
            verdict: "not_run",
            why: why.join("; "),
            commands,
        })
    }
}

/// The experiments that a claim is about, each once.
fn experiments(claim: &Claim) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    for id in claim
        .statement
        .judges()
        .filter_map(|judge| judge.experiment.as_ref())
    {
        if !ids.contains(id) {
            ids.push(id.clone());
        }
    }
    ids
}

/// The difference that the experiment found itself.
fn recorded(claim: &Claim, found: &BTreeMap<String, Found>) -> Option<Interval> {
    let (id, name) = claim.id.split_once(':')?;
    let Quantity::Judged(metric) = claim.quantity else {
        return None;
    };
    let statement = claim.statement.clone().at_home(id);
    let than = claim.than_split.as_deref();
    found
        .get(id)?
        .decided(name, &statement, metric, &claim.split, than)
}

/// The signed numbers of a claim's terms.
fn numbers<'a>(
    claim: &'a Claim,
    found: &'a BTreeMap<String, Found>,
) -> impl Iterator<Item = Option<(bool, Interval)>> + 'a {
    claim.statement.terms().map(move |term| {
        let judge = term.best_of.first()?;
        let part = match claim.quantity {
            Quantity::Judged(_) => judge.part.as_deref().unwrap_or(&claim.split),
            Quantity::Cost(_) => "all",
        };
        let there = found.get(judge.experiment.as_ref()?)?;
        let number = there.number(&judge.arm, part, claim.quantity)?;
        Some((term.minus, number))
    })
}

/// MOVER: the variance of each number is recovered from its interval on the side that matters, and they add up.
fn recovered(claim: &Claim, found: &BTreeMap<String, Found>) -> Option<Interval> {
    let (mut value, mut below, mut above) = (0.0, 0.0, 0.0);
    for number in numbers(claim, found) {
        let (minus, one) = number?;
        let (down, up) = (one.value - one.low, one.high - one.value);
        let (sign, down, up) = if minus {
            (-1.0, up, down)
        } else {
            (1.0, down, up)
        };
        value += sign * one.value;
        below += down * down;
        above += up * up;
    }
    Some(Interval {
        value,
        low: value - f64::sqrt(below),
        high: value + f64::sqrt(above),
    })
}

/// The difference of the nearest repeats, of the medians, and of the farthest.
fn apart(claim: &Claim, found: &BTreeMap<String, Found>) -> Option<Interval> {
    let mut sum = Interval {
        value: 0.0,
        low: 0.0,
        high: 0.0,
    };
    for number in numbers(claim, found) {
        let (minus, one) = number?;
        let (sign, low, high) = if minus {
            (-1.0, one.high, one.low)
        } else {
            (1.0, one.low, one.high)
        };
        sum.value += sign * one.value;
        sum.low += sign * low;
        sum.high += sign * high;
    }
    Some(sum)
}
