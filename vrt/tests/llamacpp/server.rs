//! The server's process, and what every test asks it with.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use vrt::prompt::{Prompt, VIDEO_GEN_REWARD};
use vrt::server::{
    Address, Client, Endpoint, Pool, PoolOptions, ServerOptions, ServerPolicy, Timeouts,
};
use vrt_core::episode::Rules;
use vrt_core::op::PaperOps;

/// Where `setup` puts things: the target folder that holds this test.
pub fn root() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let target = test
        .ancestors()
        .find(|folder| folder.join("llamacpp/model").exists());
    target
        .expect("run vrt/tests/llamacpp/setup first")
        .join("llamacpp")
}

pub fn model() -> PathBuf {
    root().join("model")
}

/// A server; it ends with its standard input, so that none outlives the tests.
pub struct Server {
    child: Child,
    pub url: String,
}

impl Server {
    pub fn start() -> Self {
        Self::at("0")
    }

    fn at(port: &str) -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/llamacpp");
        let mut child = Command::new(root().join("venv/bin/python"))
            .arg(here.join("serve.py"))
            .arg(model())
            .arg(port)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = lines
            .map_while(Result::ok)
            .find(|line| line.starts_with("http://"))
            .expect("the server ended before it listened");
        Self { child, url }
    }

    /// Ends it in the middle of whatever it does.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again at the same address.
    pub fn restart(&mut self) {
        let port = self.url.rsplit(':').next().unwrap().to_owned();
        *self = Self::at(&port);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn pool(servers: &[&Server]) -> Arc<Pool> {
    let endpoints = servers.iter().map(|server| Endpoint {
        client: Client::new(
            Address::new(&server.url).unwrap(),
            None,
            &Timeouts::default(),
        ),
        concurrency: 2,
    });
    let options = PoolOptions {
        probe_every: Duration::from_millis(100),
        ..PoolOptions::default()
    };
    let pool = Pool::new(endpoints.collect(), options).unwrap();
    pool.ready().unwrap();
    Arc::new(pool)
}

pub fn prompt(rules: &Rules) -> Prompt {
    Prompt::of::<PaperOps>(rules, &VIDEO_GEN_REWARD)
}

/// Units of this end.
pub fn grammar(end: &str) -> String {
    format!(
        r#"root ::= "<Snapshot>" words "</Snapshot>\n<Think>" words "</Think>\n" end
words ::= [a-z ]{{4,12}}
judgment ::= "TA=" [0-2] ", VQ=" [0-2] ", MQ=" [0-2] ", OA=" [0-2]
end ::= {end}
"#
    )
}

/// The random model, made to write units of this end.
pub fn policy(pool: Arc<Pool>, rules: &Rules, end: &str) -> ServerPolicy {
    let mut options = ServerOptions::new("tiny-vl");
    options
        .extra
        .insert("grammar".to_owned(), json!(grammar(end)));
    ServerPolicy::new(pool, prompt(rules), options)
}

pub const ANSWERS: &str = r#""<Answer>" judgment "</Answer>""#;
pub const CALLS: &str = r#""<Recommend Answer>" judgment ", CF=" [1-3] "</Recommend Answer>\n<tool_call>{\"name\": \"select_frames\", \"arguments\": {\"target_frames\": [1" [0-9] ", 7" [0-9] "]}}</tool_call>""#;
