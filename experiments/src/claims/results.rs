//! In: `results/<id>/<scale>/`. Out: its numbers and the claims it decided, or why there are none.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use vrt_train::atomic::FileError;

use crate::compare::Verdict;
use crate::measure::Spread;
use crate::run::ExperimentError;
use crate::spec::{Scale, Statement};
use crate::stats::{Interval, Metric};
use crate::workspace::Workspace;

/// A number that claims are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quantity {
    /// What the judgments say, by a metric.
    Judged(Metric),
    /// What judging costs.
    Cost(Cost),
}

/// What judging costs an arm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cost {
    /// Bytes of keys and values, counted.
    KvBytes,
    /// Seconds a judgment.
    Seconds,
    /// Tokens chosen a second.
    TokensPerSecond,
}

const COSTS: [(Cost, &str); 3] = [
    (Cost::KvBytes, "kv_bytes"),
    (Cost::Seconds, "seconds"),
    (Cost::TokensPerSecond, "tokens_per_second"),
];

impl Quantity {
    /// Its name in `claims.toml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Judged(metric) => metric.name(),
            Self::Cost(cost) => COSTS
                .iter()
                .find(|(one, _)| *one == cost)
                .map_or("", |(_, name)| name),
        }
    }

    /// The quantity of this name.
    pub fn named(name: &str) -> Option<Self> {
        let metric = Metric::ALL.into_iter().find(|one| one.name() == name);
        let cost = || COSTS.iter().find(|(_, known)| *known == name);
        metric
            .map(Self::Judged)
            .or_else(|| cost().map(|(cost, _)| Self::Cost(*cost)))
    }

    /// Every name.
    pub fn names() -> Vec<&'static str> {
        let metrics = Metric::ALL.into_iter().map(Metric::name);
        metrics.chain(COSTS.iter().map(|(_, name)| *name)).collect()
    }

    /// What a difference is shown in, and how many of them are one of its own unit.
    pub fn unit(self) -> (&'static str, f64) {
        match self {
            Self::Judged(_) => ("", 1.0),
            Self::Cost(Cost::KvBytes) => (" kB", 1e-3),
            Self::Cost(Cost::Seconds) => (" ms", 1e3),
            Self::Cost(Cost::TokensPerSecond) => (" tokens/s", 1.0),
        }
    }
}

/// What an experiment wrote at a scale.
#[derive(Clone, Debug)]
pub struct Found {
    /// The seeds.
    pub seeds: Vec<u64>,
    /// The code that computed it.
    pub revision: String,
    /// blake3 of the spec it was computed from.
    pub spec: String,
    /// By arm, part of the pairs, and name of the quantity.
    numbers: BTreeMap<(String, String, String), Interval>,
    claims: Vec<Recorded>,
}

/// A claim as a result has it.
#[derive(Clone, Debug, Deserialize)]
struct Recorded {
    id: String,
    statement: Statement,
    metric: String,
    split: String,
    than_split: Option<String>,
    difference: Interval,
}

/// Whether there is a result.
#[derive(Clone, Debug)]
pub enum Lookup {
    /// There is.
    Here(Box<Found>),
    /// There is none that may be used, and why.
    Absent(String),
}

/// How many of an experiment's own claims came out how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Those that hold.
    pub holds: usize,
    /// Those that do not.
    pub does_not_hold: usize,
    /// Those whose interval crosses the line.
    pub undecided: usize,
    /// Those without a result.
    pub not_run: usize,
}

impl Tally {
    /// Counts one more; none is a claim without a result.
    pub fn count(&mut self, verdict: Option<Verdict>) {
        *match verdict {
            Some(Verdict::Holds) => &mut self.holds,
            Some(Verdict::DoesNotHold) => &mut self.does_not_hold,
            Some(Verdict::Undecided) => &mut self.undecided,
            None => &mut self.not_run,
        } += 1;
    }

    /// All of them.
    pub fn total(self) -> usize {
        self.holds + self.does_not_hold + self.undecided + self.not_run
    }
}

impl Found {
    /// A number with its interval.
    pub fn number(&self, arm: &str, part: &str, quantity: Quantity) -> Option<Interval> {
        let key = (arm.to_owned(), part.to_owned(), quantity.name().to_owned());
        self.numbers.get(&key).copied()
    }

