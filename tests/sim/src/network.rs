//! The wires between hosts, and the order in which things happen.
//!
//! A connection carries frames in order with latency, unless the weather is hostile. Losing one
//! loses what is under way. Everything that happens waits in one queue, by time.

use std::collections::{BTreeMap, BTreeSet};

use anser_api::model::Via;
use anser_api::params::FileList;
use anser_api::{Command, Reply};
use anser_node::{Input, Output};
use anser_proto::{DeviceId, Frame, limits};

use crate::dice::Dice;
use crate::host::{Crash, Host};

/// What a seed does to its network.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    pub latency_ms: u64,
    /// Of 1,000 bursts, how many end in a crash.
    pub crashes: u64,
    /// Of 100 frames, how many are lost, doubled or overtaken.
    pub hostile: u64,
    /// Whether disks are put back to older states.
    pub rollbacks: bool,
    /// Whether people send files; not where disks are put back, which loses them.
    pub files: bool,
    /// Whether clocks are wrong and jump.
    pub clocks: bool,
    /// What is broken on purpose, to see that it is noticed.
    pub sabotage: Option<Sabotage>,
}

/// A promise of the world around the nodes that is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// Disks lose what was flushed.
    Forgetful,
    /// Frames get lost on connections that hold, even at the end.
    Deaf,
}

impl Weather {
    pub fn random(dice: &mut Dice) -> Self {
        Self {
            latency_ms: *dice.pick(&[1, 20, 300]),
            crashes: *dice.pick(&[0, 0, 5, 30]),
            hostile: *dice.pick(&[0, 0, 0, 5, 25]),
            rollbacks: dice.percent(15),
            files: false,
            clocks: dice.percent(50),
            sabotage: None,
        }
    }
}

/// Something that is to happen.
#[derive(Debug)]
enum Happening {
    /// A host works off its inbox.
    Work(usize),
    Frame {
        link: (usize, usize),
        epoch: u64,
        to: usize,
        bytes: Vec<u8>,
    },
    /// A host learns that its connection is gone.
    Lost {
        host: usize,
        peer: usize,
    },
    /// Connections that are wanted and possible come to be.
    Dial,
    Restart(usize),
}

#[derive(Clone, Copy, Debug, Default)]
struct Link {
    epoch: u64,
    connected: bool,
    /// Nothing overtakes anything: the last arrival in each direction.
    arrival_ms: [u64; 2],
    /// A frame was lost although the connection held.
    lossy: bool,
}

pub struct Network {
    pub seed: u64,
    pub dice: Dice,
    pub weather: Weather,
    pub hosts: Vec<Host>,
    pub now_ms: u64,
    trace: bool,
    queue: BTreeMap<(u64, u64), Happening>,
    counter: u64,
    working: BTreeSet<usize>,
    links: BTreeMap<(usize, usize), Link>,
    /// Pairs that cannot reach each other.
    cut: BTreeSet<(usize, usize)>,
    pub healed: bool,
    pub frames: u64,
    pub crashes: u64,
}

/// More frames than this in one run is a storm.
const MOST_FRAMES: u64 = 100_000;
const DIAL_MS: u64 = 700;

impl Network {
    pub fn new(seed: u64, mut dice: Dice, weather: Weather, trace: bool) -> Self {
        let count = match dice.below(10) {
            0..5 => 3,
            5..9 => dice.between(3, 5) as usize,
            _ => dice.between(6, 12) as usize,
        };
        let hosts = (0..count)
            .map(|index| {
                let years = if weather.clocks { dice.below(21) as i64 - 10 } else { 0 };
                let name = char::from(b'A' + u8::try_from(index).unwrap()).to_string();
                Host::new(name, dice.bytes(), years * 31_536_000_000)
            })
            .collect();
        let mut network = Self {
            seed,
            dice,
            weather,
            hosts,
            now_ms: 0,
            trace,
            queue: BTreeMap::new(),
            counter: 0,
            working: BTreeSet::new(),
            links: BTreeMap::new(),
            cut: BTreeSet::new(),
            healed: false,
            frames: 0,
            crashes: 0,
        };
        network.schedule(DIAL_MS, Happening::Dial);
        network
    }

    pub fn say(&self, what: impl FnOnce() -> String) {
        if self.trace {
            println!("{:>8} {}", self.now_ms, what());
        }
    }

    fn schedule(&mut self, after_ms: u64, what: Happening) {
        self.counter += 1;
        self.queue.insert((self.now_ms + after_ms, self.counter), what);
    }

