//! How long two hosts of one network need to find each other by mDNS.
//!
//! Also keeps the network for others to measure in: two namespaces with a cable between them.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::json;

use super::{Bed, clear};
use crate::bench::node::Node;
use crate::bench::report::{Aim, Report};
use crate::bench::samples::Samples;

const ROUNDS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at whether they have met.
const LOOK: Duration = Duration::from_millis(5);

pub fn measure(bed: &Bed, report: &mut Report) -> anyhow::Result<()> {
    let name = "discovery by mDNS, both connected";
    let cable = match Cable::lay() {
        Ok(cable) => cable,
        Err(error) => {
            report.skip(name, format!("needs root and network namespaces: {error:#}"));
            return Ok(());
        }
    };
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        clear(&bed.folder)?;
        let (_nodes, time) = cable.meet(bed)?;
        times.push(time);
    }
    let times = Samples::of(times).context("no round")?;
    report.add(format!("{name}, p50"), times.p50() / 1e3, "s", Aim::AtMost(3.0));
    report.add(format!("{name}, worst"), times.at(1.0) / 1e3, "s", Aim::None);
    Ok(())
}

/// Two network namespaces with a cable; they go when this is dropped.
pub struct Cable {
    ends: [String; 2],
}

impl Cable {
    /// # Errors
    /// When this user or this kernel makes no namespaces.
    pub fn lay() -> anyhow::Result<Self> {
        let id = std::process::id();
        let cable = Self { ends: [format!("anser-bench-{id}-a"), format!("anser-bench-{id}-b")] };
        let [a, b] = &cable.ends;
        ip(&format!("netns add {a}"))?;
        ip(&format!("netns add {b}"))?;
        ip(&format!("-n {a} link add eth0 type veth peer name eth0 netns {b}"))?;
        for (end, address) in [(a, "10.77.1.1/24"), (b, "10.77.1.2/24")] {
            ip(&format!("-n {end} address add {address} dev eth0"))?;
            ip(&format!("-n {end} link set lo up"))?;
            ip(&format!("-n {end} link set eth0 up"))?;
        }
        Ok(cable)
    }

    /// Starts a node at each end, as a person starts the program, at the same time. Gives them and
    /// the time from the start until each sees the other, connected and with a name.
    pub fn meet(&self, bed: &Bed) -> anyhow::Result<([Node; 2], Duration)> {
        let [a, b] = &self.ends;
        let mut a = start(bed, a, "Left")?;
        let mut b = start(bed, b, "Right")?;
        let started = b.started;
        for node in [&mut a, &mut b] {
            let deadline = started + PATIENCE;
            while node.online()?.is_empty() {
                ensure!(Instant::now() < deadline, "they did not find each other");
                std::thread::sleep(LOOK);
            }
        }
        Ok(([a, b], started.elapsed()))
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        for end in &self.ends {
            // An end that was never made needs no removal.
            let _ = ip(&format!("netns del {end}"));
        }
    }
}

fn start(bed: &Bed, end: &str, name: &str) -> anyhow::Result<Node> {
    let mut inside = Command::new("ip");
    inside.args(["netns", "exec", end]).arg(&bed.anser);
    let folder = Path::new(&bed.folder).join(name);
    let mut node = Node::start(inside, &folder, name, &[])?;
    node.call("settings.set", json!({"accept_requests": true}))?;
    Ok(node)
}

fn ip(arguments: &str) -> anyhow::Result<()> {
    let output = Command::new("ip").args(arguments.split(' ')).output();
    let output = output.context("`ip` cannot be started (package iproute2)")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "ip {arguments}: {}", said.trim());
    Ok(())
}
