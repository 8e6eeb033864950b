//! WebSocket (RFC 6455), both ways: events out, the commands of `/v1/cmd` in.
//!
//! Subprotocol `anser.v1.json` sends texts, `anser.v1.cbor` sends binary messages; what comes in is
//! read by its own kind. Buffers are small, because most connections are silent most of the time.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::response::Response;
use futures::{SinkExt, StreamExt};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Request, StatusCode};
use serde_json::{Value, json};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::attend::{self, Peer, Pending};
use super::caller::{self, Standing};
use super::command;
use super::poll::{AskedQuery, end_word, visitor};
use super::sse::lifetime;
use super::stream::{self, Given, Stream, Visitor};
use super::wire::Wire;
use crate::app::App;
use crate::cbor;
use crate::exchange::{Caller, End};
use crate::metrics::Transport;
use crate::problem::Problem;

const JSON: &str = "anser.v1.json";
const CBOR: &str = "anser.v1.cbor";
const BUFFER_BYTES: usize = 512;
const LAST_WORDS: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Json,
    Cbor,
}

/// Opens a WebSocket.
pub(super) async fn open(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    asked: AskedQuery,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let headers = request.headers();
    // Also with a token: a page that may not be here could not have got one.
    if caller::standing(headers, &app.config().http) == Standing::Foreign {
        app.metrics.refused.add(1);
        return Err(caller::foreign());
    }
    let visitor = visitor(&app, peer, &request)?;
    let accept = handshake(headers)?;
    let form = subprotocol(headers)?;
    let Query(asked) = asked.map_err(|error| Problem::bad(error.body_text()))?;
    let cursor = stream::cursor(asked.cursor.as_deref(), headers)?;
    let (stream, hello) = Stream::open(app, visitor, Transport::WebSocket, cursor).await?;
    let mut response = attend::empty(StatusCode::SWITCHING_PROTOCOLS);
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    if let Some(form) = form {
        let name = HeaderValue::from_static(if form == Form::Cbor { CBOR } else { JSON });
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, name);
    }
    let form = form.unwrap_or(Form::Json);
    let takeover = move |wire, head| -> Pending<Option<Wire>> {
        Box::pin(async move {
            if let Err(error) = begin(wire, head, (stream, hello), visitor, form).await {
                tracing::debug!(%error, "a WebSocket ended");
            }
            None
        })
    };
    Ok(attend::detach(response, Box::new(takeover)))
}

/// What answers the client's key.
fn handshake(headers: &HeaderMap) -> Result<HeaderValue, Problem> {
    let wants = headers
        .get(header::UPGRADE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.eq_ignore_ascii_case("websocket"));
    let version = headers.get(header::SEC_WEBSOCKET_VERSION).map(HeaderValue::as_bytes);
    let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|_| wants && version == Some(b"13"));
    let Some(key) = key else {
        let message = "this is the place of a WebSocket (RFC 6455, version 13)";
        return Err(Problem::new(StatusCode::UPGRADE_REQUIRED, "upgrade", message));
    };
    HeaderValue::from_str(&derive_accept_key(key.as_bytes()))
        .map_err(|_| Problem::bad("the WebSocket's key is none"))
}

/// The first of the offered subprotocols that is ours; none if none was offered.
fn subprotocol(headers: &HeaderMap) -> Result<Option<Form>, Problem> {
    let mut offered = headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(',').map(str::trim))
        .peekable();
    if offered.peek().is_none() {
        return Ok(None);
    }
    offered
        .find_map(|name| match name {
            JSON => Some(Form::Json),
            CBOR => Some(Form::Cbor),
            _ => None,
        })
        .map(Some)
        .ok_or_else(|| Problem::bad("offer the subprotocol anser.v1.json or anser.v1.cbor"))
}

struct Socket {
    socket: WebSocketStream<Wire>,
    stream: Stream,
    form: Form,
}

async fn begin(
    mut wire: Wire,
    mut head: Vec<u8>,
    (stream, hello): (Stream, Value),
    visitor: Visitor,
    form: Form,
) -> Result<(), Error> {
    use tokio::io::AsyncWriteExt;
    head.extend_from_slice(b"\r\n");
    wire.write_all(&head).await?;
    wire.flush().await?;
    drop(head);
    let (most_bytes, ping, lifetime_s) = {
        let limits = &stream.app().config().limits;
        (limits.body_bytes, limits.ping(), limits.lifetime_s)
    };
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES)
        .max_message_size(Some(most_bytes))
        .max_frame_size(Some(most_bytes));
    let socket = WebSocketStream::from_raw_socket(wire, Role::Server, Some(config)).await;
    // In one place on the heap: every move of it would take room in the task.
    let mut socket = Box::new(Socket { socket, stream, form });
    let mut hello = hello;
    if let Some(map) = hello.as_object_mut() {
        map.insert("k".into(), "hello".into());
        map.insert("c".into(), socket.stream.cursor().to_string().into());
    }
    let hello = socket.message(&hello);
    socket.send(vec![hello]).await?;
    let served = socket.serve(visitor.caller, ping, lifetime(lifetime_s)).await;
    match served {
        Ok(end) => socket.bye(end).await,
        Err(error) => {
            // What the other side did wrong it is told by the closing frame.
            let _ = tokio::time::timeout(LAST_WORDS, socket.socket.flush()).await;
            Err(error)
        }
    }
}

