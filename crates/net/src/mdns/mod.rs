//! Finding devices on the local links by multicast DNS.
//!
//! libp2p-mdns 0.49 was not enough, as its source shows: it asks once and then every five minutes
//! and never announces itself, so of two devices only the later one learns of the other in time
//! and a changed address stays unknown; it speaks IPv4 or IPv6 but not both; an interface whose
//! socket fails once is never tried again; what strangers announce is kept without bound; and it
//! tells nothing that `doctor` could show. Here one task announces on every interface when it
//! comes up, when our addresses change, when asked, and once a minute, and says goodbye.
//!
//! What must hold: at most one announcement a second and interface (RFC 6762 section 6); an
//! address is believed only if it lies in the network of the interface it was heard on, so nobody
//! can send us to a host elsewhere; all tables are bounded. Discovery dials nothing.

mod heard;
mod packet;
mod segment;
mod socket;

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use anser_proto::DeviceId;
use if_watch::IpNet;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

pub(crate) use self::heard::Change;
use self::heard::Heard;
use self::packet::{Announcement, Packet};
use self::segment::Segment;
use self::socket::Received;
use crate::address::Dialable;
use crate::status::{Counters, MdnsInterface, count};

/// How long an announcement holds: three missed ones and the device is gone.
const TTL_S: u32 = 200;
const PACKETS: usize = 256;
const ORDERS: usize = 256;
const CHANGES: usize = 256;

enum Order {
    Up(IpNet),
    Down(IpNet),
    Listening(Vec<Dialable>),
    Status(oneshot::Sender<Vec<MdnsInterface>>),
    Goodbye(oneshot::Sender<()>),
}

/// The handle on the task; it ends when this is dropped.
pub(crate) struct Discovery {
    orders: mpsc::Sender<Order>,
    changes: mpsc::Receiver<Change>,
    task: JoinHandle<()>,
}

impl Drop for Discovery {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Discovery {
    pub(crate) fn start(own: DeviceId, boot: u64, counters: Arc<Counters>) -> Self {
        let (orders, orders_out) = mpsc::channel(ORDERS);
        let (changes_in, changes) = mpsc::channel(CHANGES);
        let (packets_in, packets) = mpsc::channel(PACKETS);
        let responder = Responder {
            own,
            boot: format!("{boot:016x}"),
            listening: Vec::new(),
            segments: BTreeMap::new(),
            heard: Heard::default(),
            packets_in,
            untold: VecDeque::new(),
            counters,
        };
        let task = tokio::spawn(responder.run(orders_out, packets, changes_in));
        Self { orders, changes, task }
    }

    /// The next change. Cancel-safe; waits for ever when the task is gone.
    pub(crate) async fn next(&mut self) -> Change {
        match self.changes.recv().await {
            Some(change) => change,
            None => std::future::pending().await,
        }
    }

    async fn order(&self, order: Order) {
        // The task ends only with us.
        let _ = self.orders.send(order).await;
    }

    pub(crate) async fn up(&self, net: IpNet) {
        self.order(Order::Up(net)).await;
    }

    pub(crate) async fn down(&self, net: IpNet) {
        self.order(Order::Down(net)).await;
    }

    /// Where we listen now.
    pub(crate) async fn set_listening(&self, addresses: Vec<Dialable>) {
        self.order(Order::Listening(addresses)).await;
    }

    pub(crate) async fn status(&self) -> Vec<MdnsInterface> {
        let (reply, answer) = oneshot::channel();
        self.order(Order::Status(reply)).await;
        answer.await.unwrap_or_default()
    }

    /// Tells the links that we are leaving.
    pub(crate) async fn goodbye(&self) {
        let (reply, answer) = oneshot::channel();
        self.order(Order::Goodbye(reply)).await;
        // An error means that nobody is left to say it.
        let _ = answer.await;
    }
}

struct Responder {
    own: DeviceId,
    boot: String,
    listening: Vec<Dialable>,
    segments: BTreeMap<IpAddr, Segment>,
    heard: Heard,
    packets_in: mpsc::Sender<Received>,
    /// Changes the driver has not taken yet; it is never waited for, since it waits for us.
    untold: VecDeque<Change>,
    counters: Arc<Counters>,
}

impl Responder {
    async fn run(
        mut self,
        mut orders: mpsc::Receiver<Order>,
        mut packets: mpsc::Receiver<Received>,
        changes_in: mpsc::Sender<Change>,
    ) {
        loop {
            let next = self.segments.values().filter_map(Segment::deadline).min();
            let due = [next, self.heard.deadline()].into_iter().flatten().min();
            let due = due.unwrap_or_else(|| Instant::now() + Duration::from_secs(60));
            let changes = tokio::select! {
                order = orders.recv() => match order {
                    None => return,
                    Some(order) => self.obey(order),
                },
                Some(packet) = packets.recv() => self.on_packet(&packet),
                room = changes_in.reserve(), if !self.untold.is_empty() => {
                    let Ok(room) = room else { return };
                    if let Some(change) = self.untold.pop_front() {
                        room.send(change);
                    }
                    Vec::new()
                }
                () = tokio::time::sleep_until(tokio::time::Instant::from_std(due)) => {
                    self.heard.expire(Instant::now())
                }
            };
            self.act_on_time();
            for change in changes {
                if self.untold.len() < CHANGES {
                    self.untold.push_back(change);
                } else {
                    count(&self.counters.events_dropped);
                }
            }
        }
    }

