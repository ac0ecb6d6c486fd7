//! In: requests. Out: answers, and the OpenAPI document of both.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Limits;
use super::objective::Scorer;
use super::problem::{Code, Problem};
use super::wire::{HealthResponse, ObjectiveResponse, ScoreRequest, ScoreResponse};
use crate::clock::Moment;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "vrt serve-rewards",
        description = "Rewards and advantages of traces under one objective, for a trainer that samples elsewhere."
    ),
    components(schemas(super::wire::Digits))
)]
struct Document;

/// What every request sees.
#[derive(Clone)]
struct Shared {
    scorer: Arc<dyn Scorer>,
    limits: Limits,
    scoring: Arc<Semaphore>,
}

fn documented() -> OpenApiRouter<Shared> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(score))
        .routes(routes!(objective))
        .routes(routes!(health))
        .routes(routes!(openapi))
}

/// The OpenAPI document, as `/openapi.json` serves it.
pub fn document() -> utoipa::openapi::OpenApi {
    documented().into_openapi()
}

/// The server's routes. `log` is told one line a request.
pub fn router(scorer: Box<dyn Scorer>, limits: Limits, log: fn(&str)) -> axum::Router {
    let shared = Shared {
        scorer: scorer.into(),
        limits,
        scoring: Arc::new(Semaphore::new(limits.concurrency)),
    };
    let (routes, _) = documented().split_for_parts();
    routes
        .fallback(|| async {
            Problem::new(Code::Path, "see /openapi.json for the paths there are")
        })
        .method_not_allowed_fallback(|| async {
            Problem::new(
                Code::Method,
                "see /openapi.json for the methods of this path",
            )
        })
        .with_state(shared)
        .layer(middleware::from_fn(move |request: Request, next: Next| {
            logged(request, next, log)
        }))
}

async fn logged(request: Request, next: Next, log: fn(&str)) -> Response {
    let began = Moment::now();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    let status = response.status().as_u16();
    let ms = began.elapsed().as_secs_f64() * 1e3;
    log(&format!("{method} {path} {status} {ms:.1} ms"));
    response
}

