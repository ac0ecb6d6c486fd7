//! In: the facts of a pair and what was seen of it. Out: the frames that choice can gain most from, or as many random ones.
//!
//! Two arms that choose for a policy. The oracle tells what a perfect choice would win: the right
//! video, the right frames, the right number of calls. The random control keeps video and number of
//! the policy's own frames and takes the choice away.

use rand::RngExt;
use vrt_core::pair::{Dimension, FrameIndex, FrameOffset, PairKey, Pool, Side};
use vrt_core::rng::{Purpose, stream};

use super::facts::PairFacts;
use super::teacher::Call;

/// The oracle's next call, or `None` when every site has been seen and it is time to answer.
///
/// Real sites come before decoys, because with few calls only they change the answer; a decoy is
/// looked at all the same, so that a call does not tell that there is a defect. Frames: the three of
/// the core and the one after it, counted from the centre.
pub fn oracle(facts: &PairFacts, seen: &[FrameIndex]) -> Option<Call> {
    let mut open: Vec<_> = Side::BOTH
        .into_iter()
        .flat_map(|side| Dimension::ALL.map(|dimension| (side, dimension)))
        .filter_map(|(side, dimension)| {
            let site = facts.video(side).site(dimension)?;
            let shown = seen.iter().any(|frame| {
                facts
                    .pool()
                    .locate(*frame)
                    .is_some_and(|(of, offset)| of == side && site.core(offset.0))
            });
            (!shown).then_some((side, site))
        })
        .collect();
    open.sort_by_key(|(_, site)| !site.real);
    let (side, site) = *open.first()?;
    Some(Call {
        side,
        anchor: FrameOffset(site.centre),
        offsets: [-1, 0, 1, 2],
    })
}

/// As many frames of the same videos as were chosen, drawn without replacement, ascending.
///
/// `call` is the number of the call in its episode, so that each draws anew.
pub fn random_like(
    seed: u64,
    key: PairKey,
    call: u64,
    pool: Pool,
    chosen: &[FrameIndex],
) -> Vec<FrameIndex> {
    let mut rng = stream(seed, Purpose::RandomFrames, 0, key.0, call);
    let mut frames = Vec::with_capacity(chosen.len());
    for side in Side::BOTH {
        let of_side = chosen
            .iter()
            .filter(|frame| pool.locate(**frame).is_some_and(|(of, _)| of == side));
        let mut left: Vec<u32> = (0..pool.len(side)).collect();
        for _ in of_side.take(left.len()) {
            let offset = left.swap_remove(rng.random_range(0..left.len() as u32) as usize);
            frames.extend(pool.index(side, FrameOffset(offset)));
        }
    }
    frames.sort_unstable();
    frames
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::World;
    use crate::world::config::WorldConfig;
    use crate::world::knowledge::Knowledge;
    use crate::world::players::MAX_CALLS;
    use crate::world::split::{Split, Training};

    #[test]
    fn the_oracle_is_almost_always_right_and_stops() {
        let world = World::new(1, WorldConfig::default()).unwrap();
        let pairs = 1000;
        let mut right = 0;
        for key in Split::Train(Training::Validation).keys(pairs) {
            let facts = world.facts(key);
            let mut rng = stream(1, Purpose::Teacher, 0, key.0, 0);
            let initial = facts.pool().evenly(4);
            let (mut knowledge, _) = Knowledge::new(facts, initial, 0.0, &mut rng);
            for _ in 0..MAX_CALLS {
                let Some(call) = oracle(&facts, knowledge.seen()) else {
                    break;
                };
                let open = knowledge.suspects().len();
                knowledge.look(&call.frames(facts.pool()), &mut rng);
                assert!(knowledge.suspects().len() < open);
            }
            if oracle(&facts, knowledge.seen()).is_none() {
                assert_eq!(knowledge.judgment().verdict, facts.truth());
            }
            right += u32::from(knowledge.judgment().verdict.overall == facts.truth().overall);
        }
        assert!(f64::from(right) / f64::from(pairs) > 0.98, "{right}");
    }

    #[test]
    fn random_frames_keep_video_and_number_and_nothing_else() {
        let world = World::new(1, WorldConfig::default()).unwrap();
        let mut counts = [0; 24];
        let mut same = 0;
        for number in 0..2000 {
            let key = Split::Design(crate::world::split::Length::Short).key(number);
            let facts = world.facts(key);
            let pool = facts.pool();
            let chosen: Vec<FrameIndex> = [3, 4, 5, 30]
                .into_iter()
                .filter_map(FrameIndex::new)
                .collect();
            let frames = random_like(1, key, 0, facts.pool(), &chosen);
            assert!(frames.is_sorted_by(|a, b| a < b));
            let located: Vec<_> = frames.iter().filter_map(|f| pool.locate(*f)).collect();
            let firsts = located.iter().filter(|(side, _)| *side == Side::First);
            assert_eq!((located.len(), firsts.clone().count()), (4, 3));
            for (_, offset) in firsts {
                counts[offset.0 as usize] += 1;
            }
            same += u32::from(frames == random_like(1, key, 1, facts.pool(), &chosen));
        }
        assert!(same < 3, "another call of an episode draws anew");
        // 6000 draws over 24 frames: 250 each, with a deviation of about 15.
        assert!(
            counts.iter().all(|count| (190..310).contains(count)),
            "{counts:?}"
        );
    }
}
