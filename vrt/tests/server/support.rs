//! What the tests share: pairs to look at, a script that judges them, and the policy that asks it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use vrt::prompt::{Prompt, VIDEO_GEN_REWARD};
use vrt::server::{
    Address, ApiKey, Client, Endpoint, Pool, PoolOptions, ServerOptions, ServerPolicy, Timeouts,
};
use vrt_core::episode::Rules;
use vrt_core::op::PaperOps;
use vrt_core::pair::{Frame, FrameOffset, PairKey, PreferencePair, Video, VideoError};

use crate::scripted::{Act, Heard, Scripted};

/// A video whose frame `n` has the grey value `n`.
pub struct Grey {
    pub len: u32,
    pub broken: Option<u32>,
}

impl Video for Grey {
    fn len(&self) -> u32 {
        self.len
    }

    fn frame(&self, offset: FrameOffset) -> Result<Frame, VideoError> {
        if self.broken == Some(offset.0) {
            return Err(VideoError {
                video: "grey".to_owned(),
                offset,
                reason: "the packet is damaged".to_owned(),
            });
        }
        let value = offset.0 as f32 / 255.0;
        Ok(Frame {
            width: 64,
            height: 56,
            rgb: vec![value; 64 * 56 * 3].into(),
        })
    }
}

pub fn pair(key: u64) -> PreferencePair {
    let video = || {
        Arc::new(Grey {
            len: 64,
            broken: None,
        })
    };
    PreferencePair {
        key: PairKey(key),
        caption: format!("a fox jumps, take {key}"),
        videos: [video(), video()],
        truth: None,
    }
}

/// A pool of patient servers with waits that tests can afford.
pub fn pool(servers: &[&Scripted], concurrency: usize, timeouts: &Timeouts) -> Arc<Pool> {
    let endpoints = servers.iter().map(|server| Endpoint {
        client: client(server, timeouts),
        concurrency,
    });
    Arc::new(Pool::new(endpoints.collect(), quick()).unwrap())
}

pub fn quick() -> PoolOptions {
    PoolOptions {
        tries: 4,
        patience: Duration::from_secs(30),
        first_wait: Duration::from_millis(2),
        longest_wait: Duration::from_millis(10),
        probe_every: Duration::from_millis(5),
        seed: 0,
    }
}

pub fn client(server: &Scripted, timeouts: &Timeouts) -> Client {
    let key = ApiKey::new("sk-secret");
    Client::new(Address::new(&server.url()).unwrap(), key, timeouts)
}

pub fn policy(pool: Arc<Pool>, rules: &Rules) -> ServerPolicy {
    let prompt = Prompt::of::<PaperOps>(rules, &VIDEO_GEN_REWARD);
    ServerPolicy::new(pool, prompt, ServerOptions::new("tiny-vl"))
}

/// A reply with this text.
pub fn completion(text: &str) -> Value {
    json!({
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": text},
            "finish_reason": "stop",
        }],
        "usage": {"prompt_tokens": 100, "completion_tokens": 7, "total_tokens": 107},
    })
}

pub const CALL: &str = "<Snapshot>grey</Snapshot>\n<Think>look between</Think>\n\
    <Recommend Answer>TA=0, VQ=1, MQ=0, OA=1, CF=2</Recommend Answer>\n\
    <tool_call>{\"name\": \"select_frames\", \"arguments\": {\"target_frames\": [12, 76]}}</tool_call>";
pub const ANSWER: &str = "<Snapshot>greyer</Snapshot>\n<Think>done</Think>\n\
    <Answer>TA=1, VQ=1, MQ=0, OA=1, CF=1</Answer>";

/// Judges as a model would: one call, then the answer.
pub fn judge(heard: &Heard) -> Act {
    let empty = Vec::new();
    let messages = heard.body["messages"].as_array().unwrap_or(&empty);
    let units = messages.iter().filter(|one| one["role"] == "assistant");
    match units.count() {
        _ if heard.path == "/health" => Act::json(200, &json!({"status": "ok"})),
        0 => Act::json(200, &completion(CALL)),
        _ => Act::json(200, &completion(ANSWER)),
    }
}
