//! In: `specs/<id>.toml`. Out: its arms with typed parameters at a scale, or the line that is wrong.
//!
//! Tables are merged base → scale → arm, then typed; an arm states only its difference.

mod error;
mod file;
mod lines;
mod locate;
mod objective;
mod statement;

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_path_to_error::Segment;
use vrt_train::atomic::FileError;

pub(crate) use error::Text;
pub use error::{SpecError, suggest};
pub use file::{
    Arm, Beside, CasesSpec, Claim, DiagramSpec, Experiment, Kind, Panel, Scale, SpecFile, SplitSpec,
};
pub use lines::{Lines, Steps, Values};
pub use statement::{Judge, Statement, Term};

use crate::stages::params::ArmParams;
use error::explain;
use locate::locate;

/// A checked spec.
#[derive(Clone, Debug)]
pub struct Spec {
    /// What is written.
    pub file: SpecFile,
    name: String,
    text: String,
    hash: String,
}

/// One arm at one scale.
#[derive(Clone, Debug)]
pub struct ResolvedArm {
    /// Its id.
    pub id: String,
    /// Its label.
    pub label: String,
    /// Its stages, in order.
    pub chain: Vec<String>,
    /// Its parameters.
    pub params: ArmParams,
    /// Its parameters for the second look, if the spec has one.
    pub beside: Option<ArmParams>,
    /// Where it stands on the way of an arm that keeps policies.
    pub at: Option<At>,
}

/// A policy on the way of GRPO.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct At {
    /// The arm whose way it is.
    pub arm: String,
    /// Steps done.
    pub step: u32,
}

