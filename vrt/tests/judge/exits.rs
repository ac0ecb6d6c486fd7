//! Every exit code of `vrt judge`; 6 is `vrt eval`'s.

use serde_json::json;
use vrt_train::atomic;

use crate::scripted::{Act, Scripted};
use crate::support::{ANSWER, Folder, says};

#[track_caller]
fn expect(folder: &Folder, arguments: &[&str], code: i32, words: &str) {
    let done = folder.vrt(arguments);
    assert_eq!(done.code, code, "{}\n{}", done.out, done.err);
    assert!(done.err.contains(words), "{words}\n{}", done.err);
}

const PAIR: [&str; 5] = ["judge", "a.gif", "b.gif", "--caption", "a fox"];

#[test]
fn a_command_line_that_does_not_fit_together() {
    let folder = Folder::new();
    let pair = |more: &[&'static str]| [&PAIR[..], more].concat();
    expect(&folder, &["judge", "a.gif"], 2, "<VIDEO2>");
    expect(&folder, &pair(&[]), 2, "no judge is named");
    let two = ["--replay", "r", "--checkpoint", "c"];
    expect(&folder, &pair(&two), 2, "cannot be used with");
    let nameless = ["--server", "http://localhost:1"];
    expect(&folder, &pair(&nameless), 2, "--model <NAME>");
    let scheme = ["--server", "ftp://x", "--model", "m"];
    expect(&folder, &pair(&scheme), 2, "`ftp` is no scheme");
    expect(&folder, &pair(&["--dims", "Wit"]), 2, "mj-bench-video");
    let extra = [
        "--server",
        "http://localhost:1",
        "--model",
        "m",
        "--extra",
        "5",
    ];
    expect(&folder, &pair(&extra), 2, "no JSON object");
    expect(
        &folder,
        &["judge", "a.gif", "b.gif", "--caption", ""],
        2,
        "--caption",
    );
    expect(&folder, &["jugde"], 2, "judge");
}

#[test]
fn what_is_put_in_cannot_be_used() {
    let folder = Folder::new();
    let replay = ["--caption", "a fox", "--replay", "none.jsonl"];
    let with = |videos: [&'static str; 2]| [&["judge", videos[0], videos[1]], &replay[..]].concat();
    expect(&folder, &with(["a.gif", "b.gif"]), 3, "none.jsonl");
    atomic::write(&folder.path().join("none.jsonl"), b"{}\n").unwrap();
    expect(&folder, &with(["a.gif", "b.gif"]), 3, "none.jsonl, line 1");
    expect(&folder, &with(["a.gif", "c.gif"]), 3, "c.gif");
    atomic::write(&folder.path().join("c.gif"), b"GIF89a").unwrap();
    expect(&folder, &with(["c.gif", "b.gif"]), 3, "c.gif");
}

#[test]
fn the_judge_cannot_be_asked() {
    let folder = Folder::new();
    let server = Scripted::start(|heard| match heard.path.ends_with("/completions") {
        true => Act::json(401, &json!({"error": {"message": "no such key"}})),
        false => Act::json(200, &json!({"status": "ok"})),
    });
    let done = folder.ask(&server, &[]);
    assert_eq!(done.code, 4, "{}", done.err);
    assert!(done.err.contains("no such key"), "{}", done.err);
    let empty = [&PAIR[..], &["--checkpoint", "."]].concat();
    expect(&folder, &empty, 4, "config.json");
}

#[test]
fn what_is_written_cannot_be() {
    let (folder, server) = (Folder::new(), says(&[ANSWER]));
    let done = folder.ask(&server, &["--html", "a.gif/page.html"]);
    assert_eq!(done.code, 5, "{}", done.err);
    assert!(done.err.contains("folder `a.gif`"), "{}", done.err);
}

#[test]
fn an_answer_that_is_none() {
    let (folder, server) = (Folder::new(), says(&["The left one, I think."]));
    let files = ["--html", "page.html", "--traces", "trace.jsonl"];
    let done = folder.ask(&server, &files);
    assert_eq!(done.code, 7, "{}", done.err);
    assert!(done.err.contains("no verdict"), "{}", done.err);
    assert!(done.out.contains("The left one, I think."), "{}", done.out);
    // What was written is kept: somebody wants to know why.
    let [record] = &folder.traces("trace.jsonl")[..] else {
        panic!("one record");
    };
    assert_eq!(record.stop.as_ref().unwrap().name, "malformed");
    assert!(folder.read("page.html").contains("The left one, I think."));
}

#[test]
fn a_judge_that_calls_wrongly_is_told_as_often_as_it_may_be() {
    let wrong = "<Snapshot>grey</Snapshot>\n<Think>so</Think>\n\
        <Recommend Answer>TA=0, VQ=1, MQ=0, OA=1</Recommend Answer>\n\
        <tool_call>{\"name\": \"select_frames\", \"arguments\": {\"target_frames\": [99]}}</tool_call>";
    let units: &'static [&str] = Box::leak(Box::new([wrong.to_owned().leak() as &str, ANSWER]));
    let (folder, server) = (Folder::new(), says(units));
    let once = folder.ask(&server, &[]);
    assert_eq!(once.code, 7, "{}", once.err);
    assert!(
        once.out
            .contains("fault     select_frames was not run: target_frames[0]: 99"),
        "{}",
        once.out
    );
    let told = folder.ask(&server, &["--retries", "1"]);
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(
        told.out
            .contains("told      select_frames was not run: target_frames[0]: 99"),
        "{}",
        told.out
    );
}
