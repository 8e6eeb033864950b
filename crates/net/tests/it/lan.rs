//! A LAN on this machine: a namespace with a bridge, hosts as namespaces with a cable to it, and
//! processes on those hosts that are waited for by what they print.
//!
//! Needs root and iproute2. Everything carries this process's id in its name and goes on drop.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

static LANS: AtomicU32 = AtomicU32::new(0);

/// Runs a command; panics with its words when it fails.
fn run(words: &str) {
    let mut parts = words.split_whitespace();
    let program = parts.next().unwrap();
    let output = Command::new(program).args(parts).output().unwrap_or_else(|error| {
        panic!("`{program}` could not be run ({error}): install iproute2 and nftables")
    });
    assert!(
        output.status.success(),
        "`{words}` failed: {} — network tests need root, iproute2 and nftables",
        String::from_utf8_lossy(&output.stderr).trim()
    );
}

pub struct Lan {
    name: String,
    hosts: Vec<String>,
}

impl Lan {
    /// A switch without cables.
    pub fn new() -> Self {
        let number = LANS.fetch_add(1, Ordering::Relaxed);
        let name = format!("anser{}-{number}", std::process::id());
        let lan = Self { name: name.clone(), hosts: Vec::new() };
        run(&format!("ip netns add {name}"));
        run(&format!("ip -n {name} link add br0 type bridge mcast_snooping 0"));
        run(&format!("ip -n {name} link set br0 up"));
        lan
    }

    fn host_name(&self, host: usize) -> &str {
        &self.hosts[host]
    }

    /// A host that is not plugged in; returns its number.
    pub fn host(&mut self) -> usize {
        let name = format!("{}h{}", self.name, self.hosts.len());
        run(&format!("ip netns add {name}"));
        self.hosts.push(name.clone());
        run(&format!("ip -n {name} link set lo up"));
        self.hosts.len() - 1
    }

    /// A host with a cable and an address.
    pub fn plugged(&mut self, address: &str) -> usize {
        let host = self.host();
        self.plug(host, address);
        host
    }

    pub fn plug(&self, host: usize, address: &str) {
        let (switch, name) = (&self.name, self.host_name(host));
        run(&format!("ip link add eth0 netns {name} type veth peer name p{host} netns {switch}"));
        run(&format!("ip -n {switch} link set p{host} master br0 up"));
        self.in_host(host, "ip link set eth0 up");
        self.in_host(host, &format!("ip addr add {address} dev eth0"));
    }

    /// Pulls the cable at the switch: the host itself sees nothing but silence.
    pub fn silence(&self, host: usize) {
        run(&format!("ip -n {} link set p{host} nomaster", self.name));
    }

    pub fn in_host(&self, host: usize, command: &str) {
        run(&format!("ip netns exec {} {command}", self.host_name(host)));
    }

    /// Starts the example peer on a host.
    pub fn start(&self, host: usize, seed: u8, arguments: &[&str]) -> Process {
        let mut program = std::env::current_exe().unwrap();
        program.pop();
        program.pop();
        let program = program.join("examples/netns_peer");
        assert!(program.exists(), "{} is built by `cargo nextest run`", program.display());
        let mut child = Command::new("ip")
            .args(["netns", "exec", self.host_name(host)])
            .arg(program)
            .arg(seed.to_string())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (say, lines) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if say.send(serde_json::from_str(&line).unwrap()).is_err() {
                    return;
                }
            }
        });
        let input = child.stdin.take();
        let mut process = Process {
            child,
            input,
            lines,
            seen: Vec::new(),
            unread: Vec::new(),
            device: crate::support::device(seed).to_string(),
        };
        process.until("started", |_| true, Duration::from_secs(10));
        process
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        for name in self.hosts.iter().chain([&self.name]) {
            let _ = Command::new("ip").args(["netns", "del", name]).output();
        }
    }
}

/// A peer on a host; killed on drop.
pub struct Process {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<Value>,
    /// Everything it has said, waited for or not.
    pub seen: Vec<Value>,
    /// Which of it has not been waited for.
    unread: Vec<usize>,
    pub device: String,
}

impl Process {
    pub fn tell(&mut self, command: &str) {
        writeln!(self.input.as_mut().unwrap(), "{command}").unwrap();
    }

    /// Waits for an event that `pick` takes and that no earlier call has taken.
    pub fn until(&mut self, event: &str, pick: impl Fn(&Value) -> bool, within: Duration) -> Value {
        let deadline = Instant::now() + within;
        loop {
            let fits = |at: &usize| self.seen[*at]["event"] == event && pick(&self.seen[*at]);
            if let Some(place) = self.unread.iter().position(fits) {
                return self.seen[self.unread.remove(place)].clone();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("no {event} within {within:?}; heard: {:#?}", self.seen);
            };
            self.unread.push(self.seen.len());
            self.seen.push(line);
        }
    }

    /// Waits for an event about a device.
    pub fn about(&mut self, event: &str, device: &str, within: Duration) -> Value {
        self.until(event, |e| e["device"] == device, within)
    }

    /// Ends it without a farewell.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
