//! The smallest network: nodes whose frames are carried by hand, in order, at once.

use std::collections::{BTreeMap, VecDeque};

use anser_api::{ApiError, Command, Event, EventBody, Reply};
use anser_node::{Input, Node, Now, Output};
use anser_proto::{DeviceId, Frame};
use anser_store::MemoryStore;
use serde_json::{Value, json};

use crate::disk::Disk;

pub struct Network {
    pub nodes: Vec<Node<MemoryStore>>,
    pub events: Vec<Vec<Event>>,
    pub disks: Vec<Disk>,
    links: Vec<(usize, usize)>,
    now: Now,
    next: u64,
    answers: BTreeMap<u64, Result<Box<Reply>, ApiError>>,
}

impl Network {
    /// Nodes with accounts named A, B, C …, not connected.
    pub fn new(count: usize) -> Self {
        let now = Now { wall_ms: 1_700_000_000_000, mono_ms: 0 };
        let mut network = Self {
            nodes: vec![],
            events: vec![vec![]; count],
            disks: vec![],
            links: vec![],
            now,
            next: 0,
            answers: BTreeMap::new(),
        };
        network.disks.resize_with(count, Disk::default);
        for index in 0..count {
            let seed = [u8::try_from(index).unwrap() + 1; 32];
            network.nodes.push(Node::open(MemoryStore::default(), seed, now).unwrap());
        }
        for index in 0..count {
            let name = char::from(b'A' + u8::try_from(index).unwrap()).to_string();
            network.call(index, "account.create", json!({"name": name})).unwrap();
        }
        network
    }

    /// One more node, without an account.
    pub fn add_blank(&mut self) -> usize {
        let index = self.nodes.len();
        let seed = [u8::try_from(index).unwrap() + 1; 32];
        self.nodes.push(Node::open(MemoryStore::default(), seed, self.now).unwrap());
        self.events.push(vec![]);
        self.disks.push(Disk::default());
        index
    }

    /// Gives a command; its answer may come later, see [`Network::answer`].
    pub fn begin(&mut self, index: usize, method: &str, params: Value) -> u64 {
        self.next += 1;
        let (id, command) = (self.next, Command::parse(method, params).unwrap());
        self.input(index, Input::Command { id, command });
        self.settle();
        id
    }

    /// The answer to a command, once there is one.
    pub fn answer(&self, id: u64) -> Option<Result<Value, ApiError>> {
        let answer = self.answers.get(&id)?.clone();
        Some(answer.map(|reply| serde_json::to_value(reply).unwrap()))
    }

    pub fn device(&self, index: usize) -> DeviceId {
        self.nodes[index].device()
    }

    pub fn account(&mut self, index: usize) -> String {
        self.call(index, "account.get", json!({})).unwrap()["account"].as_str().unwrap().to_owned()
    }

    pub fn connect(&mut self, a: usize, b: usize) {
        self.links.push((a, b));
        for (one, other) in [(a, b), (b, a)] {
            let device = self.device(other);
            self.input(one, Input::Connected { device, address: None });
        }
        self.settle();
    }

    pub fn is_connected(&self, a: usize, b: usize) -> bool {
        self.links.contains(&(a, b)) || self.links.contains(&(b, a))
    }

    pub fn disconnect(&mut self, a: usize, b: usize) {
        self.links.retain(|link| *link != (a, b) && *link != (b, a));
        for (one, other) in [(a, b), (b, a)] {
            let device = self.device(other);
            self.input(one, Input::Disconnected { device });
        }
        self.settle();
    }

    /// Ends a node as a power cut would, and starts it from what was on disk (or from an older
    /// copy of that). Its connections are gone.
    pub fn restart(&mut self, index: usize, from: Option<MemoryStore>) {
        let others: Vec<_> = (0..self.nodes.len()).filter(|other| *other != index).collect();
        for other in others {
            if self.links.contains(&(index, other)) || self.links.contains(&(other, index)) {
                self.disconnect(index, other);
            }
        }
        let blank = Node::open(MemoryStore::default(), [99; 32], self.now).unwrap();
        let mut store = std::mem::replace(&mut self.nodes[index], blank).into_store();
        store.crash();
        self.next += 1;
        let seed = [u8::try_from(self.next % 200).unwrap() + 20; 32];
        self.disks[index].restart();
        self.nodes[index] = Node::open(from.unwrap_or(store), seed, self.now).unwrap();
        self.settle();
    }

    /// A copy of what a node has on disk.
    pub fn copy_store(&mut self, index: usize) -> MemoryStore {
        let blank = Node::open(MemoryStore::default(), [99; 32], self.now).unwrap();
        let store = std::mem::replace(&mut self.nodes[index], blank).into_store();
        let copy = store.snapshot();
        self.nodes[index] = Node::open(store, [77; 32], self.now).unwrap();
        copy
    }

    /// One side's connection is replaced by another; the other side notices nothing.
    pub fn reconnect_one_side(&mut self, one: usize, other: usize) {
        let device = self.device(other);
        self.input(one, Input::Disconnected { device });
        self.input(one, Input::Connected { device, address: None });
        self.settle();
    }

    fn input(&mut self, index: usize, input: Input) {
        self.nodes[index].handle(input, self.now);
    }

    pub fn call(&mut self, index: usize, method: &str, params: Value) -> Result<Value, ApiError> {
        self.next += 1;
        let id = self.next;
        let command = Command::parse(method, params)?;
        self.input(index, Input::Command { id, command });
        self.settle_with(Some((index, id)))
            .unwrap()
            .map(|reply| serde_json::to_value(reply).unwrap())
    }

