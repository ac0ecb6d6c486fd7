//! In: an arm's numbers for the objective and what it waives. Out: nothing, or the line that the objective refuses.

use vrt_core::objective::{Objective, ObjectiveError, VrThinker};

use super::error::Text;
use super::{Spec, SpecError};
use crate::stages::params::GrpoParams;

impl Spec {
    /// Checks what the GRPO stage of arm `i` would refuse; each of `layers` may have written it.
    pub(super) fn check_objective(
        &self,
        i: usize,
        grpo: &GrpoParams,
        layers: &[Vec<String>],
    ) -> Result<(), Box<SpecError>> {
        let inside = |key: &str| {
            let within = |layer: &Vec<String>| {
                let key = ["grpo", key].map(str::to_owned);
                layer.iter().cloned().chain(key).collect()
            };
            layers.iter().map(within).collect::<Vec<Vec<String>>>()
        };
        let objective: VrThinker = self.typed(grpo.objective.clone(), &inside("objective"))?;
        let Err(error) = grpo.allows(&objective) else {
            return Ok(());
        };
        let (layers, path) = place(&error, grpo);
        let here = ["arm", &i.to_string(), "id"].map(str::to_owned);
        let (written, label) = match path.is_empty() {
            true => (None, "its numbers together"),
            false => (self.written(&inside(layers), &path), "this"),
        };
        let span = written.or_else(|| self.written(&[here.to_vec()], &[]));
        let at = Text {
            name: &self.name,
            text: &self.text,
        };
        let arm = &self.file.arms[i].id;
        let help = match error {
            ObjectiveError::Require { .. } => Some(format!(
                "or, to show what lies beyond it, waive it word for word: \"grpo.waive\" = {:?}",
                VrThinker::REQUIRES
            )),
            _ => None,
        };
        Err(at.error(
            span,
            format!("the objective refuses arm `{arm}`: {error}"),
            label,
            help,
        ))
    }
}

/// The table of `[base.grpo]` and the path in it that an error is about; nothing where it is about several numbers.
fn place(error: &ObjectiveError, grpo: &GrpoParams) -> (&'static str, Vec<String>) {
    let waiver = |line: &str| {
        let at = grpo.waive.iter().position(|waived| waived == line);
        ("waive", at.iter().map(ToString::to_string).collect())
    };
    match error {
        ObjectiveError::Param { term, error, .. } => {
            ("objective", vec![(*term).to_owned(), error.name.to_owned()])
        }
        ObjectiveError::Number { place, .. } => {
            ("objective", place.split('.').map(str::to_owned).collect())
        }
        ObjectiveError::Tied { follower, .. } => (
            "objective",
            follower.split('.').map(str::to_owned).collect(),
        ),
        ObjectiveError::NotRequired { waived, .. } => waiver(waived),
        ObjectiveError::NeedlessWaiver { line, .. } => waiver(line),
        ObjectiveError::Clash { .. } | ObjectiveError::Require { .. } => ("objective", Vec::new()),
    }
}
