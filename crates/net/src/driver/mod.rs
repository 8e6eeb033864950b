//! The one task that owns the swarm: it takes commands and swarm events, keeps the address book
//! and the dialing plan, and tells the node what happened.
//!
//! What must hold: it never waits for the node (see `news`), it dials nothing that was merely
//! discovered, and it ends when told to or when the last handle is gone.

mod acquaintance;
mod dialing;
mod failure;
mod news;
mod redial;
mod swarm;
mod watch;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anser_proto::DeviceId;
use futures::StreamExt;
use libp2p::swarm::{ConnectionId, SwarmEvent};
use libp2p::{Swarm, identity, ping};
use tokio::sync::{mpsc, oneshot};

use self::dialing::Purpose;
use self::news::{Item, News};
use self::redial::{Redial, Target};
use self::swarm::{Behaviour, BehaviourEvent};
use self::watch::{Change, Watch};
use crate::address::{Dialable, Standpoint, device_of};
use crate::book::Book;
use crate::config::Config;
use crate::event::{DialError, NetEvent, StartError};
use crate::link::{LinkEvent, Links};
use crate::mdns::{self, Discovery};
use crate::outbox::Outboxes;
use crate::status::{Counters, Status};

/// Idle and overdue connections are looked for this often.
const SWEEP: Duration = Duration::from_secs(1);
/// Listen addresses come one by one; they are told together.
const SETTLE: Duration = Duration::from_millis(30);
/// A shutdown waits this long for queues to be written.
const FAREWELL: Duration = Duration::from_secs(2);
/// When a network appears, dials are spread over this long.
const RENEW_SPREAD: Duration = Duration::from_millis(50);

/// Orders of the handle.
pub(crate) enum Command {
    Want { device: DeviceId, addresses: Vec<String> },
    Unwant { device: DeviceId },
    Disconnect { device: DeviceId, why: &'static str },
    Dial { address: String, reply: oneshot::Sender<Result<DeviceId, DialError>> },
    Status { reply: oneshot::Sender<Status> },
    Shutdown { reply: oneshot::Sender<()> },
}

struct Seed {
    address: Dialable,
    device: Option<DeviceId>,
}

struct Driver {
    swarm: Swarm<Behaviour>,
    commands: mpsc::Receiver<Command>,
    counters: Arc<Counters>,
    news: News,
    book: Book,
    redial: Redial,
    seeds: Vec<Seed>,
    dials: BTreeMap<ConnectionId, Purpose>,
    standpoint: Standpoint,
    watch: Watch,
    discovery: Option<Discovery>,
    listen_errors: Vec<String>,
    observed: VecDeque<String>,
    told: Option<Vec<String>>,
    settle_at: Option<Instant>,
}

/// Opens the listeners and spawns the task.
pub(crate) fn start(
    config: Config,
    commands: mpsc::Receiver<Command>,
    events: mpsc::Sender<NetEvent>,
    outboxes: Arc<Outboxes>,
    counters: Arc<Counters>,
) -> Result<(), StartError> {
    let setup = |e: String| StartError::Setup { reason: e };
    let keys =
        identity::Keypair::ed25519_from_bytes(config.secret).map_err(|e| setup(e.to_string()))?;
    let own = device_of(&keys.public().to_peer_id()).ok_or_else(|| setup("no device id".into()))?;
    let mut seeds = Vec::new();
    for text in &config.seeds {
        let bad = |reason| StartError::BadAddress { address: text.clone(), reason };
        let address = Dialable::parse(text).map_err(bad)?;
        let device = address.peer.as_ref().and_then(device_of);
        seeds.push(Seed { address, device });
    }
    let links = Links::new(own, config.limits.clone(), events.clone(), outboxes, counters.clone());
    let behaviour = Behaviour::new(&keys, &config.limits, links);
    let mut swarm = swarm::build(keys, behaviour)?;
    let listen_errors = swarm::listen(&mut swarm, &config.listen)?;
    let mut redial = Redial::default();
    for index in 0..seeds.len() {
        redial.want(Target::Seed(index), false, Instant::now());
    }
    let discovery = config.mdns.then(|| Discovery::start(own, random(), counters.clone()));
    let driver = Driver {
        swarm,
        commands,
        news: News::new(events, counters.clone()),
        counters,
        book: Book::default(),
        redial,
        seeds,
        dials: BTreeMap::new(),
        standpoint: Standpoint::configured(&config.listen),
        watch: Watch::new(),
        discovery,
        listen_errors,
        observed: VecDeque::new(),
        told: None,
        settle_at: None,
    };
    tokio::spawn(driver.run());
    Ok(())
}

/// For jitter only.
fn random() -> u64 {
    getrandom::u64().unwrap_or(0)
}

impl Driver {
    async fn run(mut self) {
        let mut sweep = tokio::time::interval(SWEEP);
        sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            self.deliver();
            let due = [self.redial.deadline(), self.settle_at].into_iter().flatten().min();
            let due = tokio::time::Instant::from_std(due.unwrap_or_else(|| Instant::now() + SWEEP));
            let open = !self.news.is_full();
            tokio::select! {
                biased;
                () = self.news.room(), if !self.news.is_empty() => {}
                command = self.commands.recv() => match command {
                    None => return,
                    Some(Command::Shutdown { reply }) => {
                        self.farewell().await;
                        // The caller may have stopped waiting.
                        let _ = reply.send(());
                        return;
                    }
                    Some(command) => self.obey(command).await,
                },
                event = self.swarm.select_next_some(), if open => self.on_swarm(event),
                change = self.watch.next() => self.on_interface(change).await,
                change = heard(&mut self.discovery), if open => self.on_heard(change),
                () = tokio::time::sleep_until(due) => {}
                _ = sweep.tick() => self.sweep(),
            }
            self.act_on_time().await;
        }
    }

