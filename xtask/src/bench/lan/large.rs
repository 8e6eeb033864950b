//! A node that keeps a million messages.
//!
//! Filling takes minutes, so the store is kept under target/bench, with a file that tells when it
//! is whole, and filled again for another version of the program.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::{Bed, clear};
use crate::bench::node::{Input, Node};
use crate::bench::report::{Aim, Report};
use crate::bench::samples::Samples;
use crate::bench::usage::resident_mib;

const MESSAGES: usize = 1_000_000;
const TEXT_BYTES: usize = 200;
const STARTS: usize = 5;
const PAGES: usize = 200;
const SENDS: usize = 100;
/// Longest wait for one answer while filling.
const PATIENCE: Duration = Duration::from_secs(60);

pub fn measure(bed: &Bed, report: &mut Report) -> anyhow::Result<()> {
    let (profile, conversation) = filled(bed)?;
    let mut starts = Vec::new();
    let mut node = open(bed, &profile, &mut starts)?;
    for _ in 1..STARTS {
        node.close()?;
        node = open(bed, &profile, &mut starts)?;
    }
    let starts = Samples::of(starts).context("no start")?;
    let name = "1,000,000 messages: start to the first answer";
    report.add(format!("{name}, p50"), starts.p50(), "ms", Aim::AtMost(1_500.0));
    let pages = pages(&mut node, &conversation)?;
    let first = pages.first().copied().context("no page")?.as_secs_f64() * 1e3;
    report.add("1,000,000 messages: first page of 50", first, "ms", Aim::None);
    let pages = Samples::of(pages).context("no page")?;
    report.add("1,000,000 messages: page of 50, p50", pages.p50(), "ms", Aim::AtMost(5.0));
    report.add("1,000,000 messages: page of 50, p99", pages.p99(), "ms", Aim::None);
    let sends = sends(&mut node, &conversation)?;
    report.add("1,000,000 messages: message.send, p50", sends.p50(), "ms", Aim::None);
    report.add("1,000,000 messages: message.send, p99", sends.p99(), "ms", Aim::None);
    let memory = resident_mib(node.pid())?;
    report.add("1,000,000 messages: memory (RSS)", memory, "MiB", Aim::AtMost(200.0));
    node.close()
}

/// Starts the node and adds the time until its first answer.
fn open(bed: &Bed, profile: &Path, starts: &mut Vec<Duration>) -> anyhow::Result<Node> {
    let options = ["--no-mdns", "--listen", crate::bench::node::LOOPBACK];
    let program = std::process::Command::new(&bed.anser);
    let mut node = Node::start(program, profile, "Large", &options)?;
    let (_, at) = node.timed("account.get", json!({}))?;
    starts.push(at.saturating_duration_since(node.started));
    Ok(node)
}

/// Times of pages from the latest on backwards.
fn pages(node: &mut Node, conversation: &str) -> anyhow::Result<Vec<Duration>> {
    let mut before = None::<String>;
    let mut times = Vec::new();
    for _ in 0..PAGES {
        let mut params = json!({"conversation": conversation, "limit": 50});
        if let (Some(before), Some(params)) = (before, params.as_object_mut()) {
            params.insert("before".into(), before.into());
        }
        let start = Instant::now();
        let (page, at) = node.timed("message.list", params)?;
        times.push(at.saturating_duration_since(start));
        let messages = page.get("messages").and_then(Value::as_array).context("no messages")?;
        ensure!(messages.len() == 50, "a page of {}", messages.len());
        let oldest = messages.first().and_then(|message| message.get("position"));
        before = oldest.and_then(Value::as_str).map(str::to_owned);
    }
    Ok(times)
}

fn sends(node: &mut Node, conversation: &str) -> anyhow::Result<Samples> {
    let mut times = Vec::new();
    for number in 0..SENDS {
        let params = json!({"conversation": conversation, "text": format!("one more {number}")});
        let start = Instant::now();
        let (_, at) = node.timed("message.send", params)?;
        times.push(at.saturating_duration_since(start));
    }
    Samples::of(times).context("no samples")
}

/// The profile with a million messages, and their conversation.
fn filled(bed: &Bed) -> anyhow::Result<(PathBuf, String)> {
    let folder = bed.target.join("bench").join(concat!("million-", env!("CARGO_PKG_VERSION")));
    let (profile, whole) = (folder.join("profile"), folder.join("conversation"));
    if let Ok(conversation) = fs::read_to_string(&whole) {
        return Ok((profile, conversation));
    }
    clear(&folder)?;
    let conversation = fill(bed, &profile)?;
    fs::write(&whole, &conversation)?;
    Ok((profile, conversation))
}

/// Writes them to a person who is away, as fast as the node takes them.
fn fill(bed: &Bed, profile: &Path) -> anyhow::Result<String> {
    let mut away = Node::on_loopback(&bed.anser, &bed.folder.join("away"), "Away", &[])?;
    let (account, link) = (away.account()?, away.of_account("/link")?);
    away.close()?;
    let mut node = Node::on_loopback(&bed.anser, profile, "Large", &[])?;
    node.call("contact.add", json!({"card": link}))?;
    let opened = node.call("conversation.direct", json!({"account": account}))?;
    let conversation = opened.get("conversation").and_then(Value::as_str);
    let conversation = conversation.context("no conversation")?.to_owned();
    let filler = "x".repeat(TEXT_BYTES - 8);
    let to = conversation.as_str();
    let write = |input: &mut Input| {
        (0..MESSAGES).try_for_each(|number| input.send(to, &format!("{number:07} {filler}")))
    };
    let start = Instant::now();
    node.writing(write, |lines| {
        for done in 0..MESSAGES {
            let line = lines.recv_timeout(PATIENCE).context("filling stopped")?;
            ensure!(!line.text.contains("\"error\""), "refused: {}", line.text.trim());
            if done % 100_000 == 0 {
                eprintln!("filled {done} in {:.0} s", start.elapsed().as_secs_f64());
            }
        }
        Ok(())
    })?;
    node.close()?;
    Ok(conversation)
}
