//! In: recorded replies. Out: the same replies, in order: an episode plays back.

use super::{Opening, Policy, PolicyError, Reply, Shown, Turn};
use crate::pair::PairKey;
use crate::sequence::Sequence;

/// Plays back the units of recorded episodes, by pair and sample.
pub struct Replay {
    records: Vec<(PairKey, u32, Vec<String>)>,
}

/// Where one episode's playback stands.
pub struct Playback {
    pair: PairKey,
    left: std::vec::IntoIter<String>,
}

impl Replay {
    /// A policy that repeats these replies: `(pair, sample, text of each unit)`.
    pub fn new(records: Vec<(PairKey, u32, Vec<String>)>) -> Self {
        Self { records }
    }
}

impl Policy for Replay {
    type State = Playback;

    fn open(&self, openings: &[Opening<'_>]) -> Result<Vec<Playback>, PolicyError> {
        let mut states = Vec::new();
        for opening in openings {
            let pair = opening.pair.key;
            for sample in 0..opening.samples {
                let record = self
                    .records
                    .iter()
                    .find(|(key, number, _)| (*key, *number) == (pair, sample));
                let Some((_, _, units)) = record else {
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
            .map(|turn| match turn.state.left.next() {
                Some(text) => Ok(Reply {
                    text,
                    ..Reply::default()
                }),
                None => Err(PolicyError {
                    pair: turn.state.pair,
                    reason: "the recording ends before the episode does".to_owned(),
                }),
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
