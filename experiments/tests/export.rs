//! `experiments export` and `experiments pairs`: from a trained arm to a file that says all of it, and videos that it knows.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;
use vrt_core::op::Offered;
use vrt_train::atomic;
use vrt_train::tiny::TrainedTiny;

/// A tower that saw two batches: a policy that writes nonsense, in no time.
const SMALL: &str = r#"
[experiment]
id = "small"
title = "Three arms"
chain = ["tower", "eval"]

[[split]]
id = "short"
label = "short"

[[split]]
id = "medium"
label = "medium"

[base]
tower = { steps = 2, batch = 8 }
input = { per_video = 3, calls = 2 }
eval = { pairs_per_split = 3, splits = ["short", "medium"], window = 2 }

[scale.smoke]
seeds = [4]

[[arm]]
id = "chosen"
label = "chosen frames"

[[arm]]
id = "random"
label = "random frames"
set = { "eval.frames" = "random" }

[[arm]]
id = "zoom"
label = "with a close look"
set = { tools = "select_zoom" }
"#;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("experiments");
        atomic::write(&folder.join("specs/small.toml"), SMALL.as_bytes()).unwrap();
        let paper = Path::new(env!("CARGO_MANIFEST_DIR")).join("paper-values.toml");
        fs::copy(paper, folder.join("paper-values.toml")).unwrap();
        Self(dir)
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    /// Exit code, stdout and stderr.
    fn run(&self, line: &str) -> (i32, String, String) {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("experiments"));
        let done = command
            .current_dir(self.0.path())
            .args(line.split_whitespace())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (
            done.status.code().unwrap(),
            text(done.stdout),
            text(done.stderr),
        )
    }
}

#[test]
fn a_trained_arm_becomes_a_file_that_says_how_to_ask_it() {
    let folder = Folder::new();
    let (code, _, said) = folder.run("export small --scale smoke");
    assert_eq!(code, 2);
    assert!(
        said.contains("run `cargo run -p experiments -- small --scale smoke` first"),
        "{said}"
    );
    assert_eq!(folder.run("small --scale smoke").0, 0);
    let (code, told, said) = folder.run("export small --scale smoke");
    assert_eq!(code, 0, "{said}");
    assert!(
        told.contains("written to small-chosen-tower-4.safetensors"),
        "{told}"
    );
    assert_eq!(folder.run("export small --scale smoke --out again").0, 0);
    let read = |name: &str| fs::read(folder.path(name)).unwrap();
    assert!(read("small-chosen-tower-4.safetensors") == read("again"));

    let policy = TrainedTiny::read(&folder.path("again")).unwrap();
    let header = policy.header();
    assert_eq!(policy.offered(), Offered::Paper);
    assert_eq!(header.rules.initial_per_video, 3);
    assert_eq!(header.rules.max_calls, 2);
    assert_eq!(header.rules.window.width, 2);
    assert_eq!(header.language.longest_video, 96);
    assert_eq!(header.world.side, 16);
    assert_eq!(header.provenance.arm, "chosen");
    assert_eq!(header.provenance.seed, 4);
    assert_eq!(policy.vocabulary().unknown(&header.world.caption), [""; 0]);

    assert_eq!(
        folder
            .run("export small --scale smoke --arm zoom --out zoom")
            .0,
        0
    );
    let zoom = TrainedTiny::read(&folder.path("zoom")).unwrap();
    assert_eq!(zoom.offered(), Offered::SelectZoom);
    assert_eq!(zoom.header().offered, ["select_frames", "zoom_in"]);
}

#[test]
fn what_has_no_policy_is_told_and_how_to_name_one() {
    let folder = Folder::new();
    for (line, words) in [
        ("export smal", "there is no experiment `smal`"),
        (
            "export small --arm chose --scale smoke",
            "there is no arm `chose`",
        ),
        (
            "export small --arm random --scale smoke",
            "whose frames somebody else chooses",
        ),
        (
            "export small --stage grpo --scale smoke",
            "its chain is tower, eval",
        ),
        (
            "export small --stage eval --scale smoke",
            "no policy of a stage `eval`",
        ),
        (
            "pairs small --arm none --scale smoke --out world",
            "there is no arm `none`",
        ),
    ] {
        let (code, _, said) = folder.run(line);
        assert_eq!(code, 2, "{line}: {said}");
        assert!(said.contains(words), "{line}: {said}");
    }
    assert_eq!(folder.run("small --scale smoke").0, 0);
    let (code, _, said) = folder.run("export small --scale smoke --step 5");
    assert_eq!(code, 4);
    assert!(said.contains("kept no policy after this step"), "{said}");
}

#[test]
fn pairs_are_written_with_their_labels_and_what_the_arm_said_of_them() {
    let folder = Folder::new();
    let (code, told, said) = folder.run("pairs small --scale smoke --per-split 2 --out world");
    assert_eq!(code, 0, "{said}");
    assert!(
        told.contains("4 pairs") && !told.contains("right overall"),
        "{told}"
    );
    let text = fs::read_to_string(folder.path("world/pairs.json")).unwrap();
    let rows: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(rows.len(), 4);
    assert_eq!(rows[0]["split"], "short");
    assert_eq!(rows[3]["split"], "medium");
    for row in &rows {
        for video in ["path_A", "path_B"] {
            let path = row[video].as_str().unwrap();
            assert!(folder.path("world").join(path).is_file(), "{path}");
        }
        for label in ["TA", "VQ", "MQ", "Overall"] {
            assert!(["A", "B", "same"].contains(&row[label].as_str().unwrap()));
        }
        assert_eq!(row["prompt"].as_str().unwrap().split(' ').count(), 4);
    }
    assert_eq!(folder.run("small --scale smoke").0, 0);
    let (_, told, _) = folder.run("pairs small --scale smoke --per-split 2 --out world");
    assert!(
        told.contains("small / chosen with seed 4 was right overall in"),
        "{told}"
    );
    assert!(told.contains("of 4 of them"), "{told}");
}
