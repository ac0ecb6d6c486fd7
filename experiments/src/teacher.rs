//! In: the world's scripted teacher. Out: a policy: it writes real traces through the same loop as the model.

use vrt_core::pair::{FrameIndex, Pool};
use vrt_core::policy::{Observation, Opening, Policy, PolicyError, Reply, Shown, Turn};
use vrt_core::sequence::Sequence;
use vrt_core::tokenizer::{Vocabulary, VocabularyError};
use vrt_core::view::View;

use crate::language::Writer;
use crate::world::World;
use crate::world::ask::{Demonstrate, Tools};
use crate::world::players::{Play, teach};
use crate::world::teacher::TeacherParams;

/// The bad chooser who reads perfectly: the source of cold-start traces.
pub struct Teacher<'a> {
    world: &'a World,
    params: &'a TeacherParams,
    tools: &'a dyn Demonstrate,
    vocabulary: &'a Vocabulary,
}

/// A play and how much of it was told.
pub struct Telling {
    play: Play,
    told: usize,
    sequence: Sequence,
    pool: Pool,
}

impl<'a> Teacher<'a> {
    /// The teacher of a world, with the paper's tool.
    pub fn new(world: &'a World, params: &'a TeacherParams, vocabulary: &'a Vocabulary) -> Self {
        Self {
            world,
            params,
            tools: &Tools::Paper,
            vocabulary,
        }
    }

    /// The same teacher with other tools; the vocabulary must be theirs.
    pub fn with(self, tools: &'a dyn Demonstrate) -> Self {
        Self { tools, ..self }
    }
}

fn failed(telling: &Telling, error: &VocabularyError) -> PolicyError {
    PolicyError {
        pair: telling.play.facts.key,
        reason: error.to_string(),
    }
}

impl Policy for Teacher<'_> {
    type State = Telling;
    type Sequence = Sequence;

    fn open(&self, openings: &[Opening<'_>]) -> Result<Vec<Telling>, PolicyError> {
        let mut states = Vec::new();
        for one in openings {
            for sample in 0..one.samples {
                let pair = one.pair.key;
                let failed = |reason: String| PolicyError { pair, reason };
                let sample = u64::from(sample);
                let play = teach(self.world, pair, self.params, self.tools, sample)
                    .map_err(|error| failed(error.to_string()))?;
                let sequence = Writer::new(self.vocabulary)
                    .play(one.pair, &play)
                    .map_err(|error| failed(error.to_string()))?;
                states.push(Telling {
                    play,
                    told: 0,
                    sequence,
                    pool: one.pair.pool(),
                });
            }
        }
        Ok(states)
    }

    fn reply(&self, turns: &mut [Turn<'_, Telling>]) -> Vec<Option<Result<Reply, PolicyError>>> {
        let writer = Writer::new(self.vocabulary);
        turns
            .iter_mut()
            .map(|turn| {
                let state = &mut *turn.state;
                let unit = &state.play.units[state.told];
                let tokens = writer.unit(unit).map_err(|error| failed(state, &error))?;
                state.told += 1;
                let text = self.vocabulary.render(&tokens, state.pool);
                Ok(Reply {
                    text,
                    tokens: tokens.len() as u32 - 1,
                    ..Reply::default()
                })
            })
            .map(Some)
            .collect()
    }

    fn observe(&self, shown: &mut [Shown<'_, Telling>]) -> Vec<Result<(), PolicyError>> {
        shown
            .iter()
            .map(|one| {
                let state = &one.state;
                let pool = state.pool;
                let mut past: Vec<Vec<FrameIndex>> = Vec::new();
                for ask in state.play.units[..state.told]
                    .iter()
                    .filter_map(|unit| unit.ask.as_ref())
                {
                    past.push(ask.frames(pool, &past));
                }
                let asked = past.last();
                if let Observation::Outcome { outcome, .. } = one.observation {
                    let shown: Vec<FrameIndex> =
                        outcome.views.iter().copied().map(View::frame).collect();
                    if asked == Some(&shown) {
                        return Ok(());
                    }
                }
                let reason = format!("asked for {asked:?}, was shown {:?}", one.observation);
                Err(PolicyError {
                    pair: state.play.facts.key,
                    reason,
                })
            })
            .collect()
    }

    fn sequence(&self, state: Telling) -> Option<Sequence> {
        Some(state.sequence)
    }
}
