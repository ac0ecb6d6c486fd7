//! A policy whose samples never differ has nothing to learn from: GRPO leaves it as it was, and says so.

use experiments::store::Store;
use tests::micro;

#[test]
fn groups_of_equal_rewards_change_no_weight() {
    let mut params = micro::params();
    // Next to greedy: the samples of a group are the same, and so are their rewards.
    params.grpo.temperature = 1e-4;
    let dir = tempfile::tempdir().unwrap();
    let store = Store::at(dir.path());
    let (graph, last) = micro::graph(&["tower", "base", "cold_start", "grpo"], &params, 1);
    micro::build(&graph, last, &store, 2).unwrap();
    let entries = micro::entries(&store);
    let file = |kind: &str, name: &str| {
        let mut found = entries
            .iter()
            .filter(|(path, _)| path.starts_with(kind) && path.ends_with(name));
        let (_, bytes) = found
            .next()
            .unwrap_or_else(|| panic!("{kind} wrote no {name}"));
        bytes
    };
    let metrics = String::from_utf8(file("grpo", "metrics.jsonl").clone()).unwrap();
    assert_eq!(metrics.lines().count(), 2);
    assert!(file("grpo", "model.safetensors") == file("cold_start", "model.safetensors"));
}
