//! One client's conversation with the node in JSON-RPC: requests in, responses and events out,
//! whatever carries them.
//!
//! Must always hold: requests are begun in the order in which they came; responses come as they
//! are ready; an event never comes before the response to the `events.subscribe` that asked for
//! it; memory is bounded, because at most [`CALLS`] requests are under way and a client that does
//! not read loses events, not answers.

use anser_api::rpc::{self, REQUEST_BYTES, Request};
use anser_api::{ApiError, Command, Reply};
use anser_engine::{Profile, Subscription};
use futures::stream::{FuturesUnordered, StreamExt};
use serde_json::Value;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;
use tokio::io::{AsyncBufRead, AsyncWrite, AsyncWriteExt, BufWriter};
use tokio::sync::mpsc;

use crate::lines::{Line, Lines};

/// Requests under way; while there are as many, no more are read.
const CALLS: usize = 256;
/// Texts on their way to a client.
const WRITES: usize = 256;
/// How long a client may take to read its last answers.
const LAST_WORDS: Duration = Duration::from_secs(5);

struct Answered {
    id: Option<Value>,
    subscribes: bool,
    result: Result<Reply, ApiError>,
}

/// What one client asked for and is owed.
pub(crate) struct Session {
    profile: Profile,
    calls: FuturesUnordered<Pin<Box<dyn Future<Output = Answered> + Send>>>,
    ready: VecDeque<String>,
    /// Subscribed already, while the answer that starts it is under way.
    starting: Option<Subscription>,
    events: Option<(Subscription, u64)>,
}

impl Session {
    pub(crate) fn new(profile: Profile) -> Self {
        Self {
            profile,
            calls: FuturesUnordered::new(),
            ready: VecDeque::new(),
            starting: None,
            events: None,
        }
    }

    /// Whether another request may be taken.
    pub(crate) fn has_room(&self) -> bool {
        self.calls.len() < CALLS && self.ready.len() < CALLS
    }

    /// Whether everything asked for was answered.
    pub(crate) fn is_done(&self) -> bool {
        self.calls.is_empty() && self.ready.is_empty()
    }

    /// Takes a request; its response comes from [`Session::next`].
    pub(crate) async fn take(&mut self, text: &str) {
        let Request { id, command } = match rpc::parse(text) {
            Ok(request) => request,
            Err(response) => return self.ready.push_back(response),
        };
        let subscribes = matches!(command, Ok(Command::EventsSubscribe(_)));
        if subscribes {
            // Before the revision is asked for: nothing may fall between.
            self.starting = Some(self.profile.subscribe());
        }
        match command {
            Ok(command) => {
                let pending = self.profile.begin(command).await;
                self.calls.push(Box::pin(async move {
                    Answered { id, subscribes, result: pending.await }
                }));
            }
            Err(error) => {
                if let Some(id) = id {
                    self.ready.push_back(rpc::response(id, &Err(error)));
                }
            }
        }
    }

    /// Takes a request that was over the limit.
    pub(crate) fn take_too_long(&mut self) {
        self.ready.push_back(rpc::too_long());
    }

    /// The next text for the client; waits while there is none. Cancel-safe.
    pub(crate) async fn next(&mut self) -> String {
        loop {
            if let Some(text) = self.ready.pop_front() {
                return text;
            }
            let event = async {
                match &mut self.events {
                    Some((subscription, after)) => (subscription.next().await, *after),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                Some(answered) = self.calls.next(), if !self.calls.is_empty() => {
                    if let Some(text) = self.answer(answered) {
                        return text;
                    }
                }
                (event, after) = event => match event {
                    Some(event) if event.revision > after => return rpc::notification(&event),
                    Some(_) => {}
                    None => self.events = None,
                },
            }
        }
    }

    fn answer(&mut self, answered: Answered) -> Option<String> {
        if answered.subscribes
            && let Ok(Reply::EventsSubscribe(subscribed)) = &answered.result
            && let Some(subscription) = self.starting.take()
        {
            self.events = Some((subscription, subscribed.revision));
        }
        answered.id.map(|id| rpc::response(id, &answered.result))
    }
}

/// Serves a client that sends and reads lines, until it stops sending and has its answers, or
/// stops reading, or `stop` comes.
pub(crate) async fn serve(
    profile: Profile,
    from: impl AsyncBufRead + Unpin,
    to: impl AsyncWrite + Unpin + Send + 'static,
    stop: impl Future<Output = ()>,
) {
    let (texts, written) = mpsc::channel(WRITES);
    let writer = tokio::spawn(write(to, written));
    let mut lines = Lines::new(from, REQUEST_BYTES);
    let mut session = Session::new(profile);
    let mut reading = true;
    tokio::pin!(stop);
    while reading || !session.is_done() {
        tokio::select! {
            () = &mut stop => break,
            () = texts.closed() => break,
            text = session.next() => tokio::select! {
                sent = texts.send(text) => if sent.is_err() { break },
                () = &mut stop => break,
            },
            line = lines.next(), if reading && session.has_room() => match line {
                Ok(Some(Line::Text(text))) => session.take(&text).await,
                Ok(Some(Line::TooLong)) => session.take_too_long(),
                Ok(None) | Err(_) => reading = false,
            },
        }
    }
    drop(texts);
    // Ends with the last text written, or because nobody reads any more.
    let abort = writer.abort_handle();
    if tokio::time::timeout(LAST_WORDS, writer).await.is_err() {
        abort.abort();
    }
}

/// Writes texts as lines; what is ready together goes out together.
async fn write(to: impl AsyncWrite + Unpin, mut texts: mpsc::Receiver<String>) {
    let mut to = BufWriter::with_capacity(64 * 1024, to);
    while let Some(first) = texts.recv().await {
        let mut next = Some(first);
        while let Some(text) = next {
            let mut written = to.write_all(text.as_bytes()).await;
            if written.is_ok() {
                written = to.write_all(b"\n").await;
            }
            if written.is_err() {
                return;
            }
            next = texts.try_recv().ok();
        }
        if to.flush().await.is_err() {
            return;
        }
    }
}
