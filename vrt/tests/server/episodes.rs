//! The episode loop with a served model: what is sent, what is forgotten, what ends an episode.

use std::sync::Arc;

use serde_json::{Value, json};
use vrt::server::Timeouts;
use vrt_core::episode::{Rules, StopReason};
use vrt_core::op::PaperOps;
use vrt_core::pair::Preference;
use vrt_core::rollout::rollout;

use crate::scripted::{Act, Scripted};
use crate::support::{ANSWER, CALL, Grey, completion, judge, pair, policy, pool};

/// Roles and what they said, with pictures by their pixel.
fn outline(body: &Value) -> String {
    let mut lines = Vec::new();
    for message in body["messages"].as_array().unwrap() {
        let role = message["role"].as_str().unwrap();
        match &message["content"] {
            Value::String(text) => lines.push(format!("[{role}] {text}")),
            parts => {
                let parts = parts
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|part| match &part["text"] {
                        Value::String(text) => text.clone(),
                        _ => picture(part["image_url"]["url"].as_str().unwrap()),
                    });
                lines.push(format!("[{role}] {}", parts.collect::<String>()));
            }
        }
    }
    lines.join("\n")
}

/// Size and first value of a picture.
fn picture(uri: &str) -> String {
    use base64::Engine;
    let data = uri.strip_prefix("data:image/png;base64,").unwrap();
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(data)
        .unwrap();
    let picture = image::load_from_memory(&bytes).unwrap().to_rgb8();
    let (width, height) = picture.dimensions();
    format!("({width}×{height}, {})", picture.get_pixel(0, 0)[0])
}

#[test]
fn an_episode_is_a_conversation() {
    let server = Scripted::start(judge);
    let rules = Rules::default();
    let policy = policy(pool(&[&server], 2, &Timeouts::default()), &rules);
    let (rollouts, ledger) = rollout::<PaperOps, _>(&policy, &[pair(7)], 1, &rules, 1).unwrap();
    let episode = &rollouts[0].samples[0].episode;
    assert_eq!(episode.stop, Some(StopReason::Answered));
    assert_eq!(episode.answer().unwrap().verdict.overall, Preference::First);
    assert_eq!((ledger.calls, ledger.tokens), (1, 14));
    let heard = server.heard();
    assert_eq!(heard.len(), 2);
    insta::assert_snapshot!(outline(&heard[1].body));
    let rest = |body: &Value| {
        let mut body = body.clone();
        body.as_object_mut().unwrap().remove("messages");
        body
    };
    assert_eq!(rest(&heard[0].body)["model"], "tiny-vl");
    assert_eq!(rest(&heard[0].body)["temperature"], 0.0);
    assert_ne!(rest(&heard[0].body)["seed"], rest(&heard[1].body)["seed"]);
}

#[test]
fn the_window_takes_pictures_out_of_the_messages_and_leaves_the_words() {
    // Calls as long as it may, then answers.
    let server = Scripted::start(|heard| {
        let last = heard.body["messages"]
            .as_array()
            .and_then(|all| all.last().cloned());
        let told = last.map(|last| last.to_string()).unwrap_or_default();
        match told.contains("No further call") {
            true => Act::json(200, &completion(ANSWER)),
            false => Act::json(200, &completion(CALL)),
        }
    });
    let rules = Rules::default();
    let policy = policy(pool(&[&server], 1, &Timeouts::default()), &rules);
    let (rollouts, _) = rollout::<PaperOps, _>(&policy, &[pair(1)], 1, &rules, 1).unwrap();
    assert_eq!(
        rollouts[0].samples[0].episode.stop,
        Some(StopReason::Answered)
    );
    let heard = server.heard();
    assert_eq!(heard.len(), 4);
    let pictures: Vec<usize> = heard
        .iter()
        .map(|one| {
            one.body["messages"]
                .to_string()
                .matches("data:image/png")
                .count()
        })
        .collect();
    // Eight at first, and with p = 1 two more, however many calls there were.
    assert_eq!(pictures, [8, 10, 10, 10]);
    let last = outline(&heard[3].body);
    assert_eq!(
        last.matches("No longer in view: Frame 12, Frame 76.")
            .count(),
        2,
        "{last}"
    );
    assert_eq!(last.matches("look between").count(), 3, "{last}");
    assert_eq!(last.matches("No further call").count(), 1, "{last}");
}

