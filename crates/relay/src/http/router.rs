//! Which path leads where, and what every answer carries.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, StatusCode};
use serde_json::json;

use super::attend::{Peer, empty};
use super::caller::{self, Standing};
use super::{command, poll, publish, session, sse, ws};
use crate::app::App;
use crate::problem::{Problem, json_response};

/// The client API.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/v1/info", get(info))
        .route("/v1/challenge", get(session::challenge))
        .route("/v1/session", post(session::open))
        .route("/v1/cmd", post(command::commands))
        .route("/v1/topics/{*topic}", post(publish::publish))
        .route("/v1/events/poll", get(poll::short))
        .route("/v1/events/longpoll", get(poll::long))
        .route("/v1/events/sse", get(sse::open))
        .route("/v1/events/ws", get(ws::open))
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .route("/metrics", get(metrics))
        .fallback(nothing)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(Arc::clone(&app), cross_origin))
        .with_state(app)
}

async fn nothing() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not_found", "there is nothing here")
}

async fn wrong_method() -> Problem {
    let message = "this path does not take this method";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", message)
}

/// Lets pages of allowed origins read answers, and answers their preflights.
async fn cross_origin(
    State(app): State<Arc<App>>,
    request: Request<axum::body::Body>,
    next: Next,
) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let allowed = origin
        .filter(|_| caller::standing(request.headers(), &app.config().http) == Standing::Allowed);
    let preflight = *request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match (preflight, &allowed) {
        (true, Some(_)) => empty(StatusCode::NO_CONTENT),
        (true, None) => caller::foreign().into_response(),
        (false, _) => next.run(request).await,
    };
    let headers = response.headers_mut();
    if let Some(origin) = allowed {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        let yes = HeaderValue::from_static("true");
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
        if preflight {
            set(headers, "access-control-allow-methods", "GET, POST");
            set(
                headers,
                "access-control-allow-headers",
                "authorization, content-type, idempotency-key, last-event-id",
            );
            set(headers, "access-control-max-age", "600");
        }
    }
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    set(headers, "x-content-type-options", "nosniff");
    headers.entry(header::CACHE_CONTROL).or_insert_with(|| HeaderValue::from_static("no-store"));
    response
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}

async fn info(State(app): State<Arc<App>>) -> Response {
    let config = app.config();
    let value = json!({
        "name": "anser-relay",
        "version": env!("CARGO_PKG_VERSION"),
        "epoch": format!("{:x}", app.epoch.0),
        "limits": session::limits(&config.limits),
        "transports": ["ws", "sse", "longpoll", "poll"],
        "anonymous": !config.anonymous.topics.is_empty(),
        "branding": {"name": config.branding.name},
    });
    json_response(StatusCode::OK, &value)
}

async fn live() -> Response {
    json_response(StatusCode::OK, &json!({"status": "live"}))
}

/// Ready when not stopping, and a question has come back from the storage and from the exchange.
pub(super) async fn ready(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    if app.is_stopping() {
        return Err(Problem::overload("the relay is stopping"));
    }
    let round = async {
        app.storage.held([0; 32]).await.map_err(Problem::from)?;
        app.exchange.head().await.map_err(Problem::from)
    };
    match tokio::time::timeout(Duration::from_secs(2), round).await {
        Ok(Ok(_)) => Ok(json_response(StatusCode::OK, &json!({"status": "ready"}))),
        _ => Err(Problem::overload("the storage does not answer")),
    }
}

/// For who asks from this machine; others ask the admin's listener.
async fn metrics(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let forwarded = headers.contains_key("x-forwarded-for") || headers.contains_key("forwarded");
    if !peer.0.to_canonical().is_loopback() || forwarded {
        return Err(nothing().await);
    }
    Ok(metrics_text(&app))
}

pub(super) fn metrics_text(app: &App) -> Response {
    let mut response = Response::new(app.metrics.text().into());
    let media_type = HeaderValue::from_static("text/plain; version=0.0.4");
    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    response
}
