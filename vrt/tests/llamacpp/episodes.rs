//! Episodes, refusals and a kill, with a real server.

use std::thread;
use std::time::Duration;

use vrt::server::{ServerOptions, ServerPolicy};
use vrt_core::episode::{Rules, StopReason};
use vrt_core::op::PaperOps;
use vrt_core::rollout::rollout;

use crate::server::{ANSWERS, CALLS, Server, policy, pool, prompt};
use crate::slopes::pair;

#[test]
fn the_loop_runs_calls_and_ends() {
    let server = Server::start();
    let rules = Rules::default();
    let pairs = [pair(1)];
    let answers = policy(pool(&[&server]), &rules, ANSWERS);
    let (rollouts, ledger) = rollout::<PaperOps, _>(&answers, &pairs, 2, &rules, 1).unwrap();
    let stop = &rollouts[0].samples[0].episode.stop;
    assert_eq!(ledger.stopped("answered"), 2, "{stop:?}");
    assert!(ledger.tokens > 0);
    // A model that only ever calls is told that no call is left, and calls again.
    let calls = policy(pool(&[&server]), &rules, CALLS);
    let (rollouts, ledger) = rollout::<PaperOps, _>(&calls, &pairs, 1, &rules, 1).unwrap();
    assert_eq!((ledger.calls, ledger.stopped("call_beyond_limit")), (3, 1));
    let views: Vec<usize> = rollouts[0].samples[0]
        .episode
        .outcomes()
        .map(|outcome| outcome.views.len())
        .collect();
    assert_eq!(views, [2, 2, 2]);
}

#[test]
fn a_prompt_that_does_not_fit_is_refused_with_both_lengths() {
    let server = Server::start();
    let rules = Rules {
        initial_per_video: 36,
        ..Rules::default()
    };
    let options = ServerOptions {
        pixels: [500 * 784, 512 * 784],
        ..ServerOptions::new("tiny-vl")
    };
    let policy = ServerPolicy::new(pool(&[&server]), prompt(&rules), options);
    let (rollouts, _) = rollout::<PaperOps, _>(&policy, &[pair(1)], 1, &rules, 1).unwrap();
    let Some(StopReason::Policy(error)) = &rollouts[0].samples[0].episode.stop else {
        panic!("{:?}", rollouts[0].samples[0].episode.stop);
    };
    assert!(
        error
            .reason
            .contains("does not fit the context of 32768 tokens"),
        "{error}"
    );
}

#[test]
fn nothing_is_lost_when_a_server_is_killed_and_restarted() {
    let (stays, mut dies) = (Server::start(), Server::start());
    let pool = pool(&[&stays, &dies]);
    let run = {
        let pool = pool.clone();
        thread::spawn(move || {
            let rules = Rules::default();
            let policy = policy(pool, &rules, ANSWERS);
            let pairs: Vec<_> = (0..6).map(pair).collect();
            rollout::<PaperOps, _>(&policy, &pairs, 2, &rules, 2)
                .unwrap()
                .1
        })
    };
    while pool.stats()[1].answered < 1 {
        thread::sleep(Duration::from_millis(20));
    }
    dies.kill();
    dies.restart();
    let ledger = run.join().unwrap();
    assert_eq!((ledger.asked, ledger.stopped("answered")), (12, 12));
    let answered: u64 = pool.stats().iter().map(|server| server.answered).sum();
    assert_eq!(answered, 12);
}
