//! Clients: a session, and a stream over each of the four transports in the same words.

use std::io::{BufRead, BufReader, Error, ErrorKind, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use data_encoding::BASE64;
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

use crate::relay::{PATIENCE, Relay, head, request};

#[derive(Clone, Debug)]
pub struct Session {
    pub token: String,
    pub cursor: String,
}

impl Session {
    pub fn anonymous(relay: &Relay) -> Self {
        Self::of(&relay.post("/v1/session", &[], b"{}").json())
    }

    pub fn device(relay: &Relay, key: &SigningKey) -> Self {
        let answer = relay.post("/v1/session", &[], proof(relay, key).to_string().as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.text());
        Self::of(&answer.json())
    }

    fn of(value: &Value) -> Self {
        let text =
            |name: &str| value[name].as_str().unwrap_or_else(|| panic!("{value}")).to_owned();
        Self { token: text("token"), cursor: text("cursor") }
    }

    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    pub fn command(&self, relay: &Relay, command: &Value) -> Value {
        let body = json!([command]).to_string();
        let answer = relay.post("/v1/cmd", &[("authorization", &self.bearer())], body.as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()[0].clone()
    }

    pub fn watch(&self, relay: &Relay, topic: &str) {
        let answer = self.command(relay, &json!({"rid": topic, "op": "watch", "topic": topic}));
        assert_eq!(answer["ok"], true, "{answer}");
    }
}

pub fn key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

pub fn device_id(key: &SigningKey) -> String {
    anser_proto::DeviceId(key.verifying_key().to_bytes()).to_string()
}

/// What opens a session of a device.
pub fn proof(relay: &Relay, key: &SigningKey) -> Value {
    let nonce = relay.get("/v1/challenge", &[]).json()["nonce"].as_str().unwrap().to_owned();
    let message = [b"anser relay session v1\0", nonce.as_bytes()].concat();
    let signature = BASE64.encode(&key.sign(&message).to_bytes());
    json!({"device": device_id(key), "certificates": [], "nonce": nonce, "signature": signature})
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Poll,
    LongPoll,
    Sse,
    Ws,
    WsCbor,
}

pub const WAYS: [Way; 5] = [Way::Poll, Way::LongPoll, Way::Sse, Way::Ws, Way::WsCbor];

/// What a stream says.
#[derive(Clone, Debug, PartialEq)]
pub enum Frame {
    Hello(Value),
    Event(Value),
    /// Slow, fenced, drained.
    End(String),
}

pub enum Stream {
    /// Both kinds of polling: frames that came, and the cursor for the next request.
    Polling {
        way: Way,
        waiting: std::collections::VecDeque<Frame>,
        cursor: String,
    },
    Sse(BufReader<TcpStream>),
    Ws(Box<WebSocket<TcpStream>>),
}

pub struct Client {
    pub address: SocketAddr,
    pub bearer: String,
    pub stream: Stream,
}

fn other(error: impl std::fmt::Display) -> Error {
    Error::other(error.to_string())
}

impl Client {
    /// Opens a stream after `cursor`; empty is none.
    pub fn open(address: SocketAddr, session: &Session, way: Way, cursor: &str) -> Result<Self> {
        let bearer = session.bearer();
        let stream = match way {
            Way::Poll | Way::LongPoll => {
                Stream::Polling { way, waiting: [].into(), cursor: cursor.to_owned() }
            }
            Way::Sse => open_sse(
                address,
                &format!("/v1/events/sse?cursor={cursor}"),
                &[("authorization", &bearer)],
            )?,
            Way::Ws | Way::WsCbor => {
                let word = if way == Way::Ws { "anser.v1.json" } else { "anser.v1.cbor" };
                Stream::Ws(open_ws(
                    address,
                    cursor,
                    &[("authorization", &bearer), ("sec-websocket-protocol", word)],
                )?)
            }
        };
        Ok(Self { address, bearer, stream })
    }

    pub fn next(&mut self) -> Result<Frame> {
        match &mut self.stream {
            Stream::Polling { way, waiting, cursor } => loop {
                if let Some(frame) = waiting.pop_front() {
                    return Ok(frame);
                }
                let path = if *way == Way::Poll { "poll?" } else { "longpoll?wait=5&" };
                let path = format!("/v1/events/{path}cursor={cursor}");
                let headers = [("authorization", self.bearer.as_str())];
                let answer = request(self.address, "GET", &path, &headers, b"")?;
                if answer.status != 200 {
                    return Err(other(answer.text()));
                }
                let value = answer.json();
                *cursor = value["cursor"].as_str().unwrap().to_owned();
                waiting.push_back(Frame::Hello(value["hello"].clone()));
                let events = value["events"].as_array().unwrap().iter().cloned();
                waiting.extend(events.map(Frame::Event));
                if let Some(end) = value["end"].as_str() {
                    waiting.push_back(Frame::End(end.to_owned()));
                }
            },
            Stream::Sse(reader) => sse_frame(reader),
            Stream::Ws(socket) => match socket.read().map_err(other)? {
                Message::Text(text) => Ok(message(serde_json::from_str(&text).map_err(other)?)),
                Message::Binary(bytes) => {
                    let mut decoder = anser_proto::minicbor::Decoder::new(&bytes);
                    Ok(message(cbor(&mut decoder)))
                }
                Message::Close(Some(frame)) => Ok(Frame::End(frame.reason.to_string())),
                _ => self.next(),
            },
        }
    }

    /// The next event, past hellos.
    pub fn event(&mut self) -> Value {
        loop {
            match self.next().unwrap() {
                Frame::Event(event) => return event,
                Frame::Hello(_) => {}
                Frame::End(end) => panic!("it ended: {end}"),
            }
        }
    }

    pub fn hello(&mut self) -> Value {
        match self.next().unwrap() {
            Frame::Hello(hello) => hello,
            frame => panic!("hello comes first, not {frame:?}"),
        }
    }

    /// Sends a command over a WebSocket and waits for its answer.
    pub fn command(&mut self, command: &Value) -> Value {
        let Stream::Ws(socket) = &mut self.stream else { panic!("only a WebSocket") };
        socket.send(Message::Text(command.to_string().into())).unwrap();
        loop {
            match self.next().unwrap() {
                Frame::Event(value) if value["rid"] == command["rid"] => return value,
                _ => {}
            }
        }
    }
}

fn message(value: Value) -> Frame {
    match value["k"].as_str() {
        Some("hello") => Frame::Hello(value),
        Some("slow") => Frame::End("slow".into()),
        _ => Frame::Event(value),
    }
}

/// Opens an event stream with exactly these headers.
pub fn open_sse(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Result<Stream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let head = head("GET", path, headers, address) + "accept: text/event-stream\r\n\r\n";
    stream.write_all(head.as_bytes())?;
    let mut reader = BufReader::new(stream);
    let mut status = String::new();
    reader.read_line(&mut status)?;
    if !status.contains(" 200 ") {
        return Err(other(status));
    }
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        if line == "\r\n" {
            return Ok(Stream::Sse(reader));
        }
    }
}

/// One block of an event stream, read as the HTML standard says.
pub fn sse_block(reader: &mut impl BufRead) -> Result<(String, String, String)> {
    let (mut id, mut event, mut data) = (String::new(), String::new(), Vec::<String>::new());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end_matches('\n');
        if line.is_empty() {
            if data.is_empty() {
                event.clear();
                continue;
            }
            return Ok((id, event, data.join("\n")));
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
        match field {
            "id" => id = value,
            "event" => event = value,
            "data" => data.push(value),
            _ => {}
        }
    }
}

fn sse_frame(reader: &mut BufReader<TcpStream>) -> Result<Frame> {
    let (id, event, data) = sse_block(reader)?;
    let value: Value = serde_json::from_str(&data).map_err(other)?;
    match event.as_str() {
        "bye" | "slow" => Ok(Frame::End(value["reason"].as_str().unwrap().to_owned())),
        "hello" => Ok(Frame::Hello(value)),
        "overload" => Err(other("overload")),
        _ => {
            assert_eq!((&value["c"], &value["k"]), (&json!(id), &json!(event)));
            Ok(Frame::Event(value))
        }
    }
}

pub fn open_ws(
    address: SocketAddr,
    cursor: &str,
    headers: &[(&str, &str)],
) -> Result<Box<WebSocket<TcpStream>>> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let url = format!("ws://{address}/v1/events/ws?cursor={cursor}");
    let mut request = url.into_client_request().map_err(other)?;
    for (name, value) in headers {
        let name: hyper::header::HeaderName = name.parse().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    match tungstenite::client::client(request, stream) {
        Ok((socket, _)) => Ok(Box::new(socket)),
        Err(error) => Err(other(error)),
    }
}

/// CBOR as JSON; bytes as base64.
fn cbor(decoder: &mut anser_proto::minicbor::Decoder<'_>) -> Value {
    use anser_proto::minicbor::data::Type;
    match decoder.datatype().unwrap() {
        Type::Map => {
            let count = decoder.map().unwrap().unwrap();
            (0..count).map(|_| (decoder.str().unwrap().to_owned(), cbor(decoder))).collect()
        }
        Type::Array => {
            let count = decoder.array().unwrap().unwrap();
            (0..count).map(|_| cbor(decoder)).collect()
        }
        Type::String => decoder.str().unwrap().into(),
        Type::Bool => decoder.bool().unwrap().into(),
        Type::Bytes => BASE64.encode(decoder.bytes().unwrap()).into(),
        Type::Null => {
            decoder.null().unwrap();
            Value::Null
        }
        _ => decoder.u64().unwrap().into(),
    }
}

/// Waits for what another thread or process is about to do.
pub fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !happened() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}
