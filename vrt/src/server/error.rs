//! In: whatever goes wrong between a request and its reply. Out: a typed cause, and whether trying again can help.

use std::time::Duration;

use super::pictures::PictureError;

/// A server did not answer a request.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ServerError {
    /// Nobody listens, or the name is unknown.
    #[error("cannot connect: {0}; is the server running, and is this its URL?")]
    Connect(String),
    /// The connection broke before the reply was whole.
    #[error("the connection was cut: {0}")]
    Cut(String),
    /// No reply in time.
    #[error("no reply in time ({0}); a longer --timeout helps if the server is slow")]
    Timeout(String),
    /// The server has not loaded its model yet.
    #[error("the server is still loading its model")]
    Loading,
    /// Too many requests.
    #[error("too many requests{}; fewer at a time (--concurrency) help", wait(*.after))]
    RateLimited {
        /// How long the server asks to wait.
        after: Option<Duration>,
    },
    /// The server failed.
    #[error("the server failed with {status}: {message}")]
    Failed {
        /// Its HTTP status.
        status: u16,
        /// Its words.
        message: String,
        /// How long it asks to wait.
        after: Option<Duration>,
    },
    /// The prompt and the reply do not fit into the model's context.
    #[error(
        "the prompt{} does not fit the context{}; raise the server's context, or show fewer frames, or smaller ones (--max-pixels)",
        tokens(*.prompt),
        tokens(*.context)
    )]
    ContextOverflow {
        /// Tokens of the prompt, where the server says so.
        prompt: Option<u64>,
        /// Tokens that fit.
        context: Option<u64>,
    },
    /// The server takes fewer pictures.
    #[error(
        "more pictures than the server allows{}; raise its limit (vLLM: --limit-mm-per-prompt) or show fewer frames",
        pictures(*.limit)
    )]
    TooManyImages {
        /// Pictures it takes.
        limit: Option<u64>,
    },
    /// The server cannot read a picture.
    #[error(
        "the server cannot read a picture: {0}; does the model take pictures (llama.cpp: --mmproj)?"
    )]
    BadImage(String),
    /// The key is missing, wrong, or not enough.
    #[error(
        "the server refuses the key ({status}): {message}; set {}",
        super::key::KEY_VARIABLES.join(" or ")
    )]
    Unauthorized {
        /// Its HTTP status.
        status: u16,
        /// Its words.
        message: String,
    },
    /// There is no such model, or no such door.
    #[error("not found: {0}; check the URL and --model")]
    NotFound(String),
    /// The server refuses the request for another reason.
    #[error("the server refuses the request ({status}): {message}")]
    Refused {
        /// Its HTTP status.
        status: u16,
        /// Its words.
        message: String,
    },
    /// The server's filter withheld the reply.
    #[error("the server's content filter withheld the reply")]
    Filtered,
    /// The reply is longer than is read.
    #[error("the reply is longer than {limit} bytes")]
    TooLong {
        /// Bytes that are read.
        limit: u64,
    },
    /// The reply is not JSON: somebody else answers there.
    #[error(
        "the reply is not JSON: {problem}; it begins {start:?}; is this an OpenAI-compatible server?"
    )]
    NotJson {
        /// What is wrong.
        problem: String,
        /// Its beginning.
        start: String,
    },
    /// The reply is JSON of another form.
    #[error("the reply has another form than a chat completion: {0}")]
    Form(String),
    /// A secure connection could not be made.
    #[error("no secure connection: {0}; is the certificate valid, and is it https?")]
    Tls(String),
}

fn wait(after: Option<Duration>) -> String {
    after.map_or_else(String::new, |after| {
        format!(", it asks to wait {} s", after.as_secs())
    })
}

fn tokens(number: Option<u64>) -> String {
    number.map_or_else(String::new, |number| format!(" of {number} tokens"))
}

fn pictures(limit: Option<u64>) -> String {
    limit.map_or_else(String::new, |limit| format!(" ({limit})"))
}

impl ServerError {
    /// Whether the same request may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Connect(_)
                | Self::Cut(_)
                | Self::Timeout(_)
                | Self::Loading
                | Self::RateLimited { .. }
                | Self::Failed { .. }
        )
    }

    /// Whether the server takes no request at all until it recovers.
    pub fn is_down(&self) -> bool {
        matches!(self, Self::Connect(_) | Self::Cut(_) | Self::Loading)
    }

    /// How long the server asks to wait.
    pub fn after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { after } | Self::Failed { after, .. } => *after,
            _ => None,
        }
    }
}

/// A request that came to nothing.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum AskError {
    /// A picture could not be made.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// A server refused.
    #[error("{server}: {error}")]
    Server {
        /// Which one.
        server: String,
        /// Why.
        error: ServerError,
    },
    /// Every try failed.
    #[error("{server}: gave up after {tries} tries: {error}")]
    GaveUp {
        /// The server of the last try.
        server: String,
        /// Tries.
        tries: u32,
        /// Why the last one failed.
        error: ServerError,
    },
    /// No server was up for long.
    #[error("no server was up for {} s; the last words were {last}", patience.as_secs())]
    NoServer {
        /// How long was waited.
        patience: Duration,
        /// What was heard last, and from whom.
        last: String,
    },
    /// The pool was closed before the reply came.
    #[error("the run was stopped before the reply came")]
    Closed,
}