    fn links(&mut self) -> &mut Links {
        &mut self.swarm.behaviour_mut().links
    }

    fn deliver(&mut self) {
        for (event, session) in self.news.flush() {
            if let NetEvent::Connected { device, .. } = event {
                self.links().confirm(&device, session);
            }
        }
    }

    fn sweep(&mut self) {
        let redial = &self.redial;
        self.swarm.behaviour_mut().links.sweep(Instant::now(), |device| redial.is_wanted(device));
    }

    async fn act_on_time(&mut self) {
        let now = Instant::now();
        if self.settle_at.is_some_and(|at| at <= now) {
            self.settle_at = None;
            self.tell_listening().await;
        }
        while let Some((target, due)) = self.redial.next(now) {
            self.dial_target(&target, due, now);
        }
    }

    async fn obey(&mut self, command: Command) {
        match command {
            Command::Want { device, addresses } => self.want(device, &addresses),
            Command::Unwant { device } => self.redial.unwant(&Target::Device(device)),
            Command::Disconnect { device, why } => {
                tracing::debug!(%device, why, "disconnecting");
                self.links().cut(&device);
            }
            Command::Dial { address, reply } => self.dial_by_hand(&address, reply),
            // The asker may have stopped waiting.
            Command::Status { reply } => drop(reply.send(self.status().await)),
            Command::Shutdown { .. } => {}
        }
    }

