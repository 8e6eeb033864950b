//! A large file between two nodes, and messages beside it; next to a plain copy on the same disk.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::Bed;
use crate::bench::node::Node;
use crate::bench::report::{Aim, Report};
use crate::bench::samples::Samples;
use crate::bench::usage::resident_mib;

const FILE_BYTES: u64 = 1 << 30;
const PATIENCE: Duration = Duration::from_secs(300);
/// Between two messages beside the transfer.
const PAUSE: Duration = Duration::from_millis(20);

pub fn measure(bed: &Bed, report: &mut Report) -> anyhow::Result<()> {
    let source = bed.folder.join("source");
    fill(&source)?;
    let copied = rate(copy(&source, &bed.folder.join("copy"))?);
    let mut from = Node::on_loopback(&bed.anser, &bed.folder.join("from"), "From", &[])?;
    let seed = from.address()?;
    let mut to = Node::on_loopback(&bed.anser, &bed.folder.join("to"), "To", &[seed])?;
    from.meets(1, PATIENCE)?;
    to.meets(1, PATIENCE)?;
    for node in [&mut from, &mut to] {
        node.call("events.subscribe", json!({}))?;
        node.call("settings.set", json!({"accept_requests": true}))?;
    }
    let account = to.account()?;
    let opened = from.call("conversation.direct", json!({"account": account}))?;
    let conversation = text(&opened, "conversation")?;

    let start = Instant::now();
    let params = json!({"conversation": conversation, "path": source, "text": "a file"});
    let sent = from.call("file.send", params)?;
    let (at, done) = ended(&mut from, &text(&sent, "transfer")?)?;
    let taken = rate(at.saturating_duration_since(start));
    to.added("\"a file\"", Instant::now() + PATIENCE)?;
    let message = text(&done, "message")?;

    let before = [resident_mib(from.pid())?, resident_mib(to.pid())?];
    let start = Instant::now();
    let fetch = to.call("file.fetch", json!({"message": message}))?;
    let wanted = text(&fetch, "transfer")?;
    let (mut delays, mut number, mut most) = (Vec::new(), 0, before);
    let fetched = loop {
        std::thread::sleep(PAUSE);
        let marker = format!("beside {number}.");
        let sent_at = Instant::now();
        from.input.send(&conversation, &marker)?;
        let (arrived, end) = arrives(&to, &marker, &wanted)?;
        if let Some(end) = end {
            break end.saturating_duration_since(start);
        }
        delays.push(arrived.saturating_duration_since(sent_at));
        number += 1;
        from.forget();
        for (most, node) in most.iter_mut().zip([&from, &to]) {
            *most = most.max(resident_mib(node.pid())?);
        }
    };
    let start = Instant::now();
    let path = bed.folder.join("saved");
    let save = to.call("file.save", json!({"message": message, "path": path}))?;
    let (at, _) = ended(&mut to, &text(&save, "transfer")?)?;
    let saved = rate(at.saturating_duration_since(start));
    report.add("file of 1 GiB: fetched by the other process", rate(fetched), "MB/s", Aim::None);
    report.against("plain copy with fsync", copied);
    report.add("file of 1 GiB: taken in", taken, "MB/s", Aim::None);
    report.add("file of 1 GiB: saved", saved, "MB/s", Aim::None);
    let delays = Samples::of(delays).context("the transfer was over at once")?;
    report.add("message beside that transfer, p50", delays.p50(), "ms", Aim::AtMost(50.0));
    report.add("message beside that transfer, p99", delays.p99(), "ms", Aim::None);
    let ([giving, getting], [giving_before, getting_before]) = (most, before);
    let (giving, getting) = (giving - giving_before, getting - getting_before);
    report.add("file of 1 GiB: more memory, sender", giving, "MiB", Aim::AtMost(64.0));
    report.add("file of 1 GiB: more memory, receiver", getting, "MiB", Aim::AtMost(64.0));
    Ok(())
}

fn text(value: &Value, field: &str) -> anyhow::Result<String> {
    let found = value.get(field).and_then(Value::as_str).map(str::to_owned);
    found.with_context(|| format!("no {field} in {value}"))
}

fn rate(took: Duration) -> f64 {
    FILE_BYTES as f64 / 1e6 / took.as_secs_f64()
}

fn fill(path: &Path) -> anyhow::Result<()> {
    let mut file = File::create(path)?;
    let (mut state, mut block) = (1_u64, Vec::with_capacity(1 << 20));
    for _ in 0..FILE_BYTES >> 20 {
        block.clear();
        while block.len() < 1 << 20 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            block.extend_from_slice(&(state ^ (state >> 29)).to_le_bytes());
        }
        file.write_all(&block)?;
    }
    Ok(file.sync_all()?)
}

/// Copies as `cp` does, until it is on the disk.
fn copy(from: &Path, to: &Path) -> anyhow::Result<Duration> {
    let start = Instant::now();
    fs::copy(from, to)?;
    File::open(to)?.sync_all()?;
    let took = start.elapsed();
    fs::remove_file(to)?;
    Ok(took)
}

/// The transfer in an event, if it is the one that is wanted and has ended.
fn end_of(line: &str, transfer: &str) -> anyhow::Result<Option<Value>> {
    if !line.contains("file.progress") || !line.contains(transfer) {
        return Ok(None);
    }
    let event: Value = serde_json::from_str(line)?;
    let told = event.pointer("/params/transfer").cloned().unwrap_or_default();
    match told.get("state").and_then(Value::as_str) {
        Some("done") => Ok(Some(told)),
        Some("failed" | "cancelled") => bail!("the transfer failed: {told}"),
        _ => Ok(None),
    }
}

/// Waits until a transfer is done.
fn ended(node: &mut Node, transfer: &str) -> anyhow::Result<(Instant, Value)> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let line = node.line(deadline)?;
        if let Some(told) = end_of(&line.text, transfer)? {
            return Ok((line.at, told));
        }
    }
}

/// When a message came, and when the transfer ended, if it did before that.
fn arrives(
    node: &Node,
    marker: &str,
    transfer: &str,
) -> anyhow::Result<(Instant, Option<Instant>)> {
    let (deadline, mut end) = (Instant::now() + PATIENCE, None);
    loop {
        let line = node.line(deadline)?;
        if end_of(&line.text, transfer)?.is_some() {
            end = Some(line.at);
        }
        if line.text.contains("message.added") && line.text.contains(marker) {
            return Ok((line.at, end));
        }
    }
}
