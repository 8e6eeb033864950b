//! Two nodes on the loopback: how long a message takes, and how many pass a second.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::Bed;
use crate::bench::node::{Input, Line, Node};
use crate::bench::report::{Aim, Report};
use crate::bench::samples::Samples;

const PATIENCE: Duration = Duration::from_secs(60);
/// Messages sent one by one, and the pause between them.
const SINGLE: usize = 500;
const PAUSE: Duration = Duration::from_millis(10);
/// The stream of the measurement under load: as many messages, one each such interval.
const STREAM: usize = 10_000;
const INTERVAL: Duration = Duration::from_millis(1);
/// Messages of the measurement of the rate, after as many to warm up.
const PIPELINED: usize = 50_000;
const WARMING_UP: usize = 5_000;
/// Length of the texts whose rate is measured, in bytes.
const TEXT_BYTES: usize = 200;

pub fn measure(bed: &Bed, report: &mut Report) -> anyhow::Result<()> {
    let mut pair = Pair::start(&bed.anser, &bed.folder)?;
    let idle = pair.single()?;
    report.add("message to the other process, idle, p50", idle.p50(), "ms", Aim::AtMost(5.0));
    report.add("message to the other process, idle, p99", idle.p99(), "ms", Aim::None);
    let loaded = pair.stream()?;
    report.add("message under 1,000 messages/s, p50", loaded.p50(), "ms", Aim::None);
    report.add("message under 1,000 messages/s, p99", loaded.p99(), "ms", Aim::None);
    pair.pipelined("warm", WARMING_UP)?;
    let rate = pair.pipelined("rate", PIPELINED)?;
    drop(pair);
    report.add("durable messages one to one", rate, "messages/s", Aim::AtLeast(5_000.0));
    report.against("libp2p request-response echo", echo(&bed.echo)?);
    let sign = yardstick(&bed.echo, &["sign"])?;
    report.add("Ed25519 sign and verify, one core", sign, "messages/s", Aim::None);
    Ok(())
}

struct Pair {
    from: Node,
    to: Node,
    conversation: String,
}

impl Pair {
    fn start(anser: &Path, folder: &Path) -> anyhow::Result<Self> {
        let mut from = Node::on_loopback(anser, &folder.join("from"), "From", &[])?;
        let seed = from.address()?;
        let mut to = Node::on_loopback(anser, &folder.join("to"), "To", &[seed])?;
        from.meets(1, PATIENCE)?;
        to.meets(1, PATIENCE)?;
        let account = to.account()?;
        let opened = from.call("conversation.direct", json!({"account": account}))?;
        let conversation = opened.get("conversation").and_then(Value::as_str);
        let conversation = conversation.context("no conversation")?.to_owned();
        to.call("events.subscribe", json!({}))?;
        from.input.send(&conversation, "hello")?;
        to.added("\"hello\"", Instant::now() + PATIENCE)?;
        from.forget();
        Ok(Self { from, to, conversation })
    }

    /// One message, and the next when it arrived.
    fn single(&mut self) -> anyhow::Result<Samples> {
        let mut times = Vec::with_capacity(SINGLE);
        for number in 0..SINGLE {
            std::thread::sleep(PAUSE);
            let text = format!("single {number}.");
            let start = Instant::now();
            self.from.input.send(&self.conversation, &text)?;
            let at = self.to.added(&text, start + PATIENCE)?;
            times.push(at.saturating_duration_since(start));
        }
        self.from.forget();
        Samples::of(times).context("no samples")
    }

