//! `vrt ops`, `vrt completions`, `vrt --help`.

use serde_json::Value;

use crate::support::Folder;

#[test]
fn the_tools_as_a_model_sees_them() {
    let done = Folder::new().vrt(&["ops"]);
    assert_eq!((done.code, &*done.err), (0, ""));
    insta::assert_snapshot!(done.out);
}

#[test]
fn the_tools_for_a_program_have_the_bounds_of_the_videos_and_the_rules() {
    let asked = [
        "ops",
        "--tools",
        "all",
        "--json",
        "--lengths",
        "10",
        "7",
        "--frames-a-call",
        "3",
    ];
    let done = Folder::new().vrt(&asked);
    assert_eq!(done.code, 0, "{}", done.err);
    let offer: Value = serde_json::from_str(&done.out).unwrap();
    let operations = offer["operations"].as_array().unwrap();
    assert_eq!(operations.len(), 5);
    let frames = &operations[0]["schema"]["properties"]["target_frames"];
    assert_eq!(frames["items"]["maximum"], 17);
    assert_eq!(frames["maxItems"], 3);
    let prompt = offer["system_prompt"].as_str().unwrap();
    for operation in operations {
        assert!(prompt.contains(operation["signature"].as_str().unwrap()));
    }
}

#[test]
fn without_calls_there_are_no_tools_to_tell_of() {
    let done = Folder::new().vrt(&["ops", "--max-calls", "0", "--json"]);
    let offer: Value = serde_json::from_str(&done.out).unwrap();
    assert!(!offer["system_prompt"].as_str().unwrap().contains("<tools>"));
}

#[test]
fn every_shell_completes_the_commands() {
    let folder = Folder::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let done = folder.vrt(&["completions", shell]);
        assert_eq!(done.code, 0, "{}", done.err);
        for word in ["judge", "swap", "completions"] {
            assert!(done.out.contains(word), "{shell} does not know {word}");
        }
    }
}

#[test]
fn help_teaches() {
    let folder = Folder::new();
    insta::assert_snapshot!("help", folder.vrt(&["--help"]).out);
    insta::assert_snapshot!("help_of_judge", folder.vrt(&["judge", "--help"]).out);
    let serving = folder.vrt(&["serve-rewards", "--help"]).out;
    insta::assert_snapshot!("help_of_serve_rewards", serving);
}
