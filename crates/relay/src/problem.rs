//! What went wrong, for the other side: a status, a word that programs go by, a sentence for people.

use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{self, HeaderValue};
use serde_json::{Value, json};

use crate::exchange::Refused;
use crate::storage::StorageError;

/// An error of a request or a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    /// When to try again.
    pub(crate) retry_ms: Option<u64>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), retry_ms: None }
    }

    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "no valid session: open one with POST /v1/session",
        )
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    pub(crate) fn too_large(most_bytes: usize) -> Self {
        let message = format!("more than the {most_bytes} bytes that are allowed here");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
    }

    pub(crate) fn slow_down(retry_ms: u64) -> Self {
        let message = "too many at once: try again later";
        let mut problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "slow_down", message);
        problem.retry_ms = Some(retry_ms);
        problem
    }

    pub(crate) fn overload(message: impl Into<String>) -> Self {
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "overload", message);
        problem.retry_ms = Some(5_000);
        problem
    }

    /// `{code, message}`, as answers carry it.
    pub(crate) fn value(&self) -> Value {
        match self.retry_ms {
            Some(retry_ms) => {
                json!({"code": self.code, "message": self.message, "retry_ms": retry_ms})
            }
            None => json!({"code": self.code, "message": self.message}),
        }
    }
}

impl From<StorageError> for Problem {
    fn from(_: StorageError) -> Self {
        let message = "the relay could not store this; whether it did is not known";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "storage", message)
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Forbidden => Self::forbidden(refused.to_string()),
            Refused::TooManyWatches => {
                Self::new(StatusCode::CONFLICT, "too_many_watches", refused.to_string())
            }
            Refused::Overload | Refused::Stopping => Self::overload(refused.to_string()),
        }
    }
}

/// A body of JSON.
pub(crate) fn json_response(status: StatusCode, value: &Value) -> Response {
    let mut response = Response::new(axum::body::Body::from(value.to_string()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = json_response(self.status, &self.value());
        if let Some(retry_ms) = self.retry_ms {
            let seconds = HeaderValue::from(retry_ms.div_ceil(1_000));
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}
