//! One stream of one session, whichever transport carries it: hello first, then topics and mailbox.
//!
//! What must always hold: the cursor that goes out with an event names nothing that was not given
//! before it; a mailbox is read page by page, and topics do not wait for all of it.

use std::net::IpAddr;
use std::sync::Arc;

use anser_proto::DeviceId;
use anser_relay_proto::{Cursor, Hello, MailReader, Topic, mailbox_shard};
use hyper::HeaderMap;
use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::app::App;
use crate::auth::Identity;
use crate::event::{self, Item, carried};
use crate::exchange::{Caller, End, Feed, Opened, Signal};
use crate::gate::{Key, Permit, prefix};
use crate::metrics::Transport;
use crate::problem::Problem;
use crate::storage::{MailboxId, StorageError};

/// Letters of one page, and their bytes.
const PAGE: (usize, usize) = (64, 256 << 10);
/// The longest text of a cursor that is looked at.
const CURSOR_BYTES: usize = 256;

/// What a stream gives next.
#[derive(Debug)]
pub(crate) enum Given {
    Events(Vec<Item>),
    End(End),
}

/// See the file's header.
pub(crate) struct Stream {
    app: Arc<App>,
    feed: Feed,
    /// How far topics were given.
    topics: Cursor,
    mail: Option<(MailboxId, MailReader)>,
    /// Whether the mailbox comes before topics the next time.
    mail_first: bool,
    transport: Transport,
    _permits: [Permit; 2],
}

/// Who opens a stream, and from where.
#[derive(Clone, Copy)]
pub(crate) struct Visitor {
    pub(crate) caller: Caller,
    pub(crate) identity: Identity,
    pub(crate) address: IpAddr,
}

/// The cursor in `?cursor=` or, of an event stream that comes back, in `Last-Event-ID`.
///
/// # Errors
/// When it is none.
pub(crate) fn cursor(query: Option<&str>, headers: &HeaderMap) -> Result<Option<Cursor>, Problem> {
    // A browser that comes back adds the header to the same URL: it is the later one.
    let header = headers.get("last-event-id").map(|value| value.to_str().unwrap_or("?"));
    match header.filter(|text| !text.is_empty()).or(query.filter(|text| !text.is_empty())) {
        None => Ok(None),
        Some(text) if text.len() > CURSOR_BYTES => Err(Problem::bad("this is no cursor")),
        Some(text) => text.parse().map(Some).map_err(|error| Problem::bad(format!("{error}"))),
    }
}

fn hello_value(hello: &Hello, opened: &Opened) -> Value {
    let mut value = json!({
        "recovered": hello.recovered,
        "reason": hello.reason.word(),
        "oldest": hello.oldest.to_string(),
        "head": hello.head.to_string(),
        "watching": opened.watching,
    });
    if let Some(map) = value.as_object_mut()
        && !opened.refused.is_empty()
    {
        let refused = opened.refused.iter().map(ToString::to_string).collect::<Vec<_>>();
        map.insert("refused".into(), refused.into());
    }
    value
}

impl Stream {
    /// Opens a stream; the older one of the session ends.
    ///
    /// # Errors
    /// When limits or the storage do not let it.
    pub(crate) async fn open(
        app: Arc<App>,
        visitor: Visitor,
        transport: Transport,
        cursor: Option<Cursor>,
    ) -> Result<(Self, Value), Problem> {
        let config = app.config();
        let enter = |key, most, what| {
            app.gate.enter(key, most).ok_or_else(|| {
                app.metrics.overload.add(1);
                Problem::overload(format!("{what} has as many streams open as it may"))
            })
        };
        let identity = match visitor.caller.device {
            Some(_) => Key::Identity(visitor.identity),
            None => Key::Session(visitor.caller.session),
        };
        let permits = [
            enter(identity, config.limits.connections_identity, "this identity")?,
            enter(
                Key::Address(prefix(visitor.address)),
                config.limits.connections_address,
                "this address",
            )?,
        ];
        let mut opened = app.exchange.open(visitor.caller, cursor.clone()).await?;
        let mut hello = opened.hello.clone();
        let mut mail = None;
        if let Some(mailbox) = visitor.caller.device {
            // After the exchange: what is deposited from then on is signalled.
            let held = app.storage.held(mailbox).await?;
            let shard = mailbox_shard(shard_hash(&mailbox));
            let (reader, mail_hello) = MailReader::open(app.epoch, shard, held, cursor.as_ref());
            hello = hello.and(&mail_hello);
            mail = Some((mailbox, reader));
        }
        if !hello.recovered {
            app.metrics.gaps.add(1);
        }
        let value = hello_value(&hello, &opened);
        opened.hello = hello;
        app.metrics.streams(transport).add(1);
        let (feed, topics) = (opened.feed, opened.cursor);
        let mail_first = false;
        Ok((Self { app, feed, topics, mail, mail_first, transport, _permits: permits }, value))
    }