    /// A message each millisecond, whether or not the ones before arrived. Each is timed from when
    /// it was due: a sender held up counts as delay.
    fn stream(&mut self) -> anyhow::Result<Samples> {
        let start = Instant::now() + PAUSE;
        let due = |number: usize| start + INTERVAL * u32::try_from(number).unwrap_or(u32::MAX);
        let mut arrived = Arrivals::new("stream", STREAM);
        let (to, conversation) = (&mut self.to, &self.conversation);
        let write = |input: &mut Input| {
            (0..STREAM).try_for_each(|number| {
                std::thread::sleep(due(number).saturating_duration_since(Instant::now()));
                input.send(conversation, &format!("stream {number:06}."))
            })
        };
        self.from.writing(write, |answers| arrived.wait(to, answers))?;
        arrived.tell_missing();
        let delay = |(number, at): (usize, &Option<Instant>)| {
            Some((*at)?.saturating_duration_since(due(number)))
        };
        let times = arrived.at.iter().enumerate().filter_map(delay).collect();
        self.from.forget();
        Samples::of(times).context("no samples")
    }

    /// Messages written as fast as the node takes them; gives how many arrived a second, from the
    /// first write to the last `message.added`.
    fn pipelined(&mut self, marker: &'static str, count: usize) -> anyhow::Result<f64> {
        let mut arrived = Arrivals::new(marker, count);
        let (to, conversation) = (&mut self.to, &self.conversation);
        let filler = "x".repeat(TEXT_BYTES.saturating_sub(marker.len() + 8));
        let start = Instant::now();
        let write = |input: &mut Input| {
            (0..count).try_for_each(|number| {
                input.send(conversation, &format!("{marker} {number:06}.{filler}"))
            })
        };
        self.from.writing(write, |answers| arrived.wait(to, answers))?;
        arrived.tell_missing();
        let last = arrived.at.last().copied().flatten().context("the last did not arrive")?;
        self.from.forget();
        Ok(count as f64 / last.saturating_duration_since(start).as_secs_f64())
    }
}

/// When the numbered messages of a stream arrived.
struct Arrivals {
    marker: String,
    at: Vec<Option<Instant>>,
}

impl Arrivals {
    fn new(marker: &str, count: usize) -> Self {
        Self { marker: format!("\"{marker} "), at: vec![None; count] }
    }

    /// Until the last one came, in order, with the sender's answers being read meanwhile.
    fn wait(&mut self, to: &Node, answers: &Receiver<Line>) -> anyhow::Result<()> {
        let mut deadline = Instant::now() + PATIENCE;
        while self.at.last().is_some_and(Option::is_none) {
            let line = to.line(deadline)?;
            for answer in answers.try_iter() {
                ensure!(!answer.text.contains("\"error\""), "refused: {}", answer.text.trim());
            }
            if !line.text.contains("message.added") {
                continue;
            }
            let rest = line.text.split_once(&self.marker).map(|(_, rest)| rest);
            let number = rest.and_then(|rest| rest.get(..6)).and_then(|text| text.parse().ok());
            if let Some(at) = number.and_then(|number: usize| self.at.get_mut(number)) {
                *at = Some(line.at);
                deadline = line.at + PATIENCE;
            }
        }
        Ok(())
    }

    /// Events, unlike messages, may be lost to a client that reads too slowly: said, if so.
    fn tell_missing(&self) {
        let missing = self.at.iter().filter(|at| at.is_none()).count();
        if missing > 0 {
            eprintln!("{}: {missing} of {} events were lost", self.marker, self.at.len());
        }
    }
}

/// The number that a yardstick prints.
fn yardstick(echo: &Path, arguments: &[&str]) -> anyhow::Result<f64> {
    let output = Command::new(echo).args(arguments).output().context("echo cannot be started")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "echo {}: {}", arguments.join(" "), said.trim());
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

fn echo(echo: &Path) -> anyhow::Result<f64> {
    let mut listening =
        Command::new(echo).arg("listen").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut address = String::new();
    let read = listening.stdout.take().map(|from| BufReader::new(from).read_line(&mut address));
    let rate = match read {
        Some(Ok(_)) => yardstick(echo, &["ask", address.trim()]),
        _ => Err(anyhow::anyhow!("the echo names no address")),
    };
    // Its input, closed, ends it.
    drop(listening.stdin.take());
    listening.wait()?;
    rate
}
