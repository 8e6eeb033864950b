//! A headless node: the program `anser rpc`, spoken to as other programs do.

use std::io::Write;
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::time::Instant;

use serde_json::{Value, json};

use crate::bed::{Bed, DEADLINE, Running, lines, start};

/// Where nodes of these tests listen: this machine only.
pub const LOOPBACK: &str = "/ip4/127.0.0.1/tcp/0";

/// A running node.
pub struct Node {
    input: ChildStdin,
    output: Receiver<String>,
    events: Vec<Value>,
    last: u64,
    running: Running,
}

impl Node {
    /// Starts a node over a profile folder.
    pub fn start(bed: &Bed, folder: &Path, name: &str) -> Self {
        let mut command: Command = bed.command(&Bed::headless());
        Self::spawn(command.args(["--protection", "file"]), folder, name)
    }

    /// As [`Self::start`], with a profile that is sealed with a passphrase.
    pub fn start_sealed(bed: &Bed, folder: &Path, name: &str, passphrase: &str) -> Self {
        let mut command: Command = bed.command(&Bed::headless());
        command.env("ANSER_PASSPHRASE", passphrase);
        Self::spawn(command.args(["--protection", "passphrase"]), folder, name)
    }

    fn spawn(command: &mut Command, folder: &Path, name: &str) -> Self {
        command.arg("--data").arg(folder).args(["--name", name, "--no-mdns"]);
        command.args(["--listen", LOOPBACK, "rpc"]);
        let mut running = start(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
        let input = running.0.stdin.take().unwrap();
        let output = lines(running.0.stdout.take().unwrap());
        let mut node = Self { input, output, events: Vec::new(), last: 0, running };
        node.call("events.subscribe", json!({}));
        node
    }

    /// Closes its input and waits until it has ended.
    pub fn end(self) {
        let Self { input, mut running, .. } = self;
        drop(input);
        assert!(running.0.wait().unwrap().success());
    }

    /// Calls a method; it must succeed.
    pub fn call(&mut self, method: &str, params: Value) -> Value {
        self.last += 1;
        let id = self.last;
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        writeln!(self.input, "{request}").unwrap();
        loop {
            let mut answer = self.read(Instant::now());
            if answer["id"] == id {
                assert!(answer.get("error").is_none(), "{method}: {answer}");
                return answer["result"].take();
            }
            self.events.push(answer["params"].take());
        }
    }

    /// Waits for an event for which `wanted` is true; earlier ones count too, each once.
    pub fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            if let Some(found) = self.events.iter().position(&wanted) {
                return self.events.remove(found);
            }
            let mut event = self.read(begun);
            self.events.push(event["params"].take());
        }
    }

    /// The address that others reach this node at.
    pub fn address(&mut self) -> String {
        loop {
            let account = self.call("account.get", json!({}));
            if let Some(address) = account["addresses"][0].as_str() {
                return address.to_owned();
            }
            self.until(|event| event["type"] == "account.changed");
        }
    }

    fn read(&self, since: Instant) -> Value {
        let left = DEADLINE.saturating_sub(since.elapsed());
        let line = self.output.recv_timeout(left).expect("the node answers in time");
        serde_json::from_str(&line).unwrap()
    }
}
