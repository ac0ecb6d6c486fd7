//! In: messages, replies. Out: the JSON of the protocol. Unknown fields of a reply are passed over, missing ones named.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use vrt_core::op::canonical_json;
use vrt_core::policy::{Reply, SampledToken};

use super::error::ServerError;

/// The body of `POST /chat/completions`.
#[derive(Debug, Serialize)]
pub(super) struct Request<'a> {
    pub model: &'a str,
    pub messages: Vec<RequestMessage<'a>>,
    pub max_tokens: u32,
    pub temperature: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f32>,
    pub seed: u32,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub logprobs: bool,
    /// Fields that one server alone knows.
    #[serde(flatten)]
    pub extra: &'a Map<String, Value>,
}

#[derive(Debug, Serialize)]
pub(super) struct RequestMessage<'a> {
    pub role: &'static str,
    pub content: RequestContent<'a>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum RequestContent<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<RequestPart<'a>>),
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum RequestPart<'a> {
    Text { text: &'a str },
    ImageUrl { image_url: ImageUrl },
}

#[derive(Debug, Serialize)]
pub(super) struct ImageUrl {
    pub url: Arc<str>,
}

/// A server's reply.
#[derive(Clone, Debug, PartialEq)]
pub struct Completion {
    /// The text with its tokens.
    pub reply: Reply,
    /// What it cost.
    pub usage: Usage,
}

/// Tokens of a request and its reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Tokens of the messages, pictures included.
    #[serde(deserialize_with = "or_zero")]
    pub prompt_tokens: u64,
    /// Tokens of the reply.
    #[serde(deserialize_with = "or_zero")]
    pub completion_tokens: u64,
}

fn or_zero<'de, D: serde::Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

#[derive(Deserialize)]
struct Body {
    choices: Vec<Choice>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Choice {
    message: ReplyMessage,
    finish_reason: Option<String>,
    logprobs: Option<Logprobs>,
}

#[derive(Deserialize)]
struct ReplyMessage {
    content: Option<ReplyContent>,
    /// What a server's parser took for reasoning: llama.cpp and older vLLM, newer vLLM.
    #[serde(alias = "reasoning")]
    reasoning_content: Option<String>,
    tool_calls: Option<Vec<ToolCall>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ReplyContent {
    Text(String),
    Parts(Vec<ReplyPart>),
}

#[derive(Deserialize)]
struct ReplyPart {
    #[serde(default)]
    text: String,
}

#[derive(Deserialize)]
struct ToolCall {
    function: Function,
}

#[derive(Deserialize)]
struct Function {
    name: String,
    /// JSON in a string; some servers give the object itself.
    #[serde(default)]
    arguments: Value,
}

#[derive(Deserialize)]
struct Logprobs {
    content: Option<Vec<TokenLogprob>>,
}

#[derive(Deserialize)]
struct TokenLogprob {
    token: String,
    /// The token's id: llama.cpp.
    id: Option<u32>,
    logprob: Option<f32>,
}

/// Reads a reply of status 200.
pub(super) fn read_completion(bytes: &[u8]) -> Result<Completion, ServerError> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| match error.is_eof() {
        // A server that closes the connection in the middle of a reply without a stated length.
        true => ServerError::Cut(format!("the reply ends after {} bytes", bytes.len())),
        false => ServerError::NotJson {
            problem: error.to_string(),
            start: start(bytes),
        },
    })?;
    if let Some(error) = value.get("error").filter(|error| !error.is_null()) {
        return Err(super::refusal::stated(error));
    }
    let body: Body = serde_path_to_error::deserialize(value)
        .map_err(|error| ServerError::Form(error.to_string()))?;
    let Some(choice) = body.choices.into_iter().next() else {
        return Err(ServerError::Form("choices: the list is empty".to_owned()));
    };
    if choice.finish_reason.as_deref() == Some("content_filter") {
        return Err(ServerError::Filtered);
    }
    let sampled: Vec<SampledToken> = choice
        .logprobs
        .and_then(|logprobs| logprobs.content)
        .unwrap_or_default()
        .into_iter()
        .map(|token| SampledToken {
            token: token.id,
            text: token.token,
            logp: token.logprob,
        })
        .collect();
    let usage = body.usage.unwrap_or_default();
    let tokens = match usage.completion_tokens {
        0 => sampled.len() as u64,
        stated => stated,
    };
    Ok(Completion {
        reply: Reply {
            text: text(choice.message),
            tokens: u32::try_from(tokens).unwrap_or(u32::MAX),
            cut: choice.finish_reason.as_deref() == Some("length"),
            sampled,
        },
        usage,
    })
}

/// The unit as the model wrote it: what a server's parsers took out of the content is put back.
fn text(message: ReplyMessage) -> String {
    let mut text = match message.reasoning_content {
        Some(reasoning) if !reasoning.is_empty() => format!("<think>{reasoning}</think>"),
        _ => String::new(),
    };
    match message.content {
        None => {}
        Some(ReplyContent::Text(content)) => text += &content,
        Some(ReplyContent::Parts(parts)) => text.extend(parts.into_iter().map(|part| part.text)),
    }
    for ToolCall { function } in message.tool_calls.unwrap_or_default() {
        let arguments = match function.arguments {
            // What is no JSON stays as it is; the reader of units says what is wrong with it.
            Value::String(text) => {
                serde_json::from_str(&text).map_or(text, |value: Value| canonical_json(&value))
            }
            value => canonical_json(&value),
        };
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        let name = canonical_json(&function.name);
        text += &format!("<tool_call>{{\"name\": {name}, \"arguments\": {arguments}}}</tool_call>");
    }
    text
}

/// The beginning of a reply, for an error's text.
pub(super) fn start(bytes: &[u8]) -> String {
    const SHOWN: usize = 120;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * SHOWN)]);
    text.chars().take(SHOWN).collect()
}

/// The names in a reply to `GET /models`.
pub(super) fn read_models(bytes: &[u8]) -> Result<Vec<String>, ServerError> {
    #[derive(Deserialize)]
    struct Models {
        data: Vec<Model>,
    }
    #[derive(Deserialize)]
    struct Model {
        id: String,
    }
    let models: Models =
        serde_json::from_slice(bytes).map_err(|error| ServerError::Form(error.to_string()))?;
    Ok(models.data.into_iter().map(|model| model.id).collect())
}
