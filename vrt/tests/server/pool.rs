//! Several servers as one: load, failures, kills, restarts. Nothing is lost, nothing runs twice.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::json;
use vrt::server::{Endpoint, Pool, PoolError, PoolOptions, Timeouts};
use vrt_core::episode::{Rules, StopReason};
use vrt_core::ledger::Ledger;
use vrt_core::op::PaperOps;
use vrt_core::rollout::{Rollout, rollout};

use crate::scripted::{Act, Heard, Scripted};
use crate::support::{client, judge, pair, policy, pool, quick};

fn judged(pool: Arc<Pool>, pairs: u64, samples: u32) -> (Vec<Rollout>, Ledger) {
    let rules = Rules::default();
    let pairs: Vec<_> = (0..pairs).map(pair).collect();
    rollout::<PaperOps, _>(&policy(pool, &rules), &pairs, samples, &rules, 2).unwrap()
}

/// Fails the first tries of every request in turn, by everything that may pass.
fn fails_first(times: usize) -> impl Fn(&Heard) -> Act + Send + Sync {
    let seen: Mutex<HashMap<String, usize>> = Mutex::default();
    move |heard| {
        if heard.path == "/health" {
            return judge(heard);
        }
        let key = heard.body["seed"].to_string();
        let mut seen = seen.lock().unwrap();
        let tries = seen.entry(key).or_default();
        *tries += 1;
        let act = judge(heard);
        let Act::Say { body, .. } = &act else {
            unreachable!()
        };
        match *tries {
            tries if tries > times => act,
            1 => Act::json(500, &json!({"error": {"message": "boom"}})),
            2 => Act::Cut {
                sent: body.len() / 2,
                body: body.clone(),
            },
            3 => Act::json(429, &json!({"error": {"message": "slow down"}})),
            _ => Act::Raw(Vec::new()),
        }
    }
}

#[test]
fn what_may_pass_is_tried_again_until_it_does() {
    let server = Scripted::start(fails_first(3));
    let (_, ledger) = judged(pool(&[&server], 4, &Timeouts::default()), 5, 2);
    assert_eq!(ledger.stopped("answered"), 10);
    // Two units an episode, each failed three times.
    assert_eq!(server.heard().len(), 10 * 2 * 4);
}

#[test]
fn what_never_passes_fails_after_the_stated_number_of_tries() {
    let server = Scripted::start(|heard| match heard.path.as_str() {
        "/health" => judge(heard),
        _ => Act::json(500, &json!({"error": {"message": "boom"}})),
    });
    let (rollouts, ledger) = judged(pool(&[&server], 4, &Timeouts::default()), 1, 1);
    assert_eq!(ledger.stopped("policy_failed"), 1);
    let Some(StopReason::Policy(error)) = &rollouts[0].samples[0].episode.stop else {
        panic!()
    };
    assert!(error.reason.contains("gave up after 4 tries"), "{error}");
    assert!(error.reason.contains("boom"), "{error}");
    assert_eq!(server.heard().len(), 4);
}

#[test]
fn what_cannot_pass_is_not_tried_again() {
    let server = Scripted::start(|heard| match heard.path.as_str() {
        "/health" => judge(heard),
        _ => Act::json(
            400,
            &json!({"error": {"message": "At most 4 image(s) may be provided"}}),
        ),
    });
    let (_, ledger) = judged(pool(&[&server], 4, &Timeouts::default()), 3, 1);
    assert_eq!(ledger.stopped("policy_failed"), 3);
    assert_eq!(server.heard().len(), 3);
}

/// Holds every request until `number` are there, so that they are under way together.
fn gathers(number: usize) -> impl Fn(&Heard) -> Act + Send + Sync {
    let gate = (Mutex::new(0), Condvar::new());
    move |heard| {
        if heard.path != "/health" {
            let mut there = gate.0.lock().unwrap();
            *there += 1;
            gate.1.notify_all();
            while *there < number {
                there = gate.1.wait(there).unwrap();
            }
        }
        judge(heard)
    }
}

#[test]
fn a_server_gets_as_many_requests_at_a_time_as_it_may_and_no_more() {
    let server = Scripted::start(gathers(3));
    let (_, ledger) = judged(pool(&[&server], 3, &Timeouts::default()), 12, 1);
    assert_eq!(ledger.stopped("answered"), 12);
    assert_eq!(server.most_busy(), 3);
}

#[test]
fn the_least_loaded_server_is_next() {
    // Neither answers before both have two requests.
    let gate = Arc::new(gathers(4));
    let start = || {
        let gate = gate.clone();
        Scripted::start(move |heard| gate(heard))
    };
    let (one, other) = (start(), start());
    let pool = pool(&[&one, &other], 2, &Timeouts::default());
    // Both have been probed before the first request.
    while pool.stats().iter().any(|server| !server.up) {
        thread::sleep(Duration::from_millis(1));
    }
    let (_, ledger) = judged(pool, 4, 1);
    assert_eq!(ledger.stopped("answered"), 4);
    assert_eq!((one.most_busy(), other.most_busy()), (2, 2));
}

