//! In: a request's body. Out: one server's reply, or the cause why there is none.

use std::io::ErrorKind;
use std::time::{Duration, SystemTime};

use ureq::Agent;
use ureq::http::{HeaderMap, Response};

use super::address::Address;
use super::error::ServerError;
use super::key::ApiKey;
use super::messages::{Completion, read_completion, read_models};
use super::refusal::refused;
use crate::clock::until_date;

/// Bytes of a reply that are read: a unit of some thousand tokens with log-probabilities is about one million.
const LONGEST: u64 = 32 << 20;

/// How long is waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection.
    pub connect: Duration,
    /// For a whole reply, from the connection to its last byte.
    pub reply: Duration,
    /// For an answer to a probe.
    pub probe: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            reply: Duration::from_secs(600),
            probe: Duration::from_secs(5),
        }
    }
}

/// What a probe finds.
#[derive(Clone, Debug, PartialEq)]
pub enum Health {
    /// Requests are taken.
    Up,
    /// They are not.
    Down(ServerError),
}

/// One server.
#[derive(Clone, Debug)]
pub struct Client {
    agent: Agent,
    address: Address,
    key: Option<ApiKey>,
    probe: Duration,
}

impl Client {
    /// A client of the server at this address; nothing is sent yet.
    pub fn new(address: Address, key: Option<ApiKey>, timeouts: &Timeouts) -> Self {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            // A redirect would carry the pictures, and the key, to somebody else.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(timeouts.connect))
            .timeout_global(Some(timeouts.reply))
            .max_idle_connections_per_host(64)
            .user_agent(concat!("vrt/", env!("CARGO_PKG_VERSION")));
        if address.local() {
            config = config.proxy(None);
        }
        Self {
            agent: config.build().new_agent(),
            address,
            key,
            probe: timeouts.probe,
        }
    }

    /// The server's address.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Sends the body of a chat completion.
    ///
    /// # Errors
    /// [`ServerError`], by cause; its text never holds the key.
    pub fn complete(&self, body: &[u8]) -> Result<Completion, ServerError> {
        let mut request = self
            .agent
            .post(self.address.completions())
            .header("content-type", "application/json");
        if let Some(key) = &self.key {
            request = request.header("authorization", key.header());
        }
        let sent = request.send(body).map_err(|error| cause(&error));
        self.hidden(
            sent.and_then(received)
                .and_then(|bytes| read_completion(&bytes)),
        )
    }

    /// The names of the server's models.
    ///
    /// # Errors
    /// [`ServerError`], by cause.
    pub fn models(&self) -> Result<Vec<String>, ServerError> {
        let got = self.get(&self.address.models());
        self.hidden(got.and_then(|bytes| read_models(&bytes)))
    }

    /// Asks whether requests are taken: `/health`, which llama.cpp and vLLM have; else the list of models.
    pub fn health(&self) -> Health {
        let found = match self.get(&self.address.health()) {
            Ok(_) => return Health::Up,
            Err(
                down
                @ (ServerError::Loading | ServerError::Connect(_) | ServerError::Failed { .. }),
            ) => {
                return Health::Down(down);
            }
            Err(_) => self.get(&self.address.models()),
        };
        match self.hidden(found) {
            Err(error) if error.is_transient() => Health::Down(error),
            // Refusals are told to whoever sends a request.
            Ok(_) | Err(_) => Health::Up,
        }
    }

    fn get(&self, url: &str) -> Result<Vec<u8>, ServerError> {
        let mut request = self
            .agent
            .get(url)
            .config()
            .timeout_global(Some(self.probe))
            .build();
        if let Some(key) = &self.key {
            request = request.header("authorization", key.header());
        }
        request
            .call()
            .map_err(|error| cause(&error))
            .and_then(received)
    }

    /// Servers repeat a key that they refuse; it must not reach a log.
    fn hidden<T>(&self, result: Result<T, ServerError>) -> Result<T, ServerError> {
        let Some(key) = &self.key else {
            return result;
        };
        result.map_err(|mut error| {
            use ServerError::{BadImage, Connect, Cut, Failed, Form, NotFound, NotJson, Refused};
            match &mut error {
                BadImage(text) | Connect(text) | Cut(text) | Form(text) | NotFound(text) => {
                    *text = key.hide(text);
                }
                ServerError::Unauthorized { message, .. }
                | Failed { message, .. }
                | Refused { message, .. } => *message = key.hide(message),
                NotJson { problem, start } => {
                    *problem = key.hide(problem);
                    *start = key.hide(start);
                }
                ServerError::Timeout(_)
                | ServerError::Loading
                | ServerError::RateLimited { .. }
                | ServerError::ContextOverflow { .. }
                | ServerError::TooManyImages { .. }
                | ServerError::Filtered
                | ServerError::TooLong { .. }
                | ServerError::Tls(_) => {}
            }
            error
        })
    }
}

/// The bytes of a reply of status 200, or the cause that another status states.
fn received(mut response: Response<ureq::Body>) -> Result<Vec<u8>, ServerError> {
    let status = response.status().as_u16();
    let after = retry_after(response.headers());
    let body = response.body_mut().with_config().limit(LONGEST);
    let bytes = body.read_to_vec().map_err(|error| cause(&error));
    match status {
        200 => bytes,
        300..400 => Err(ServerError::Refused {
            status,
            message: "it redirects to another address; give that one".to_owned(),
        }),
        // The status tells enough if the body cannot be read.
        _ => Err(refused(status, after, &bytes.unwrap_or_default())),
    }
}

/// Seconds, or a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("retry-after")?.to_str().ok()?.trim();
    match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => {
            let date: SystemTime = httpdate::parse_http_date(text).ok()?;
            Some(until_date(date))
        }
    }
}

fn cause(error: &ureq::Error) -> ServerError {
    use ureq::Error;
    let text = error.to_string();
    match error {
        Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
            ServerError::Connect(text)
        }
        Error::Timeout(_) => ServerError::Timeout(text),
        Error::HostNotFound | Error::ConnectionFailed | Error::ConnectProxyFailed(_) => {
            ServerError::Connect(text)
        }
        Error::Io(io) => match io.kind() {
            ErrorKind::ConnectionRefused
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::AddrNotAvailable => ServerError::Connect(text),
            ErrorKind::TimedOut | ErrorKind::WouldBlock => ServerError::Timeout(text),
            ErrorKind::InvalidData if io.get_ref().is_some() => ServerError::Tls(text),
            _ => ServerError::Cut(text),
        },
        Error::BodyExceedsLimit(limit) => ServerError::TooLong { limit: *limit },
        Error::Tls(_) | Error::Rustls(_) | Error::TlsRequired => ServerError::Tls(text),
        Error::Http(_) | Error::BadUri(_) | Error::LargeResponseHeader(..) => {
            ServerError::Form(text)
        }
        // A reply that is no HTTP, or stops being it.
        _ => ServerError::Cut(text),
    }
}
