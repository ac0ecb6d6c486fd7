//! Input that cannot be used ends a stage with its cause, its place, and its exit code; nothing is trained.

use std::fs;

use crate::school::School;

fn refused(school: &School, arguments: &[&str], code: i32) -> String {
    let output = school.vrt(arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{said}");
    said
}

const COLD: [&str; 4] = ["train", "cold-start", "--config", "train.toml"];

#[test]
fn each_cause_has_its_code() {
    let school = School::new();
    let said = refused(&school, &["train", "rft", "--config", "train.toml"], 3);
    assert!(
        said.contains(
            "`run/cold_start` has no result of cold-start; run `vrt train cold-start` first"
        ),
        "{said}"
    );
    let said = refused(&school, &["train", "grpo", "--config", "none.toml"], 3);
    assert!(said.contains("cannot read `none.toml`"), "{said}");
    school.configure("short.toml", &[("[rft]\nsamples = 2\nmax_tokens = 12\nepochs = 1\nbatch = 4\nschedule = { peak = 1e-3 }\n", "")]);
    let said = refused(&school, &["train", "rft", "--config", "short.toml"], 3);
    assert!(said.contains("short.toml: there is no [rft]"), "{said}");
    school.configure(
        "base.toml",
        &[("checkpoint = \"base\"", "checkpoint = \"videos\"")],
    );
    let said = refused(
        &school,
        &["train", "cold-start", "--config", "base.toml"],
        4,
    );
    assert!(said.contains("config.json"), "{said}");
    // A random policy that was taught nothing has no right episode.
    school.configure(
        "untaught.toml",
        &[("samples = 2", "start = \"checkpoint\"\nsamples = 2")],
    );
    let said = refused(&school, &["train", "rft", "--config", "untaught.toml"], 8);
    assert!(
        said.contains("none of 24 samples of 12 pairs is in format and right in everything"),
        "{said}"
    );
    school.configure("hot.toml", &[("peak = 2e-2", "peak = 1e30")]);
    let said = refused(&school, &["train", "cold-start", "--config", "hot.toml"], 8);
    assert!(said.contains("lower the learning rate"), "{said}");
}

#[test]
fn videos_and_traces_are_not_trusted() {
    let school = School::new();
    let clip = school.path("videos/left/2.gif");
    let whole = fs::read(&clip).unwrap();
    fs::remove_file(&clip).unwrap();
    let said = refused(&school, &COLD, 3);
    assert!(said.contains("1 pairs cannot be used:\n  row 3:"), "{said}");
    vrt_train::atomic::write(&clip, &whole).unwrap();

    let traces = fs::read_to_string(school.path("teacher.jsonl")).unwrap();
    let lines: Vec<&str> = traces.lines().collect();
    let mend = |changed: &str| school.write("teacher.jsonl", &format!("{}\n{changed}\n", lines[0]));
    mend("{\"version\": 1}");
    let said = refused(&school, &COLD, 3);
    assert!(said.starts_with("error: teacher.jsonl:2: "), "{said}");
    mend(
        &lines[1]
            .replace("left/1.gif", "left/7.gif")
            .replace("right/1.gif", "right/7.gif"),
    );
    let said = refused(&school, &COLD, 3);
    assert!(
        said.contains("teacher.jsonl:2: its pair is not in the data file"),
        "{said}"
    );
    mend(&lines[1].replace("\"frames\":5", "\"frames\":6"));
    let said = refused(&school, &COLD, 3);
    assert!(
        said.contains("had 6 frames when it was judged and has 5 now"),
        "{said}"
    );
    mend(&lines[1].replace("[2, 8]", "[2, 7]"));
    let said = refused(&school, &COLD, 3);
    assert!(said.contains("teacher.jsonl:2: "), "{said}");
    // Wrong, and out of format: nothing is left.
    school.write("teacher.jsonl", &format!("{}\n\n{}\n", lines[3], lines[5]));
    let said = refused(&school, &COLD, 3);
    assert!(said.contains("has no trace to learn from"), "{said}");
    assert!(!school.path("run").exists());
}

#[test]
fn a_checkpoint_is_not_written_over() {
    let school = School::new();
    school.done(&COLD);
    let export = [
        "train",
        "export",
        "--config",
        "train.toml",
        "--stage",
        "cold-start",
        "--out",
        "base",
    ];
    let said = refused(&school, &export, 5);
    assert!(said.contains("base: exists already"), "{said}");
    let export = [
        "train",
        "export",
        "--config",
        "train.toml",
        "--stage",
        "grpo",
        "--out",
        "judge",
    ];
    let said = refused(&school, &export, 3);
    assert!(said.contains("no result of grpo"), "{said}");
}