    /// Puts an input before a host; it works it off in a moment, with what else comes.
    pub fn give(&mut self, host: usize, input: Input) {
        if self.hosts[host].node.is_some() {
            self.hosts[host].inbox.push(input);
            self.wake(host);
        }
    }

    fn wake(&mut self, host: usize) {
        if self.working.insert(host) {
            let after = self.dice.between(0, 3);
            self.schedule(after, Happening::Work(host));
        }
    }

    pub fn host_of(&self, device: &DeviceId) -> Option<usize> {
        self.hosts.iter().position(|host| host.device == *device)
    }

    /// Lets time pass.
    pub fn pass(&mut self, ms: u64) {
        let until = self.now_ms + ms;
        while self.next_until(until) {}
        self.now_ms = until;
    }

    /// Lets time pass until nothing happens any more by itself.
    pub fn settle(&mut self) {
        let until = self.now_ms + 900_000;
        loop {
            let idle = self.queue.values().all(|what| matches!(what, Happening::Dial))
                && self.hosts.iter().all(|host| host.timeout().is_none());
            if idle && !self.dial_would_change() {
                return;
            }
            if self.now_ms > until - 200_000 && self.only_wishes_are_left() {
                return;
            }
            assert!(self.next_until(until), "seed {}: the network never gets quiet", self.seed);
        }
    }

    /// Whether all that is still to happen is that somebody asks again for a file that nobody has.
    fn only_wishes_are_left(&mut self) -> bool {
        let now_ms = self.now_ms;
        let wishes = |host: &mut Host| {
            let list =
                Command::FileList(FileList { conversation: None, limit: None, before: None });
            let Ok(reply) = host.ask(now_ms, list) else { return false };
            let Reply::FileList(list) = *reply else { return false };
            list.transfers.iter().any(|t| t.code.as_deref() == Some("nobody_has_it"))
        };
        self.weather.files
            && self.queue.values().all(|what| matches!(what, Happening::Dial))
            && self.hosts.iter_mut().all(|host| host.timeout().is_none() || wishes(host))
    }

    fn next_until(&mut self, until_ms: u64) -> bool {
        let queued = self.queue.first_key_value().map(|((at, _), _)| *at);
        let due = self
            .hosts
            .iter()
            .enumerate()
            .filter_map(|(index, host)| Some((host.timeout()?.max(self.now_ms), index)))
            .min();
        if let Some((at, host)) = due
            && at <= until_ms
            && queued.is_none_or(|queued| at < queued)
        {
            self.now_ms = at;
            self.work(host);
            return true;
        }
        match queued {
            Some(at) if at <= until_ms => {
                self.now_ms = at;
                let (_, what) = self.queue.pop_first().unwrap();
                self.happen(what);
                true
            }
            _ => false,
        }
    }

    fn happen(&mut self, what: Happening) {
        match what {
            Happening::Work(host) => {
                self.working.remove(&host);
                self.work(host);
            }
            Happening::Frame { link, epoch, to, bytes } => {
                let from = if link.0 == to { link.1 } else { link.0 };
                let state = self.links[&link];
                if state.connected && state.epoch == epoch {
                    let device = self.hosts[from].device;
                    self.give(to, Input::Frame { device, bytes });
                }
            }
            Happening::Lost { host, peer } => {
                let device = self.hosts[peer].device;
                self.give(host, Input::Disconnected { device });
            }
            Happening::Dial => {
                self.dial();
                self.schedule(DIAL_MS, Happening::Dial);
            }
            Happening::Restart(host) => self.start(host),
        }
    }

    fn work(&mut self, host: usize) {
        if self.hosts[host].node.is_none() {
            return;
        }
        let unlucky = !self.healed && self.dice.number() % 1_000 < self.weather.crashes;
        let crash = unlucky.then(|| match self.dice.below(3) {
            0 => Crash::BeforeFlush,
            1 => Crash::BeforeOutputs,
            _ => Crash::AmidOutputs(self.dice.below(4)),
        });
        let outputs = self.hosts[host].work(self.now_ms, crash);
        for output in outputs {
            match output {
                Output::Send { device, frame } => self.send(host, device, frame),
                Output::Disconnect { device, why } => {
                    self.say(|| format!("{} cuts off a peer: {why}", self.hosts[host].name));
                    if let Some(peer) = self.host_of(&device) {
                        self.lose(host, peer);
                    }
                }
                _ => {}
            }
        }
        if crash.is_none() && !self.hosts[host].inbox.is_empty() {
            self.wake(host);
        }
        if let Some(crash) = crash {
            self.say(|| format!("{} crashes {crash:?}", self.hosts[host].name));
            self.down(host);
        }
    }

