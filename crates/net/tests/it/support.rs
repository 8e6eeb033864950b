//! Swarms on loopback, and waiting for what they say.

use std::collections::VecDeque;
use std::time::Duration;

use anser_net::{Config, Limits, Net, NetEvent};
use anser_proto::DeviceId;
use tokio::sync::mpsc::Receiver;

/// No test waits longer for anything.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// A network, its events and where it listens.
pub struct Host {
    pub net: Net,
    pub events: Receiver<NetEvent>,
    pub device: DeviceId,
    pub addresses: Vec<String>,
    early: VecDeque<NetEvent>,
}

pub fn device(seed: u8) -> DeviceId {
    let keys = libp2p::identity::Keypair::ed25519_from_bytes([seed; 32]).unwrap();
    DeviceId(keys.public().try_into_ed25519().unwrap().to_bytes())
}

/// The `/p2p/…` end of a device's addresses.
pub fn peer_suffix(seed: u8) -> String {
    let keys = libp2p::identity::Keypair::ed25519_from_bytes([seed; 32]).unwrap();
    format!("/p2p/{}", keys.public().to_peer_id())
}

pub fn config(seed: u8) -> Config {
    Config {
        secret: [seed; 32],
        listen: vec!["/ip4/127.0.0.1/tcp/0".into(), "/ip4/127.0.0.1/udp/0/quic-v1".into()],
        mdns: false,
        seeds: Vec::new(),
        limits: Limits::default(),
    }
}

impl Host {
    pub async fn start(config: Config) -> Self {
        let mut device_key = [0; 32];
        device_key.copy_from_slice(&config.secret);
        let wanted = config.listen.len();
        let device = device(device_key[0]);
        let (net, mut events) = Net::start(config).await.unwrap();
        let (mut addresses, mut early) = (Vec::new(), VecDeque::new());
        while addresses.len() < wanted {
            let event = tokio::time::timeout(DEADLINE, events.recv()).await.unwrap().unwrap();
            match event {
                NetEvent::Listening { addresses: list } => addresses = list,
                other => early.push_back(other),
            }
        }
        Self { net, events, device, addresses, early }
    }

    pub async fn seeded(seed: u8) -> Self {
        Self::start(config(seed)).await
    }

    pub fn tcp(&self) -> String {
        self.addresses.iter().find(|a| a.contains("/tcp/")).unwrap().clone()
    }

    pub fn quic(&self) -> String {
        self.addresses.iter().find(|a| a.contains("/quic")).unwrap().clone()
    }

    /// The next event; panics at the deadline. Printed, for the reader of a failure.
    pub async fn next(&mut self) -> NetEvent {
        let event = match self.early.pop_front() {
            Some(event) => event,
            None => {
                let event = tokio::time::timeout(DEADLINE, self.events.recv()).await;
                event.expect("no event").expect("ended")
            }
        };
        if !matches!(event, NetEvent::Frame { .. }) {
            println!("{:?} {event:?}", self.device);
        }
        event
    }

    /// The first event that `pick` takes; others are passed over.
    pub async fn until<T>(&mut self, mut pick: impl FnMut(&NetEvent) -> Option<T>) -> T {
        loop {
            let event = self.next().await;
            if let Some(found) = pick(&event) {
                return found;
            }
        }
    }

    pub async fn connected(&mut self, to: DeviceId) -> bool {
        self.until(|e| match e {
            NetEvent::Connected { device, outbound, .. } if *device == to => Some(*outbound),
            _ => None,
        })
        .await
    }

    pub async fn disconnected(&mut self, from: DeviceId) {
        let gone = NetEvent::Disconnected { device: from };
        self.until(|e| (*e == gone).then_some(())).await;
    }

    pub async fn frame(&mut self) -> Vec<u8> {
        self.until(|e| match e {
            NetEvent::Frame { bytes, .. } => Some(bytes.clone()),
            _ => None,
        })
        .await
    }
}

/// Two hosts, the first of which wants the second, both told of the connection.
pub async fn pair(first: u8, second: u8) -> (Host, Host) {
    let (mut a, mut b) = (Host::seeded(first).await, Host::seeded(second).await);
    a.net.want(b.device, b.addresses.clone());
    a.connected(b.device).await;
    b.connected(a.device).await;
    (a, b)
}
