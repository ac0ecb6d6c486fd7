//! The program itself.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use assert_cmd::cargo::cargo_bin;
use serde_json::{Value, json};

use crate::support::{RIGHT, ask, connect, group, request, unit_that_answers};

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

/// The status of `/health`, if it is said in this time.
fn healthy(stream: &mut TcpStream, wait: Duration) -> Option<String> {
    stream.set_read_timeout(Some(wait)).unwrap();
    let mut line = vec![0; 12];
    stream.read_exact(&mut line).ok()?;
    Some(String::from_utf8(line).unwrap())
}

#[test]
fn it_waits_for_a_connection_to_end_where_the_process_may_open_no_more() {
    let program = cargo_bin("vrt");
    let mut child = Command::new("sh")
        .args([
            "-c",
            "ulimit -n 40; exec \"$0\" serve-rewards --listen 127.0.0.1:0",
        ])
        .arg(program)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let (_, rest) = line.split_once("http://").unwrap();
    let address: SocketAddr = rest.split_once(',').unwrap().0.parse().unwrap();
    let mut held = Vec::new();
    let mut refused = loop {
        assert!(held.len() < 60, "it opened more than it may");
        let mut stream = connect(address);
        stream
            .write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n")
            .unwrap();
        match healthy(&mut stream, Duration::from_secs(1)) {
            Some(status) => assert_eq!(status, "HTTP/1.1 200"),
            None => break stream,
        }
        held.push(stream);
    };
    assert!(!held.is_empty());
    drop(held);
    let then = healthy(&mut refused, Duration::from_secs(20));
    assert_eq!(then.as_deref(), Some("HTTP/1.1 200"));
    child.kill().unwrap();
    child.wait().unwrap();
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
