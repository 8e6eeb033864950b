//! Short and long polling: `{"hello":{…}, "events":[…], "cursor":"…"}`.
//!
//! A long poll answers at once when there is something, when its hello tells of a hole, or when it
//! came without a cursor; else it waits on the bare connection and gives it back afterwards.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::response::Response;
use hyper::body::Body as _;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, StatusCode, Version};
use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::attend::{self, Peer, Pending};
use super::caller;
use super::stream::{self, Given, Stream, Visitor};
use super::wire::Wire;
use crate::app::App;
use crate::clock::now_ms;
use crate::event::Item;
use crate::exchange::End;
use crate::gate::Key;
use crate::metrics::Transport;
use crate::problem::{Problem, json_response};

const WAIT_S: u64 = 25;
const LONGEST_WAIT_S: u64 = 55;
/// Bytes that a client may send ahead while it waits; then it is not read from.
const AHEAD_BYTES: usize = 1 << 10;

#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    pub(super) cursor: Option<String>,
    wait: Option<u64>,
}

pub(super) type AskedQuery = Result<Query<Asked>, axum::extract::rejection::QueryRejection>;

/// What every transport looks at before it opens a stream.
///
/// # Errors
/// When the request is not one for a stream, or its session may not.
pub(super) fn visitor(app: &App, peer: Peer, request: &Request<Body>) -> Result<Visitor, Problem> {
    if *request.method() != Method::GET || !request.body().is_end_stream() {
        let message = "a stream is asked for with GET and without a body";
        return Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", message));
    }
    let (caller, identity) = caller::session(app, request.method(), request.headers())?;
    let address = caller::address(peer, request.headers(), &app.config().http);
    let limits = &app.config().limits;
    // Opening a stream costs more than a command, so it may be done as seldom.
    let quota = (limits.commands_burst, limits.commands_per_s);
    app.count(Key::Identity(poll_key(&caller.session)), quota, now_ms())?;
    Ok(Visitor { caller, identity, address })
}

/// Streams of a session are counted apart from its commands.
fn poll_key(session: &[u8; 16]) -> [u8; 32] {
    *blake3::hash(session).as_bytes()
}

/// Short polling.
pub(super) async fn short(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    asked: AskedQuery,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let visitor = visitor(&app, peer, &request)?;
    let Query(asked) = asked.map_err(|error| Problem::bad(error.body_text()))?;
    let cursor = stream::cursor(asked.cursor.as_deref(), request.headers())?;
    let (mut stream, hello) = Stream::open(app, visitor, Transport::Poll, cursor).await?;
    let given = stream.now().await?;
    Ok(no_store(answer(&stream, &hello, &given)))
}

/// Long polling.
pub(super) async fn long(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    asked: AskedQuery,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let visitor = visitor(&app, peer, &request)?;
    let Query(asked) = asked.map_err(|error| Problem::bad(error.body_text()))?;
    let cursor = stream::cursor(asked.cursor.as_deref(), request.headers())?;
    let waits = cursor.is_some();
    let (mut stream, hello) = Stream::open(app, visitor, Transport::LongPoll, cursor).await?;
    let given = stream.now().await?;
    let at_once = match &given {
        Given::Events(events) => !events.is_empty(),
        Given::End(_) => true,
    };
    if !waits || at_once || hello.get("recovered") != Some(&Value::Bool(true)) {
        return Ok(no_store(answer(&stream, &hello, &given)));
    }
    let wait = Duration::from_secs(asked.wait.unwrap_or(WAIT_S).min(LONGEST_WAIT_S));
    let keep = keeps(&request);
    let response = no_store(json_response(StatusCode::OK, &Value::Null));
    let takeover = move |wire, head| -> Pending<Option<Wire>> {
        Box::pin(wait_for(wire, head, (stream, hello), wait, keep))
    };
    Ok(attend::detach(response, Box::new(takeover)))
}

/// Whether the client goes on with this connection.
fn keeps(request: &Request<Body>) -> bool {
    let named = |word: &str| {
        request
            .headers()
            .get_all(header::CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|part| part.trim().eq_ignore_ascii_case(word))
    };
    request.version() == Version::HTTP_11 && !named("close")
}

async fn wait_for(
    mut wire: Wire,
    mut head: Vec<u8>,
    (mut stream, hello): (Stream, Value),
    wait: Duration,
    keep: bool,
) -> Option<Wire> {
    let until = tokio::time::sleep(wait);
    tokio::pin!(until);
    let mut ahead = Vec::new();
    let given = loop {
        let mut buffer = [0_u8; 128];
        tokio::select! {
            biased;
            given = stream.next() => match given {
                Ok(given) => break given,
                Err(error) => {
                    tracing::debug!(%error, "a long poll ends without an answer");
                    return None;
                }
            },
            () = &mut until => break Given::Events(Vec::new()),
            read = wire.read(&mut buffer), if ahead.len() < AHEAD_BYTES => match read {
                Ok(0) | Err(_) => return None,
                Ok(count) => ahead.extend_from_slice(buffer.get(..count).unwrap_or_default()),
            },
        }
    };
    let body = answer_body(&stream, &hello, &given);
    drop(stream);
    let connection = if keep { "keep-alive" } else { "close" };
    head.extend_from_slice(
        format!("connection: {connection}\r\ncontent-length: {}\r\n\r\n", body.len()).as_bytes(),
    );
    head.extend_from_slice(&body);
    let written = async {
        wire.write_all(&head).await?;
        wire.flush().await
    };
    match tokio::time::timeout(Duration::from_secs(20), written).await {
        Ok(Ok(())) if keep => Some(wire.put_back(ahead)),
        _ => {
            let _ = wire.shutdown().await;
            None
        }
    }
}

fn answer(stream: &Stream, hello: &Value, given: &Given) -> Response {
    let mut response = json_response(StatusCode::OK, &Value::Null);
    *response.body_mut() = Body::from(answer_body(stream, hello, given));
    response
}

fn answer_body(stream: &Stream, hello: &Value, given: &Given) -> Vec<u8> {
    let mut body = format!("{{\"hello\":{hello},\"events\":[").into_bytes();
    let none: &[Item] = &[];
    let (events, end) = match given {
        Given::Events(events) => (events.as_slice(), None),
        Given::End(end) => (none, Some(end_word(*end))),
    };
    for (index, item) in events.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        body.extend_from_slice(stream.text(item).as_bytes());
    }
    body.extend_from_slice(format!("],\"cursor\":\"{}\"", stream.cursor()).as_bytes());
    if let Some(end) = end {
        body.extend_from_slice(format!(",\"end\":\"{end}\"").as_bytes());
    }
    body.push(b'}');
    body
}

/// The word for an end on the wire.
pub(super) fn end_word(end: End) -> &'static str {
    match end {
        End::Slow => "slow",
        End::Fenced => "fenced",
        End::Drain => "drain",
    }
}

/// Nobody on the way may keep or change it.
pub(super) fn no_store(mut response: Response) -> Response {
    set_no_store(response.headers_mut());
    response
}

pub(super) fn set_no_store(headers: &mut HeaderMap) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
}