    fn on_swarm(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::Links(event)) => self.on_link(event),
            SwarmEvent::Behaviour(BehaviourEvent::Identify(event)) => self.on_identify(event),
            SwarmEvent::Behaviour(BehaviourEvent::Ping(event)) => self.on_ping(event),
            SwarmEvent::NewListenAddr { .. }
            | SwarmEvent::ExpiredListenAddr { .. }
            | SwarmEvent::ListenerClosed { .. } => {
                self.settle_at.get_or_insert_with(|| Instant::now() + SETTLE);
            }
            SwarmEvent::ListenerError { error, .. } => tracing::debug!(%error, "listener"),
            SwarmEvent::OutgoingConnectionError { connection_id, error, .. } => {
                self.dial_failed(connection_id, &error);
            }
            SwarmEvent::IncomingConnectionError { error, .. } => {
                tracing::debug!(%error, "inbound connection failed");
            }
            SwarmEvent::ConnectionClosed { connection_id, .. } => self.dial_unused(connection_id),
            _ => {}
        }
    }

    fn on_link(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Up { device, session, address, outbound, path } => {
                self.redial.connected(&Target::Device(device));
                let address = address.to_string();
                let event = NetEvent::Connected { device, address, outbound, path };
                self.news.push(Item::Connected(event, session));
            }
            LinkEvent::Ready { connection, device } => self.dial_done(connection, device),
            LinkEvent::Broken { device, gate, address, outbound, path } => {
                let address = address.to_string();
                let up = NetEvent::Connected { device, address, outbound, path };
                self.news.push(Item::Pair(gate, NetEvent::Disconnected { device }, up));
            }
            LinkEvent::Down { device, lasted } => {
                let now = Instant::now();
                self.redial.disconnected(&Target::Device(device), lasted, now, random());
                self.news.push(Item::Event(NetEvent::Disconnected { device }));
            }
        }
    }

    fn on_ping(&mut self, event: ping::Event) {
        let Some(device) = device_of(&event.peer) else { return };
        match event.result {
            Ok(rtt) => self.links().set_rtt(&device, event.connection, rtt),
            Err(ping::Failure::Unsupported) => {}
            Err(error) => {
                tracing::debug!(%device, %error, "no answer to pings");
                self.swarm.close_connection(event.connection);
            }
        }
    }

    /// A link came: everything missing is dialed again. A link went: its connections are dead,
    /// and waiting for pings to fail would cost seconds.
    async fn on_interface(&mut self, change: Change) {
        if let Some(discovery) = &self.discovery {
            match change {
                Change::Up(net) => discovery.up(net).await,
                Change::Down(net) => discovery.down(net).await,
            }
        }
        match change {
            Change::Up(net) if net.addr().is_loopback() => {}
            Change::Up(_) => self.redial.renew_all(Instant::now(), RENEW_SPREAD, random),
            Change::Down(net) => {
                for (connection, ip) in self.links().remotes() {
                    if net.contains(&ip) {
                        self.swarm.close_connection(connection);
                    }
                }
            }
        }
    }

    async fn tell_listening(&mut self) {
        let listening: Vec<_> = self.swarm.listeners().cloned().collect();
        self.standpoint.set_listening(&listening);
        if let Some(discovery) = &self.discovery {
            discovery.set_listening(self.standpoint.listening().to_vec()).await;
        }
        let mut addresses = self.standpoint.announced();
        addresses.sort();
        if self.told.as_ref() != Some(&addresses) {
            self.told = Some(addresses.clone());
            self.news.push(Item::Event(NetEvent::Listening { addresses }));
        }
    }

    async fn status(&mut self) -> Status {
        let mdns = match &self.discovery {
            Some(discovery) => Some(discovery.status().await),
            None => None,
        };
        Status {
            listeners: self.standpoint.listening().iter().map(|a| a.address.to_string()).collect(),
            listen_errors: self.listen_errors.clone(),
            observed: self.observed.iter().cloned().collect(),
            interfaces: self.watch.interfaces(),
            mdns,
            connections: self.links().status(),
            known_devices: self.book.len(),
            wanted_devices: self.redial.wanted(),
            counters: self.counters.values(),
        }
    }

    /// Ends every link in good order, or gives up after [`FAREWELL`].
    async fn farewell(&mut self) {
        if let Some(discovery) = &self.discovery {
            discovery.goodbye().await;
        }
        self.links().retire_all(Instant::now());
        let deadline = tokio::time::Instant::now() + FAREWELL;
        while !self.links().is_empty() {
            self.deliver();
            tokio::select! {
                event = self.swarm.select_next_some() => {
                    if let SwarmEvent::Behaviour(BehaviourEvent::Links(event)) = event {
                        self.on_link(event);
                    }
                }
                () = tokio::time::sleep_until(deadline) => break,
            }
        }
        self.deliver();
    }
}

/// The next change on the links; never, where discovery is off.
async fn heard(discovery: &mut Option<Discovery>) -> mdns::Change {
    match discovery {
        Some(discovery) => discovery.next().await,
        None => std::future::pending().await,
    }
}