impl Socket {
    async fn serve(
        &mut self,
        caller: Caller,
        ping: Duration,
        life: Duration,
    ) -> Result<Option<End>, Error> {
        let app = Arc::clone(self.stream.app());
        let mut pings = tokio::time::interval(ping);
        pings.reset();
        let life = tokio::time::sleep(life);
        tokio::pin!(life);
        loop {
            tokio::select! {
                biased;
                came = self.socket.next() => {
                    let Some(came) = came else { return Ok(None) };
                    // On the heap while it lasts: it is large, and most connections never send any.
                    if let Some(answer) = Box::pin(self.heed(&app, caller, came?)).await {
                        self.send(vec![answer]).await?;
                    }
                }
                given = self.stream.next() => match given {
                    Ok(Given::Events(events)) => {
                        let messages = events.iter().map(|item| match self.form {
                            Form::Json => Message::Text(self.stream.text(item)),
                            Form::Cbor => Message::Binary(self.stream.cbor(item)),
                        });
                        let messages = messages.collect();
                        self.send(messages).await?;
                    }
                    Ok(Given::End(end)) => return Ok(Some(end)),
                    Err(_) => return Ok(Some(End::Drain)),
                },
                _ = pings.tick() => self.send(vec![Message::Ping(Vec::new().into())]).await?,
                () = &mut life => return Ok(Some(End::Drain)),
            }
        }
    }

    /// The answer to a message, if it is a command.
    async fn heed(&self, app: &App, caller: Caller, message: Message) -> Option<Message> {
        let answer = match message {
            Message::Text(text) => command::run(app, caller, text.as_str()).await,
            Message::Binary(bytes) => match cbor::read(&bytes) {
                Ok(value) => command::run(app, caller, &value.to_string()).await,
                Err(error) => {
                    app.metrics.bad_requests.add(1);
                    let problem = Problem::bad(format!("this is no CBOR command: {error}"));
                    json!({"rid": "", "error": problem.value()}).to_string().into()
                }
            },
            // The library answers pings and closes.
            _ => return None,
        };
        Some(match self.form {
            Form::Json => Message::Text(answer.as_ref().into()),
            Form::Cbor => self.message(&answer.parse().unwrap_or(Value::Null)),
        })
    }

    fn message(&self, value: &Value) -> Message {
        match self.form {
            Form::Json => Message::Text(value.to_string().into()),
            Form::Cbor => Message::Binary(cbor::bytes(value).into()),
        }
    }

    /// Sends all of them in one go. A reader that is cut meanwhile has a moment left.
    async fn send(&mut self, messages: Vec<Message>) -> Result<(), Error> {
        let Self { socket, stream, .. } = self;
        let sending = async {
            for message in messages {
                socket.feed(message).await?;
            }
            socket.flush().await
        };
        tokio::pin!(sending);
        tokio::select! {
            biased;
            sent = &mut sending => sent,
            _ = stream.feed().ended() => {
                tokio::time::timeout(LAST_WORDS, sending).await.unwrap_or_else(|late| {
                    Err(Error::Io(std::io::Error::other(late)))
                })
            }
        }
    }

    /// Says why the stream ends, and waits a moment for the other side to agree.
    async fn bye(mut self: Box<Self>, end: Option<End>) -> Result<(), Error> {
        let Some(end) = end else { return Ok(()) };
        let code = match end {
            End::Slow => CloseCode::Policy,
            // In the range that is left to applications.
            End::Fenced => CloseCode::from(4_001),
            End::Drain => CloseCode::Restart,
        };
        let reason = end_word(end).into();
        let closing = async {
            if end == End::Slow {
                let slow = self.message(&json!({"k": "slow"}));
                self.socket.feed(slow).await?;
            }
            self.socket.close(Some(CloseFrame { code, reason })).await?;
            while let Some(Ok(_)) = self.socket.next().await {}
            Ok(())
        };
        tokio::time::timeout(LAST_WORDS, closing)
            .await
            .unwrap_or_else(|late| Err(Error::Io(std::io::Error::other(late))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_chooses_the_subprotocol() {
        let chosen = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, text.parse().unwrap());
            subprotocol(&headers).map_err(|problem| problem.code)
        };
        assert_eq!(chosen("anser.v1.cbor, anser.v1.json"), Ok(Some(Form::Cbor)));
        assert_eq!(chosen("other, anser.v1.json"), Ok(Some(Form::Json)));
        assert_eq!(chosen("other"), Err("bad_request"));
        assert_eq!(subprotocol(&HeaderMap::new()), Ok(None));
    }
}