    fn send(&mut self, from: usize, device: DeviceId, bytes: Vec<u8>) {
        assert!(bytes.len() <= limits::FRAME_BYTES, "seed {}: a frame too large", self.seed);
        self.frames += 1;
        assert!(self.frames < MOST_FRAMES, "seed {}: a storm of frames", self.seed);
        let Some(to) = self.host_of(&device) else { return };
        self.say(|| {
            let frame = frame_text(&bytes);
            format!("  {} > {}: {frame}", self.hosts[from].name, self.hosts[to].name)
        });
        let key = (from.min(to), from.max(to));
        let Some(mut link) = self.links.get(&key).copied().filter(|link| link.connected) else {
            return;
        };
        let deaf = self.weather.sabotage == Some(Sabotage::Deaf);
        let hostile = if self.healed && !deaf { 0 } else { self.weather.hostile };
        let latency = self.dice.between(1, self.weather.latency_ms);
        let direction = usize::from(from < to);
        let in_order = (self.now_ms + latency).max(link.arrival_ms[direction]);
        let mut arrivals = vec![in_order];
        if self.dice.percent(hostile) {
            match self.dice.below(3) {
                0 => {
                    arrivals.clear();
                    link.lossy = true;
                }
                1 => arrivals.push(in_order + self.dice.between(1, 500)),
                _ => {
                    arrivals = vec![in_order + self.dice.between(1, 500)];
                    // A frame that comes late may find its answer no longer waited for.
                    link.lossy = true;
                }
            }
        } else {
            link.arrival_ms[direction] = in_order;
        }
        self.links.insert(key, link);
        for arrival in arrivals {
            let bytes = bytes.clone();
            let frame = Happening::Frame { link: key, epoch: link.epoch, to, bytes };
            self.schedule(arrival - self.now_ms, frame);
        }
    }

    fn can_connect(&self, a: usize, b: usize) -> bool {
        let (one, other) = (&self.hosts[a], &self.hosts[b]);
        one.node.is_some()
            && other.node.is_some()
            && !self.cut.contains(&(a, b))
            && (one.wants.contains(&other.device) || other.wants.contains(&one.device))
    }

    fn pairs(&self) -> Vec<(usize, usize)> {
        let count = self.hosts.len();
        (0..count).flat_map(|a| (a + 1..count).map(move |b| (a, b))).collect()
    }

    fn dial_would_change(&self) -> bool {
        self.pairs().into_iter().any(|(a, b)| {
            let connected = self.links.get(&(a, b)).is_some_and(|link| link.connected);
            self.can_connect(a, b) != connected
        })
    }

    fn dial(&mut self) {
        for (a, b) in self.pairs() {
            let connected = self.links.get(&(a, b)).is_some_and(|link| link.connected);
            match (self.can_connect(a, b), connected) {
                (true, false) if self.healed || self.dice.percent(70) => self.connect(a, b),
                (false, true) => self.lose(a, b),
                _ => {}
            }
        }
    }

    fn connect(&mut self, a: usize, b: usize) {
        self.say(|| format!("{} and {} connect", self.hosts[a].name, self.hosts[b].name));
        let link = self.links.entry((a, b)).or_default();
        let epoch = link.epoch + 1;
        *link = Link { epoch, connected: true, ..Link::default() };
        for (host, peer) in [(a, b), (b, a)] {
            let device = self.hosts[peer].device;
            let address = (host == a).then(|| format!("/ip4/10.0.0.{peer}/tcp/1"));
            self.give(host, Input::Connected { device, address });
        }
    }

    /// The connection between two hosts breaks; each learns it in its own time, before anything
    /// new begins between them.
    pub fn lose(&mut self, a: usize, b: usize) {
        let key = (a.min(b), a.max(b));
        let Some(link) = self.links.get_mut(&key).filter(|link| link.connected) else { return };
        link.connected = false;
        self.say(|| format!("{} and {} lose each other", self.hosts[a].name, self.hosts[b].name));
        for (host, peer) in [(a, b), (b, a)] {
            // Less than the time between two dials.
            let after = self.dice.between(0, DIAL_MS / 2);
            let after = if self.now_ms % DIAL_MS > DIAL_MS / 2 - 10 { 0 } else { after };
            self.schedule(after, Happening::Lost { host, peer });
        }
    }

    pub fn cut(&mut self, a: usize, b: usize) {
        self.cut.insert((a.min(b), a.max(b)));
        self.lose(a, b);
    }

    pub fn mend(&mut self, a: usize, b: usize) {
        self.cut.remove(&(a.min(b), a.max(b)));
    }

