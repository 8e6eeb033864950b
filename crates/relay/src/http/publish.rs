//! `POST /v1/topics/{topic}`: how other systems publish.
//!
//! The body is the event: JSON, or any other bytes. Beside it: `Idempotency-Key`, the query's `type`,
//! `ttl_ms` and `retain`, or for those who rather write headers `Anser-Type`, `Anser-TTL` (seconds)
//! and `Anser-Retain`.

use std::sync::Arc;

use anser_relay_proto::Topic;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use hyper::header::{self, HeaderMap};
use hyper::{Request, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{caller, draft, read};
use crate::app::App;
use crate::clock::now_ms;
use crate::exchange::is_mailbox;
use crate::gate::Key;
use crate::problem::{Problem, json_response};
use crate::storage::{self, Published};

#[derive(Debug, Default, Deserialize)]
pub(super) struct How {
    #[serde(rename = "type")]
    kind: Option<String>,
    ttl_ms: Option<u64>,
    retain: Option<bool>,
}

/// Publishes one event.
pub(super) async fn publish(
    State(app): State<Arc<App>>,
    Path(topic): Path<String>,
    how: Result<Query<How>, axum::extract::rejection::QueryRejection>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (token, publisher) = caller::publisher(&app, request.headers())?;
    let limits = app.config().limits.clone();
    app.count(Key::Token(token), (limits.publishes_burst, limits.publishes_per_s), now_ms())?;
    let Query(how) = how.map_err(|error| Problem::bad(error.body_text()))?;
    let topic = read_topic(&topic)?;
    if !publisher.topics.iter().any(|pattern| pattern.matches(&topic)) {
        app.metrics.refused.add(1);
        return Err(Problem::forbidden("this token may not publish to this topic"));
    }
    let headers = request.headers().clone();
    let kind = how.kind.as_deref().or_else(|| text(&headers, "anser-type"));
    let ttl_ms = match (how.ttl_ms, text(&headers, "anser-ttl").map(str::parse::<u64>)) {
        (Some(ttl_ms), _) => ttl_ms,
        (None, Some(Ok(seconds))) => seconds.saturating_mul(1_000),
        (None, Some(Err(_))) => return Err(Problem::bad("Anser-TTL is a number of seconds")),
        (None, None) => 0,
    };
    let retain = how.retain.unwrap_or_else(|| text(&headers, "anser-retain") == Some("true"));
    let once = headers
        .get("idempotency-key")
        .map(|key| {
            let key = key.to_str().map_err(|_| Problem::bad("Idempotency-Key is no text"))?;
            draft::once(&token, topic.as_str().as_bytes(), key)
        })
        .transpose()?;
    let is_json = headers.get(header::CONTENT_TYPE).is_none_or(|value| {
        let text = value.to_str().unwrap_or_default();
        let media = text.split(';').next().unwrap_or_default().trim();
        // What tools send when they are told nothing.
        media == "application/json"
            || media.ends_with("+json")
            || media == "application/x-www-form-urlencoded"
    });
    let body = read::bytes(&app, request, limits.event_bytes).await?;
    let body = if is_json {
        draft::json(&body, limits.event_bytes)?
    } else {
        storage::Body::Bytes(body.to_vec().into())
    };
    let event = draft::draft(kind, body, ttl_ms, once)?;
    let published = app.storage.publish(topic, event, retain).await?;
    Ok(json_response(StatusCode::OK, &answer(&published)))
}

/// `{id, cursor}`.
pub(super) fn answer(published: &Published) -> Value {
    let mut cursor = anser_relay_proto::Cursor::start(anser_relay_proto::Epoch(published.epoch));
    cursor.advance(crate::event::TOPICS, published.seq);
    json!({
        "id": storage::event_id(published.epoch, published.seq),
        "cursor": cursor.to_string(),
    })
}

/// A topic that can be published to.
pub(super) fn read_topic(name: &str) -> Result<Topic, Problem> {
    let topic: Topic = name.parse().map_err(|error| Problem::bad(format!("{error}")))?;
    if is_mailbox(&topic) {
        return Err(Problem::forbidden("a mailbox is no topic: use the command send"));
    }
    Ok(topic)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
