//! Server-Sent Events, as the HTML standard's EventSource reads them.
//!
//! `event: hello` first, then events with `id:` (the cursor), `event:` and `data:`. A ping is a comment
//! with an `id:`, so that the browser's last id stays young on quiet topics. An EventSource gives up
//! for ever on any status but 200, so what is temporary is said inside the stream, with `retry:`.
//! The body ends with the connection: no framing is laid over shared bytes.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::response::Response;
use hyper::header::{self, HeaderValue};
use hyper::{Request, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::attend::{self, Peer, Pending};
use super::poll::{AskedQuery, end_word, set_no_store, visitor};
use super::stream::{self, Given, Stream};
use super::wire::Wire;
use crate::app::App;
use crate::clock::any_below;
use crate::exchange::End;
use crate::metrics::Transport;
use crate::problem::Problem;

/// Fills the buffers of proxies, which otherwise hold the first events back.
const OPENING_BYTES: usize = 2 << 10;
/// How long a reader that was cut may take for what it was being sent.
const LAST_WORDS: Duration = Duration::from_secs(2);
const RETRY_MS: u64 = 1_000;

/// Opens an event stream.
pub(super) async fn open(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    asked: AskedQuery,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let visitor = visitor(&app, peer, &request);
    let visitor = match visitor {
        Ok(visitor) => visitor,
        Err(problem) if problem.retry_ms.is_some() => return Ok(shed(&problem)),
        Err(problem) => return Err(problem),
    };
    let Query(asked) = asked.map_err(|error| Problem::bad(error.body_text()))?;
    let cursor = stream::cursor(asked.cursor.as_deref(), request.headers())?;
    let (stream, hello) = match Stream::open(app, visitor, Transport::Sse, cursor).await {
        Ok(opened) => opened,
        Err(problem) if problem.retry_ms.is_some() => return Ok(shed(&problem)),
        Err(problem) => return Err(problem),
    };
    let takeover = move |wire, head| -> Pending<Option<Wire>> {
        Box::pin(async move {
            let _ = serve(wire, head, stream, hello).await;
            None
        })
    };
    Ok(attend::detach(head(Body::empty()), Box::new(takeover)))
}

fn head(body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    set_no_store(headers);
    let media_type = HeaderValue::from_static("text/event-stream");
    headers.insert(header::CONTENT_TYPE, media_type);
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Turned away for a moment, in a way that lets an EventSource come back.
fn shed(problem: &Problem) -> Response {
    let retry_ms = problem.retry_ms.unwrap_or(5_000).max(1_000);
    let retry_ms = retry_ms.saturating_add(any_below(retry_ms));
    let text = format!("retry: {retry_ms}\nevent: overload\ndata: {}\n\n", problem.value());
    let mut response = head(Body::from(text));
    *response.status_mut() = StatusCode::OK;
    response
}

async fn serve(
    mut wire: Wire,
    mut opening: Vec<u8>,
    mut stream: Stream,
    hello: Value,
) -> std::io::Result<()> {
    let (ping, lifetime_s) = {
        let limits = &stream.app().config().limits;
        (limits.ping(), limits.lifetime_s)
    };
    let stands = stream.cursor();
    opening.extend_from_slice(b"\r\n:");
    opening.resize(opening.len().saturating_add(OPENING_BYTES), b' ');
    let mut hello = hello;
    if let Some(map) = hello.as_object_mut() {
        map.insert("c".into(), stands.to_string().into());
    }
    opening.extend_from_slice(
        format!("\nretry: {RETRY_MS}\nid: {stands}\nevent: hello\ndata: {hello}\n\n").as_bytes(),
    );
    write(&mut wire, &opening, &stream).await?;
    drop((opening, hello));

    let mut pings = tokio::time::interval(ping);
    pings.reset();
    let life = tokio::time::sleep(lifetime(lifetime_s));
    tokio::pin!(life);
    loop {
        let mut ignored = [0_u8; 32];
        tokio::select! {
            biased;
            given = stream.next() => match given {
                Ok(Given::Events(events)) => match events.as_slice() {
                    [one] => write(&mut wire, &stream.sse(one), &stream).await?,
                    many => {
                        let parts: Vec<_> = many.iter().map(|item| stream.sse(item)).collect();
                        write(&mut wire, &parts.concat(), &stream).await?;
                    }
                },
                Ok(Given::End(end)) => return bye(&mut wire, end).await,
                Err(_) => return bye(&mut wire, End::Drain).await,
            },
            _ = pings.tick() => {
                stream.catch_up().await;
                let ping = format!(": ping\nid: {}\n\n", stream.cursor());
                write(&mut wire, ping.as_bytes(), &stream).await?;
            }
            () = &mut life => return bye(&mut wire, End::Drain).await,
            read = wire.read(&mut ignored) => match read {
                Ok(0) | Err(_) => return Ok(()),
                Ok(_) => {}
            },
        }
    }
}

/// Writes all of it. A reader that is cut meanwhile has a moment left to take it.
async fn write(wire: &mut Wire, bytes: &[u8], stream: &Stream) -> std::io::Result<()> {
    let writing = async {
        wire.write_all(bytes).await?;
        wire.flush().await
    };
    tokio::pin!(writing);
    tokio::select! {
        biased;
        written = &mut writing => written,
        _ = stream.feed().ended() => {
            tokio::time::timeout(LAST_WORDS, writing)
                .await
                .unwrap_or_else(|late| Err(std::io::Error::other(late)))
        }
    }
}

/// Says why the stream ends, and closes it.
async fn bye(wire: &mut Wire, end: End) -> std::io::Result<()> {
    let event = if end == End::Slow { "slow" } else { "bye" };
    // Those who come back do not all come at once. A fenced one should not fight for its place.
    let retry_ms = match end {
        End::Fenced => 20_000,
        End::Slow | End::Drain => RETRY_MS.saturating_add(any_below(2_000)),
    };
    let data = json!({"reason": end_word(end)});
    let text = format!("retry: {retry_ms}\nevent: {event}\ndata: {data}\n\n");
    let writing = async {
        wire.write_all(text.as_bytes()).await?;
        wire.shutdown().await
    };
    tokio::time::timeout(LAST_WORDS, writing)
        .await
        .unwrap_or_else(|late| Err(std::io::Error::other(late)))
}

/// A connection's lifetime, within 20 % of what is configured.
pub(super) fn lifetime(seconds: u64) -> Duration {
    let fifth_ms = seconds.saturating_mul(200);
    let shortest_ms = seconds.saturating_mul(1_000).saturating_sub(fifth_ms);
    let spread_ms = any_below(fifth_ms.saturating_mul(2).max(1));
    Duration::from_millis(shortest_ms.saturating_add(spread_ms).max(1_000))
}
