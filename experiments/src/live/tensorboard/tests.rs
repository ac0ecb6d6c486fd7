use serde_json::json;

use super::*;

const WALL: f64 = 1_700_000_000.5;

/// What TensorBoard's own writer makes of the same events: `tests/golden/events.py`.
const GOLDEN: &[u8] = include_bytes!("../../../tests/golden/events.tfevents");

fn named(scalars: &[(&str, f64)]) -> Vec<(String, f64)> {
    scalars
        .iter()
        .map(|(tag, value)| ((*tag).to_owned(), *value))
        .collect()
}

#[test]
fn a_file_is_what_tensorboards_own_writer_makes_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = EventFile::create(dir.path(), WALL).unwrap();
    let two = named(&[("groups/learned", 32.0), ("reward", -0.1)]);
    file.scalars(WALL, 0, &named(&[("loss", 1.25)])).unwrap();
    file.scalars(WALL + 300.0, 300, &two).unwrap();
    file.restart(WALL + 1.0, 25).unwrap();
    file.scalars(WALL + 25.0, 25, &named(&[("loss", 0.0)]))
        .unwrap();
    let name = file.path.file_name().unwrap().to_string_lossy();
    assert!(
        name.starts_with("events.out.tfevents.1700000000."),
        "{name}"
    );
    assert_eq!(std::fs::read(&file.path).unwrap(), GOLDEN);
}

#[test]
fn scalars_are_the_numbers_with_their_paths() {
    let values = json!({
        "loss": 0.5, "nothing": null, "name": "grpo",
        "groups": {"learned": 3, "deep": {"er": -1}},
        "terms": [0.25, null, 1],
    });
    let expected = [
        ("groups/deep/er", -1.0),
        ("groups/learned", 3.0),
        ("loss", 0.5),
        ("terms/0", 0.25),
        ("terms/2", 1.0),
    ];
    assert_eq!(scalars(&values), named(&expected));
}