    fn obey(&mut self, order: Order) -> Vec<Change> {
        let now = Instant::now();
        match order {
            Order::Up(net) => {
                if speaks_for_its_link(net.addr()) {
                    self.segments.entry(net.addr()).or_insert_with(|| Segment::new(net, now));
                } else {
                    self.announce_anew(now);
                }
            }
            Order::Down(net) => {
                self.segments.remove(&net.addr());
                return self.heard.drop_interface(net.addr());
            }
            Order::Listening(addresses) => {
                self.listening = addresses;
                self.announce_anew(now);
            }
            // The askers may have stopped waiting.
            Order::Status(reply) => {
                let _ = reply.send(self.segments.values().map(|s| s.status(now)).collect());
            }
            Order::Goodbye(reply) => {
                self.farewell();
                let _ = reply.send(());
            }
        }
        Vec::new()
    }

    fn announce_anew(&mut self, now: Instant) {
        for segment in self.segments.values_mut() {
            segment.announce_anew(now);
        }
    }

    fn announcement(&self, segment: &Segment, ttl_s: u32) -> Option<Vec<u8>> {
        let here = self.listening.iter().filter(|a| a.ip.is_some_and(|ip| segment.holds(ip)));
        let addresses: Vec<_> = here.take(packet::MAX_ADDRESSES).cloned().collect();
        if addresses.is_empty() {
            return None;
        }
        let (device, boot) = (self.own, self.boot.clone());
        packet::answer(&Announcement { device, boot, addresses, ttl_s })
    }

    fn farewell(&mut self) {
        let ips: Vec<_> = self.segments.keys().copied().collect();
        for ip in ips {
            let goodbye = self.segments.get(&ip).and_then(|s| self.announcement(s, 0));
            if let (Some(goodbye), Some(segment)) = (goodbye, self.segments.get_mut(&ip)) {
                segment.send(&goodbye);
            }
        }
    }

    fn act_on_time(&mut self) {
        let now = Instant::now();
        let due: Vec<_> = self
            .segments
            .iter()
            .filter(|(_, s)| s.deadline().is_some_and(|at| at <= now))
            .map(|(ip, _)| *ip)
            .collect();
        for ip in due {
            let Some(segment) = self.segments.get_mut(&ip) else { continue };
            if !segment.ensure_joined(&self.packets_in, now) {
                continue;
            }
            let ask = segment.take_question(now);
            let tell = segment.take_announcement(now);
            let answer =
                self.segments.get(&ip).filter(|_| tell).and_then(|s| self.announcement(s, TTL_S));
            let Some(segment) = self.segments.get_mut(&ip) else { continue };
            if tell && answer.is_none() {
                segment.hold_tongue();
            }
            for bytes in [packet::question().filter(|_| ask), answer].into_iter().flatten() {
                segment.send(&bytes);
            }
        }
    }

    fn on_packet(&mut self, received: &Received) -> Vec<Change> {
        let now = Instant::now();
        let Some(segment) = self.segments.get_mut(&received.interface) else { return Vec::new() };
        match packet::read(&received.bytes) {
            None => count(&self.counters.bad_packets),
            Some(Packet::Other) => {}
            Some(Packet::Question) => segment.answer_soon(now),
            Some(Packet::Answer(announcements)) => {
                let mut changes = Vec::new();
                for mut announcement in announcements {
                    if announcement.device == self.own {
                        continue;
                    }
                    segment.note_heard(now);
                    let said = announcement.addresses.len();
                    announcement.addresses.retain(|a| a.ip.is_some_and(|ip| segment.reaches(ip)));
                    let foreign = said.saturating_sub(announcement.addresses.len());
                    // Announcing only addresses that are not on this link is no goodbye.
                    if foreign > 0 && announcement.addresses.is_empty() {
                        self.counters.bad_addresses.fetch_add(1, Relaxed);
                        continue;
                    }
                    changes.extend(self.heard.hear(received.interface, announcement, now));
                }
                return changes;
            }
        }
        Vec::new()
    }
}

/// Every IPv4 address has a group membership of its own; an IPv6 interface has one, held by its
/// link-local address.
fn speaks_for_its_link(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}