    /// A crash or a power cut; the host comes back by itself.
    pub fn down(&mut self, host: usize) {
        self.crashes += 1;
        self.hosts[host].crash();
        for peer in (0..self.hosts.len()).filter(|peer| *peer != host) {
            self.lose(host, peer);
        }
        let after = self.dice.between(10, 5_000);
        self.schedule(after, Happening::Restart(host));
    }

    fn start(&mut self, host: usize) {
        if self.hosts[host].node.is_some() {
            return;
        }
        if self.weather.sabotage == Some(Sabotage::Forgetful) {
            match self.hosts[host].backup.is_some() {
                true => self.hosts[host].forget(),
                false => self.hosts[host].keep_backup(),
            }
        }
        if self.weather.rollbacks && !self.healed {
            if self.dice.percent(30) && self.hosts[host].backup.is_some() {
                self.say(|| format!("{} is put back to an older state", self.hosts[host].name));
                self.hosts[host].roll_back();
            } else if self.hosts[host].backup.is_none() {
                self.hosts[host].keep_backup();
            }
        }
        let seed = self.dice.bytes();
        let now = self.now_ms;
        self.say(|| format!("{} starts", self.hosts[host].name));
        self.hosts[host].start(seed, now);
        self.wake(host);
        self.discover(host);
    }

    /// Host and network notice each other.
    pub fn discover(&mut self, host: usize) {
        for peer in (0..self.hosts.len()).filter(|peer| *peer != host) {
            let reaches = !self.cut.contains(&(host.min(peer), host.max(peer)));
            for (one, other) in [(host, peer), (peer, host)] {
                if reaches && self.hosts[other].node.is_some() {
                    let device = self.hosts[other].device;
                    let addresses = vec![format!("/ip4/10.0.0.{other}/tcp/1")];
                    self.give(one, Input::Discovered { device, addresses, via: Via::Mdns });
                }
            }
        }
    }

    /// From now on everything works, and all see each other.
    pub fn heal(&mut self) {
        self.say(|| "everything is healed".into());
        self.healed = true;
        self.cut.clear();
        let lossy: Vec<_> =
            self.links.iter().filter(|(_, link)| link.lossy).map(|(key, _)| *key).collect();
        for (a, b) in lossy {
            self.lose(a, b);
        }
        for host in 0..self.hosts.len() {
            if self.hosts[host].node.is_none() {
                self.start(host);
            }
            self.discover(host);
        }
    }
}

/// A frame in short, for the trace.
fn frame_text(bytes: &[u8]) -> String {
    let heads = |heads: &[anser_proto::frame::Head]| -> Vec<String> {
        heads.iter().map(|h| format!("{}:{}", short(&h.device), h.seq)).collect()
    };
    match Frame::decode(bytes) {
        Ok(Frame::Hello(_)) => "Hello".into(),
        Ok(Frame::Vector(v)) => {
            let (c, heads) = (v.conversation, heads(&v.heads));
            let receipts: Vec<_> = v.receipts.iter().map(|r| (short(&r.device), r.seq)).collect();
            format!(
                "Vector {c:?} {heads:?} receipts {receipts:?} forks {:?} reply {}",
                v.forks, v.reply
            )
        }
        Ok(Frame::FilePart(part)) => format!("FilePart {:?} {}", part.file, part.part),
        Ok(Frame::Digests(digests)) => {
            let all = digests.digests.iter();
            let all: Vec<_> = all.map(|d| (d.conversation, d.logs[0], d.receipts[0])).collect();
            format!("Digests {all:?}")
        }
        Ok(Frame::Events(events)) => {
            let all: Vec<_> = events
                .events
                .iter()
                .map(|wire| match anser_proto::Event::reopen(wire.clone()) {
                    Ok(e) => {
                        let seen: Vec<_> =
                            e.header.seen.iter().map(|s| (short(&s.device), s.seq)).collect();
                        let (at, body) = (e.header.lamport, e.body().is_some());
                        let (device, seq) = (short(&e.header.device), e.header.seq);
                        format!("{device}:{seq} at {at} {:?} {body} seen {seen:?}", e.kind())
                    }
                    Err(error) => format!("{error}"),
                })
                .collect();
            format!("Events {:?} {all:?}", events.conversation)
        }
        Ok(Frame::Receipts(receipts)) => {
            let all = receipts.receipts.iter();
            let all: Vec<_> = all
                .filter_map(|r| anser_proto::Receipt::peek(r).ok())
                .map(|r| (short(&r.device), r.counter))
                .collect();
            format!("Receipts {:?} {all:?}", receipts.conversation)
        }
        other => format!("{other:?}"),
    }
}

fn short(device: &DeviceId) -> String {
    device.to_string().chars().take(4).collect()
}
