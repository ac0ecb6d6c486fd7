//! In: a panel as written. Out: whether its arms are there and its lines can be drawn.

use serde::{Deserialize, Serialize};

use super::file::{Panel, Scale, all, is_all};
use super::{ResolvedArm, Spec, SpecError, suggest};

/// Lines instead of bars.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Lines {
    /// Over the steps of GRPO: a line an arm, a point a policy that it kept on its way.
    Steps(Steps),
    /// Over the values of a parameter: a point an arm, a line a split, and one for all of them.
    Values(Values),
}

/// `lines.steps`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Steps {
    /// The pairs: a split's id, a group's name, or `all`.
    #[serde(default = "all", skip_serializing_if = "is_all")]
    pub split: String,
    /// An arm that knows no steps: a dashed line across.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dashed: Option<String>,
}

/// `lines.values`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Values {
    /// What stands below the axis.
    pub label: String,
    /// The value of each arm of the panel, ascending.
    pub at: Vec<f64>,
    /// What the axis says there, where it is not the values themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ticks: Vec<String>,
    /// The value that the paper chose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paper: Option<f64>,
}

impl Spec {
    /// Whether panels show what there is.
    pub(super) fn check_panels(&self) -> Result<(), Box<SpecError>> {
        for (i, panel) in self.file.panels.iter().enumerate() {
            let at = |path: &[&'static str], j: usize| -> Vec<String> {
                let (i, j) = (i.to_string(), j.to_string());
                let start = ["panel".to_owned(), i].into_iter();
                let path = path.iter().map(|key| (*key).to_owned());
                start
                    .chain(path)
                    .map(|key| if key == "#" { j.clone() } else { key })
                    .collect()
            };
            let blame = |path: Vec<String>, message: String, label: String, help: String| {
                let path: Vec<&str> = path.iter().map(String::as_str).collect();
                self.error(&path, message, label, help)
            };
            let arms = || self.file.arms.iter().map(|arm| arm.id.as_str());
            let unknown = |path: Vec<String>, name: &str| {
                blame(
                    path,
                    format!("panel `{}` shows an arm that does not exist", panel.id),
                    format!("unknown arm `{name}`"),
                    suggest(name, arms()),
                )
            };
            for (j, name) in panel.arms.iter().enumerate() {
                if !arms().any(|known| known == name) {
                    return Err(unknown(at(&["arms", "#"], j), name));
                }
            }
            match &panel.lines {
                None => {}
                Some(Lines::Steps(steps)) => {
                    if let Some(name) = &steps.dashed
                        && !arms().any(|known| known == name)
                    {
                        return Err(unknown(at(&["lines", "steps", "dashed"], 0), name));
                    }
                    let parts = self.parts();
                    if !parts.contains(&steps.split) {
                        return Err(blame(
                            at(&["lines", "steps", "split"], 0),
                            format!("panel `{}` shows a split that does not exist", panel.id),
                            format!("unknown split `{}`", steps.split),
                            suggest(&steps.split, parts.iter().map(String::as_str)),
                        ));
                    }
                    for scale in Scale::ALL {
                        let resolved = self.arms(scale)?;
                        let keeps = |name: &String| resolved.iter().any(|arm| arm.kept_by(name));
                        if let Some(j) = panel.arms.iter().position(|name| !keeps(name)) {
                            return Err(blame(
                                at(&["arms", "#"], j),
                                format!("arm `{}` has no steps to draw a line over", panel.arms[j]),
                                format!("it keeps no policies at scale `{}`", scale.name()),
                                "set `grpo.keep_every` to less than `grpo.steps`, and leave `grpo` in its chain".to_owned(),
                            ));
                        }
                    }
                }
                Some(Lines::Values(values)) => {
                    if let Err((key, label, help)) = values.fit(panel) {
                        let message = format!("panel `{}` cannot be drawn as lines", panel.id);
                        return Err(blame(
                            at(&["lines", "values", key], 0),
                            message,
                            label,
                            help.to_owned(),
                        ));
                    }
                }
            }
        }
        Ok(())
    }
}

impl Values {
    /// The key that does not fit the panel, what is wrong with it, and the cure.
    fn fit(&self, panel: &Panel) -> Result<(), (&'static str, String, &'static str)> {
        let (arms, at) = (panel.arms.len(), &self.at);
        if at.len() != arms {
            let label = format!("{} values for {arms} arms", at.len());
            return Err(("at", label, "write one value an arm, in the same order"));
        }
        if !at.is_sorted_by(|a, b| a < b) || at.iter().any(|value| !value.is_finite()) {
            let label = "these values do not ascend".to_owned();
            return Err(("at", label, "order the arms by their value"));
        }
        if !self.ticks.is_empty() && self.ticks.len() != arms {
            let label = format!("{} ticks for {arms} arms", self.ticks.len());
            return Err(("ticks", label, "write one a value, or none"));
        }
        let ends = at.first().zip(at.last());
        let inside = |paper: f64| ends.is_some_and(|(&low, &high)| (low..=high).contains(&paper));
        if self.paper.is_some_and(|paper| !inside(paper)) {
            let label = "beyond the ends of the axis".to_owned();
            return Err(("paper", label, "choose a value among those of the arms"));
        }
        Ok(())
    }
}

impl ResolvedArm {
    /// Whether this is a policy that `arm` kept on its way.
    pub(super) fn kept_by(&self, arm: &str) -> bool {
        let of = self.at.as_ref();
        self.id != arm && of.is_some_and(|at| at.arm == arm)
    }
}
