//! In: a URL as a person types it. Out: the addresses of one server's doors.

use std::fmt;

use url::Url;

/// A text is not the address of a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is no URL.
    #[error(
        "`{text}` is no URL: {problem}; give the server's base, such as http://localhost:8000/v1"
    )]
    Url {
        /// What was given.
        text: String,
        /// What is wrong with it.
        problem: String,
    },
    /// It has another scheme than HTTP's.
    #[error("`{scheme}` is no scheme of a server; use http or https")]
    Scheme {
        /// The scheme.
        scheme: String,
    },
    /// It holds a name, a password, or a query that may be one.
    #[error(
        "the URL of {host} holds a user, a password or a query; keys are read from {} alone",
        super::key::KEY_VARIABLES.join(" or ")
    )]
    Secret {
        /// The host.
        host: String,
    },
}

/// A server: where its protocol begins, as in `http://localhost:8000/v1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    base: String,
    root: String,
    local: bool,
}

impl Address {
    /// Reads a URL. `/v1` is understood where there is no path; `/chat/completions` at the end is cut off.
    ///
    /// # Errors
    /// [`AddressError`]; a text that is no URL is quoted only as far as its `@`, behind which a password would stand.
    pub fn new(text: &str) -> Result<Self, AddressError> {
        let url = Url::parse(text.trim()).map_err(|problem| AddressError::Url {
            text: text.rsplit('@').next().unwrap_or_default().to_owned(),
            problem: problem.to_string(),
        })?;
        if !["http", "https"].contains(&url.scheme()) {
            return Err(AddressError::Scheme {
                scheme: url.scheme().to_owned(),
            });
        }
        let host = url.host_str().unwrap_or_default().to_owned();
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
            return Err(AddressError::Secret { host });
        }
        let root = url.origin().ascii_serialization();
        let path = url.path().trim_end_matches('/');
        let path = path.strip_suffix("/chat/completions").unwrap_or(path);
        let path = if path.is_empty() { "/v1" } else { path };
        let local = match url.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        };
        Ok(Self {
            base: format!("{root}{path}"),
            root,
            local,
        })
    }

    /// Whether it is this machine, which no proxy stands before.
    pub(super) fn local(&self) -> bool {
        self.local
    }

    pub(super) fn completions(&self) -> String {
        format!("{}/chat/completions", self.base)
    }

    pub(super) fn models(&self) -> String {
        format!("{}/models", self.base)
    }

    pub(super) fn health(&self) -> String {
        format!("{}/health", self.root)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)
    }
}
