//! What a server writes stays text: in the terminal, in the page, in the JSON.

use serde_json::{Value, json};

use crate::scripted::{Act, Scripted};
use crate::support::{Folder, says};

const HOSTILE: &str = "<Snapshot>\u{1b}[2J\u{1b}]0;owned\u{7}red\u{8}\u{8}\r\u{9b}31m</Snapshot>\n\
    <Think></script><img src=x onerror=alert(1)>\u{202e}drawkcab</Think>\n<Answer>TA=1, VQ=1, MQ=1, OA=1</Answer>";

fn is_tame(text: &str) -> bool {
    let wild = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
    !text.contains(wild)
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    let (folder, server) = (Folder::new(), says(&[HOSTILE]));
    let done = folder.ask(&server, &[]);
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(is_tame(&done.out), "{:?}", done.out);
    assert!(done.out.contains("\\u{1b}[2J"), "{}", done.out);
    assert!(done.out.contains("\\u{202e}drawkcab"), "{}", done.out);
    let json = folder.ask(&server, &["--json"]);
    assert!(is_tame(&json.err), "{:?}", json.err);
    let judged: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(judged["orders"][0]["trace"]["rounds"][0]["text"], HOSTILE);
}

#[test]
fn markup_does_not_reach_the_page() {
    let (folder, server) = (Folder::new(), says(&[HOSTILE]));
    let done = folder.ask(&server, &["--html", "page.html"]);
    assert_eq!(done.code, 0, "{}", done.err);
    let page = folder.read("page.html");
    assert!(page.contains("onerror=alert(1)"));
    assert!(!page.contains("<img src=x"));
    assert_eq!(
        page.matches("</script>").count(),
        page.matches("<script").count()
    );
}

#[test]
fn a_servers_error_is_text_too() {
    let folder = Folder::new();
    let server = Scripted::start(|heard| match heard.path.ends_with("/completions") {
        true => Act::json(
            400,
            &json!({"error": {"message": "no\u{1b}[2J\u{202e}way"}}),
        ),
        false => Act::json(200, &json!({"status": "ok"})),
    });
    let done = folder.ask(&server, &[]);
    assert_eq!(done.code, 4, "{}", done.err);
    assert!(is_tame(&done.err) && is_tame(&done.out), "{:?}", done.err);
    assert!(done.err.contains("\\u{202e}way"), "{}", done.err);
}

#[test]
fn a_name_of_a_file_is_text_too() {
    let folder = Folder::new();
    let done = folder.vrt(&[
        "judge",
        "\u{1b}[2J.gif",
        "b.gif",
        "--caption",
        "x",
        "--replay",
        "r",
    ]);
    assert_ne!(done.code, 0);
    assert!(is_tame(&done.err), "{:?}", done.err);
}
