//! One machine: a node, its disk, its clocks, and the person in front of it.
//!
//! It takes inputs in bursts as the engine does: handle each, one flush, then the outputs. It may
//! crash at any seam of that. Owns what its shell was told since the start (revisions, added
//! messages) and checks that on the way.

use std::collections::{BTreeMap, BTreeSet};

use anser_api::{ApiError, Command, ErrorCode, EventBody, Reply};
use anser_node::{Input, Node, Now, Output};
use anser_proto::DeviceId;
use anser_store::MemoryStore;

use crate::disk::Disk;

/// Where a host crashes while it works on a burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    BeforeFlush,
    BeforeOutputs,
    /// After this many outputs.
    AmidOutputs(usize),
}

pub struct Host {
    pub name: String,
    pub device: DeviceId,
    pub account: String,
    pub node: Option<Node<MemoryStore>>,
    /// Where its files are.
    pub files: Disk,
    /// What the disk holds while the node is down.
    disk: Option<MemoryStore>,
    /// An older copy of the disk.
    pub backup: Option<MemoryStore>,
    /// Whether the disk was ever put back to an older state.
    pub rolled_back: bool,
    /// How far the wall clock is off.
    pub wall_offset_ms: i64,
    /// When the monotonic clock began.
    mono_start_ms: u64,
    pub inbox: Vec<Input>,
    /// What [`Host::ask`] led to.
    owed: Vec<Output>,
    pub wants: BTreeSet<DeviceId>,
    /// Conversations its shell has heard of.
    pub conversations: BTreeSet<String>,
    pub answers: BTreeMap<u64, Result<Box<Reply>, ApiError>>,
    revision: u64,
    added: BTreeSet<String>,
}

/// The simulation begins here, milliseconds since 1970.
const BEGINNING_MS: u64 = 1_800_000_000_000;

impl Host {
    pub fn new(name: String, seed: [u8; 32], wall_offset_ms: i64) -> Self {
        let mut host = Self {
            name,
            device: DeviceId([0; 32]),
            account: String::new(),
            node: None,
            files: Disk::default(),
            disk: Some(MemoryStore::default()),
            backup: None,
            rolled_back: false,
            wall_offset_ms,
            mono_start_ms: 0,
            inbox: vec![],
            owed: vec![],
            wants: BTreeSet::new(),
            conversations: BTreeSet::new(),
            answers: BTreeMap::new(),
            revision: 0,
            added: BTreeSet::new(),
        };
        host.start(seed, 0);
        host.device = host.node.as_ref().unwrap().device();
        host
    }

    pub fn now(&self, at_ms: u64) -> Now {
        let wall_ms = (BEGINNING_MS + at_ms).saturating_add_signed(self.wall_offset_ms);
        Now { wall_ms, mono_ms: 1_000 + at_ms - self.mono_start_ms }
    }

    /// When the node wants to be woken, in simulated time.
    pub fn timeout(&self) -> Option<u64> {
        let due = self.node.as_ref()?.poll_timeout()?;
        Some((due + self.mono_start_ms).saturating_sub(1_000))
    }

    /// Starts the node from what its disk holds.
    pub fn start(&mut self, seed: [u8; 32], at_ms: u64) {
        self.mono_start_ms = at_ms;
        let disk = self.disk.take().expect("is down");
        let now = self.now(at_ms);
        self.node = Some(Node::open(disk, seed, now).unwrap());
        self.revision = 0;
        self.added.clear();
        self.wants.clear();
    }

    /// The power goes.
    pub fn crash(&mut self) {
        if let Some(node) = self.node.take() {
            let mut disk = node.into_store();
            disk.crash();
            self.files.restart();
            self.disk = Some(disk);
            self.inbox.clear();
            self.owed.clear();
        }
    }

    /// The account that the node has, if it runs and has one.
    pub fn account_id(&self) -> Option<String> {
        self.node.as_ref()?.account().map(|account| account.to_string())
    }

    pub fn keep_backup(&mut self) {
        self.backup = self.disk.as_ref().map(MemoryStore::snapshot);
    }

    /// Puts the disk back to the last backup.
    pub fn roll_back(&mut self) {
        if let Some(backup) = self.backup.clone() {
            self.disk = Some(backup);
            self.rolled_back = true;
        }
    }

    /// As [`Host::roll_back`], but nobody is told.
    pub fn forget(&mut self) {
        self.disk = self.backup.clone();
    }

    /// Works off what came, and what is due. Gives what is to be done outside.
    pub fn work(&mut self, at_ms: u64, crash: Option<Crash>) -> Vec<Output> {
        let now = self.now(at_ms);
        let inputs = std::mem::take(&mut self.inbox);
        let Some(node) = &mut self.node else { return vec![] };
        for input in inputs {
            node.handle(input, now);
        }
        node.handle_timeout(now);
        if crash == Some(Crash::BeforeFlush) {
            self.crash();
            return vec![];
        }
        node.flush().unwrap();
        let mut outputs = std::mem::take(&mut self.owed);
        while let Some(output) = node.poll_output() {
            outputs.push(output);
        }
        match crash {
            Some(Crash::BeforeOutputs) => outputs.clear(),
            Some(Crash::AmidOutputs(count)) => outputs.truncate(count),
            _ => {}
        }
        if crash.is_some() {
            self.crash();
        }
        outputs.retain(|output| self.hear(output));
        outputs
    }

    /// What is for the shell ends here; the rest goes out.
    fn hear(&mut self, output: &Output) -> bool {
        match output {
            Output::Reply { id, result } => {
                if let Err(error) = result {
                    let code = error.code;
                    assert!(
                        ![ErrorCode::Internal, ErrorCode::StoreBroken].contains(&code),
                        "{}: {error}",
                        self.name
                    );
                }
                self.answers.insert(*id, result.clone());
                false
            }
            Output::Event(event) => {
                assert_eq!(event.revision, self.revision + 1, "{}: a gap in revisions", self.name);
                self.revision = event.revision;
                match &event.body {
                    EventBody::MessageAdded { message } => assert!(
                        self.added.insert(message.message.clone()),
                        "{}: message.added twice for {:?}",
                        self.name,
                        message.text
                    ),
                    EventBody::ConversationChanged { conversation } => {
                        self.conversations.insert(conversation.conversation.clone());
                    }
                    _ => {}
                }
                false
            }
            Output::Want { device, .. } => {
                self.wants.insert(*device);
                false
            }
            Output::Unwant { device } => {
                self.wants.remove(device);
                false
            }
            Output::Send { .. } | Output::Disconnect { .. } => true,
            Output::File(order) => {
                let answers = self.files.order(order.clone());
                self.inbox.extend(answers.into_iter().map(Input::File));
                false
            }
        }
    }

    /// Asks at once, before what waits in the inbox; for looking at the end. What it leads to
    /// outside goes with the next burst.
    pub fn ask(&mut self, at_ms: u64, command: Command) -> Result<Box<Reply>, ApiError> {
        let now = self.now(at_ms);
        let node = self.node.as_mut().expect("runs");
        node.handle(Input::Command { id: u64::MAX, command }, now);
        node.flush().unwrap();
        let outputs: Vec<Output> = std::iter::from_fn(|| node.poll_output()).collect();
        let owed: Vec<Output> = outputs.into_iter().filter(|output| self.hear(output)).collect();
        self.owed.extend(owed);
        self.answers.remove(&u64::MAX).expect("an answer")
    }
}
