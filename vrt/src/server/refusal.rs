//! In: a status and a body that say no. Out: the cause, by the words of the servers that were heard (`tests/http`).

use std::time::Duration;

use serde_json::Value;

use super::error::ServerError;
use super::messages::start;

/// The cause of a reply with this status, which is not 200.
pub(super) fn refused(status: u16, after: Option<Duration>, bytes: &[u8]) -> ServerError {
    let body: Option<Value> = serde_json::from_slice(bytes).ok();
    let error = body.as_ref().map(|body| body.get("error").unwrap_or(body));
    let message = error
        .and_then(message)
        .unwrap_or_else(|| match bytes.is_empty() {
            true => "no reason given".to_owned(),
            false => start(bytes),
        });
    let kind = error
        .and_then(|error| error.get("type").or_else(|| error.get("code")))
        .and_then(Value::as_str)
        .unwrap_or_default();
    let number = |key: &str| error.and_then(|error| error.get(key)?.as_u64());
    let low = message.to_lowercase();
    match status {
        401 | 403 => ServerError::Unauthorized { status, message },
        404 => ServerError::NotFound(message),
        429 => ServerError::RateLimited { after },
        503 if low.contains("loading") => ServerError::Loading,
        408 | 500.. => ServerError::Failed {
            status,
            message,
            after,
        },
        _ if is_overflow(kind, error, &low) => {
            let said = numbers(&message);
            ServerError::ContextOverflow {
                prompt: number("n_prompt_tokens").or_else(|| prompt_of(&low, &said)),
                context: number("n_ctx").or_else(|| context_of(&low, &said)),
            }
        }
        _ if low.contains("at most") && low.contains("image") => ServerError::TooManyImages {
            limit: numbers(&message).first().copied(),
        },
        _ if low.contains("image") && (low.contains("load") || low.contains("decode")) => {
            ServerError::BadImage(message)
        }
        _ if low.contains("not a multimodal model")
            || low.contains("image input is not supported") =>
        {
            ServerError::BadImage(message)
        }
        _ => ServerError::Refused { status, message },
    }
}

/// The cause of a reply of status 200 that holds an error all the same; gateways do so.
pub(super) fn stated(error: &Value) -> ServerError {
    let status = error.get("code").and_then(Value::as_u64);
    let status = status.and_then(|code| u16::try_from(code).ok());
    let body = serde_json::to_vec(error).unwrap_or_default();
    refused(
        status.filter(|code| *code >= 300).unwrap_or(400),
        None,
        &body,
    )
}

fn message(error: &Value) -> Option<String> {
    let words = match error {
        Value::String(words) => Some(words),
        _ => ["message", "detail", "error"]
            .iter()
            .find_map(|key| match error.get(key) {
                Some(Value::String(words)) => Some(words),
                _ => None,
            }),
    };
    const SHOWN: usize = 500;
    words.map(|words| words.chars().take(SHOWN).collect())
}

fn is_overflow(kind: &str, error: Option<&Value>, low: &str) -> bool {
    let code = error.and_then(|error| error.get("code")?.as_str());
    kind == "exceed_context_size_error"
        || code == Some("context_length_exceeded")
        || low.contains("context length")
        || low.contains("context size")
        || low.contains("context window")
}

/// The whole numbers in a text, in order.
fn numbers(text: &str) -> Vec<u64> {
    text.split(|c: char| !c.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect()
}

/// Of two numbers, servers name the limit first where the sentence begins with it.
fn limit_first(low: &str) -> bool {
    let limit = low.find("maximum context length");
    let asked = ["requested", "input length", "prompt contains"]
        .iter()
        .filter_map(|words| low.find(words))
        .min();
    matches!((limit, asked), (Some(limit), Some(asked)) if limit < asked)
}

fn prompt_of(low: &str, said: &[u64]) -> Option<u64> {
    said.get(usize::from(limit_first(low))).copied()
}

fn context_of(low: &str, said: &[u64]) -> Option<u64> {
    said.get(usize::from(!limit_first(low))).copied()
}
