//! A real `anser rpc` process, driven over its standard input and output.
//!
//! Owns the process: it ends, killed if need be, when the value is dropped. Every line carries the
//! time at which it was read, by a thread of its own, so that what the driver does meanwhile is not
//! measured. Every wait has a deadline.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};

/// The longest that one answer may take.
const CALL: Duration = Duration::from_secs(30);
/// Lines read and not yet looked at; a full channel stops the reading, and then the node's events.
const LINES: usize = 1 << 17;
/// Between two looks at something that is waited for.
const LOOK: Duration = Duration::from_millis(10);
/// Where nodes listen that are not in a namespace of their own.
pub const LOOPBACK: &str = "/ip4/127.0.0.1/tcp/0";

/// A line as it came, and when.
pub struct Line {
    pub at: Instant,
    pub text: String,
}

/// A running node.
pub struct Node {
    pub name: String,
    /// When the process was started.
    pub started: Instant,
    child: Child,
    pub input: Input,
    lines: Receiver<Line>,
    skipped: VecDeque<Line>,
}

/// The writing end of a node.
pub struct Input {
    pipe: Option<ChildStdin>,
    next_id: u64,
}

impl Input {
    /// Writes one request and gives its id.
    pub fn request(&mut self, method: &str, params: &Value) -> anyhow::Result<u64> {
        self.next_id += 1;
        let id = self.next_id;
        let pipe = self.pipe.as_mut().context("the node's input is closed")?;
        let text = format!(
            "{}\n",
            json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
        );
        pipe.write_all(text.as_bytes()).context("the node does not read")?;
        Ok(id)
    }

    /// Writes one `message.send` of a text that needs no escaping; cheaper than [`Self::request`].
    pub fn send(&mut self, conversation: &str, text: &str) -> anyhow::Result<()> {
        self.next_id += 1;
        let pipe = self.pipe.as_mut().context("the node's input is closed")?;
        let line = format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"message.send\",\"params\":\
             {{\"conversation\":\"{conversation}\",\"text\":\"{text}\"}}}}\n",
            self.next_id
        );
        pipe.write_all(line.as_bytes()).context("the node does not read")
    }
}

impl Node {
    /// Starts `program` (the command up to its options) as a node called `name` in `folder`.
    pub fn start(
        mut program: Command,
        folder: &Path,
        name: &str,
        options: &[&str],
    ) -> anyhow::Result<Self> {
        program.arg("--data").arg(folder).args(["rpc", "--name", name, "--protection", "file"]);
        program.args(options).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let started = Instant::now();
        let mut child = program.spawn().context("the node cannot be started")?;
        let pipe = child.stdin.take();
        let mut from = BufReader::with_capacity(1 << 18, child.stdout.take().context("no pipe")?);
        let (lines_in, lines) = sync_channel(LINES);
        std::thread::spawn(move || {
            loop {
                let mut text = String::new();
                match from.read_line(&mut text) {
                    Ok(length) if length > 0 => {}
                    _ => return,
                }
                if lines_in.send(Line { at: Instant::now(), text }).is_err() {
                    return;
                }
            }
        });
        let input = Input { pipe, next_id: 0 };
        let (name, skipped) = (name.to_owned(), VecDeque::new());
        Ok(Self { name, started, child, input, lines, skipped })
    }