    pub(crate) fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// The exchange's end of this stream.
    pub(crate) fn feed(&self) -> &Feed {
        &self.feed
    }

    /// Where the stream stands.
    pub(crate) fn cursor(&self) -> Cursor {
        let mut cursor = self.topics.clone();
        if let Some((_, reader)) = &self.mail {
            reader.mark(&mut cursor);
        }
        cursor
    }

    /// Moves on over what was not for this stream; to be called when all it gave is written.
    pub(crate) async fn catch_up(&mut self) {
        for (shard, seq) in self.app.exchange.stands(&self.feed).await.iter().flat_map(Cursor::seqs)
        {
            self.topics.advance(shard, seq);
        }
    }

    /// Waits for the next events. By asking, the transport says that it has written the last ones.
    /// Cancel-safe: what was not returned is given the next time.
    pub(crate) async fn next(&mut self) -> Result<Given, StorageError> {
        loop {
            // In turn, so that neither a long mailbox nor busy topics keep the other waiting.
            if !std::mem::take(&mut self.mail_first)
                && let Some(signal) = self.feed.now()
            {
                self.mail_first = true;
                match self.heed(signal) {
                    Some(given) => return Ok(given),
                    None => continue,
                }
            }
            match self.page().await? {
                Given::Events(letters) if letters.is_empty() => {}
                given => return Ok(given),
            }
            let signal = self.feed.next().await;
            if let Some(given) = self.heed(signal) {
                return Ok(given);
            }
        }
    }

    /// What there is at this moment; empty is nothing.
    pub(crate) async fn now(&mut self) -> Result<Given, StorageError> {
        while let Some(signal) = self.feed.now() {
            if let Some(given) = self.heed(signal) {
                return Ok(given);
            }
        }
        self.page().await
    }

    fn heed(&mut self, signal: Signal) -> Option<Given> {
        match signal {
            Signal::Batch(batch) => {
                for (shard, seq) in batch.cursor.seqs() {
                    self.topics.advance(shard, seq);
                }
                (!batch.events.is_empty()).then_some(Given::Events(batch.events))
            }
            Signal::Mail(seq) => {
                if let Some((_, reader)) = &mut self.mail {
                    reader.deposited(seq);
                }
                None
            }
            Signal::End(end) => Some(Given::End(end)),
        }
    }

    /// The next page of the mailbox, if it has one.
    async fn page(&mut self) -> Result<Given, StorageError> {
        let none = Given::Events(Vec::new());
        let Some((mailbox, reader)) = &mut self.mail else { return Ok(none) };
        let Some(after) = reader.wants() else { return Ok(none) };
        let page = self.app.storage.page(*mailbox, after, PAGE).await?;
        if page.first().is_none_or(|letter| letter.seq != after.saturating_add(1))
            && reader.missed(self.app.storage.held(*mailbox).await?)
        {
            return Ok(Given::End(End::Slow));
        }
        let topic: Topic = format!("mailbox/{}", DeviceId(*mailbox))
            .parse()
            .map_err(|_| StorageError("a mailbox's name is none".into()))?;
        reader.given(page.last().map(|letter| letter.seq));
        let shard = reader.shard();
        let item = |letter| Arc::new(carried(letter, Topic::clone(&topic), shard));
        Ok(Given::Events(page.into_iter().map(item).collect()))
    }

    /// The cursor that goes out with an event of the batch that was given last; `None` stands for
    /// the one that all have who read topics only.
    fn cursor_of(&self, item: &Item) -> Option<String> {
        let (_, reader) = self.mail.as_ref()?;
        let mut cursor = self.topics.clone();
        if item.shard == event::TOPICS {
            cursor = Cursor::start(self.topics.epoch);
            cursor.advance(item.shard, item.seq);
            reader.mark(&mut cursor);
        } else {
            cursor.advance(item.shard, item.seq);
        }
        Some(cursor.to_string())
    }

    pub(crate) fn sse(&self, item: &Item) -> Bytes {
        match self.cursor_of(item) {
            None => event::shared_sse(item, &self.topics),
            Some(cursor) => event::sse(item, &cursor).into(),
        }
    }

    pub(crate) fn text(&self, item: &Item) -> Utf8Bytes {
        match self.cursor_of(item) {
            None => event::shared_text(item, &self.topics),
            Some(cursor) => event::utf8(event::json(item, &cursor)),
        }
    }

    pub(crate) fn cbor(&self, item: &Item) -> Bytes {
        match self.cursor_of(item) {
            None => event::shared_cbor(item, &self.topics),
            Some(cursor) => event::cbor(item, &cursor).into(),
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.app.metrics.streams(self.transport).add(-1);
    }
}

/// The bits of a mailbox's name that make its shard.
pub(crate) fn shard_hash(mailbox: &MailboxId) -> [u8; 2] {
    let [first, second, ..] = *blake3::hash(mailbox).as_bytes();
    [first, second]
}
