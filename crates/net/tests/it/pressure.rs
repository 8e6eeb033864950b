//! Peers that send too much, read too little, or break the rules.

use std::time::{Duration, Instant};

use anser_net::NetEvent;
use anser_proto::DeviceId;
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, PeerId, StreamProtocol, Swarm, SwarmBuilder, noise, tcp, yamux};

use crate::support::{DEADLINE, Host, config, device, pair};

#[tokio::test]
async fn a_device_over_its_quota_is_slowed_and_loses_nothing() {
    let mut strict = config(50);
    strict.limits.frames_per_s = 500;
    strict.limits.frames_burst = 100;
    let (mut a, mut b) = (Host::start(strict).await, Host::seeded(51).await);
    b.net.want(a.device, a.addresses.clone());
    b.connected(a.device).await;
    a.connected(b.device).await;
    let start = Instant::now();
    for n in 0..500_u32 {
        b.net.send(a.device, n.to_be_bytes().to_vec());
    }
    for n in 0..500_u32 {
        assert_eq!(a.frame().await, n.to_be_bytes());
    }
    // 400 frames beyond the burst at 500 a second.
    assert!(start.elapsed() > Duration::from_millis(780), "{:?}", start.elapsed());
    assert!(a.net.status().await.counters.quota_cuts > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_does_not_take_its_events_stops_the_peer() {
    const FRAME_BYTES: usize = 64 << 10;
    const FRAMES: u32 = 800;
    let mut patient = config(52);
    patient.limits.queue_bytes_per_device = 64 << 20;
    let (mut a, mut b) = (Host::start(patient).await, Host::seeded(53).await);
    a.net.want(b.device, b.addresses.clone());
    a.connected(b.device).await;
    b.connected(a.device).await;
    for n in 0..FRAMES {
        let mut frame = vec![7; FRAME_BYTES];
        frame[..4].copy_from_slice(&n.to_be_bytes());
        a.net.send(b.device, frame);
    }
    // B takes nothing until its side stands still: as many answers as pings would need to show
    // that the connection lives, and no frame more than the budget.
    let mut last = 0;
    let mut same = 0;
    let deadline = Instant::now() + DEADLINE;
    while same < 2_000 {
        let now = b.net.status().await.counters.frames_in;
        a.net.status().await;
        same = if now == last && now > 0 { same + 1 } else { 0 };
        last = now;
        assert!(Instant::now() < deadline, "never stood still");
    }
    // 8 MiB of events, one frame waiting.
    assert!(last <= 130, "{last} frames of 64 KiB were taken in");
    let written = a.net.status().await.counters.bytes_out;
    assert!(written < 24 << 20, "{written} bytes left the queue");
    for n in 0..FRAMES {
        assert_eq!(b.frame().await[..4], n.to_be_bytes());
    }
}

#[tokio::test]
async fn a_queue_over_its_bound_closes_the_connection() {
    let (mut a, mut b) = pair(54, 55).await;
    for _ in 0..100 {
        a.net.send(b.device, vec![0; 1 << 20]);
    }
    a.disconnected(b.device).await;
    let counters = a.net.status().await.counters;
    assert_eq!(counters.queue_overflows, 1);
    assert!(counters.frames_dropped >= 80, "{}", counters.frames_dropped);
    // It is wanted: the connection comes back and works.
    b.disconnected(a.device).await;
    a.connected(b.device).await;
    a.net.send(b.device, b"fine".to_vec());
    while b.frame().await != b"fine" {}
}

/// A peer of our own making that speaks libp2p but not our rules.
struct Rude {
    control: libp2p_stream::Control,
    device: DeviceId,
    dial: tokio::sync::mpsc::Sender<Multiaddr>,
    said: tokio::sync::mpsc::Receiver<&'static str>,
}

const PROTOCOL: StreamProtocol = StreamProtocol::new("/anser/1");

impl Rude {
    fn start(seed: u8) -> Self {
        let keys = libp2p::identity::Keypair::ed25519_from_bytes([seed; 32]).unwrap();
        let mut swarm: Swarm<libp2p_stream::Behaviour> = SwarmBuilder::with_existing_identity(keys)
            .with_tokio()
            .with_tcp(tcp::Config::new(), noise::Config::new, yamux::Config::default)
            .unwrap()
            .with_behaviour(|_| libp2p_stream::Behaviour::new())
            .unwrap()
            .with_swarm_config(|c| c.with_idle_connection_timeout(Duration::from_secs(60)))
            .build();
        let control = swarm.behaviour().new_control();
        let mut incoming = control.clone().accept(PROTOCOL).unwrap();
        let (dial, mut dials) = tokio::sync::mpsc::channel::<Multiaddr>(4);
        let (say, said) = tokio::sync::mpsc::channel(16);
        tokio::spawn(async move {
            let mut taken = Vec::new();
            loop {
                tokio::select! {
                    address = dials.recv() => match address {
                        Some(address) => swarm.dial(address).unwrap(),
                        None => return,
                    },
                    Some((_, stream)) = incoming.next() => taken.push(stream),
                    event = swarm.select_next_some() => {
                        let word = match event {
                            SwarmEvent::ConnectionEstablished { .. } => "up",
                            SwarmEvent::ConnectionClosed { .. } => "down",
                            SwarmEvent::OutgoingConnectionError { .. } => "refused",
                            _ => continue,
                        };
                        say.send(word).await.unwrap();
                    }
                }
            }
        });
        Self { control, device: device(seed), dial, said }
    }

    async fn hears(&mut self, word: &str) {
        let heard = tokio::time::timeout(DEADLINE, self.said.recv()).await.unwrap().unwrap();
        assert_eq!(heard, word);
    }

    async fn connect(&mut self, host: &mut Host) -> PeerId {
        self.dial.send(host.tcp().parse().unwrap()).await.unwrap();
        self.hears("up").await;
        host.connected(self.device).await;
        let keys = libp2p::identity::ed25519::PublicKey::try_from_bytes(host.device.as_bytes());
        libp2p::identity::PublicKey::from(keys.unwrap()).to_peer_id()
    }

    /// Opens a stream, writes, and waits until the other side has dropped the stream.
    async fn writes(&mut self, to: PeerId, bytes: &[u8]) {
        let mut stream = self.control.open_stream(to, PROTOCOL).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream.flush().await.unwrap();
        let mut end = [0; 1];
        let ended = tokio::time::timeout(DEADLINE, stream.read(&mut end)).await.unwrap();
        assert!(!matches!(ended, Ok(1..)), "the other side wrote");
    }
}

#[tokio::test]
async fn frames_that_break_the_rules_drop_the_stream_and_then_ban_the_device() {
    let mut host = Host::seeded(56).await;
    let mut rude = Rude::start(57);
    let to = rude.connect(&mut host).await;
    let good = [0, 0, 0, 2, b'o', b'k'];
    let oversize = [&good[..], &(1_u32 << 20 | 1).to_be_bytes()].concat();
    rude.writes(to, &oversize).await;
    assert_eq!(host.frame().await, b"ok");
    assert_eq!(host.net.status().await.counters.bad_streams, 1);
    rude.writes(to, &[0, 0, 0, 0]).await;
    assert_eq!(host.net.status().await.counters.bans, 0);
    rude.writes(to, &[0xff; 70_000]).await;
    rude.hears("down").await;
    host.disconnected(rude.device).await;
    let counters = host.net.status().await.counters;
    assert_eq!((counters.bad_streams, counters.bans), (3, 1));
    rude.dial.send(host.tcp().parse().unwrap()).await.unwrap();
    rude.hears("up").await;
    rude.hears("down").await;
    assert_eq!(host.net.status().await.counters.connections_denied, 1);
    // Everybody else is still served.
    let mut friend = Host::seeded(58).await;
    friend.net.want(host.device, host.addresses.clone());
    host.connected(friend.device).await;
    friend.connected(host.device).await;
}

#[tokio::test]
async fn a_flood_of_streams_ends_in_a_ban() {
    let mut host = Host::seeded(59).await;
    let mut rude = Rude::start(60);
    let to = rude.connect(&mut host).await;
    let mut held = Vec::new();
    for _ in 0..200 {
        match rude.control.open_stream(to, PROTOCOL).await {
            Ok(stream) => held.push(stream),
            Err(_) => break,
        }
    }
    host.disconnected(rude.device).await;
    assert_eq!(host.net.status().await.counters.bans, 1);
}

#[tokio::test]
async fn random_bytes_never_hurt() {
    let mut host = Host::seeded(61).await;
    let mut state = 0x9e37_79b9_u32;
    for round in 0..20_u8 {
        let mut rude = Rude::start(62 + round);
        let to = rude.connect(&mut host).await;
        let bytes: Vec<u8> = (0..5_000)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                u8::try_from(state >> 24).unwrap()
            })
            .collect();
        // A length that happens to be allowed makes us wait for more: end the stream then.
        let mut stream = rude.control.open_stream(to, PROTOCOL).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        stream.close().await.ok();
        drop(rude);
        host.disconnected(device(62 + round)).await;
    }
    let frames = host.net.status().await.counters.frames_in;
    assert_eq!(frames, 0, "5,000 random bytes hold no whole frame with these seeds");
}

#[tokio::test]
async fn a_peer_that_speaks_no_anser_is_never_connected() {
    let mut host = Host::seeded(90).await;
    let keys = libp2p::identity::Keypair::ed25519_from_bytes([91; 32]).unwrap();
    let mut stranger = SwarmBuilder::with_existing_identity(keys)
        .with_tokio()
        .with_tcp(tcp::Config::new(), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_behaviour(|_| libp2p::swarm::dummy::Behaviour)
        .unwrap()
        .with_swarm_config(|c| c.with_idle_connection_timeout(Duration::from_secs(60)))
        .build();
    stranger.dial(host.tcp().parse::<Multiaddr>().unwrap()).unwrap();
    let closed = async {
        while !matches!(stranger.select_next_some().await, SwarmEvent::ConnectionClosed { .. }) {}
    };
    tokio::time::timeout(DEADLINE, closed).await.unwrap();
    assert_eq!(host.net.status().await.counters.foreign_peers, 1);
    host.net.clone().shutdown().await;
    while let Some(event) = host.events.recv().await {
        assert!(!matches!(event, NetEvent::Connected { .. }), "{event:?}");
    }
}