/// Why a spec could not be loaded.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum LoadError {
    /// It says something it may not.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Spec(#[from] Box<SpecError>),
    /// It could not be read.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Spec {
    /// Reads and checks the spec at `path`.
    ///
    /// # Errors
    /// [`LoadError`] with the offending line.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        let text = fs::read_to_string(path).map_err(FileError::at("read", path))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Ok(Self::parse(&name, &text)?)
    }

    /// Checks the spec `text`; `name` is its file's name, and the stem must be its id.
    ///
    /// # Errors
    /// [`SpecError`] with the offending line.
    pub fn parse(name: &str, text: &str) -> Result<Self, Box<SpecError>> {
        let at = Text { name, text };
        let file: SpecFile = toml::from_str(text).map_err(|e| at.toml(&e))?;
        let spec = Self {
            file,
            name: name.to_owned(),
            text: text.to_owned(),
            hash: blake3::hash(text.as_bytes()).to_hex().to_string(),
        };
        spec.check_names()?;
        for scale in Scale::ALL {
            spec.seeds(scale)?;
            spec.arms(scale)?;
        }
        spec.check_panels()?;
        Ok(spec)
    }

    /// blake3 of the spec's text.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The id.
    pub fn id(&self) -> &str {
        &self.file.experiment.id
    }

    /// What claims and panels may name: its splits, their groups, and `all`.
    pub fn parts(&self) -> Vec<String> {
        let splits = self.file.splits.iter().map(|split| split.id.clone());
        let groups = self.file.groups().into_iter().map(|(name, _)| name);
        splits.chain(groups).chain(["all".to_owned()]).collect()
    }

    /// What it is about in one line: its headline, else its first claim, else its title.
    pub fn headline(&self) -> &str {
        let file = &self.file;
        let named = file.experiment.headline.as_ref();
        let claim = match named {
            Some(id) => file.claims.iter().find(|claim| claim.id == *id),
            None => file.claims.first(),
        };
        claim.map_or(&file.experiment.title, |claim| &claim.text)
    }

    fn error(
        &self,
        path: &[&str],
        message: impl Into<String>,
        label: impl Into<String>,
        help: impl Into<String>,
    ) -> Box<SpecError> {
        let at = Text {
            name: &self.name,
            text: &self.text,
        };
        at.error(locate(&self.text, path), message, label, Some(help.into()))
    }

    fn check_names(&self) -> Result<(), Box<SpecError>> {
        let file = &self.file;
        let stem = self.name.strip_suffix(".toml").unwrap_or(&self.name);
        if file.experiment.id != stem {
            return Err(self.error(
                &["experiment", "id"],
                format!("the id is not the file's name, `{stem}`"),
                "this id",
                "give both the same name",
            ));
        }
        let arms = || file.arms.iter().map(|arm| arm.id.as_str());
        let splits = || file.splits.iter().map(|split| split.id.as_str());
        if file.experiment.kind == Kind::Diagram {
            return self.check_diagram();
        }
        if file.experiment.kind == Kind::Cases {
            return self.check_cases();
        }
        if file.cases.is_some() {
            return Err(self.error(
                &["cases"],
                "only cases have a table [cases]",
                "this table",
                "remove it, or let `kind` be \"cases\"",
            ));
        }
        if file.diagram.is_some() {
            return Err(self.error(
                &["diagram"],
                "only a diagram has a table [diagram]",
                "this table",
                "remove it, or let `kind` be \"diagram\"",
            ));
        }
        if file.arms.is_empty() || file.splits.is_empty() {
            return Err(self.error(
                &["experiment"],
                "an experiment needs at least one arm and one split",
                "this experiment",
                "add [[arm]] and [[split]]",
            ));
        }
        let lists: [(&str, Vec<&str>); 4] = [
            ("arm", arms().collect()),
            ("split", splits().collect()),
            ("panel", file.panels.iter().map(|p| p.id.as_str()).collect()),
            ("claim", file.claims.iter().map(|c| c.id.as_str()).collect()),
        ];
        for (list, ids) in lists {
            for (i, id) in ids.iter().enumerate() {
                if ids[..i].contains(id) {
                    return Err(self.error(
                        &[list, &i.to_string(), "id"],
                        format!("two {list}s are called `{id}`"),
                        "the second one",
                        "rename one of them",
                    ));
                }
            }
        }
        if let Some(headline) = &file.experiment.headline {
            let claims = || file.claims.iter().map(|claim| claim.id.as_str());
            if !claims().any(|known| known == headline) {
                return Err(self.error(
                    &["experiment", "headline"],
                    "the headline is none of the claims",
                    format!("unknown claim `{headline}`"),
                    suggest(headline, claims()),
                ));
            }
        }
        if file.experiment.kind == Kind::Measurement {
            let judged = [
                ("panel", file.panels.is_empty()),
                ("claim", file.claims.is_empty()),
                ("beside", file.beside.is_none()),
            ];
            if let Some((what, _)) = judged.into_iter().find(|(_, absent)| !absent) {
                return Err(self.error(
                    &[what],
                    format!("a measurement judges nothing and has no use for [{what}]"),
                    "this table",
                    "remove it, or let `kind` be \"table\" and the chains end with a stage that judges",
                ));
            }
        }
        for (i, split) in file.splits.iter().enumerate() {
            if let Some(group) = &split.group
                && (group == "all" || splits().any(|id| id == group))
            {
                return Err(self.error(
                    &["split", &i.to_string(), "group"],
                    format!("group `{group}` has the name of something else"),
                    "this group",
                    "choose a name that is neither a split's nor `all`",
                ));
            }
        }
        for (i, arm) in file.arms.iter().enumerate() {
            let chain = arm.chain.as_ref().unwrap_or(&file.experiment.chain);
            let skippable = &chain[..chain.len().saturating_sub(1)];
            for (j, name) in arm.skip.iter().enumerate() {
                if !skippable.contains(name) {
                    return Err(self.error(
                        &["arm", &i.to_string(), "skip", &j.to_string()],
                        format!(
                            "arm `{}` skips a stage that its chain does not have",
                            arm.id
                        ),
                        format!("unknown stage `{name}`"),
                        suggest(name, skippable.iter().map(String::as_str)),
                    ));
                }
            }
        }
        let known_parts = self.parts();
        let parts = || known_parts.iter().map(String::as_str);
        for (i, claim) in file.claims.iter().enumerate() {
            let i = i.to_string();
            let statement = Statement::parse(&claim.statement).map_err(|help| {
                self.error(
                    &["claim", &i, "statement"],
                    format!("claim `{}` cannot be read", claim.id),
                    "this statement",
                    help,
                )
            })?;
            let blame = |message: String, label: String, help: String| {
                self.error(&["claim", &i, "statement"], message, label, help)
            };
            for judge in statement.judges() {
                if let Some(other) = &judge.experiment {
                    return Err(blame(
                        format!("claim `{}` names another experiment", claim.id),
                        format!("`{other}` is not this one"),
                        "compare the arms of several experiments in experiments/claims.toml"
                            .to_owned(),
                    ));
                }
                if !arms().any(|known| known == judge.arm) {
                    return Err(blame(
                        format!("claim `{}` names an arm that does not exist", claim.id),
                        format!("unknown arm `{}`", judge.arm),
                        suggest(&judge.arm, arms()),
                    ));
                }
                if let Some(part) = &judge.part
                    && !parts().any(|known| known == part)
                {
                    return Err(blame(
                        format!("claim `{}` names a split that does not exist", claim.id),
                        format!("unknown split `{part}`"),
                        suggest(part, parts()),
                    ));
                }
            }
            if claim.than_split.is_some() && statement.judges().any(|judge| judge.part.is_some()) {
                return Err(blame(
                    format!("claim `{}` says twice on which pairs it is", claim.id),
                    "names splits beside `than_split`".to_owned(),
                    "write all splits into the statement, or none".to_owned(),
                ));
            }
            let than = claim.than_split.as_ref().map(|name| ("than_split", name));
            for (key, name) in [("split", &claim.split)].into_iter().chain(than) {
                if !parts().any(|known| known == name) {
                    return Err(self.error(
                        &["claim", &i, key],
                        format!("claim `{}` names a split that does not exist", claim.id),
                        format!("unknown split `{name}`"),
                        suggest(name, parts()),
                    ));
                }
            }
        }
        Ok(())
    }

    /// A diagram judges nothing, and has at least a frame of each video to show.
    fn check_diagram(&self) -> Result<(), Box<SpecError>> {
        let file = &self.file;
        let judged = [
            ("arm", file.arms.is_empty()),
            ("split", file.splits.is_empty()),
            ("panel", file.panels.is_empty()),
            ("claim", file.claims.is_empty()),
            ("beside", file.beside.is_none()),
            ("base", file.base.is_empty()),
        ];
        if let Some((what, _)) = judged.into_iter().find(|(_, absent)| !absent) {
            return Err(self.error(
                &[what],
                format!("a diagram judges nothing and has no use for [{what}]"),
                "this table",
                "remove it, or let `kind` be \"figure\"",
            ));
        }
        if !(1..=512).contains(&file.diagram.unwrap_or_default().frames) {
            return Err(self.error(
                &["diagram", "frames"],
                "so many frames cannot be drawn",
                "this number",
                "choose from 1 to 512",
            ));
        }
        Ok(())
    }

    /// Cases are traces of one arm, whose chain ends with the stage that judges.
    fn check_cases(&self) -> Result<(), Box<SpecError>> {
        let file = &self.file;
        let compared = [
            ("split", file.splits.is_empty()),
            ("panel", file.panels.is_empty()),
            ("claim", file.claims.is_empty()),
            ("beside", file.beside.is_none()),
            ("diagram", file.diagram.is_none()),
        ];
        if let Some((what, _)) = compared.into_iter().find(|(_, absent)| !absent) {
            return Err(self.error(
                &[what],
                format!("cases compare nothing and have no use for [{what}]"),
                "this table",
                "remove it, or let `kind` be \"figure\"",
            ));
        }
        let ends = |chain: &Vec<String>| chain.last().is_some_and(|last| last == "eval");
        let chain = |arm: &Arm| arm.chain.clone().unwrap_or(file.experiment.chain.clone());
        match (file.arms.as_slice(), file.cases) {
            ([arm], Some(_)) if ends(&chain(arm)) => Ok(()),
            _ => Err(self.error(
                &["experiment", "kind"],
                "cases are traces of one arm whose chain ends with `eval`",
                "these cases",
                "state one [[arm]], and [cases] with `among`, `right` and `wrong`",
            )),
        }
    }

    fn scale_table(&self, scale: Scale) -> &toml::Table {
        match scale {
            Scale::Smoke => &self.file.scale.smoke,
            Scale::Laptop => &self.file.scale.laptop,
            Scale::Full => &self.file.scale.full,
        }
    }

    /// The seeds of a scale: its `seeds`, by default `[1]`.
    ///
    /// # Errors
    /// [`SpecError`] when they are no list of distinct numbers.
    pub fn seeds(&self, scale: Scale) -> Result<Vec<u64>, Box<SpecError>> {
        let Some(value) = self.scale_table(scale).get("seeds") else {
            return Ok(vec![1]);
        };
        let seeds = Vec::<u64>::deserialize(value.clone()).unwrap_or_default();
        let distinct = seeds
            .iter()
            .enumerate()
            .all(|(i, s)| !seeds[..i].contains(s));
        if seeds.is_empty() || !distinct {
            return Err(self.error(
                &["scale", scale.name(), "seeds"],
                format!("the seeds of scale `{}` cannot be used", scale.name()),
                "these seeds",
                "write a list of distinct whole numbers: seeds = [1, 2, 3]",
            ));
        }
        Ok(seeds)
    }

    /// The arms at a scale, with typed parameters; behind an arm that keeps policies come those, from the policy that
    /// GRPO starts from.
    ///
    /// # Errors
    /// [`SpecError`] at the key that no stage knows or whose value has the wrong type.
    pub fn arms(&self, scale: Scale) -> Result<Vec<ResolvedArm>, Box<SpecError>> {
        let mut differences = self.scale_table(scale).clone();
        differences.remove("seeds");
        let mut base = self.file.base.clone();
        merge(&mut base, differences);
        let scale_at = vec!["scale".to_owned(), scale.name().to_owned()];
        let base_at = vec!["base".to_owned()];
        // Typed once without any arm, so that the base is blamed for its own mistakes.
        self.typed::<ArmParams>(base.clone(), &[scale_at.clone(), base_at.clone()])?;
        let mut arms = Vec::new();
        for (i, arm) in self.file.arms.iter().enumerate() {
            let arm_at = vec!["arm".to_owned(), i.to_string(), "set".to_owned()];
            let mut table = base.clone();
            merge(&mut table, undotted(&arm.set));
            let layers = [arm_at, scale_at.clone(), base_at.clone()];
            let params: ArmParams = self.typed(table.clone(), &layers)?;
            let chain = arm.chain.as_ref().unwrap_or(&self.file.experiment.chain);
            let chain: Vec<String> = chain
                .iter()
                .filter(|stage| !arm.skip.contains(stage))
                .cloned()
                .collect();
            if chain.iter().any(|stage| stage == "grpo") {
                self.check_objective(i, &params.grpo, &layers)?;
            }
            let beside = match &self.file.beside {
                Some(beside) => {
                    merge(&mut table, undotted(&beside.set));
                    let at = vec!["beside".to_owned(), "set".to_owned()];
                    Some(self.typed(table, &[vec![at], layers.to_vec()].concat())?)
                }
                None => None,
            };
            let arm = ResolvedArm {
                id: arm.id.clone(),
                label: arm.label.clone(),
                chain,
                params,
                beside,
                at: None,
            };
            arms.extend(arm.with_its_way());
        }
        Ok(arms)
    }

    /// Where `path` stands in the uppermost of `layers` that wrote it.
    fn written(&self, layers: &[Vec<String>], path: &[String]) -> Option<Range<usize>> {
        layers.iter().find_map(|layer| {
            let whole: Vec<&str> = layer.iter().chain(path).map(String::as_str).collect();
            locate(&self.text, &whole)
        })
    }

    /// Types a merged table; an error is shown in the uppermost of `layers` that wrote the key.
    fn typed<T: DeserializeOwned>(
        &self,
        table: toml::Table,
        layers: &[Vec<String>],
    ) -> Result<T, Box<SpecError>> {
        serde_path_to_error::deserialize(toml::Value::Table(table)).map_err(|error| {
            let message = error.inner().message().to_owned();
            let (label, help) = explain(&message);
            let mut path: Vec<String> = error
                .path()
                .iter()
                .map(|segment| match segment {
                    Segment::Seq { index } => index.to_string(),
                    other => other.to_string(),
                })
                .collect();
            if message.starts_with("unknown field")
                && let Some(word) = message.split('`').nth(1)
                && path.last().is_none_or(|last| last != word)
            {
                path.pop_if(|last| last == "?");
                path.push(word.to_owned());
            }
            let at = Text {
                name: &self.name,
                text: &self.text,
            };
            at.error(
                self.written(layers, &path),
                format!("`{}` cannot be used", path.join(".")),
                label,
                help,
            )
        })
    }
}

