//! A real `anser rpc`, spoken to as any program would.

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anser_api::model::Account;
use anser_api::{Event, EventBody};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{Host, anser};

/// The longest that a call may take.
const CALL: Duration = Duration::from_secs(30);

/// How to start a process.
#[derive(Debug)]
pub struct Start<'a> {
    name: &'a str,
    data: &'a Path,
    host: Option<&'a Host>,
    options: Vec<String>,
}

impl<'a> Start<'a> {
    /// A node called `name` that keeps its profile in `data`; with an empty name no account is made.
    pub fn new(name: &'a str, data: &'a Path) -> Self {
        Self { name, data, host: None, options: Vec::new() }
    }

    /// On this host; without one, among the test's own processes.
    pub fn on(mut self, host: &'a Host) -> Self {
        self.host = Some(host);
        self
    }

    /// With one more option and its value.
    pub fn with(mut self, option: &str, value: impl Into<String>) -> Self {
        self.options.extend([option.into(), value.into()]);
        self
    }

    /// With one more option that has no value.
    pub fn flag(mut self, option: &str) -> Self {
        self.options.push(option.into());
        self
    }

    /// The command, for `verb`, not started.
    pub fn command(&self, verb: &str) -> Command {
        let mut command = match self.host {
            Some(host) => host.command(anser()),
            None => Command::new(anser()),
        };
        command.arg("--data").arg(self.data).arg(verb);
        if !self.options.iter().any(|option| option == "--protection") {
            command.args(["--protection", "file"]);
        }
        if !self.name.is_empty() {
            command.args(["--name", self.name]);
        }
        command.args(&self.options);
        command.env_remove("ANSER_PASSPHRASE").env_remove("DBUS_SESSION_BUS_ADDRESS");
        command
    }

    /// Starts it and subscribes to its events.
    pub fn spawn(self) -> Process {
        let mut process = self.spawn_unsubscribed();
        process.call::<Value>("events.subscribe", json!({}));
        process.account = process.call("account.get", json!({}));
        process
    }

    /// Starts it and says nothing.
    pub fn spawn_unsubscribed(self) -> Process {
        let mut command = self.command("rpc");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().expect("a pipe"));
        let mut stderr = child.stderr.take().expect("a pipe");
        let (lines_in, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if lines_in.send(line).is_err() {
                    return;
                }
            }
        });
        let said = std::thread::spawn(move || {
            let mut text = Vec::new();
            // What could be read is enough.
            let _ = stderr.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        Process {
            name: self.name.to_owned(),
            child,
            stdin,
            lines,
            said: Some(said),
            answers: HashMap::new(),
            events: VecDeque::new(),
            next_id: 0,
            account: nobody(),
        }
    }

    /// Runs `verb` to its end; gives the exit status, standard output and standard error.
    pub fn finish(&self, verb: &str) -> (ExitStatus, String, String) {
        let output = self.command(verb).stdin(Stdio::null()).output().expect("the program starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status, text(&output.stdout), text(&output.stderr))
    }
}

/// An error as the node gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// The stable word.
    pub code: String,
    /// The sentence.
    pub message: String,
}

/// A running `anser rpc`; it is killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    said: Option<JoinHandle<String>>,
    answers: HashMap<u64, Result<Value, Failed>>,
    events: VecDeque<Event>,
    next_id: u64,
    account: Account,
}

impl Process {
    /// Its account id.
    pub fn account(&self) -> &str {
        &self.account.account
    }

    /// Its device id.
    pub fn device(&self) -> &str {
        &self.account.device
    }

