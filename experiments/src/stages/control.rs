//! In: a policy's calls. Out: other evidence than it asked for: the control arms of panel 1, and the gate.

use serde_json::Value;
use vrt_core::episode::Rules;
use vrt_core::op::{
    Limits, OpError, OpGrammar, OpResult, OpSet, OpSpec, Outcome, PaperOps, Workspace,
};
use vrt_core::pair::{FrameIndex, PreferencePair};
use vrt_core::policy::{Director, Plan, TinyPolicy};
use vrt_core::rollout::{Rollout, rollout};
use vrt_core::tokenizer::Vocabulary;
use vrt_core::view::View;

use super::params::Frames;
use super::steps::failed;
use crate::stage::StageError;
use crate::world::World;
use crate::world::chooser::{oracle, random_like};

/// The paper's tools, whose every call is answered with as many random frames of the same videos.
#[derive(Clone, Debug, PartialEq)]
pub struct RandomFrames(PaperOps);

impl OpSet for RandomFrames {
    const NAMES: &'static [&'static str] = PaperOps::NAMES;

    fn specs(limits: &Limits) -> Vec<OpSpec> {
        PaperOps::specs(limits)
    }

    fn grammars() -> Vec<OpGrammar> {
        PaperOps::grammars()
    }

    fn parse(name: &str, arguments: &Value, limits: &Limits) -> Result<Self, OpError> {
        PaperOps::parse(name, arguments, limits).map(Self)
    }

    fn run(self, view: &mut Workspace<'_>) -> OpResult {
        let asked = self.0.run(view)?;
        // The frames asked for tell one call of an episode from the next.
        let frames: Vec<FrameIndex> = asked.views.iter().map(|view| view.frame()).collect();
        let call = frames
            .iter()
            .fold(0, |mix: u64, frame| mix * 193 + u64::from(frame.get()));
        let frames = random_like(
            super::WORLD_SEED,
            view.pair.key,
            call,
            view.pair.pool(),
            &frames,
        );
        Ok(Outcome::of_frames(frames))
    }

    fn cost(&self, view: &Workspace<'_>) -> Option<u32> {
        self.0.cost(view)
    }

    fn render(&self) -> String {
        self.0.render()
    }
}

/// Episodes of a policy whose evidence is chosen as `frames` says; `O` are the tools it is offered.
///
/// # Errors
/// [`StageError::Failed`] for the first pair that cannot be opened.
pub fn episodes<'a, O: OpSet>(
    judge: TinyPolicy<'a>,
    frames: Frames,
    oracle: &'a OracleChooser<'_>,
    pairs: &[PreferencePair],
    samples: u32,
    rules: &Rules,
    threads: usize,
) -> Result<Vec<Rollout>, StageError> {
    let done = match frames {
        Frames::Random => rollout::<RandomFrames, _>(&judge, pairs, samples, rules, threads),
        Frames::Oracle => rollout::<O, _>(&judge.directed(oracle), pairs, samples, rules, threads),
        Frames::Chosen | Frames::None => rollout::<O, _>(&judge, pairs, samples, rules, threads),
    };
    done.map(|(rollouts, _)| rollouts).map_err(failed)
}

/// Chooses for a policy with full knowledge of the pair: what is left to win by choosing.
pub struct OracleChooser<'a> {
    world: &'a World,
    vocabulary: &'a Vocabulary,
}

impl<'a> OracleChooser<'a> {
    /// The chooser of a world.
    pub fn new(world: &'a World, vocabulary: &'a Vocabulary) -> Self {
        Self { world, vocabulary }
    }
}

impl Director for OracleChooser<'_> {
    fn plan(&self, pair: &PreferencePair, seen: &[View], _: u32) -> Plan {
        let seen: Vec<FrameIndex> = seen.iter().map(|view| view.frame()).collect();
        let call = oracle(&self.world.facts(pair.key), &seen);
        // A call that the vocabulary cannot spell is impossible here: centres and offsets are in it.
        call.and_then(|call| {
            let told = call.told();
            self.vocabulary.call(told.tool, &told.arguments).ok()
        })
        // A plan is what follows the call's opening, which the policy has written itself.
        .map_or(Plan::Answer, |call| Plan::Call(call[1..].to_vec()))
    }
}
