//! In: recorded replies. Out: the same replies, in order: an episode plays back.

use std::collections::BTreeMap;

use super::{Opening, Policy, PolicyError, Reply, Shown, Turn};
use crate::pair::PairKey;
use crate::sequence::Sequence;

/// Plays back the units of recorded episodes, by pair and sample.
#[derive(Debug)]
pub struct Replay {
    records: BTreeMap<(PairKey, u32), Vec<Reply>>,
}

/// Where one episode's playback stands.
pub struct Playback {
    pair: PairKey,
    left: std::vec::IntoIter<Reply>,
}

impl Replay {
    /// A policy that repeats these replies: `(pair, sample, each unit)`, a unit as it was or as its text alone. Of two
    /// recordings of one sample the first is played.
    pub fn new<R: Into<Reply>>(records: Vec<(PairKey, u32, Vec<R>)>) -> Self {
        let mut all = BTreeMap::new();
        for (pair, sample, units) in records {
            all.entry((pair, sample))
                .or_insert_with(|| units.into_iter().map(Into::into).collect());
        }
        Self { records: all }
    }
}

/// A reply of which only the text is known.
impl From<String> for Reply {
    fn from(text: String) -> Self {
        Self {
            text,
            ..Self::default()
        }
    }
}

impl Policy for Replay {
    type State = Playback;
    type Sequence = Sequence;

    fn open(&self, openings: &[Opening<'_>]) -> Result<Vec<Playback>, PolicyError> {
        let mut states = Vec::new();
        for opening in openings {
            let pair = opening.pair.key;
            for sample in 0..opening.samples {
                let Some(units) = self.records.get(&(pair, sample)) else {
                    let reason = format!("the recording holds no sample {sample}");
                    return Err(PolicyError { pair, reason });
                };
                states.push(Playback {
                    pair,
                    left: units.clone().into_iter(),
                });
            }
        }
        Ok(states)
    }

    fn reply(&self, turns: &mut [Turn<'_, Playback>]) -> Vec<Option<Result<Reply, PolicyError>>> {
        turns
            .iter_mut()
            .map(|turn| {
                let ended = || PolicyError {
                    pair: turn.state.pair,
                    reason: "the recording ends before the episode does".to_owned(),
                };
                turn.state.left.next().ok_or_else(ended)
            })
            .map(Some)
            .collect()
    }

    fn observe(&self, shown: &mut [Shown<'_, Playback>]) -> Vec<Result<(), PolicyError>> {
        shown.iter().map(|_| Ok(())).collect()
    }

    fn sequence(&self, _: Playback) -> Option<Sequence> {
        None
    }
}