/// Scores groups of traces
///
/// Everything is read from the units' text: format, judgments, calls. An answer has the groups and samples of the request in
/// their order. Nothing is kept.
#[utoipa::path(
    post,
    path = "/v1/score",
    request_body = ScoreRequest,
    responses(
        (status = 200, description = "The rewards", body = ScoreResponse),
        (status = 400, description = "The body is no JSON", body = Problem, content_type = "application/problem+json"),
        (status = 405, description = "Another method", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body did not arrive in time", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too long", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The content type is not application/json", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The JSON is not a request, or asks for too much", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "A bug of the server", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too much to do; ask again", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn score(
    State(shared): State<Shared>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ScoreResponse>, Problem> {
    let Limits {
        body: bytes,
        samples,
        timeout: limit,
        ..
    } = shared.limits;
    if !is_json(&headers) {
        let detail = "say `content-type: application/json`";
        return Err(Problem::new(Code::Media, detail));
    }
    let declared = declared_length(&headers).unwrap_or(0);
    // A client that waits for a word before it sends need not send.
    let waits = headers.contains_key(header::EXPECT);
    if declared > if waits { bytes as u64 } else { lingered(bytes) } {
        return Err(too_long(bytes));
    }
    let body = timeout(limit, receive(body, bytes))
        .await
        .map_err(|_| slow(limit))??;
    let ticket = timeout(limit, shared.scoring.clone().acquire_owned())
        .await
        .ok()
        .and_then(Result::ok)
        .ok_or_else(|| Problem::new(Code::Busy, "other requests are being scored; ask again"))?;
    let done = spawn_blocking(move || {
        let _ticket = ticket;
        let request = read(&body, samples)?;
        shared.scorer.score(request)
    });
    let scored = done.await.map_err(|_| {
        let detail = "scoring ended in a bug of the server; please report the request";
        Problem::new(Code::Bug, detail)
    })??;
    Ok(Json(scored))
}

/// The objective that scores here
#[utoipa::path(
    get,
    path = "/v1/objective",
    responses(
        (status = 200, description = "Its name, terms and numbers", body = ObjectiveResponse),
        (status = 405, description = "Another method", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn objective(State(shared): State<Shared>) -> Json<ObjectiveResponse> {
    Json(shared.scorer.describe())
}

/// Whether the server is up
#[utoipa::path(
    get,
    path = "/health",
    responses(
        (status = 200, description = "It is", body = HealthResponse),
        (status = 405, description = "Another method", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn health() -> impl IntoResponse {
    Json(HealthResponse { status: "ok" })
}

/// This document
///
/// Any other path is answered with 404 and a problem of the code `path`.
#[utoipa::path(
    get,
    path = "/openapi.json",
    responses(
        (status = 200, description = "OpenAPI 3.1", body = serde_json::Value),
        (status = 405, description = "Another method", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn openapi() -> Json<utoipa::openapi::OpenApi> {
    Json(document())
}

fn is_json(headers: &HeaderMap) -> bool {
    let named = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let media = named.and_then(|value| value.split(';').next());
    media.is_some_and(|media| media.trim().eq_ignore_ascii_case("application/json"))
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    let value = headers.get(header::CONTENT_LENGTH)?;
    value.to_str().ok()?.parse().ok()
}

fn too_long(bytes: usize) -> Problem {
    let detail = format!(
        "the body is longer than {bytes} bytes; send fewer groups at a time, or raise --max-body"
    );
    Problem::new(Code::Long, detail)
}

fn slow(limit: Duration) -> Problem {
    let detail = format!("the body did not arrive within {} s", limit.as_secs_f64());
    Problem::new(Code::Slow, detail)
}

/// How long the rest of a body that is too long is waited for.
const PAUSE: Duration = Duration::from_millis(200);

/// Bytes of a body that is too long which are read and thrown away: whoever is still sending does not hear an answer.
fn lingered(bytes: usize) -> u64 {
    4 * bytes as u64
}

/// The whole body, which may be longer than it was said to be, or break off.
async fn receive(mut body: Body, most: usize) -> Result<Vec<u8>, Problem> {
    let (mut kept, mut seen) = (Vec::new(), 0);
    loop {
        let frame = if seen <= most as u64 {
            body.frame().await
        } else {
            // A pause of the sender is as good as its end.
            timeout(PAUSE, body.frame()).await.ok().flatten()
        };
        let Some(frame) = frame else { break };
        let frame =
            frame.map_err(|_| Problem::new(Code::Json, "the body broke off before its end"))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        seen += data.len() as u64;
        if seen > lingered(most) {
            break;
        }
        match seen <= most as u64 {
            true => kept.extend_from_slice(&data),
            false => kept = Vec::new(),
        }
    }
    match seen <= most as u64 {
        true => Ok(kept),
        false => Err(too_long(most)),
    }
}

fn read(body: &[u8], most: usize) -> Result<ScoreRequest, Problem> {
    let mut from = serde_json::Deserializer::from_slice(body);
    let request: ScoreRequest = serde_path_to_error::deserialize(&mut from).map_err(|error| {
        let pointer = pointer(error.path());
        let inner = error.into_inner();
        match inner.is_data() {
            true => Problem::new(Code::Data, inner.to_string()).at(pointer),
            false => Problem::new(Code::Json, inner.to_string()),
        }
    })?;
    from.end()
        .map_err(|error| Problem::new(Code::Json, error.to_string()))?;
    let samples: usize = request.groups.iter().map(|group| group.samples.len()).sum();
    if samples > most {
        let detail = format!(
            "{samples} samples, at most {most} at a time; send fewer groups, or raise --max-samples"
        );
        return Err(Problem::new(Code::Many, detail).at("/groups".to_owned()));
    }
    Ok(request)
}

/// A path as a JSON pointer.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { variant } => format!("/{variant}"),
            Segment::Unknown => String::new(),
        })
        .collect()
}
