//! A local network of hosts, each a network namespace with a cable to one bridge.

use std::cell::Cell;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

static LANS: AtomicU32 = AtomicU32::new(0);

/// A namespace; it goes when this is dropped.
#[derive(Debug)]
struct Namespace {
    name: String,
}

impl Namespace {
    fn new(name: String) -> Self {
        run("ip", ["netns", "add", &name]);
        Self { name }
    }

    fn ip(&self, arguments: &str) {
        let prefix = ["-n", self.name.as_str()];
        run("ip", prefix.into_iter().chain(arguments.split_whitespace()));
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // What is left of a namespace goes with the next test's clearing.
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}

/// A switch that hosts are plugged into.
#[derive(Debug)]
pub struct Lan {
    switch: Namespace,
    prefix: String,
    hosts: Cell<u8>,
}

impl Lan {
    /// An empty network.
    ///
    /// # Panics
    /// With a sentence saying what to install or to become, when namespaces cannot be made.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        demand("ip", "iproute2");
        let made = Command::new("ip").args(["netns", "list"]).output().expect("ip runs");
        assert!(made.status.success(), "ip netns list: {made:?}");
        clear(&String::from_utf8_lossy(&made.stdout));
        let number = LANS.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("anser-{}-{number}", std::process::id());
        let switch = Namespace::new(format!("{prefix}-switch"));
        switch.ip("link set lo up");
        switch.ip("link add bridge type bridge stp_state 0 mcast_snooping 0");
        switch.ip("link set bridge up");
        Self { switch, prefix, hosts: Cell::new(0) }
    }

    /// Plugs in a new host: 10.77.0.1, 10.77.0.2 and so on.
    pub fn host(&self) -> Host {
        let number = self.hosts.get() + 1;
        self.hosts.set(number);
        let host = self.unplugged(number);
        host.ip(&format!(
            "link add eth0 type veth peer name port{number} netns {}",
            self.switch.name
        ));
        self.switch.ip(&format!("link set port{number} master bridge"));
        self.switch.ip(&format!("link set port{number} up"));
        host.ip("link set lo up");
        host.ip(&format!("address add {} dev eth0", host.network()));
        host.ip("link set eth0 up");
        host
    }

    /// A host without any network, not even to itself.
    pub fn lone_host(&self) -> Host {
        let number = self.hosts.get() + 1;
        self.hosts.set(number);
        self.unplugged(number)
    }

    fn unplugged(&self, number: u8) -> Host {
        let namespace = Namespace::new(format!("{}-host{number}", self.prefix));
        Host { namespace, number }
    }
}

/// A computer.
#[derive(Debug)]
pub struct Host {
    namespace: Namespace,
    number: u8,
}

impl Host {
    /// Its IPv4 address.
    pub fn address(&self) -> String {
        format!("10.77.0.{}", self.number)
    }

    fn network(&self) -> String {
        format!("{}/24", self.address())
    }

    /// Runs `ip` with these arguments on this host.
    pub fn ip(&self, arguments: &str) {
        self.namespace.ip(arguments);
    }

    /// Takes on another address in place of the one it has.
    pub fn change_address(&mut self, number: u8) {
        // In this order: with the first address of a network goes every other one in it.
        self.ip(&format!("address del {} dev eth0", self.network()));
        self.number = number;
        self.ip(&format!("address add {} dev eth0", self.network()));
    }

    /// Lets no multicast DNS in, as behind a switch or an access point that drops it.
    pub fn block_multicast(&self) {
        demand("nft", "nftables");
        for rule in [
            "add table inet block",
            "add chain inet block in { type filter hook input priority 0 ; }",
            "add rule inet block in ip daddr 224.0.0.251 drop",
            "add rule inet block in ip6 daddr ff02::fb drop",
        ] {
            let inside = ["netns", "exec", &self.namespace.name, "nft"];
            run("ip", inside.into_iter().chain(rule.split_whitespace()));
        }
    }

    /// A command that runs `program` on this host, in the process that the command starts.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace.name]).arg(program);
        command
    }
}

/// Removes namespaces of tests that are no more.
fn clear(list: &str) {
    for line in list.lines() {
        let name = line.split_whitespace().next().unwrap_or_default();
        let pid = name.strip_prefix("anser-").and_then(|rest| rest.split('-').next());
        if let Some(pid) = pid
            && pid.parse::<u32>().is_ok()
            && !Path::new("/proc").join(pid).exists()
        {
            let _ = Command::new("ip").args(["netns", "del", name]).status();
        }
    }
}

fn demand(program: &str, package: &str) {
    let found =
        Command::new(program).arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(found.is_ok(), "`{program}` is missing: install the package {package}.");
}

fn run(program: &str, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) {
    let mut command = Command::new(program);
    command.args(arguments);
    let output = command.output().unwrap_or_else(|error| panic!("{program}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?} failed: {said}Hosts are network namespaces: run these tests as root, on a \
         kernel that allows namespaces, bridges, veth and nftables."
    );
}
