//! In: operations, rules, an objective, a recipe. Out: what the framework figure shows of them, as data.

use serde::Serialize;
use serde_json::Value;
use vrt_core::episode::Rules;
use vrt_core::objective::Objective;
use vrt_core::op::OpSet;
use vrt_core::pair::{Dimension, Judgment, Pool, Preference, Verdict};
use vrt_core::trace::{Action, Call, Prose, Unit, UnitError};

use crate::reference;
use crate::spec::{Kind, Scale, Spec};
use crate::stages::ChainError;
use crate::stages::params::ArmParams;

/// All that the figure shows: `result.json`.
#[derive(Clone, Debug, Serialize)]
pub struct Diagram {
    /// The experiment's id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// What it is shown as.
    pub kind: Kind,
    /// The scale that was asked for; the figure is the same at each.
    pub scale: Scale,
    /// The code that it shows.
    pub revision: String,
    /// Frames of each video.
    pub frames: u32,
    /// The frames shown first, by their numbers in the pool.
    pub initial: Vec<u32>,
    /// What an episode may do.
    pub rules: Rules,
    /// What can be called.
    pub tools: Vec<Tool>,
    /// The rounds of an episode that calls as often as it may.
    pub rounds: Vec<Round>,
    /// What is judged, by its key in an answer.
    pub judged: Vec<String>,
    /// The training stages.
    pub stages: Vec<Role>,
    /// What GRPO rewards.
    pub reward: Reward,
    /// Remarks.
    pub notes: Vec<String>,
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub doc: String,
    /// Its arguments with the values they take.
    pub arguments: Vec<(String, String)>,
}

/// One round of an episode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Round {
    /// Of each earlier outcome, whether the window still shows it.
    pub outcomes: Vec<bool>,
    /// The unit, line by line in the trace's own text.
    pub unit: Vec<String>,
}

/// One training stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Role {
    /// As a chain names it.
    pub name: String,
    /// As people do.
    pub title: String,
    /// What it starts from.
    pub takes: String,
    /// What it learns from that.
    pub learns: String,
    /// What the policy can do afterwards.
    pub gives: String,
}

/// The objective.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reward {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub doc: String,
    /// Its terms.
    pub terms: Vec<String>,
    /// What it requires of itself.
    pub requires: Vec<String>,
}

/// Why there is no diagram.
#[derive(Debug, thiserror::Error)]
pub enum DiagramError {
    /// The spec's chain names a stage that has no place in the figure.
    #[error(transparent)]
    Stage(#[from] ChainError),
    /// The unit's text cannot be written.
    #[error(transparent)]
    Unit(#[from] UnitError),
}

/// What the figure shows of the operations `O` and the objective `B`.
///
/// # Errors
/// [`DiagramError`] for a chain with a stage that is no training stage.
pub fn diagram<O: OpSet, B: Objective>(
    spec: &Spec,
    scale: Scale,
    revision: &str,
) -> Result<Diagram, DiagramError> {
    let rules = Rules::default();
    let params = ArmParams::default();
    let file = &spec.file;
    let frames = file.diagram.unwrap_or_default().frames;
    let pool = Pool::new(frames, frames);
    let tools: Vec<Tool> = O::specs(&rules.limits(pool))
        .into_iter()
        .map(|spec| Tool {
            name: spec.name.to_owned(),
            doc: spec.doc.lines().next().unwrap_or_default().to_owned(),
            arguments: reference::arguments(&spec),
        })
        .collect();
    let judged = Dimension::ALL.map(|dimension| dimension.key().to_owned());
    // Each outcome at its dearest: as many frames as a call may ask for.
    let cost = rules.frames_a_call * rules.frame_tokens;
    let calls = usize::from(rules.max_calls);
    let mut rounds = Vec::new();
    for earlier in 0..=calls {
        let oldest = usize::from(rules.window.oldest(&vec![cost; earlier]));
        let call = (earlier < calls).then(|| tools.first()).flatten();
        rounds.push(Round {
            outcomes: (1..=earlier).map(|outcome| outcome >= oldest).collect(),
            unit: unit(call)?.to_string().lines().map(str::to_owned).collect(),
        });
    }
    let trained = file
        .experiment
        .chain
        .split_last()
        .map_or(&[][..], |(_, t)| t);
    Ok(Diagram {
        id: spec.id().to_owned(),
        title: file.experiment.title.clone(),
        kind: file.experiment.kind,
        scale,
        revision: revision.to_owned(),
        frames,
        initial: pool
            .evenly(rules.initial_per_video)
            .into_iter()
            .map(|frame| frame.get())
            .collect(),
        rules,
        tools,
        rounds,
        judged: judged.into_iter().chain(["OA".to_owned()]).collect(),
        stages: trained
            .iter()
            .map(|name| role(name, &params))
            .collect::<Result<_, _>>()?,
        reward: Reward {
            name: B::NAME.to_owned(),
            doc: B::DOC.lines().next().unwrap_or_default().to_owned(),
            terms: B::TERMS.iter().map(|term| (*term).to_owned()).collect(),
            requires: B::REQUIRES.iter().map(|line| (*line).to_owned()).collect(),
        },
        notes: file.experiment.notes.clone(),
    })
}

/// A unit that calls, or one that answers.
fn unit(call: Option<&Tool>) -> Result<Unit, UnitError> {
    let judgment = Judgment {
        verdict: Verdict {
            dimensions: [Preference::First, Preference::Tie, Preference::Second],
            overall: Preference::First,
        },
        confidence: None,
    };
    let action = match call {
        None => Action::Answer(judgment),
        Some(tool) => {
            let any = |(name, _): &(String, String)| (name.clone(), Value::from("…"));
            Action::Recommend {
                judgment,
                calls: vec![Call {
                    name: tool.name.clone(),
                    arguments: Value::Object(tool.arguments.iter().map(any).collect()),
                }],
            }
        }
    };
    Ok(Unit {
        snapshot: Prose::new("what the visible frames show: this outlives them")?,
        think: Prose::new("what it means, and what is still missing")?,
        action,
    })
}

/// A training stage in words, with the numbers of the recipe.
fn role(name: &str, params: &ArmParams) -> Result<Role, ChainError> {
    let ArmParams {
        base,
        cold_start,
        rft,
        grpo,
        ..
    } = params;
    let (title, takes, learns, gives) = match name {
        "base" => (
            "Base model",
            format!("{} synthetic traces without a call", base.traces),
            "to report what given frames show, and to answer".to_owned(),
            "a reader that never calls an operation",
        ),
        "cold_start" => (
            "Cold start",
            format!(
                "{} traces of a teacher whose judgment is right",
                cold_start.traces
            ),
            "its own tokens' likelihood; pictures carry no loss".to_owned(),
            "the format of a trace, and the habit of calling",
        ),
        "rft" => (
            "Rejection-sampling fine-tuning",
            format!("{} pairs, {} samples each", rft.prompts, rft.samples),
            "at most one sample a pair, kept if all four judgments are right".to_owned(),
            "sounder traces, in its own words",
        ),
        "grpo" => (
            "GRPO",
            format!(
                "{} steps of {} groups of {} samples",
                grpo.steps, grpo.prompts, grpo.group
            ),
            "each sample's reward against its group's, token by token".to_owned(),
            "the policy that chooses its evidence",
        ),
        other => {
            return Err(ChainError::UnknownStage {
                name: other.to_owned(),
                known: "base, cold_start, rft, grpo".to_owned(),
            });
        }
    };
    Ok(Role {
        name: name.to_owned(),
        title: title.to_owned(),
        takes,
        learns,
        gives: gives.to_owned(),
    })
}
