//! A message to a group until its last member has it.

use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::{Value, json};

use super::Bed;
use crate::bench::node::Node;
use crate::bench::report::{Aim, Report};
use crate::bench::samples::Samples;

/// Members, the writer among them; each a process.
const MEMBERS: usize = 20;
const ROUNDS: usize = 20;
/// Rounds before that are not counted: members still get to know each other.
const WARMING_UP: usize = 3;
/// Between two rounds.
const PAUSE: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(60);

pub fn measure(bed: &Bed, report: &mut Report) -> anyhow::Result<()> {
    let mut writer = Node::on_loopback(&bed.anser, &bed.folder.join("writer"), "Writer", &[])?;
    let mut seeds = vec![writer.address()?];
    let mut readers = Vec::new();
    for number in 1..MEMBERS {
        let (name, folder) = (format!("R{number}"), bed.folder.join(number.to_string()));
        let mut reader = Node::on_loopback(&bed.anser, &folder, &name, &seeds)?;
        // Everybody is connected with everybody, as on a LAN.
        seeds.push(reader.address()?);
        readers.push(reader);
    }
    writer.meets(readers.len(), PATIENCE)?;
    let mut members = Vec::new();
    for reader in &mut readers {
        reader.call("events.subscribe", json!({}))?;
        members.push(reader.account()?);
    }
    let group = writer.call("conversation.create", json!({"title": "All", "members": members}))?;
    let group = group.get("conversation").and_then(Value::as_str).context("no conversation")?;
    for reader in &mut readers {
        reader.meets(MEMBERS - 1, PATIENCE)?;
    }
    let mut times = Vec::new();
    for round in 0..WARMING_UP + ROUNDS {
        std::thread::sleep(PAUSE);
        let text = format!("round {round}.");
        let start = Instant::now();
        writer.input.send(group, &text)?;
        let mut last = start;
        for reader in &mut readers {
            last = last.max(reader.added(&text, start + PATIENCE)?);
        }
        writer.forget();
        if round >= WARMING_UP {
            times.push(last.saturating_duration_since(start));
        }
    }
    let times = Samples::of(times).context("no samples")?;
    report.add("group of 20 processes, last has it, p50", times.p50(), "ms", Aim::AtMost(300.0));
    report.add("group of 20 processes, last has it, worst", times.at(1.0), "ms", Aim::None);
    Ok(())
}
