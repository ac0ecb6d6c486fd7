//! In: the facts of a pair and what was seen of it. Out: the frames that choice can gain most from, or as many random ones.
//!
//! Two arms that choose for a policy. The oracle tells what a perfect choice would win: the right
//! video, the right frames, the right number of calls. The random control keeps video and number of
//! the policy's own frames and takes the choice away.

use rand::RngExt;
use vrt_core::pair::{Dimension, FrameIndex, FrameOffset, PairKey, Side};
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