#[test]
fn a_server_that_refuses_the_key_is_left_out_while_another_serves() {
    let refuses = Scripted::start(|heard| match heard.path.as_str() {
        "/health" => judge(heard),
        _ => Act::json(401, &json!({"error": {"message": "who are you?"}})),
    });
    let serves = Scripted::start(judge);
    let both = pool(&[&refuses, &serves], 2, &Timeouts::default());
    let (_, ledger) = judged(both, 8, 1);
    assert_eq!(ledger.stopped("answered"), 8);
    let alone = pool(&[&refuses], 2, &Timeouts::default());
    let (rollouts, ledger) = judged(alone.clone(), 2, 1);
    assert_eq!(ledger.stopped("policy_failed"), 2);
    let told = format!("{:?}", rollouts[0].samples[0].episode.stop);
    assert!(told.contains("VRT_API_KEY"), "{told}");
    assert!(
        alone
            .ready()
            .unwrap_err()
            .to_string()
            .contains("who are you?")
    );
}

#[test]
fn a_server_that_loads_its_model_is_waited_for() {
    let probes = AtomicUsize::new(0);
    let server = Scripted::start(move |heard| match heard.path.as_str() {
        "/health" if probes.fetch_add(1, Ordering::SeqCst) < 5 => {
            Act::json(503, &json!({"error": {"message": "Loading model"}}))
        }
        _ => judge(heard),
    });
    let pool = pool(&[&server], 2, &Timeouts::default());
    pool.ready().unwrap();
    assert!(server.heard().is_empty());
    let (_, ledger) = judged(pool, 2, 1);
    assert_eq!(ledger.stopped("answered"), 2);
}

#[test]
fn patience_with_servers_that_are_away_has_an_end() {
    let server = Scripted::start(judge);
    let options = PoolOptions {
        patience: Duration::from_millis(40),
        ..quick()
    };
    let endpoint = Endpoint {
        client: client(&server, &Timeouts::default()),
        concurrency: 2,
    };
    server.kill();
    let pool = Arc::new(Pool::new(vec![endpoint], options).unwrap());
    let (rollouts, ledger) = judged(pool, 3, 1);
    assert_eq!(ledger.stopped("policy_failed"), 3);
    let told = format!("{:?}", rollouts[0].samples[0].episode.stop);
    assert!(told.contains("no server was up"), "{told}");
}

/// One of two servers is killed with requests under way, and comes back: every episode ends with its answer, once.
#[test]
fn nothing_is_lost_when_one_of_two_servers_is_killed_and_restarted() {
    let first = Scripted::start(judge);
    // It holds its requests until it is killed, and judges once it is back.
    let lives = Arc::new(AtomicUsize::new(0));
    let second = {
        let lives = lives.clone();
        Scripted::start(move |heard| match lives.load(Ordering::SeqCst) {
            0 if heard.path != "/health" => Act::Silence,
            _ => judge(heard),
        })
    };
    let pool = pool(&[&first, &second], 2, &Timeouts::default());
    let run = {
        let pool = pool.clone();
        thread::spawn(move || judged(pool, 40, 3))
    };
    second.wait_for(2);
    // What it heard and has not yet looked at is still of its first life.
    second.kill();
    lives.store(1, Ordering::SeqCst);
    let before = second.heard().len();
    // The first one goes on alone meanwhile.
    first.wait_for(20);
    second.restart();
    second.wait_for(before + 2);
    let (rollouts, ledger) = run.join().unwrap();
    assert_eq!((ledger.asked, ledger.stopped("answered")), (120, 120));
    for rollout in &rollouts {
        assert_eq!(rollout.samples.len(), 3);
        for (number, sample) in rollout.samples.iter().enumerate() {
            assert_eq!(sample.episode.sample, number as u32);
            assert_eq!(sample.episode.rounds.len(), 2);
        }
    }
    let answered: u64 = pool.stats().iter().map(|server| server.answered).sum();
    // Each unit was answered once.
    assert_eq!(answered, 240);
    assert!(pool.stats()[1].failed >= 2);
}

#[test]
fn a_closed_pool_answers_nothing_more() {
    let server = Scripted::start(|heard| match heard.path.as_str() {
        "/health" => judge(heard),
        _ => Act::Silence,
    });
    let pool = pool(&[&server], 1, &Timeouts::default());
    let run = {
        let pool = pool.clone();
        thread::spawn(move || judged(pool, 3, 1))
    };
    server.wait_for(1);
    pool.close();
    // The request under way ends when the server does.
    server.kill();
    let (_, ledger) = run.join().unwrap();
    assert_eq!(ledger.stopped("policy_failed"), 3);
}

#[test]
fn a_pool_needs_servers_with_room() {
    assert!(matches!(
        Pool::new(Vec::new(), quick()),
        Err(PoolError::Empty)
    ));
    let server = Scripted::start(judge);
    let endpoint = Endpoint {
        client: client(&server, &Timeouts::default()),
        concurrency: 0,
    };
    assert!(matches!(
        Pool::new(vec![endpoint], quick()),
        Err(PoolError::NoRoom)
    ));
}
