//! A server in this process, and bytes sent to it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use vrt::rewards::objective::{Named, Scorer};
use vrt::rewards::{Limits, Stopped, router, serve};

pub struct Server {
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: JoinHandle<Stopped>,
}

impl Server {
    pub fn paper() -> Self {
        let scorer = Named::VrThinker.scorer("").unwrap();
        Self::start(scorer, Limits::default())
    }

    pub fn start(scorer: Box<dyn Scorer>, limits: Limits) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, told) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let routes = router(scorer, limits, |_| ());
            let stop = async {
                let _ = told.await;
            };
            runtime
                .block_on(serve(listener, routes, limits, stop))
                .unwrap()
        });
        Self {
            address,
            stop: Some(stop),
            thread,
        }
    }

    pub fn tell(&mut self) {
        let _ = self.stop.take().unwrap().send(());
    }

    pub fn stop(mut self) -> Stopped {
        if self.stop.is_some() {
            self.tell();
        }
        self.thread.join().unwrap()
    }

    pub fn score(&self, body: &[u8]) -> Reply {
        ask(self.address, "POST", "/v1/score", "application/json", body)
    }
}

#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: Value,
}

impl Reply {
    /// What two kinds of answer are told apart by.
    pub fn problem(&self) -> (u16, &str, Option<&str>) {
        let code = self.body["code"].as_str().unwrap_or("none");
        (self.status, code, self.body["pointer"].as_str())
    }
}

pub fn ask(address: SocketAddr, method: &str, path: &str, media: &str, body: &[u8]) -> Reply {
    let mut stream = connect(address);
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: {media}\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    answer(&mut stream)
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream
}

pub fn answer(stream: &mut TcpStream) -> Reply {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no answer but {text:?}"));
    Reply {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head: head.to_ascii_lowercase(),
        body: serde_json::from_str(body).unwrap_or_else(|_| panic!("no JSON but {text}")),
    }
}

pub const RIGHT: &str = "TA=1, VQ=0, MQ=2, OA=1";

pub fn unit_that_answers(judgment: &str) -> String {
    format!("<Snapshot>s</Snapshot>\n<Think>t</Think>\n<Answer>{judgment}</Answer>")
}

pub fn unit_that_calls(judgment: &str) -> String {
    format!(
        "<Snapshot>s</Snapshot>\n<Think>t</Think>\n<Recommend Answer>{judgment}, CF=2</Recommend Answer>\n\
         <tool_call>{{\"name\": \"select_frames\", \"arguments\": {{\"target_frames\": [3]}}}}</tool_call>"
    )
}

pub fn group(samples: Vec<Value>) -> Value {
    json!({"truth": {"TA": 1, "VQ": 0, "MQ": 2, "OA": 1}, "samples": samples})
}

pub fn request(groups: Vec<Value>) -> Vec<u8> {
    json!({"groups": groups}).to_string().into_bytes()
}
