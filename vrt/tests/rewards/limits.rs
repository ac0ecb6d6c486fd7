//! Too long, too slow, too many; and the end.

use std::io::Write;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use vrt::rewards::objective::{Named, Scorer};
use vrt::rewards::wire::{ObjectiveResponse, ScoreRequest, ScoreResponse};
use vrt::rewards::{Limits, Problem, Stopped};

use crate::support::{Server, answer, ask, connect, group, request};

const CHUNKED: &[u8] = b"POST /v1/score HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";

fn limited(limits: Limits) -> Server {
    Server::start(Named::VrThinker.scorer("").unwrap(), limits)
}

/// Says that it began, and waits for a word.
struct Held {
    began: Mutex<Sender<()>>,
    word: Arc<Mutex<Receiver<()>>>,
}

impl Scorer for Held {
    fn describe(&self) -> ObjectiveResponse {
        Named::VrThinker.scorer("").unwrap().describe()
    }

    fn score(&self, request: ScoreRequest) -> Result<ScoreResponse, Problem> {
        let _ = self.began.lock().unwrap().send(());
        assert!(request.groups.len() < 3, "a bug");
        let _ = self.word.lock().unwrap().recv();
        Named::VrThinker.scorer("").unwrap().score(request)
    }
}

fn held(limits: Limits) -> (Server, Receiver<()>, Sender<()>) {
    let ((began, begins), (say, word)) = (channel(), channel());
    let held = Held {
        began: Mutex::new(began),
        word: Arc::new(Mutex::new(word)),
    };
    (Server::start(Box::new(held), limits), begins, say)
}

#[test]
fn a_body_that_is_too_long_is_refused_whether_it_says_so_or_not() {
    let server = limited(Limits {
        body: 1000,
        ..Limits::default()
    });
    let long = vec![b' '; 1001];
    assert_eq!(server.score(&long).problem(), (413, "long", None));
    let mut stream = connect(server.address);
    stream.write_all(CHUNKED).unwrap();
    for _ in 0..20 {
        stream.write_all(&chunk(100)).unwrap();
    }
    stream.write_all(b"0\r\n\r\n").unwrap();
    assert_eq!(answer(&mut stream).problem(), (413, "long", None));
}

fn chunk(bytes: usize) -> Vec<u8> {
    let mut chunk = format!("{bytes:x}\r\n").into_bytes();
    chunk.extend(std::iter::repeat_n(b' ', bytes));
    chunk.extend(b"\r\n");
    chunk
}

/// More than the sockets of both sides hold.
const MUCH: usize = 24 << 20;

#[test]
fn who_sends_all_before_reading_hears_why_it_was_refused() {
    let server = limited(Limits {
        body: MUCH / 3,
        ..Limits::default()
    });
    let body = vec![b' '; MUCH];
    assert_eq!(server.score(&body).problem(), (413, "long", None));
    let mut stream = connect(server.address);
    stream.write_all(CHUNKED).unwrap();
    for _ in 0..24 {
        stream.write_all(&chunk(MUCH / 24)).unwrap();
    }
    stream.write_all(b"0\r\n\r\n").unwrap();
    assert_eq!(answer(&mut stream).problem(), (413, "long", None));
    let elsewhere = |path, media| ask(server.address, "POST", path, media, &body);
    let json = "application/json";
    assert_eq!(elsewhere("/v1/score", "text/plain").problem().0, 415);
    assert_eq!(elsewhere("/health", json).problem().0, 405);
    assert_eq!(elsewhere("/v2", json).problem().0, 404);
}

#[test]
fn who_asks_before_sending_need_not_send() {
    let server = limited(Limits {
        body: 1000,
        ..Limits::default()
    });
    let mut stream = connect(server.address);
    let head = "POST /v1/score HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nexpect: 100-continue\r\ncontent-length: 1001\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    assert_eq!(answer(&mut stream).problem(), (413, "long", None));
}

#[test]
fn who_never_ends_is_cut_off() {
    let server = limited(Limits {
        body: 1000,
        ..Limits::default()
    });
    let mut stream = connect(server.address);
    stream.write_all(CHUNKED).unwrap();
    while stream.write_all(&chunk(1000)).is_ok() {}
}