impl ResolvedArm {
    /// The arm and the policies it keeps. They have no second look.
    fn with_its_way(mut self) -> Vec<Self> {
        let kept: Vec<u32> = self.params.grpo.kept().collect();
        let trained = self.chain.iter().any(|stage| stage == "grpo");
        if kept.is_empty() || !trained {
            return vec![self];
        }
        let at = |step| {
            let arm = self.id.clone();
            Some(At { arm, step })
        };
        let on_the_way = [0].into_iter().chain(kept).map(|step| {
            let mut one = Self {
                id: format!("{}@step={step}", self.id),
                label: format!("{}, step {step}", self.label),
                beside: None,
                at: at(step),
                ..self.clone()
            };
            if step == 0 {
                one.chain.retain(|stage| stage != "grpo");
            } else {
                one.params.eval.step = Some(step);
            }
            one
        });
        let on_the_way: Vec<Self> = on_the_way.collect();
        self.at = at(self.params.grpo.steps);
        [self].into_iter().chain(on_the_way).collect()
    }
}

/// Lays `over` onto `table`: tables are merged, everything else is replaced.
fn merge(table: &mut toml::Table, over: toml::Table) {
    for (key, value) in over {
        match (table.get_mut(&key), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(above)) => merge(below, above),
            (_, value) => {
                table.insert(key, value);
            }
        }
    }
}

/// Turns `"grpo.objective.eta" = 0.0` into nested tables.
fn undotted(set: &toml::Table) -> toml::Table {
    let mut nested = toml::Table::new();
    for (key, value) in set {
        let value = match value {
            toml::Value::Table(inner) => toml::Value::Table(undotted(inner)),
            other => other.clone(),
        };
        let mut steps: Vec<&str> = key.split('.').collect();
        let last = steps.pop().unwrap_or(key);
        let mut one = toml::Table::from_iter([(last.to_owned(), value)]);
        for step in steps.into_iter().rev() {
            one = toml::Table::from_iter([(step.to_owned(), toml::Value::Table(one))]);
        }
        merge(&mut nested, one);
    }
    nested
}

/// The specs of a folder: id and path, in order of id.
///
/// # Errors
/// [`FileError`] when the folder cannot be read.
pub fn list(folder: &Path) -> Result<Vec<(String, PathBuf)>, FileError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(FileError::at("read", folder))? {
        let path = entry.map_err(FileError::at("read", folder))?.path();
        if path.extension().is_some_and(|e| e == "toml")
            && let Some(stem) = path.file_stem()
        {
            found.push((stem.to_string_lossy().into_owned(), path));
        }
    }
    found.sort();
    Ok(found)
}
