//! The program itself.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use assert_cmd::cargo::cargo_bin;
use serde_json::{Value, json};

use crate::support::{RIGHT, ask, group, request, unit_that_answers};

fn vrt(arguments: &[&str]) -> Command {
    let mut command = Command::new(cargo_bin("vrt"));
    command.arg("serve-rewards").args(arguments);
    command
}

#[test]
fn it_serves_until_it_is_told_to_stop() {
    let mut child = vrt(&["--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let (_, rest) = line.split_once("http://").unwrap();
    let (address, _) = rest.split_once(',').unwrap();
    let address = address.parse().unwrap();
    let body = request(vec![group(vec![
        json!({"units": [unit_that_answers(RIGHT)]}),
    ])]);
    let reply = ask(address, "POST", "/v1/score", "application/json", &body);
    assert_eq!(reply.body["groups"][0]["samples"][0]["reward"], 2.0);
    let killed = Command::new("kill").arg(child.id().to_string()).status();
    assert!(killed.unwrap().success());
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "stopped; every request was answered\n");
    let done = child.wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(0));
    let log = String::from_utf8(done.stderr).unwrap();
    assert!(log.starts_with("POST /v1/score 200 "), "{log}");
}

#[test]
fn the_document_is_printed() {
    let done = vrt(&["--openapi"]).output().unwrap();
    let printed: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(
        printed,
        serde_json::to_value(vrt::rewards::document()).unwrap()
    );
}

#[test]
fn what_cannot_be_served_is_said_with_its_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("numbers.toml");
    vrt_train::atomic::write(&path, b"eta = 7.0\n").unwrap();
    let path = path.to_str().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (arguments, code, words) in [
        (
            vec!["--parameters", path],
            3,
            "numbers.toml: VrThinker.eta is 7, outside 0",
        ),
        (vec!["--parameters", "no/such.toml"], 3, "no/such.toml"),
        (
            vec!["--listen", &address],
            2,
            "name another address with --listen",
        ),
        (vec!["--objective", "best"], 2, "vr-thinker"),
        (vec!["--concurrency", "0"], 2, "--concurrency"),
    ] {
        let done = vrt(&arguments).output().unwrap();
        let error = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(code), "{error}");
        assert!(error.contains(words), "{error}");
    }
}
