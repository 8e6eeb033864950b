//! Reading a request's body: bounded in size and in time, and never compressed.

use std::time::Duration;

use axum::body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::header::{self, HeaderMap};
use hyper::{Request, StatusCode};
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::problem::Problem;

/// The whole body, at most `most_bytes`.
///
/// # Errors
/// When it is larger, too slow or encoded.
pub(crate) async fn bytes(
    app: &App,
    request: Request<Body>,
    most_bytes: usize,
) -> Result<Bytes, Problem> {
    plain(request.headers())?;
    let seconds = app.config().limits.body_s.max(1);
    let body = Limited::new(request.into_body(), most_bytes).collect();
    match tokio::time::timeout(Duration::from_secs(seconds), body).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            app.metrics.bad_requests.add(1);
            Err(Problem::too_large(most_bytes))
        }
        Ok(Err(_)) => Err(Problem::bad("the body ended before it was whole")),
        Err(_) => {
            app.metrics.bad_requests.add(1);
            let message = "the body took too long to arrive";
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "too_slow", message))
        }
    }
}

/// A body of JSON; an empty one reads as `{}`.
///
/// # Errors
/// As [`bytes`], and when it is not what is expected here.
pub(crate) async fn json<T: DeserializeOwned>(
    app: &App,
    request: Request<Body>,
    most_bytes: usize,
) -> Result<T, Problem> {
    let body = bytes(app, request, most_bytes).await?;
    let text: &[u8] = if body.is_empty() { b"{}" } else { &body };
    serde_json::from_slice(text).map_err(|error| {
        app.metrics.bad_requests.add(1);
        Problem::bad(format!("the body is not what is expected here: {error}"))
    })
}

/// A compressed body could unpack to any size; nobody who publishes needs one.
fn plain(headers: &HeaderMap) -> Result<(), Problem> {
    match headers.get(header::CONTENT_ENCODING) {
        Some(encoding) if encoding != "identity" => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported",
            "bodies are sent without Content-Encoding here",
        )),
        _ => Ok(()),
    }
}
