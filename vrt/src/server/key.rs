//! In: the environment. Out: a key that can be sent and never be read.

use std::fmt;

/// Where a key is looked for, the first one first.
pub const KEY_VARIABLES: [&str; 2] = ["VRT_API_KEY", "OPENAI_API_KEY"];
const HIDDEN: &str = "[key]";

/// A key that cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the key in {variable} holds characters that a header cannot; set it again, without quotes or line breaks"
)]
pub struct KeyError {
    /// Where it was read.
    pub variable: &'static str,
}

/// A server's key. Its text leaves this module in one header alone.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// The key in the first of [`KEY_VARIABLES`] that is set and not empty.
    ///
    /// # Errors
    /// [`KeyError`] if it cannot be sent.
    pub fn from_environment() -> Result<Option<Self>, KeyError> {
        for variable in KEY_VARIABLES {
            let text = std::env::var_os(variable).unwrap_or_default();
            let Some(text) = text.to_str() else {
                return Err(KeyError { variable });
            };
            if !text.trim().is_empty() {
                let key = Self::new(text).ok_or(KeyError { variable })?;
                return Ok(Some(key));
            }
        }
        Ok(None)
    }

    /// A key of visible ASCII, or `None`.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let sendable = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        sendable.then(|| Self(text.to_owned()))
    }

    /// The value of the `Authorization` header.
    pub(super) fn header(&self) -> String {
        format!("Bearer {}", self.0)
    }

    /// A text in which the key, should it stand there, is hidden.
    pub(super) fn hide(&self, text: &str) -> String {
        text.replace(&self.0, HIDDEN)
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}
