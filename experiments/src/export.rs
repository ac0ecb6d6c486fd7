//! In: an arm whose policy is trained. Out: the policy as one file that says all that is needed to ask it.

use std::path::PathBuf;

use clap::Args;
use vrt_core::op::OpSet;
use vrt_core::tokenizer::VocabularyError;
use vrt_train::atomic::FileError;
use vrt_train::tiny::{
    self, FORMAT, Header, Language, Provenance, Sizes, TinyFileError, WorldRecord,
};

use crate::graph::{Graph, RunError};
use crate::kit::{Kit, with_kit};
use crate::provenance::Revision;
use crate::run::ExperimentError;
use crate::spec::{LoadError, ResolvedArm, Scale, Spec, suggest};
use crate::stage::StageError;
use crate::stages::params::{Decode, Frames};
use crate::stages::steps::{read_kept, read_weights};
use crate::stages::{ChainError, MAX_TOKENS, Maker, WORLD_SEED, chain};
use crate::store::{State, Store};
use crate::view::{ViewError, wanted};
use crate::workspace::Workspace;
use crate::world::World;
use crate::world::frame::SIZE;
use crate::world::split::{Length, Split};
use crate::world::words;

/// Kinds of stages that leave a policy.
const POLICIES: &[&str] = &["tower", "base", "cold_start", "judge", "rft", "grpo"];

/// Writes a trained policy as one file, for `vrt judge` and `vrt eval` with --tiny
///
/// The file is safetensors. Its metadata holds, as JSON under `vrt-tiny-policy`, the model's sizes, the vocabulary token by
/// token, the operations, the rules of its episodes (first frames, calls, window, longest video) and where it comes from.
/// What was trained is read from the cache; nothing is trained.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cargo run -p experiments -- export fig3                                    the first arm's policy, laptop scale
  cargo run -p experiments -- export fig3 --arm no_exploration --seed 2 --out policy.safetensors
  cargo run -p experiments -- export fig3 --stage cold_start                 the same arm before RFT and GRPO
  cargo run -p experiments -- export fig4 --arm full --step 20               one that GRPO kept on its way

  cargo run -p experiments -- pairs fig3 --out world                         videos that the policy knows, then
  cargo run -p vrt -- eval videogen-rewardbench --data world/pairs.json --videos world --no-swap \\
      --tiny fig3-full-grpo-1.safetensors")]