    /// The difference of the experiment's claim `id`, if it still is the same claim.
    pub fn decided(
        &self,
        id: &str,
        statement: &Statement,
        metric: Metric,
        split: &str,
        than_split: Option<&str>,
    ) -> Option<Interval> {
        let recorded = self.claims.iter().find(|claim| claim.id == id)?;
        let same = recorded.statement == *statement
            && recorded.metric == metric.name()
            && recorded.split == split
            && recorded.than_split.as_deref() == than_split;
        same.then_some(recorded.difference)
    }

    /// What became of the experiment's own claims.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for claim in &self.claims {
            tally.count(Some(Verdict::of(claim.difference, claim.statement.margin)));
        }
        tally
    }
}

/// Of `result.json`, what is needed here; results of older code are read too.
#[derive(Deserialize)]
struct ResultFile {
    scale: Scale,
    #[serde(default)]
    arms: Vec<ArmFile>,
    #[serde(default)]
    claims: Vec<Recorded>,
}

#[derive(Deserialize)]
struct ArmFile {
    id: String,
    #[serde(default)]
    parts: BTreeMap<String, PartFile>,
    costs: Option<CostsFile>,
}

#[derive(Deserialize)]
struct PartFile {
    metrics: BTreeMap<String, Interval>,
}

#[derive(Deserialize)]
struct CostsFile {
    kv_bytes: f64,
    seconds: Spread,
    tokens_per_second: Spread,
}

/// Of `provenance.json`, what is needed here.
#[derive(Deserialize)]
struct ProvenanceFile {
    experiment: String,
    scale: Scale,
    seeds: Vec<u64>,
    revision: Revision,
    spec: String,
}

#[derive(Deserialize)]
struct Revision {
    commit: Option<String>,
    dirty: bool,
}

/// Reads what experiment `id` wrote at `scale`.
///
/// # Errors
/// [`ExperimentError::Results`] when a file is there but is no result.
pub fn look(workspace: &Workspace, id: &str, scale: Scale) -> Result<Lookup, ExperimentError> {
    let folder = workspace.results(id, scale);
    let (result, birth) = (folder.join("result.json"), folder.join("provenance.json"));
    if !result.exists() {
        return Ok(Lookup::Absent("there is no result".to_owned()));
    }
    if !birth.exists() {
        let why = "the result has no provenance, so that nobody knows what it is of".to_owned();
        return Ok(Lookup::Absent(why));
    }
    let file: ResultFile = json(&result)?;
    let birth_file: ProvenanceFile = json(&birth)?;
    if birth_file.experiment != id || birth_file.scale != scale || file.scale != scale {
        return Err(ExperimentError::Results {
            path: birth,
            why: format!(
                "it is of `{}` at scale {}, or the result beside it of another; run `{id}` again",
                birth_file.experiment,
                birth_file.scale.name()
            ),
        });
    }
    let mut numbers = BTreeMap::new();
    for arm in file.arms {
        for (part, measured) in arm.parts {
            for (metric, interval) in measured.metrics {
                numbers.insert((arm.id.clone(), part.clone(), metric), interval);
            }
        }
        if let Some(costs) = arm.costs {
            let counted = Spread {
                median: costs.kv_bytes,
                low: costs.kv_bytes,
                high: costs.kv_bytes,
            };
            let all = [counted, costs.seconds, costs.tokens_per_second];
            for ((_, name), spread) in COSTS.iter().zip(all) {
                let interval = Interval {
                    value: spread.median,
                    low: spread.low,
                    high: spread.high,
                };
                let key = (arm.id.clone(), "all".to_owned(), (*name).to_owned());
                numbers.insert(key, interval);
            }
        }
    }
    let digits = birth_file.revision.commit.as_deref().map(|commit| {
        let short: String = commit.chars().take(12).collect();
        let mark = if birth_file.revision.dirty { "+" } else { "" };
        format!("{short}{mark}")
    });
    Ok(Lookup::Here(Box::new(Found {
        seeds: birth_file.seeds,
        revision: digits.unwrap_or_else(|| "unversioned".to_owned()),
        spec: birth_file.spec,
        numbers,
        claims: file.claims,
    })))
}

fn json<T: DeserializeOwned>(path: &Path) -> Result<T, ExperimentError> {
    let bytes = fs::read(path).map_err(FileError::at("read", path))?;
    let unusable = |error: serde_json::Error| ExperimentError::Results {
        path: path.to_owned(),
        why: format!("{error}; run the experiment again"),
    };
    serde_json::from_slice(&bytes).map_err(unusable)
}
