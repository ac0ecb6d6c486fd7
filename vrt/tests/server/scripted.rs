//! In: a script. Out: a server on this machine that follows it, can be killed, and comes back at the same address.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use serde_json::Value;

/// A request as it was heard.
#[derive(Clone, Debug)]
pub struct Heard {
    pub path: String,
    /// Header lines in lower case.
    pub headers: Vec<String>,
    pub body: Value,
}

/// What the server does with a request.
#[derive(Clone)]
pub enum Act {
    /// Answers.
    Say {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    },
    /// Announces a whole reply, sends this much of it, and hangs up.
    Cut { body: Vec<u8>, sent: usize },
    /// Sends this and hangs up.
    Raw(Vec<u8>),
    /// Says nothing until it is killed.
    Silence,
}

impl Act {
    pub fn json(status: u16, body: &Value) -> Self {
        Self::Say {
            status,
            headers: Vec::new(),
            body: serde_json::to_vec(body).unwrap(),
        }
    }
}

type Script = dyn Fn(&Heard) -> Act + Send + Sync;

/// The server; `/health` answers 200 unless the script takes it.
pub struct Scripted {
    shared: Arc<Shared>,
    address: SocketAddr,
}

struct Shared {
    script: Box<Script>,
    heard: Mutex<Vec<Heard>>,
    /// Requests that are being answered.
    busy: AtomicUsize,
    most_busy: AtomicUsize,
    alive: AtomicBool,
    connections: Mutex<Vec<TcpStream>>,
    changed: Condvar,
}

impl Scripted {
    pub fn start(script: impl Fn(&Heard) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            script: Box::new(script),
            heard: Mutex::default(),
            busy: AtomicUsize::new(0),
            most_busy: AtomicUsize::new(0),
            alive: AtomicBool::new(true),
            connections: Mutex::default(),
            changed: Condvar::new(),
        });
        let server = Self { shared, address };
        server.listen(listener);
        server
    }

    fn listen(&self, listener: TcpListener) {
        let shared = self.shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { continue };
                if !shared.alive.load(Ordering::SeqCst) {
                    return;
                }
                let connections = &shared.connections;
                connections
                    .lock()
                    .unwrap()
                    .push(stream.try_clone().unwrap());
                let shared = shared.clone();
                thread::spawn(move || {
                    while answer(&shared, &stream).is_some() {}
                    let _ = stream.shutdown(Shutdown::Both);
                });
            }
        });
    }

    /// Hangs up on everybody and stops listening.
    pub fn kill(&self) {
        self.shared.alive.store(false, Ordering::SeqCst);
        // Each connection wakes the listener, which goes away in its own thread: wait until nobody answers.
        while TcpStream::connect(self.address).is_ok() {
            thread::yield_now();
        }
        for stream in self.shared.connections.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        self.shared.changed.notify_all();
    }

    /// Listens again at the same address.
    pub fn restart(&self) {
        let listener = loop {
            if let Ok(listener) = TcpListener::bind(self.address) {
                break listener;
            }
            thread::yield_now();
        };
        self.shared.alive.store(true, Ordering::SeqCst);
        self.listen(listener);
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Requests for a completion so far.
    pub fn heard(&self) -> Vec<Heard> {
        let heard = self.shared.heard.lock().unwrap();
        let asked = heard
            .iter()
            .filter(|one| one.path.ends_with("/completions"));
        asked.cloned().collect()
    }

    /// Waits until it has heard that many requests for a completion.
    pub fn wait_for(&self, number: usize) {
        let mut heard = self.shared.heard.lock().unwrap();
        let asked = |heard: &[Heard]| {
            let paths = heard.iter().map(|one| &one.path);
            paths.filter(|path| path.ends_with("/completions")).count()
        };
        while asked(&heard) < number {
            heard = self.shared.changed.wait(heard).unwrap();
        }
    }

    /// Most requests that were answered at one time.
    pub fn most_busy(&self) -> usize {
        self.shared.most_busy.load(Ordering::SeqCst)
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.kill();
    }
}

fn answer(shared: &Shared, mut stream: &TcpStream) -> Option<()> {
    let heard = read(stream)?;
    let completion = heard.path.ends_with("/completions");
    if completion {
        let busy = shared.busy.fetch_add(1, Ordering::SeqCst) + 1;
        shared.most_busy.fetch_max(busy, Ordering::SeqCst);
    }
    shared.heard.lock().unwrap().push(heard.clone());
    shared.changed.notify_all();
    let act = (shared.script)(&heard);
    if completion {
        shared.busy.fetch_sub(1, Ordering::SeqCst);
    }
    let head = |status: u16, length: usize, headers: &[(&str, String)]| {
        let mut head = format!("HTTP/1.1 {status} So\r\ncontent-length: {length}\r\n");
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        head + "\r\n"
    };
    match act {
        Act::Say {
            status,
            headers,
            body,
        } => {
            let head = head(status, body.len(), &headers);
            stream.write_all(head.as_bytes()).ok()?;
            stream.write_all(&body).ok()
        }
        Act::Cut { body, sent } => {
            let head = head(200, body.len(), &[]);
            stream.write_all(head.as_bytes()).ok()?;
            stream.write_all(&body[..sent]).ok()?;
            None
        }
        Act::Raw(bytes) => {
            stream.write_all(&bytes).ok()?;
            None
        }
        Act::Silence => {
            let mut heard = shared.heard.lock().unwrap();
            while shared.alive.load(Ordering::SeqCst) {
                heard = shared.changed.wait(heard).unwrap();
            }
            None
        }
    }
}

fn read(mut stream: &TcpStream) -> Option<Heard> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?;
    let path = head.split(' ').nth(1)?.to_owned();
    let headers: Vec<String> = head.lines().skip(1).map(str::to_lowercase).collect();
    let length = headers
        .iter()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(Heard {
        path,
        headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    })
}