pub struct ExportArgs {
    /// The experiment
    #[arg(value_name = "ID")]
    id: String,
    /// The arm [default: the first one]
    #[arg(long, value_name = "ID")]
    arm: Option<String>,
    /// How much was trained
    #[arg(long, value_enum, default_value_t)]
    scale: Scale,
    /// The training seed [default: the spec's first]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// The stage of the arm's chain that left the policy: base, cold_start, rft, grpo, … [default: the last]
    #[arg(long, value_name = "KIND")]
    stage: Option<String>,
    /// A step after which GRPO kept its policy, instead of the last one [default: as the arm is judged]
    #[arg(long, value_name = "N")]
    step: Option<u32>,
    /// The file [default: ID-ARM-STAGE-SEED.safetensors]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The command line asks for something that is not there.
    #[error("{0}")]
    Usage(String),
    /// The experiment's stages cannot be had.
    #[error(transparent)]
    Experiment(#[from] ExperimentError),
    /// A stage's entry holds no weights.
    #[error(transparent)]
    Weights(#[from] StageError),
    /// The arm's tools make no vocabulary.
    #[error(transparent)]
    Vocabulary(#[from] VocabularyError),
    /// The world cannot be drawn, or lacks the pairs that are asked for.
    #[error("the arm's pairs cannot be had: {0}")]
    World(String),
    /// What would be written could not be read back.
    #[error(transparent)]
    Policy(#[from] TinyFileError),
}

macro_rules! through_experiment {
    ($($error:ty),*) => {$(
        impl From<$error> for ExportError {
            fn from(error: $error) -> Self {
                Self::Experiment(error.into())
            }
        }
    )*};
}
through_experiment!(LoadError, RunError, FileError, ChainError);

impl From<ViewError> for ExportError {
    fn from(error: ViewError) -> Self {
        match error {
            ViewError::Experiment(error) => Self::Experiment(error),
            other => Self::Usage(other.to_string()),
        }
    }
}

/// An arm of an experiment at a scale.
pub(crate) struct Chosen {
    pub spec: Spec,
    pub arm: ResolvedArm,
    pub seed: u64,
}

/// The arm that a command line names.
pub(crate) fn chosen(
    specs: &[(String, PathBuf)],
    id: &str,
    arm: Option<&String>,
    scale: Scale,
    seed: Option<u64>,
) -> Result<Chosen, ExportError> {
    let Some((_, path)) = specs.iter().find(|(known, _)| known == id) else {
        let known = specs.iter().map(|(known, _)| known.as_str());
        let nearest = suggest(id, known);
        return Err(ExportError::Usage(format!(
            "there is no experiment `{id}`; {nearest}"
        )));
    };
    let spec = Spec::load(path)?;
    let arms = spec.arms(scale).map_err(LoadError::from)?;
    let asked: Vec<String> = arm.into_iter().cloned().collect();
    let arm = wanted(&arms, &asked)?.into_iter().next().cloned();
    let seeds = spec.seeds(scale).map_err(LoadError::from)?;
    Ok(Chosen {
        arm: arm.ok_or_else(|| ExportError::Usage(format!("`{id}` has no arm")))?,
        seed: seed.or_else(|| seeds.first().copied()).unwrap_or(1),
        spec,
    })
}

/// Writes the file; what to tell of it.
///
/// # Errors
/// [`ExportError`]; an older file then stays as it was.
pub fn export(
    workspace: &Workspace,
    makers: &[(&str, Maker)],
    specs: &[(String, PathBuf)],
    arguments: &ExportArgs,
) -> Result<String, ExportError> {
    let ExportArgs {
        id, scale, step, ..
    } = arguments;
    let Chosen { spec, arm, seed } =
        chosen(specs, id, arguments.arm.as_ref(), *scale, arguments.seed)?;
    let params = &arm.params;
    if matches!(params.eval.frames, Frames::Random | Frames::Oracle) {
        let why = format!(
            "arm `{}` judges a policy whose frames somebody else chooses; export the arm whose policy chooses them itself, \
             its weights are the same",
            arm.id
        );
        return Err(ExportError::Usage(why));
    }
    let names = policy_chain(&arm, arguments.stage.as_deref())?;
    let kind = names[names.len() - 1];
    let mut graph = Graph::default();
    let stage_id = chain(makers, &names, &mut graph, params, seed)?;
    let stage = graph.get(stage_id).ok_or(RunError::Unknown(stage_id))?;
    let store = Store::at(&workspace.cache);
    if !matches!(store.inspect(stage.as_ref())?, State::Cached(_)) {
        let scale = scale.name();
        return Err(ExportError::Usage(format!(
            "`{id}` has no trained policy for this at scale {scale} (`{}` is not in the cache); \
             run `cargo run -p experiments -- {id} --scale {scale}` first",
            stage.title()
        )));
    }
    let entry = store.entry(stage.kind(), stage_id);
    let judged = (arguments.stage.is_none())
        .then_some(params.eval.step)
        .flatten();
    let step = step.or(judged);
    let weights = match step {
        Some(step) => read_kept(&entry, step)?,
        None => read_weights(&entry)?,
    };
    let (grammars, offered) = with_kit!(params.tools, kit => (kit.grammars(), offered(&kit)));
    let world = World::new(WORLD_SEED, params.world.clone())
        .map_err(|error| ExportError::World(error.to_string()))?;
    let example = Split::Design(Length::Short).keys(1).next();
    let header = Header {
        format: FORMAT,
        model: Sizes::own(),
        language: Language::new(&grammars, &words::pieces(), Length::Long.frames())?,
        offered,
        rules: params.eval.rules(&params.input),
        max_tokens: MAX_TOKENS,
        world: WorldRecord {
            seed: WORLD_SEED,
            caption: example.map_or_else(String::new, |key| world.pair(key).caption),
            side: SIZE as u32,
            settings: serde_json::json!(params.world),
        },
        provenance: Provenance {
            experiment: id.clone(),
            arm: arm.id.clone(),
            scale: scale.name().to_owned(),
            stage: kind.to_owned(),
            stage_id: stage_id.to_string(),
            step,
            seed,
            revision: Revision::of(&workspace.root).short(),
            since: Vec::new(),
        },
    };
    let default = || format!("{}-{}-{kind}-{seed}.safetensors", spec.id(), arm.id).into();
    let out = arguments.out.clone().unwrap_or_else(default);
    tiny::write(&out, &header, &weights)?;
    let after = step.map_or_else(String::new, |step| format!(" after step {step}"));
    let sampled = match params.eval.decode {
        Decode::Greedy => "",
        Decode::Sampled => {
            "\nthe experiment judges with it by sampling; vrt takes the likeliest token unless --temperature says otherwise"
        }
    };
    Ok(format!(
        "the policy of {kind}{after}, {id} / {} at scale {}, seed {seed}\nwritten to {}{sampled}",
        arm.id,
        scale.name(),
        out.display()
    ))
}

fn offered<K: Kit>(_: &K) -> Vec<String> {
    let names = K::Ops::NAMES.iter();
    names.map(|name| (*name).to_owned()).collect()
}

/// The chain up to the stage that left the policy.
fn policy_chain<'a>(
    arm: &'a ResolvedArm,
    stage: Option<&str>,
) -> Result<Vec<&'a str>, ExportError> {
    let names: Vec<&str> = arm.chain.iter().map(String::as_str).collect();
    let is_last = |name: &&str| match stage {
        Some(wanted) => **name == *wanted && POLICIES.contains(name),
        None => POLICIES.contains(name),
    };
    // A judge that reads scores off a policy's features is none that writes.
    let scores = stage.is_none() && names.contains(&"scalar");
    match names.iter().rposition(is_last) {
        Some(last) if !scores => Ok(names[..=last].to_vec()),
        _ => Err(ExportError::Usage(format!(
            "arm `{}` has no policy {}; its chain is {}, of which {} leave one",
            arm.id,
            stage.map_or_else(
                || "that writes".to_owned(),
                |stage| format!("of a stage `{stage}`")
            ),
            names.join(", "),
            POLICIES.join(", ")
        ))),
    }
}
