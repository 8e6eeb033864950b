//! How many messages a second two nodes exchange in one process, over the memory engine: the cost
//! of the core alone, without disk and network.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stdout)]

use std::time::Instant;

use anser_api::Command;
use anser_node::{Input, Node, Now, Output};
use anser_store::MemoryStore;
use serde_json::{Value, json};

const MESSAGES: u64 = 20_000;
const NOW: Now = Now { wall_ms: 1_700_000_000_000, mono_ms: 0 };

type Memory = Node<MemoryStore>;

fn main() {
    let mut a = Node::open(MemoryStore::default(), [1; 32], NOW).unwrap();
    let mut b = Node::open(MemoryStore::default(), [2; 32], NOW).unwrap();
    for (node, name) in [(&mut a, "A"), (&mut b, "B")] {
        call(node, "account.create", json!({"name": name}));
        call(node, "settings.set", json!({"accept_requests": true}));
    }
    a.handle(Input::Connected { device: b.device(), address: None }, NOW);
    b.handle(Input::Connected { device: a.device(), address: None }, NOW);
    settle(&mut a, &mut b);
    let account = call(&mut b, "account.get", json!({}))["account"].clone();
    let view = call(&mut a, "conversation.direct", json!({"account": account}));
    let conversation = view["conversation"].as_str().unwrap().to_owned();
    for burst in [1, 64] {
        exchange(&mut a, &mut b, &conversation, burst);
    }
}

fn exchange(a: &mut Memory, b: &mut Memory, conversation: &str, burst: u64) {
    let (mut sending, mut receiving) = (0.0, 0.0);
    let start = Instant::now();
    for number in 0..MESSAGES / burst {
        let begin = Instant::now();
        for at in 0..burst {
            let text = format!("{number:06}.{at:03} {}", "x".repeat(189));
            let params = json!({"conversation": conversation, "text": text});
            let command = Command::parse("message.send", params).unwrap();
            a.handle(Input::Command { id: 1, command }, NOW);
        }
        a.flush().unwrap();
        let frames = drain(a);
        sending += begin.elapsed().as_secs_f64();
        let begin = Instant::now();
        for bytes in frames {
            b.handle(Input::Frame { device: a.device(), bytes }, NOW);
        }
        b.flush().unwrap();
        let frames = drain(b);
        receiving += begin.elapsed().as_secs_f64();
        let begin = Instant::now();
        for bytes in frames {
            a.handle(Input::Frame { device: b.device(), bytes }, NOW);
        }
        sending += begin.elapsed().as_secs_f64();
        settle(a, b);
    }
    let each = |seconds: f64| seconds * 1e6 / MESSAGES as f64;
    println!(
        "bursts of {burst}: {:.0} messages/s; sender {:.1} us, receiver {:.1} us a message",
        MESSAGES as f64 / start.elapsed().as_secs_f64(),
        each(sending),
        each(receiving)
    );
}

fn call(node: &mut Memory, method: &str, params: Value) -> Value {
    let command = Command::parse(method, params).unwrap();
    node.handle(Input::Command { id: 0, command }, NOW);
    node.flush().unwrap();
    let mut answer = None;
    while let Some(output) = node.poll_output() {
        if let Output::Reply { result, .. } = output {
            answer = Some(serde_json::to_value(result.unwrap()).unwrap());
        }
    }
    answer.unwrap()
}

fn drain(node: &mut Memory) -> Vec<Vec<u8>> {
    let mut frames = vec![];
    while let Some(output) = node.poll_output() {
        if let Output::Send { frame, .. } = output {
            frames.push(frame);
        }
    }
    frames
}

fn settle(a: &mut Memory, b: &mut Memory) {
    loop {
        a.flush().unwrap();
        b.flush().unwrap();
        let (from_a, from_b) = (drain(a), drain(b));
        if from_a.is_empty() && from_b.is_empty() {
            return;
        }
        for bytes in from_a {
            b.handle(Input::Frame { device: a.device(), bytes }, NOW);
        }
        for bytes in from_b {
            a.handle(Input::Frame { device: b.device(), bytes }, NOW);
        }
    }
}
