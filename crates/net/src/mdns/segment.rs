//! One interface: its socket, when it speaks next, and what has been heard there.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use if_watch::IpNet;
use tokio::sync::mpsc::Sender;

use super::socket::{MulticastSocket, Received};
use crate::status::MdnsInterface;

/// After coming up, and after a change, announcements (and at first questions) are repeated after
/// these pauses: a lost packet costs a second.
const REPEATS: [Duration; 3] =
    [Duration::from_millis(250), Duration::from_millis(1_000), Duration::from_secs(4)];
/// Otherwise a device announces itself this often, give or take a tenth.
const PERIOD: Duration = Duration::from_secs(60);
/// Announcements are at least this far apart.
const SPACING: Duration = Duration::from_secs(1);
/// Answers are spread over this long, so that 500 devices do not answer at once.
const ANSWER_SPREAD: Duration = Duration::from_millis(100);
const REJOIN_FIRST: Duration = Duration::from_secs(1);
const REJOIN_MAX: Duration = Duration::from_secs(30);

/// The state of one interface address.
pub(crate) struct Segment {
    net: IpNet,
    name: String,
    nets: Vec<IpNet>,
    socket: Option<MulticastSocket>,
    error: Option<String>,
    rejoin_after: Duration,
    ask_at: Option<Instant>,
    asked: usize,
    tell_at: Option<Instant>,
    told: usize,
    last_told: Option<Instant>,
    heard: u64,
    sent: u64,
    last_heard: Option<Instant>,
}

impl Segment {
    pub(crate) fn new(net: IpNet, now: Instant) -> Self {
        Self {
            net,
            name: String::new(),
            nets: vec![net],
            socket: None,
            error: None,
            rejoin_after: REJOIN_FIRST,
            ask_at: Some(now),
            asked: 0,
            tell_at: Some(now),
            told: 0,
            last_told: None,
            heard: 0,
            sent: 0,
            last_heard: None,
        }
    }

    /// When it wants to speak.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        [self.ask_at, self.tell_at].into_iter().flatten().min()
    }

    /// Whether this is one of our own addresses on the interface.
    pub(crate) fn holds(&self, ip: IpAddr) -> bool {
        self.nets.iter().any(|net| net.addr() == ip)
    }

    /// Whether a host with this address can be on the interface.
    pub(crate) fn reaches(&self, ip: IpAddr) -> bool {
        self.nets.iter().any(|net| net.contains(&ip))
    }

    /// Opens the socket if it is not; when that fails, tries again later. Returns whether it is
    /// open.
    pub(crate) fn ensure_joined(&mut self, packets: &Sender<Received>, now: Instant) -> bool {
        if self.socket.is_some() {
            return true;
        }
        let joined = self
            .look_up()
            .and_then(|index| MulticastSocket::join(self.net, index, packets.clone()));
        match joined {
            Ok(socket) => {
                self.socket = Some(socket);
                self.error = None;
                self.rejoin_after = REJOIN_FIRST;
                true
            }
            Err(error) => {
                tracing::debug!(net = ?self.net, %error, "no multicast");
                self.error = Some(error.to_string());
                self.ask_at = now.checked_add(self.rejoin_after);
                self.tell_at = self.ask_at;
                self.rejoin_after = self.rejoin_after.saturating_mul(2).min(REJOIN_MAX);
                false
            }
        }
    }

    /// Finds the interface's name and index, and for IPv6 its other networks: the group is joined
    /// once by its link-local address and speaks for all of them.
    fn look_up(&mut self) -> std::io::Result<u32> {
        let all = if_addrs::get_if_addrs()?;
        let own = all.iter().find(|i| i.ip() == self.net.addr());
        let own = own.ok_or(std::io::ErrorKind::AddrNotAvailable)?;
        self.name.clone_from(&own.name);
        if self.net.addr().is_ipv6() {
            self.nets = all
                .iter()
                .filter(|i| i.name == own.name)
                .filter_map(|i| match &i.addr {
                    if_addrs::IfAddr::V6(v6) => {
                        if_watch::Ipv6Net::new(v6.ip, v6.prefixlen).ok().map(IpNet::V6)
                    }
                    if_addrs::IfAddr::V4(_) => None,
                })
                .filter(|net| !matches!(net.addr(), IpAddr::V6(ip) if ip.is_unicast_link_local()))
                .collect();
        }
        Ok(own.index.unwrap_or(0))
    }

    /// Our addresses changed.
    pub(crate) fn announce_anew(&mut self, now: Instant) {
        self.told = 0;
        if self.net.addr().is_ipv6() {
            // The networks of the interface may be others now.
            let _ = self.look_up();
        }
        self.tell_no_sooner(now);
    }

    /// Somebody asked.
    pub(crate) fn answer_soon(&mut self, now: Instant) {
        let spread = u64::try_from(ANSWER_SPREAD.as_micros()).unwrap_or(u64::MAX).max(1);
        let delay = random().checked_rem(spread).unwrap_or(0);
        self.tell_no_sooner(now + Duration::from_micros(delay));
    }

    fn tell_no_sooner(&mut self, at: Instant) {
        let spaced = self.last_told.and_then(|last| last.checked_add(SPACING));
        let at = spaced.map_or(at, |spaced| spaced.max(at));
        self.tell_at = Some(self.tell_at.map_or(at, |planned| planned.min(at)));
    }

    /// Whether to ask now.
    pub(crate) fn take_question(&mut self, now: Instant) -> bool {
        if self.ask_at.is_none_or(|at| at > now) {
            return false;
        }
        self.ask_at = REPEATS.get(self.asked).and_then(|pause| now.checked_add(*pause));
        self.asked = self.asked.saturating_add(1);
        true
    }

    /// Whether to announce now.
    pub(crate) fn take_announcement(&mut self, now: Instant) -> bool {
        if self.tell_at.is_none_or(|at| at > now) {
            return false;
        }
        let pause = REPEATS.get(self.told).copied().unwrap_or_else(|| {
            let tenth = PERIOD.as_secs().checked_div(10).unwrap_or(1).max(1);
            PERIOD + Duration::from_secs(random().checked_rem(tenth).unwrap_or(0))
        });
        self.told = self.told.saturating_add(1);
        self.last_told = Some(now);
        self.tell_at = now.checked_add(pause);
        true
    }

    /// There was nothing to announce, so nothing needs to keep its distance from it.
    pub(crate) fn hold_tongue(&mut self) {
        self.told = 0;
        self.last_told = None;
        self.tell_at = None;
    }

    pub(crate) fn note_heard(&mut self, now: Instant) {
        self.heard = self.heard.saturating_add(1);
        self.last_heard = Some(now);
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let Some(socket) = &self.socket else { return };
        match socket.send(bytes) {
            Ok(()) => {
                self.sent = self.sent.saturating_add(1);
                self.error = None;
            }
            Err(error) => self.error = Some(error.to_string()),
        }
    }

    pub(crate) fn status(&self, now: Instant) -> MdnsInterface {
        let since = self.last_heard.map(|at| now.saturating_duration_since(at).as_millis());
        let net = format!("{}/{}", self.net.addr(), self.net.prefix_len());
        MdnsInterface {
            interface: if self.name.is_empty() { net } else { format!("{} {net}", self.name) },
            error: self.error.clone(),
            packets_heard: self.heard,
            packets_sent: self.sent,
            last_heard_ms_ago: since.map(|ms| u64::try_from(ms).unwrap_or(u64::MAX)),
        }
    }
}

/// For jitter only.
fn random() -> u64 {
    getrandom::u64().unwrap_or(0)
}
