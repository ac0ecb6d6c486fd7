//! One episode alone is the episode that a rollout has.

use std::sync::Arc;

use proptest::prelude::*;
use vrt::judging::play;
use vrt_core::episode::Rules;
use vrt_core::op::PaperOps;
use vrt_core::pair::{Frame, FrameOffset, PairKey, PreferencePair, Video, VideoError};
use vrt_core::policy::{Replay, Reply};
use vrt_core::rollout::rollout;

use crate::support::{ANSWER, CALL};

struct Grey(u32);

impl Video for Grey {
    fn len(&self) -> u32 {
        self.0
    }

    fn frame(&self, _: FrameOffset) -> Result<Frame, VideoError> {
        Ok(Frame {
            width: 1,
            height: 1,
            rgb: vec![0.5; 3].into(),
        })
    }
}

fn unit() -> impl Strategy<Value = Reply> {
    let text = prop_oneof![
        4 => Just(CALL),
        1 => Just(ANSWER),
        1 => Just("The left one."),
        1 => Just("<Snapshot>a</Snapshot>\n<Think>b</Think>\n<Recommend Answer>TA=0, VQ=0, MQ=0, OA=0</Recommend Answer>\n<tool_call>{\"name\": \"select_frames\", \"arguments\": {\"target_frames\": [0]}}</tool_call>"),
    ];
    (text, any::<bool>(), 0..50u32).prop_map(|(text, cut, tokens)| Reply {
        text: text.to_owned(),
        tokens,
        cut,
        sampled: Vec::new(),
    })
}

proptest! {
    #[test]
    fn a_played_episode_is_a_rollouts(
        units in proptest::collection::vec(unit(), 0..6), retries in 0u8..3, max_calls in 0u8..4,
    ) {
        let pair = PreferencePair {
            key: PairKey(5),
            caption: "a fox".to_owned(),
            videos: [Arc::new(Grey(6)), Arc::new(Grey(7))],
            truth: None,
        };
        let rules = Rules { retries, max_calls, ..Rules::default() };
        let policy = Replay::new(vec![(pair.key, 0, units)]);
        let mut heard = 0;
        let mut watch = |episode: &vrt_core::episode::Episode, _: f64| {
            heard += 1;
            assert_eq!(episode.rounds.len(), heard);
        };
        let played = play::<PaperOps, _>(&policy, &pair, &rules, &mut watch).unwrap();
        let (rollouts, _) = rollout::<PaperOps, _>(&policy, &[pair], 1, &rules, 1).unwrap();
        prop_assert_eq!(&played.episode, &rollouts[0].samples[0].episode);
        prop_assert_eq!(played.episode.rounds.len(), heard);
        prop_assert!(played.seconds.len() >= heard);
    }
}