#[test]
fn a_faulty_call_is_told_and_a_cut_reply_ends_the_episode() {
    let server =
        Scripted::start(
            |heard| match heard.body["messages"].as_array().map_or(0, Vec::len) {
                2 => Act::json(200, &completion(&CALL.replace("76", "129"))),
                _ => {
                    let mut cut = completion(&ANSWER[..40]);
                    cut["choices"][0]["finish_reason"] = json!("length");
                    Act::json(200, &cut)
                }
            },
        );
    let rules = Rules {
        retries: 1,
        ..Rules::default()
    };
    let policy = policy(pool(&[&server], 1, &Timeouts::default()), &rules);
    let (rollouts, _) = rollout::<PaperOps, _>(&policy, &[pair(1)], 1, &rules, 1).unwrap();
    assert_eq!(rollouts[0].samples[0].episode.stop, Some(StopReason::Cut));
    let told = outline(&server.heard()[1].body);
    assert!(
        told.ends_with(
            "<tool_response>\nselect_frames was not run: target_frames[1]: 129 is beyond the pool of 128 frames\n</tool_response>"
        ),
        "{told}"
    );
}

#[test]
fn a_video_that_breaks_fails_its_own_episode_alone() {
    let server = Scripted::start(judge);
    let rules = Rules::default();
    let policy = policy(pool(&[&server], 2, &Timeouts::default()), &rules);
    let mut broken = pair(1);
    // Frame 9 of the pool is shown first.
    broken.videos[0] = Arc::new(Grey {
        len: 64,
        broken: Some(8),
    });
    let pairs = [broken, pair(2)];
    let (rollouts, ledger) = rollout::<PaperOps, _>(&policy, &pairs, 2, &rules, 2).unwrap();
    assert_eq!(ledger.stopped("policy_failed"), 2);
    assert_eq!(ledger.stopped("answered"), 2);
    let Some(StopReason::Policy(error)) = &rollouts[0].samples[0].episode.stop else {
        panic!("{:?}", rollouts[0].samples[0].episode.stop);
    };
    assert!(error.reason.contains("picture 9"), "{error}");
    assert!(error.reason.contains("the packet is damaged"), "{error}");
}

#[test]
fn a_reply_and_its_seed_do_not_depend_on_threads_or_company() {
    // Answers with the seed it was given.
    let run = |threads: usize, pairs: &[u64]| {
        let server = Scripted::start(|heard| {
            let seed = &heard.body["seed"];
            Act::json(
                200,
                &completion(&ANSWER.replace("greyer", &seed.to_string())),
            )
        });
        let rules = Rules::default();
        let policy = policy(pool(&[&server], 4, &Timeouts::default()), &rules);
        let pairs: Vec<_> = pairs.iter().map(|key| pair(*key)).collect();
        let (rollouts, _) = rollout::<PaperOps, _>(&policy, &pairs, 3, &rules, threads).unwrap();
        let last = rollouts.into_iter().next_back().unwrap();
        let episodes = last.samples.into_iter().map(|sample| sample.episode);
        episodes.collect::<Vec<_>>()
    };
    let alone = run(1, &[5]);
    assert_eq!(alone, run(3, &[1, 2, 3, 5]));
    let texts: std::collections::BTreeSet<_> =
        alone.iter().map(|one| &one.rounds[0].reply.text).collect();
    assert_eq!(texts.len(), 3);
}
