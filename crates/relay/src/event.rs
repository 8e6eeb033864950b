//! Events as they go out: `{c, t, k, id, p, ts, d}`, in JSON, as Server-Sent Events, in CBOR.
//!
//! What must always hold: an event is encoded once for all who get the same bytes. Only the cursor
//! differs between connections, and only for those that read a mailbox too; so everything behind `c`
//! is made once, and for the others the whole.

use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use anser_proto::minicbor::Encoder;
use anser_relay_proto::{Cursor, Event, Topic};
use hyper::body::Bytes;
use serde_json::Value;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::cbor;
use crate::storage::{Body, StoredEvent};

/// The shard of all topics.
pub(crate) const TOPICS: u16 = 0;

/// What the hub carries without looking into it.
#[derive(Debug)]
pub(crate) struct Carried {
    pub(crate) body: Body,
    /// Not delivered from then on; 0 is never.
    pub(crate) expires_ms: u64,
    tail: OnceLock<Bytes>,
    sse: OnceLock<Bytes>,
    text: OnceLock<Utf8Bytes>,
    cbor: OnceLock<Bytes>,
}

/// An event with its encodings.
pub(crate) type Item = Arc<Event<Carried>>;

/// The event for the hub.
pub(crate) fn carried(stored: StoredEvent, topic: Topic, shard: u16) -> Event<Carried> {
    Event {
        shard,
        seq: stored.seq,
        topic,
        kind: Arc::clone(&stored.kind),
        id: stored.id().into(),
        previous: stored.previous_id().map(Into::into),
        taken_ms: stored.taken_ms,
        bytes: stored.bytes(),
        data: Carried {
            body: stored.body,
            expires_ms: stored.expires_ms,
            tail: OnceLock::new(),
            sse: OnceLock::new(),
            text: OnceLock::new(),
            cbor: OnceLock::new(),
        },
    }
}

/// One text as JSON.
pub(crate) fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

/// Everything behind the cursor, with the closing brace.
fn tail(event: &Event<Carried>) -> &Bytes {
    event.data.tail.get_or_init(|| {
        let mut text = format!(",\"t\":\"{}\",\"k\":{}", event.topic, quoted(&event.kind));
        let _ = write!(text, ",\"id\":\"{}\"", event.id);
        if let Some(previous) = &event.previous {
            let _ = write!(text, ",\"p\":\"{previous}\"");
        }
        let _ = write!(text, ",\"ts\":{}", event.taken_ms);
        match &event.data.body {
            Body::Json(json) => {
                let _ = write!(text, ",\"d\":{json}}}");
            }
            Body::Bytes(bytes) => {
                let encoded = data_encoding::BASE64.encode(bytes);
                let _ = write!(text, ",\"enc\":\"base64\",\"d\":\"{encoded}\"}}");
            }
        }
        Bytes::from(text)
    })
}

/// The event as one line of JSON.
pub(crate) fn json(event: &Event<Carried>, cursor: &str) -> Vec<u8> {
    let tail = tail(event);
    let mut line = Vec::with_capacity(tail.len().saturating_add(cursor.len()).saturating_add(8));
    line.extend_from_slice(b"{\"c\":\"");
    line.extend_from_slice(cursor.as_bytes());
    line.push(b'"');
    line.extend_from_slice(tail);
    line
}

/// The event as one block of an event stream.
pub(crate) fn sse(event: &Event<Carried>, cursor: &str) -> Vec<u8> {
    let mut block = format!("id: {cursor}\nevent: {}\ndata: ", event.kind).into_bytes();
    block.extend_from_slice(&json(event, cursor));
    block.extend_from_slice(b"\n\n");
    block
}

/// The event in CBOR; `d` is what it was: bytes, or the value that the JSON says.
pub(crate) fn cbor(event: &Event<Carried>, cursor: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(event.bytes);
    let mut encoder = Encoder::new(&mut bytes);
    // Writing to a Vec cannot fail.
    let _ = (|| {
        encoder.map(if event.previous.is_some() { 7 } else { 6 })?;
        encoder.str("c")?.str(cursor)?.str("t")?.str(event.topic.as_str())?;
        encoder.str("k")?.str(&event.kind)?.str("id")?.str(&event.id)?;
        if let Some(previous) = &event.previous {
            encoder.str("p")?.str(previous)?;
        }
        encoder.str("ts")?.u64(event.taken_ms)?.str("d")?;
        match &event.data.body {
            Body::Bytes(raw) => encoder.bytes(raw)?.ok(),
            Body::Json(json) => match serde_json::from_str::<Value>(json) {
                Ok(value) => cbor::write(&mut encoder, &value),
                Err(_) => encoder.null()?.ok(),
            },
        }
    })();
    bytes
}

/// The same for all connections that stand at this event and read no mailbox.
fn plain_cursor(event: &Event<Carried>, cursor: &Cursor) -> String {
    let mut cursor = Cursor::start(cursor.epoch);
    cursor.advance(event.shard, event.seq);
    cursor.to_string()
}

/// [`sse`] for those who read topics only.
pub(crate) fn shared_sse(event: &Event<Carried>, cursor: &Cursor) -> Bytes {
    event.data.sse.get_or_init(|| sse(event, &plain_cursor(event, cursor)).into()).clone()
}

/// [`json`] for those who read topics only.
pub(crate) fn shared_text(event: &Event<Carried>, cursor: &Cursor) -> Utf8Bytes {
    let make = || utf8(json(event, &plain_cursor(event, cursor)));
    event.data.text.get_or_init(make).clone()
}

/// [`cbor`] for those who read topics only.
pub(crate) fn shared_cbor(event: &Event<Carried>, cursor: &Cursor) -> Bytes {
    event.data.cbor.get_or_init(|| cbor(event, &plain_cursor(event, cursor)).into()).clone()
}

/// What was put together from texts, as a text.
pub(crate) fn utf8(bytes: Vec<u8>) -> Utf8Bytes {
    String::from_utf8(bytes).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use anser_relay_proto::Epoch;

    fn event(body: Body) -> Event<Carried> {
        let stored = StoredEvent {
            epoch: 0x5f,
            seq: 12,
            previous: 3,
            topic: "news/a".into(),
            kind: "note".into(),
            taken_ms: 99,
            expires_ms: 0,
            body,
        };
        carried(stored, "news/a".parse().unwrap(), TOPICS)
    }

    #[test]
    fn one_event_in_three_forms() {
        let text = event(Body::Json(r#"{"a":[1,null]}"#.into()));
        let start = Cursor::start(Epoch(0x5f));
        let line = r#"{"c":"5f.0:12","t":"news/a","k":"note","id":"5f-c","p":"5f-3","ts":99,"d":{"a":[1,null]}}"#;
        assert_eq!(shared_text(&text, &start).as_str(), line);
        assert_eq!(
            String::from_utf8(shared_sse(&text, &start).to_vec()).unwrap(),
            format!("id: 5f.0:12\nevent: note\ndata: {line}\n\n")
        );
        let value = cbor::read(&cbor(&text, "5f.0:12,9:4")).unwrap();
        let expected = line.replace("5f.0:12", "5f.0:12,9:4");
        assert_eq!(value, serde_json::from_str::<Value>(&expected).unwrap());

        let binary = event(Body::Bytes(vec![0, 255].into()));
        let value: Value = serde_json::from_slice(&json(&binary, "x")).unwrap();
        assert_eq!((&value["enc"], &value["d"]), (&"base64".into(), &"AP8=".into()));
    }
}