#[test]
fn who_hears_the_answer_and_stays_gives_its_place_up() {
    let server = limited(Limits {
        body: 1000,
        connections: 1,
        timeout: Duration::from_millis(50),
        ..Limits::default()
    });
    let mut stays = connect(server.address);
    let head = "POST /v1/score HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1001\r\n\r\n";
    stays.write_all(head.as_bytes()).unwrap();
    assert_eq!(answer(&mut stays).problem(), (413, "long", None));
    let next = ask(server.address, "GET", "/health", "text/plain", b"");
    assert_eq!(next.status, 200);
    drop(stays);
}

#[test]
fn too_many_samples_are_refused() {
    let server = limited(Limits {
        samples: 2,
        ..Limits::default()
    });
    let sample = || json!({"units": []});
    let two = request(vec![group(vec![sample()]), group(vec![sample()])]);
    assert_eq!(server.score(&two).status, 200);
    let three = request(vec![group(vec![sample()]), group(vec![sample(), sample()])]);
    assert_eq!(
        server.score(&three).problem(),
        (422, "many", Some("/groups"))
    );
}

#[test]
fn a_body_that_never_comes_is_not_waited_for() {
    let server = limited(Limits {
        timeout: Duration::from_millis(50),
        ..Limits::default()
    });
    let mut stream = connect(server.address);
    let head = "POST /v1/score HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{";
    stream.write_all(head.as_bytes()).unwrap();
    assert_eq!(answer(&mut stream).problem(), (408, "slow", None));
}

#[test]
fn a_head_that_never_comes_is_not_waited_for() {
    let server = limited(Limits {
        head: Duration::from_millis(50),
        ..Limits::default()
    });
    let mut stream = connect(server.address);
    stream.write_all(b"POST /v1/score HT").unwrap();
    let mut rest = Vec::new();
    let _ = std::io::Read::read_to_end(&mut stream, &mut rest);
    assert!(!String::from_utf8_lossy(&rest).contains("200"));
}

#[test]
fn a_connection_beyond_the_most_waits_for_its_turn() {
    let server = limited(Limits {
        connections: 1,
        ..Limits::default()
    });
    let first = connect(server.address);
    let waits = std::thread::spawn({
        let address = server.address;
        move || ask(address, "GET", "/health", "text/plain", b"").status
    });
    drop(first);
    assert_eq!(waits.join().unwrap(), 200);
}

#[test]
fn who_comes_while_all_are_busy_is_told_to_come_again() {
    let (server, begins, say) = held(Limits {
        concurrency: 1,
        timeout: Duration::from_millis(100),
        ..Limits::default()
    });
    let body = request(vec![]);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| server.score(&body));
        begins.recv().unwrap();
        let second = server.score(&body);
        assert_eq!(second.problem(), (503, "busy", None));
        assert!(second.head.contains("retry-after: 1"), "{}", second.head);
        say.send(()).unwrap();
        assert_eq!(first.join().unwrap().status, 200);
    });
}

#[test]
fn a_bug_is_answered_and_the_next_request_too() {
    let (server, _begins, say) = held(Limits::default());
    let three = request((0..3).map(|_| group(vec![])).collect());
    assert_eq!(server.score(&three).problem(), (500, "bug", None));
    say.send(()).unwrap();
    assert_eq!(server.score(&request(vec![])).status, 200);
}

#[test]
fn what_is_in_flight_is_answered_before_the_end() {
    let (mut server, begins, say) = held(Limits::default());
    let address = server.address;
    let first = std::thread::spawn(move || {
        ask(
            address,
            "POST",
            "/v1/score",
            "application/json",
            &request(vec![]),
        )
    });
    begins.recv().unwrap();
    server.tell();
    // Refused once the server has heard it; until then it may still be taken.
    while std::net::TcpStream::connect(address).is_ok() {
        std::thread::yield_now();
    }
    say.send(()).unwrap();
    assert_eq!(first.join().unwrap().status, 200);
    assert_eq!(server.stop(), Stopped::Whole);
}

#[test]
fn what_takes_too_long_after_the_end_is_cut_off() {
    let (server, begins, say) = held(Limits {
        grace: Duration::from_millis(50),
        ..Limits::default()
    });
    let mut stream = connect(server.address);
    let head = "POST /v1/score HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 13\r\n\r\n{\"groups\":[]}";
    stream.write_all(head.as_bytes()).unwrap();
    begins.recv().unwrap();
    let mut server = server;
    server.tell();
    std::thread::sleep(Duration::from_millis(200));
    // The runtime waits for the thread that scores.
    say.send(()).unwrap();
    assert_eq!(server.stop(), Stopped::Cut);
}
