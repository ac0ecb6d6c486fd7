//! In: why a request was not answered. Out: a status and a body of `application/problem+json` (RFC 9457).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// Why a request was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// 400: the body is no JSON.
    Json,
    /// 404: there is no such path.
    Path,
    /// 405: the path has no such method.
    Method,
    /// 408: the body did not arrive in time.
    Slow,
    /// 413: the body is too long.
    Long,
    /// 415: the body is not said to be JSON.
    Media,
    /// 422: JSON that is not a request, or a value that cannot be scored.
    Data,
    /// 422: too many samples.
    Many,
    /// 500: a bug of the server.
    Bug,
    /// 503: too much to do.
    Busy,
}

impl Code {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Json,
        Self::Path,
        Self::Method,
        Self::Slow,
        Self::Long,
        Self::Media,
        Self::Data,
        Self::Many,
        Self::Bug,
        Self::Busy,
    ];

    /// Whether the answer is given before the request's body was read.
    fn may_be_unread(self) -> bool {
        use Code::{Long, Media, Method, Path, Slow};
        matches!(self, Path | Method | Slow | Long | Media)
    }

    /// The name of its status in the OpenAPI document's `components/responses`.
    pub fn component(self) -> String {
        let words = self.status().canonical_reason().unwrap_or("Error");
        words.replace(' ', "")
    }

    /// The status of an answer with this code.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Json => StatusCode::BAD_REQUEST,
            Self::Path => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Long => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Media => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Data | Self::Many => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Bug => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// An error's body, as RFC 9457 has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// `about:blank`: the status says the kind, `code` says more.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    kind: &'static str,
    /// The status in words.
    #[schema(value_type = String)]
    title: &'static str,
    /// The status.
    status: u16,
    /// What happened, for programs.
    pub code: Code,
    /// What happened and how to mend it, for people.
    pub detail: String,
    /// The place in the request's body, a JSON pointer (RFC 6901).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
}

impl Problem {
    /// A problem without a place.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let status = code.status();
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            code,
            detail: detail.into(),
            pointer: None,
        }
    }

    /// The same problem at this place of the body.
    pub fn at(self, pointer: String) -> Self {
        Self {
            pointer: Some(pointer),
            ..self
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.code.status(), axum::Json(&self)).into_response();
        let headers = response.headers_mut();
        let media = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, media);
        if self.code == Code::Busy {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        // What was not read of a body would be taken for the next request.
        if self.code.may_be_unread() {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
