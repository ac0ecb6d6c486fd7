//! In: `paper-values.toml`. Out: what the paper reports, always labelled as the paper's.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use vrt_train::atomic::FileError;

use crate::spec::{LoadError, Text};
use crate::stats::Metric;

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
pub struct PaperValues {
    /// Which paper.
    pub source: String,
    /// What judging costs there, by experiment id.
    #[serde(default)]
    pub costs: BTreeMap<String, PaperCosts>,
    /// Its numbers by experiment id.
    #[serde(flatten)]
    pub experiments: BTreeMap<String, PaperFigure>,
}

/// The paper's numbers for one experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaperFigure {
    /// Where they stand and what they measure.
    pub what: String,
    /// The metric, as in specs.
    pub metric: Metric,
    /// The columns.
    pub benchmarks: Vec<String>,
    /// One list of values an arm, one value a benchmark.
    #[serde(default)]
    pub arms: BTreeMap<String, PaperArm>,
    /// Numbers that are printed, but not attributable to an arm.
    #[serde(default)]
    pub unresolved: Vec<Unresolved>,
}

/// What the paper reports of cost, for one experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaperCosts {
    /// Where they stand and on what they were measured.
    pub what: String,
    /// By arm.
    pub arms: BTreeMap<String, PaperCost>,
}

/// What the paper reports of the cost of one arm; what it does not report is left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PaperCost {
    /// Memory of keys and values, in GB.
    pub kv_gigabytes: Option<f64>,
    /// Seconds a judgment.
    pub seconds: Option<f64>,
    /// Tokens a second.
    pub tokens_per_second: Option<f64>,
    /// Whether it did not fit into memory.
    pub out_of_memory: bool,
}

/// The paper's numbers for one arm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaperArm {
    /// One value a benchmark, in percent.
    pub values: Vec<f64>,
    /// The same of other metrics than the figure's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub also: BTreeMap<Metric, Vec<f64>>,
    /// How sure the attribution is.
    pub status: Status,
    /// A remark.
    #[serde(default)]
    pub note: Option<String>,
}

/// How sure it is that a number belongs to an arm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Stated in the paper.
    Stated,
    /// Which bar the number belongs to is inferred.
    Inferred,
}

/// Numbers of several arms that cannot be told apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unresolved {
    /// The arms.
    pub arms: Vec<String>,
    /// All their values.
    pub values: Vec<f64>,
}

impl PaperValues {
    /// Reads the file.
    ///
    /// # Errors
    /// [`LoadError`] with the offending line.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        let text = fs::read_to_string(path).map_err(FileError::at("read", path))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let at = Text {
            name: &name,
            text: &text,
        };
        let values: Self = toml::from_str(&text).map_err(|e| at.toml(&e))?;
        for (id, figure) in &values.experiments {
            for (arm, paper) in &figure.arms {
                let lists = [&paper.values].into_iter().chain(paper.also.values());
                if lists
                    .into_iter()
                    .any(|values| values.len() != figure.benchmarks.len())
                {
                    return Err(at
                        .error(
                            None,
                            format!("`{id}.arms.{arm}` needs one value a benchmark"),
                            "",
                            Some(format!("the benchmarks are {:?}", figure.benchmarks)),
                        )
                        .into());
                }
            }
        }
        Ok(values)
    }
}

impl PaperFigure {
    /// The paper's value of an arm on a benchmark by a metric, if it is known.
    pub fn value(&self, arm: &str, benchmark: &str, metric: Metric) -> Option<(f64, Status)> {
        let column = self.benchmarks.iter().position(|name| name == benchmark)?;
        let arm = self.arms.get(arm)?;
        let values = if metric == self.metric {
            &arm.values
        } else {
            arm.also.get(&metric)?
        };
        Some((*values.get(column)?, arm.status))
    }

    /// Whether any number's place is inferred.
    pub fn infers(&self) -> bool {
        self.arms.values().any(|arm| arm.status == Status::Inferred)
    }
}