    /// A node on the loopback, without mDNS, that connects to `seeds` and takes everybody's requests.
    pub fn on_loopback(
        program: &Path,
        folder: &Path,
        name: &str,
        seeds: &[String],
    ) -> anyhow::Result<Self> {
        let mut options = vec!["--no-mdns", "--listen", LOOPBACK];
        options.extend(seeds.iter().flat_map(|seed| ["--seed", seed]));
        let mut node = Self::start(Command::new(program), folder, name, &options)?;
        node.call("settings.set", json!({"accept_requests": true}))?;
        Ok(node)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// One call; events that come before its answer are kept for [`Self::event`].
    pub fn call(&mut self, method: &str, params: Value) -> anyhow::Result<Value> {
        Ok(self.timed(method, params)?.0)
    }

    /// One call, and when its answer came.
    pub fn timed(&mut self, method: &str, params: Value) -> anyhow::Result<(Value, Instant)> {
        let id = self.input.request(method, &params)?;
        let deadline = Instant::now() + CALL;
        loop {
            let line = self.line(deadline).with_context(|| format!("{method} of {}", self.name))?;
            // Events of a stream need not be read to see that they are no answer.
            if line.text.contains("\"method\":\"event\"") {
                self.skipped.push_back(line);
                continue;
            }
            let mut message: Value = serde_json::from_str(&line.text)?;
            if message.get("id").and_then(Value::as_u64) != Some(id) {
                continue;
            }
            if let Some(error) = message.get("error") {
                bail!("{method} of {}: {error}", self.name);
            }
            return Ok((message.get_mut("result").map(Value::take).unwrap_or_default(), line.at));
        }
    }

    /// The next line at all.
    pub fn line(&self, deadline: Instant) -> anyhow::Result<Line> {
        let left = deadline.saturating_duration_since(Instant::now());
        match self.lines.recv_timeout(left) {
            Ok(line) => Ok(line),
            Err(RecvTimeoutError::Timeout) => bail!("{} said nothing in time", self.name),
            Err(RecvTimeoutError::Disconnected) => bail!("{} ended", self.name),
        }
    }

    /// When a `message.added` with `text` came; what came before it is let go.
    pub fn added(&mut self, text: &str, deadline: Instant) -> anyhow::Result<Instant> {
        loop {
            let line = match self.skipped.pop_front() {
                Some(line) => line,
                None => self.line(deadline)?,
            };
            if line.text.contains("message.added") && line.text.contains(text) {
                return Ok(line.at);
            }
        }
    }

    /// Writes in a thread of its own while waiting for what comes of it; when that fails the node
    /// is killed, so that no write waits for ever.
    pub fn writing(
        &mut self,
        write: impl FnOnce(&mut Input) -> anyhow::Result<()> + Send,
        wait: impl FnOnce(&Receiver<Line>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let (input, lines, child) = (&mut self.input, &self.lines, &mut self.child);
        std::thread::scope(|scope| {
            let writer = scope.spawn(move || write(input));
            let waited = wait(lines);
            if waited.is_err() {
                // Ended already is as good.
                let _ = child.kill();
            }
            let written = writer.join().map_err(|_| anyhow::anyhow!("the writer failed"))?;
            waited.and(written)
        })
    }

    /// Lets go of all that was said so far.
    pub fn forget(&mut self) {
        self.skipped.clear();
        while self.lines.try_recv().is_ok() {}
    }

    /// Asks again and again until what is found is as wanted.
    pub fn until<T>(
        &mut self,
        what: &str,
        patience: Duration,
        mut look: impl FnMut(&mut Self) -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<T> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(found) = look(self)? {
                return Ok(found);
            }
            ensure!(Instant::now() < deadline, "{} waited in vain for {what}", self.name);
            std::thread::sleep(LOOK);
        }
    }

    /// Its account id.
    pub fn account(&mut self) -> anyhow::Result<String> {
        self.of_account("/account")
    }

    /// An address of it, once it listens.
    pub fn address(&mut self) -> anyhow::Result<String> {
        self.until("an address", CALL, |node| Ok(node.of_account("/addresses/0").ok()))
    }

    /// One text out of `account.get`.
    pub fn of_account(&mut self, pointer: &str) -> anyhow::Result<String> {
        let account = self.call("account.get", json!({}))?;
        let text = account.pointer(pointer).and_then(Value::as_str);
        Ok(text.with_context(|| format!("{} has no {pointer}", self.name))?.to_owned())
    }

    /// The accounts it sees online with a name.
    pub fn online(&mut self) -> anyhow::Result<Vec<String>> {
        let list = self.call("peer.list", json!({}))?;
        let peers = list.get("peers").and_then(Value::as_array).cloned().unwrap_or_default();
        let online = |peer: &&Value| peer.get("online").and_then(Value::as_bool) == Some(true);
        let account = |peer: &Value| Some(peer.get("account")?.as_str()?.to_owned());
        Ok(peers.iter().filter(online).filter_map(account).collect())
    }

    /// Waits until it is connected with as many accounts.
    pub fn meets(&mut self, count: usize, patience: Duration) -> anyhow::Result<()> {
        self.until("its peers", patience, |node| Ok((node.online()?.len() >= count).then_some(())))
    }

    /// Ends it as a closed input does, so that its store is closed in order.
    pub fn close(mut self) -> anyhow::Result<()> {
        drop(self.input.pipe.take());
        let deadline = Instant::now() + CALL;
        // Its output ends with it.
        while self.line(deadline).is_ok() {}
        ensure!(Instant::now() < deadline, "{} does not end", self.name);
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Ended already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
