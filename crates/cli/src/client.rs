//! A JSON-RPC client of a node: of one that runs already, or of one inside this process.

use std::collections::VecDeque;
use std::io;
use std::path::Path;

use anser_api::{ApiError, ErrorCode, Event};
use anser_engine::Profile;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};

use crate::lines::{Line, Lines};
use crate::{session, socket};

/// The longest answer: 500 messages of the longest kind.
const ANSWER_BYTES: usize = 128 << 20;
/// Bytes on their way inside this process.
const DUPLEX_BYTES: usize = 64 << 10;

/// One connection to a node.
pub(crate) struct Client {
    lines: Lines<BufReader<Box<dyn AsyncRead + Send + Unpin>>>,
    to: Box<dyn AsyncWrite + Send + Unpin>,
    events: VecDeque<Event>,
    next_id: u64,
}

impl Client {
    /// To the node that runs with this folder.
    ///
    /// # Errors
    /// When none does.
    pub(crate) async fn connect(folder: &Path) -> io::Result<Self> {
        let (from, to) = tokio::io::split(socket::connect(folder).await?);
        Ok(Self::new(from, to))
    }

    /// To a profile in this process.
    pub(crate) fn within(profile: Profile) -> Self {
        let (here, there) = tokio::io::duplex(DUPLEX_BYTES);
        let (from, to) = tokio::io::split(there);
        tokio::spawn(session::serve(profile, BufReader::new(from), to, std::future::pending()));
        let (from, to) = tokio::io::split(here);
        Self::new(from, to)
    }

    fn new(
        from: impl AsyncRead + Send + Unpin + 'static,
        to: impl AsyncWrite + Send + Unpin + 'static,
    ) -> Self {
        let from: Box<dyn AsyncRead + Send + Unpin> = Box::new(from);
        let lines = Lines::new(BufReader::new(from), ANSWER_BYTES);
        Self { lines, to: Box::new(to), events: VecDeque::new(), next_id: 0 }
    }

    /// One call; events that come meanwhile are kept.
    ///
    /// # Errors
    /// The node's, or `unreachable` when it went away.
    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Result<Value, ApiError> {
        self.next_id = self.next_id.wrapping_add(1);
        let id = json!(self.next_id);
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        let line = format!("{request}\n");
        self.to.write_all(line.as_bytes()).await.map_err(|_| gone())?;
        self.to.flush().await.map_err(|_| gone())?;
        loop {
            let mut message = self.message().await?;
            if message.get("method").is_some() {
                self.keep(&mut message);
            } else if message.get("id") == Some(&id) {
                return match message.get_mut("error") {
                    Some(error) => Err(api_error(error)),
                    None => Ok(message.get_mut("result").map(Value::take).unwrap_or_default()),
                };
            } else if message.get("id") == Some(&Value::Null)
                && let Some(error) = message.get_mut("error")
            {
                // The request could not be read, so its id is not known to the other side.
                return Err(api_error(error));
            }
        }
    }

    /// The next event. Cancel-safe.
    ///
    /// # Errors
    /// `unreachable` when the node went away.
    pub(crate) async fn event(&mut self) -> Result<Event, ApiError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            let mut message = self.message().await?;
            self.keep(&mut message);
        }
    }

    async fn message(&mut self) -> Result<Value, ApiError> {
        match self.lines.next().await {
            Ok(Some(Line::Text(text))) => serde_json::from_str(&text).map_err(|_| strange()),
            Ok(Some(Line::TooLong)) => Err(strange()),
            Ok(None) | Err(_) => Err(gone()),
        }
    }

    fn keep(&mut self, message: &mut Value) {
        let event = message.get_mut("params").map(Value::take).unwrap_or_default();
        // An event that a newer node knows and this program does not is left out.
        if let Ok(event) = serde_json::from_value(event) {
            self.events.push_back(event);
        }
    }
}

fn api_error(error: &mut Value) -> ApiError {
    let message = error.get("message").and_then(Value::as_str).unwrap_or_default().to_owned();
    let code = error.pointer("/data/code").cloned().unwrap_or_default();
    let code = serde_json::from_value(code).unwrap_or(ErrorCode::Internal);
    ApiError { code, message, data: error.pointer("/data/detail").cloned() }
}

fn gone() -> ApiError {
    ApiError::new(ErrorCode::Unreachable, "The node ended: start it again.")
}

fn strange() -> ApiError {
    ApiError::new(ErrorCode::Internal, "The node's answer cannot be read: are both of one version?")
}