    /// Carries frames until nobody has anything to say.
    pub fn settle(&mut self) {
        self.settle_with(None);
    }

    fn settle_with(&mut self, wait: Option<(usize, u64)>) -> Option<Result<Box<Reply>, ApiError>> {
        let mut answer = None;
        for _ in 0..10_000 {
            if !self.round(wait, &mut answer) {
                return answer;
            }
        }
        panic!("the network never becomes quiet");
    }

    /// Sends a text and carries every frame that is there one step of its way, but not what comes
    /// of it.
    pub fn send_and_step(&mut self, index: usize, conversation: &str, text: &str) {
        let params = json!({"conversation": conversation, "text": text});
        let command = Command::parse("message.send", params).unwrap();
        self.input(index, Input::Command { id: 0, command });
        self.round(None, &mut None);
    }

    /// Begins a command and lets the network go on for so many steps only.
    pub fn begin_in_steps(&mut self, index: usize, method: &str, params: Value, steps: usize) {
        let command = Command::parse(method, params).unwrap();
        self.input(index, Input::Command { id: 0, command });
        for _ in 0..steps {
            self.round(None, &mut None);
        }
    }

    /// Feeds a frame as if `from` had sent it to `to`; gives what `to` sends back.
    pub fn feed(&mut self, from: usize, to: usize, frame: impl Into<Frame>) -> Vec<Frame> {
        self.settle();
        let device = self.device(from);
        self.input(to, Input::Frame { device, bytes: frame.into().encode() });
        self.nodes[to].flush().unwrap();
        std::iter::from_fn(|| self.nodes[to].poll_output())
            .filter_map(|output| match output {
                Output::Send { device: d, frame } if d == device => Frame::decode(&frame).ok(),
                _ => None,
            })
            .collect()
    }

    /// Carries what every node has to say; whether there was anything.
    fn round(
        &mut self,
        wait: Option<(usize, u64)>,
        answer: &mut Option<Result<Box<Reply>, ApiError>>,
    ) -> bool {
        let mut cut = Vec::new();
        let mut frames = VecDeque::new();
        let mut answers = Vec::new();
        for index in 0..self.nodes.len() {
            let from = self.device(index);
            self.nodes[index].flush().unwrap();
            while let Some(output) = self.nodes[index].poll_output() {
                match output {
                    Output::Send { device, frame } => frames.push_back((from, device, frame)),
                    Output::Reply { id, result } if Some((index, id)) == wait => {
                        *answer = Some(result);
                    }
                    Output::Reply { id, result } => {
                        self.answers.insert(id, result);
                    }
                    Output::Event(event) => self.events[index].push(*event),
                    Output::Disconnect { device, .. } => cut.push((from, device)),
                    Output::File(order) => {
                        let answered = self.disks[index].order(order);
                        answers.extend(answered.into_iter().map(|answer| (index, answer)));
                    }
                    _ => {}
                }
            }
        }
        let some = !frames.is_empty() || !answers.is_empty();
        for (index, answer) in answers {
            self.input(index, Input::File(answer));
        }
        for (from, to, bytes) in frames {
            let (Some(from_index), Some(to_index)) = (self.index(from), self.index(to)) else {
                continue;
            };
            let linked = self.links.contains(&(from_index, to_index))
                || self.links.contains(&(to_index, from_index));
            if linked {
                self.input(to_index, Input::Frame { device: from, bytes });
            }
        }
        for (one, other) in cut {
            let (Some(a), Some(b)) = (self.index(one), self.index(other)) else { continue };
            let before = self.links.len();
            self.links.retain(|link| *link != (a, b) && *link != (b, a));
            if self.links.len() < before {
                self.input(a, Input::Disconnected { device: other });
                self.input(b, Input::Disconnected { device: one });
            }
        }
        some
    }

    fn index(&self, device: DeviceId) -> Option<usize> {
        (0..self.nodes.len()).find(|index| self.device(*index) == device)
    }

    /// Lets time pass, doing what is due on the way.
    pub fn pass(&mut self, ms: u64) {
        let until = self.now.mono_ms + ms;
        loop {
            let due = self.nodes.iter().filter_map(Node::poll_timeout).min();
            let Some(due) = due.filter(|due| *due <= until) else { break };
            self.now.wall_ms += due.saturating_sub(self.now.mono_ms);
            self.now.mono_ms = self.now.mono_ms.max(due);
            for index in 0..self.nodes.len() {
                self.nodes[index].handle_timeout(self.now);
            }
            self.settle();
        }
        self.now.wall_ms += until - self.now.mono_ms;
        self.now.mono_ms = until;
    }

    pub fn texts(&mut self, index: usize, conversation: &str) -> Vec<String> {
        let params = json!({"conversation": conversation, "limit": 500});
        let page = self.call(index, "message.list", params).unwrap();
        page["messages"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|m| m["kind"] == "text")
            .map(|m| m["text"].as_str().unwrap().to_owned())
            .collect()
    }

    pub fn send(&mut self, index: usize, conversation: &str, text: &str) -> String {
        let params = json!({"conversation": conversation, "text": text});
        let message = self.call(index, "message.send", params).unwrap();
        message["message"].as_str().unwrap().to_owned()
    }

    pub fn added(&self, index: usize) -> Vec<String> {
        self.events[index]
            .iter()
            .filter_map(|event| match &event.body {
                EventBody::MessageAdded { message } => Some(message.text.clone()),
                _ => None,
            })
            .collect()
    }
}
