//! What is found out before the first episode.

use vrt::data::{Benchmark, DataSet};
use vrt::eval::{Depth, Estimate, Show, Survey, cases};
use vrt::video::Limits;
use vrt_core::episode::Rules;
use vrt_train::atomic;

use crate::clips::{Bench, clip, write_damaged};

fn survey(bench: &Bench, set: &DataSet, depth: Depth) -> Survey {
    Survey::of(
        &set.pairs,
        &bench.videos(),
        &Limits::default(),
        depth,
        2,
        &|| (),
    )
}

#[test]
fn a_video_that_is_missing_cut_off_or_no_video_is_found_and_named() {
    let bench = Bench::genai();
    let set = DataSet::load(Benchmark::GenAiBench, &bench.data()).unwrap();
    let videos = bench.videos();
    std::fs::remove_file(videos.join("left/3.gif")).unwrap();
    atomic::write(&videos.join("right/4.gif"), b"<html>404</html>").unwrap();
    let whole = clip(5, 40);
    atomic::write(&videos.join("left/5.gif"), &whole[..whole.len() / 2]).unwrap();
    std::fs::remove_file(videos.join("left/6.gif")).unwrap();
    write_damaged(&videos.join("left/6.gif"), 5);
    // An index does not tell that a picture is damaged.
    let found = survey(&bench, &set, Depth::Index);
    assert!(found.unusable().all(|(name, _)| name != "left/6.gif"));
    let found = survey(&bench, &set, Depth::Frames(4));
    assert_eq!(found.len(), 24);
    let mut unusable = found.unusable();
    let mut next = || {
        let (name, reason) = unusable.next().unwrap();
        (name.to_owned(), reason.to_string())
    };
    let (name, reason) = next();
    assert_eq!(name, "left/3.gif");
    assert!(
        reason.contains("left/3.gif") && reason.contains("No such file"),
        "{reason}"
    );
    assert_eq!(next().0, "left/5.gif");
    let (name, reason) = next();
    assert_eq!(name, "left/6.gif");
    assert!(reason.contains("left/6.gif: frame "), "{reason}");
    assert_eq!(next().0, "right/4.gif");
    assert!(unusable.next().is_none());
    let pairs: Vec<bool> = set
        .pairs
        .iter()
        .map(|pair| found.pair(pair).is_ok())
        .collect();
    assert_eq!(pairs.iter().filter(|usable| !**usable).count(), 4);
}

#[test]
fn a_video_of_several_pairs_is_looked_at_once() {
    let rows = r#"[{"prompt": "a", "video_left": "left/0.gif", "video_right": "right/0.gif", "vote_type": "tievote"},
        {"prompt": "b", "video_left": "right/0.gif", "video_right": "left/0.gif", "vote_type": "leftvote"}]"#;
    let bench = Bench::new(rows);
    let set = DataSet::load(Benchmark::GenAiBench, &bench.data()).unwrap();
    let looks = std::sync::atomic::AtomicUsize::new(0);
    let watch = || {
        looks.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    };
    let limits = Limits::default();
    let found = Survey::of(
        &set.pairs,
        &bench.videos(),
        &limits,
        Depth::Index,
        2,
        &watch,
    );
    assert_eq!((found.len(), looks.into_inner()), (2, 2));
}

#[test]
fn the_estimate_by_hand() {
    let bench = Bench::genai();
    let set = DataSet::load(Benchmark::GenAiBench, &bench.data()).unwrap();
    let found = survey(&bench, &set, Depth::Index);
    let pairs = set
        .pairs
        .iter()
        .map(|pair| (pair.clone(), found.pair(pair).unwrap()));
    let cases = cases(pairs.collect(), Some(0));
    let shows = [Show::Plain, Show::Redundant];
    // A frame of 28 rows of 32 becomes 56 rows of 84, by √(3136 / 896) = 1.87 and then up to the next 28: six visual
    // tokens. Five episodes have ended.
    let ended = |show, case: &vrt::eval::Case| show == Show::Plain && case.labelled.row <= 5;
    let estimate = Estimate::of(
        &cases,
        &shows,
        &Rules::default(),
        [4 * 784, 512 * 784],
        ended,
    );
    assert_eq!((estimate.episodes, estimate.ended), (24, 5));
    assert_eq!(
        (estimate.requests.least, estimate.requests.most),
        (19, 19 * 4)
    );
    assert_eq!(estimate.visual_tokens.least, 19 * 8 * 6);
    // Eight pictures in four prompts, and eight fetched ones in the last three.
    assert_eq!(estimate.visual_tokens.most, 19 * (8 * 6 * 4 + 8 * 6 * 3));
}
