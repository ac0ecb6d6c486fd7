//! In: requests. Out: answers, and the OpenAPI document of both.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http_body_util::LengthLimitError;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use utoipa::OpenApi;
use utoipa::openapi::{Content, Ref, ResponseBuilder};
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
        description = "Rewards and advantages of traces under one objective, for a trainer that samples elsewhere. \
            A path that is not described here is answered with the response NotFound, a method that its path does not \
            have with MethodNotAllowed."
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
    let mut document = Document::openapi();
    let components = document.components.get_or_insert_default();
    // No operation answers these.
    for (code, description) in [
        (Code::Path, "There is no such path"),
        (
            Code::Method,
            "The path has no such method; `allow` names those it has",
        ),
    ] {
        let problem = Content::new(Some(Ref::from_schema_name("Problem")));
        let response = ResponseBuilder::new()
            .description(description)
            .content("application/problem+json", problem);
        let name = code.component();
        components.responses.insert(name, response.build().into());
    }
    OpenApiRouter::with_openapi(document)
        .routes(routes!(score))
        .routes(routes!(objective))
        .routes(routes!(health))
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
    let (routes, document) = documented().split_for_parts();
    routes
        .route("/openapi.json", get(|| async { Json(document) }))
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
    if declared_length(&headers).is_some_and(|length| length > bytes as u64) {
        return Err(too_long(bytes));
    }
    let body = timeout(limit, to_bytes(body, bytes))
        .await
        .map_err(|_| slow(limit))?
        .map_err(|error| unread(&error, bytes))?;
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
    responses((status = 200, description = "Its name, terms and numbers", body = ObjectiveResponse))
)]
async fn objective(State(shared): State<Shared>) -> Json<ObjectiveResponse> {
    Json(shared.scorer.describe())
}

/// Whether the server is up
#[utoipa::path(
    get,
    path = "/health",
    responses((status = 200, description = "It is", body = HealthResponse))
)]
async fn health() -> impl IntoResponse {
    Json(HealthResponse { status: "ok" })
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

/// A body may be longer than it was said to be, or break off.
fn unread(error: &axum::Error, bytes: usize) -> Problem {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return too_long(bytes);
        }
        cause = error.source();
    }
    Problem::new(Code::Json, "the body broke off before its end")
}

fn read(body: &Bytes, most: usize) -> Result<ScoreRequest, Problem> {
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