    /// Does a call that must work.
    pub fn call<T: DeserializeOwned>(&mut self, method: &str, params: Value) -> T {
        let value = self.try_call(method, params);
        let value = value.unwrap_or_else(|error| panic!("{}: {method}: {error:?}", self.name));
        serde_json::from_value(value).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// Does a call that may fail.
    pub fn try_call(&mut self, method: &str, params: Value) -> Result<Value, Failed> {
        let id = self.begin(method, params);
        self.answer(id).unwrap_or_else(|| panic!("{} ended during {method}", self.name))
    }

    /// Sends a request and does not wait; a process that is gone takes it silently.
    pub fn begin(&mut self, method: &str, params: Value) -> u64 {
        self.next_id += 1;
        let id = self.next_id;
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        self.write(&request.to_string());
        id
    }

    /// Writes a line as it is.
    pub fn write(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("standard input is open");
        // That the process is gone is seen where its answer is waited for.
        let _ = stdin.write_all(format!("{line}\n").as_bytes());
    }

    /// The answer to a request that was begun; `None` when the process ended before.
    pub fn answer(&mut self, id: u64) -> Option<Result<Value, Failed>> {
        let deadline = Instant::now() + CALL;
        loop {
            if let Some(answer) = self.answers.remove(&id) {
                return Some(answer);
            }
            if !self.read(deadline, "an answer") {
                return None;
            }
        }
    }

    /// The answers that are here already, with their ids.
    pub fn answered(&mut self) -> Vec<(u64, Result<Value, Failed>)> {
        self.answers.drain().collect()
    }

    /// The next text that is no answer to a numbered request and no event.
    pub fn line(&mut self) -> Value {
        let line = self.lines.recv_timeout(CALL).expect("a line");
        serde_json::from_str(&line).expect("a line of JSON")
    }

    /// The next event; `None` when the process ended.
    ///
    /// # Panics
    /// At the deadline.
    pub fn event(&mut self, what: &str, deadline: Instant) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            if !self.read(deadline, what) {
                return None;
            }
        }
    }

    /// Waits for an event that is as wanted; others before it are let go.
    ///
    /// # Panics
    /// When it does not come within `patience`, or the process ends.
    pub fn wait_event<T>(
        &mut self,
        what: &str,
        patience: Duration,
        mut wanted: impl FnMut(&EventBody) -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + patience;
        loop {
            let event = self.event(what, deadline);
            let event = event.unwrap_or_else(|| panic!("{} ended; wanted: {what}", self.name));
            if let Some(found) = wanted(&event.body) {
                return found;
            }
        }
    }

    /// Looks, and looks again after each event, until something is found.
    ///
    /// # Panics
    /// When nothing is found within `patience`, or the process ends.
    pub fn wait_until<T>(
        &mut self,
        what: &str,
        patience: Duration,
        mut look: impl FnMut(&mut Self) -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + patience;
        loop {
            // Events from before this look are in what it sees.
            self.events.clear();
            if let Some(found) = look(self) {
                return found;
            }
            let event = self.event(what, deadline);
            assert!(event.is_some(), "{} ended; wanted: {what}", self.name);
        }
    }

    /// Takes in one line; `false` when there will be none any more.
    fn read(&mut self, deadline: Instant, what: &str) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        let line = match self.lines.recv_timeout(left) {
            Ok(line) => line,
            Err(RecvTimeoutError::Disconnected) => return false,
            Err(RecvTimeoutError::Timeout) => panic!("{} waited in vain for: {what}", self.name),
        };
        let mut message: Value = serde_json::from_str(&line).expect("a line of JSON");
        if message["method"] == "event" {
            let event = serde_json::from_value(message["params"].take()).expect("an event");
            self.events.push_back(event);
        } else if let Some(id) = message["id"].as_u64() {
            let answer = match message.get("error") {
                Some(error) => Err(Failed {
                    code: error["data"]["code"].as_str().unwrap_or_default().into(),
                    message: error["message"].as_str().unwrap_or_default().into(),
                }),
                None => Ok(message["result"].take()),
            };
            self.answers.insert(id, answer);
        }
        true
    }

    /// Kills it as `kill -9` does.
    pub fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ended");
    }

    /// Closes its input and waits until it has ended; gives what it said on standard error too.
    pub fn close(mut self) -> (ExitStatus, String) {
        drop(self.stdin.take());
        // Its output is read to the end, so that it can never wait for us.
        while self.lines.recv_timeout(CALL).is_ok() {}
        let status = self.child.wait().expect("it ended");
        let said = self.said.take().map(|thread| thread.join().expect("it was read"));
        (status, said.unwrap_or_default())
    }

    /// Resident memory in bytes.
    pub fn memory_bytes(&self) -> u64 {
        let path = format!("/proc/{}/statm", self.child.id());
        let pages = std::fs::read_to_string(path).expect("it runs");
        let resident = pages.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
        resident.expect("statm has a second field") * 4096
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Ended already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking()
            && let Some(said) = self.said.take()
        {
            let said = said.join().unwrap_or_default();
            let mut err = std::io::stderr();
            let _ = writeln!(err, "--- {} said on standard error:\n{said}", self.name);
        }
    }
}

fn nobody() -> Account {
    serde_json::from_value(json!({
        "account": "", "device": "", "name": "", "status": null, "presence": "offline",
        "addresses": [], "relays": [], "link": "",
    }))
    .expect("an account")
}
