//! The shape of `specs/<id>.toml`, as written.

use serde::{Deserialize, Serialize};

use super::lines::Lines;
use crate::stats::Metric;

/// A whole spec.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpecFile {
    /// What the experiment is.
    pub experiment: Experiment,
    /// Parameter tables every arm starts from.
    #[serde(default)]
    pub base: toml::Table,
    /// Differences from the base, by scale, and each scale's seeds.
    #[serde(default)]
    pub scale: Scales,
    /// The splits that are reported, in order.
    #[serde(default, rename = "split")]
    pub splits: Vec<SplitSpec>,
    /// The arms.
    #[serde(default, rename = "arm")]
    pub arms: Vec<Arm>,
    /// The figure's panels.
    #[serde(default, rename = "panel")]
    pub panels: Vec<Panel>,
    /// What is claimed.
    #[serde(default, rename = "claim")]
    pub claims: Vec<Claim>,
    /// A second look at every arm with other parameters, shown beside the first.
    pub beside: Option<Beside>,
    /// What a diagram shows.
    pub diagram: Option<DiagramSpec>,
    /// Which traces are shown as cases.
    pub cases: Option<CasesSpec>,
}

/// `[cases]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CasesSpec {
    /// Pairs of the design split that are judged.
    pub among: u32,
    /// Cases that are right.
    pub right: u32,
    /// Cases that are wrong.
    pub wrong: u32,
}

/// `[diagram]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DiagramSpec {
    /// Frames of each video.
    pub frames: u32,
}

impl Default for DiagramSpec {
    /// The paper's example: a pool of 128.
    fn default() -> Self {
        Self { frames: 64 }
    }
}

/// `[experiment]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// The id: the file's stem and the command's name.
    pub id: String,
    /// One line.
    pub title: String,
    /// The claim that stands for it in lists; the first one where none is named.
    pub headline: Option<String>,
    /// What comes out.
    #[serde(default)]
    pub kind: Kind,
    /// The stages of an arm in order; the last one judges.
    #[serde(default = "default_chain")]
    pub chain: Vec<String>,
    /// Remarks that stand below the figure and the table.
    #[serde(default)]
    pub notes: Vec<String>,
}

fn default_chain() -> Vec<String> {
    ["tower", "base", "cold_start", "rft", "grpo", "eval"]
        .map(str::to_owned)
        .to_vec()
}

/// What an experiment writes beside `result.json` and `provenance.json`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A figure and a table.
    #[default]
    Figure,
    /// A table only.
    Table,
    /// A figure of single traces of the first arm.
    Cases,
    /// A figure of what the code declares: nothing is trained or judged.
    Diagram,
    /// A table of what judging costs on this machine: nothing is judged right or wrong, and nothing is kept.
    Measurement,
}

/// `[scale.…]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scales {
    /// Differences at smoke scale.
    pub smoke: toml::Table,
    /// Differences at laptop scale.
    pub laptop: toml::Table,
    /// Differences at full scale.
    pub full: toml::Table,
}

/// How much is computed.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// Under a minute: everything runs, the numbers mean nothing.
    Smoke,
    /// Minutes on two cores: the default.
    #[default]
    Laptop,
    /// The laptop recipe at several seeds: an hour or more.
    Full,
}

impl Scale {
    /// Every scale, small to large.
    pub const ALL: [Scale; 3] = [Scale::Smoke, Scale::Laptop, Scale::Full];

    /// Its name in specs, on the command line and as a folder.
    pub fn name(self) -> &'static str {
        match self {
            Scale::Smoke => "smoke",
            Scale::Laptop => "laptop",
            Scale::Full => "full",
        }
    }
}

/// `[[split]]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitSpec {
    /// As in the judgments: `short`.
    pub id: String,
    /// As on the axis.
    pub label: String,
    /// The paper's benchmark that stands at this place.
    pub paper: Option<String>,
    /// Splits of one group are also counted together, under its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

impl SpecFile {
    /// The groups of splits with their members, in the order in which they are first named.
    pub fn groups(&self) -> Vec<(String, Vec<String>)> {
        let mut groups: Vec<(String, Vec<String>)> = Vec::new();
        for split in &self.splits {
            let Some(group) = &split.group else { continue };
            match groups.iter_mut().find(|(name, _)| name == group) {
                Some((_, members)) => members.push(split.id.clone()),
                None => groups.push((group.clone(), vec![split.id.clone()])),
            }
        }
        groups
    }
}

/// `[[arm]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// Its name in panels and claims.
    pub id: String,
    /// Its name on the figure.
    pub label: String,
    /// Its stages in order, where they are not the experiment's.
    pub chain: Option<Vec<String>>,
    /// Stages it leaves out.
    #[serde(default)]
    pub skip: Vec<String>,
    /// Its difference: `"grpo.objective.eta" = 0.0`.
    #[serde(default)]
    pub set: toml::Table,
}

/// `[[panel]]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Panel {
    /// Its name.
    pub id: String,
    /// Its title on the figure.
    pub title: String,
    /// Its arms, left to right.
    pub arms: Vec<String>,
    /// What the bars or lines show.
    pub metric: Metric,
    /// Lines instead of bars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<Lines>,
}

/// `[[claim]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Its name.
    pub id: String,
    /// In words.
    pub text: String,
    /// `better > worse`, or `better > worse + 8` for at least 8 points; sums, splits and the best of several as
    /// [`Statement`](super::Statement) reads them.
    pub statement: String,
    /// What is compared.
    pub metric: Metric,
    /// On which pairs: a split's id, a group's name, or `all`.
    #[serde(default = "all")]
    pub split: String,
    /// Compares the difference itself: it is larger in `split` than here.
    pub than_split: Option<String>,
    /// What the paper reports, in words.
    pub paper: Option<String>,
}

pub(super) fn all() -> String {
    "all".to_owned()
}

pub(super) fn is_all(part: &str) -> bool {
    part == "all"
}

/// `[beside]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beside {
    /// Its column's head.
    pub label: String,
    /// Its difference from each arm.
    pub set: toml::Table,
}
