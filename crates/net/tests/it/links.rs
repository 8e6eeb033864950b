//! Connections: two sides at once, restarts, refusals, idling, farewells.

use std::time::Duration;

use anser_net::{DialError, Net, NetEvent, StartError, Via};

use crate::support::{DEADLINE, Host, config, device, pair, peer_suffix};

/// Asks for the status until the hosts have agreed on one connection.
async fn one_connection(host: &Host) {
    let agreed = async {
        while host.net.status().await.connections.len() != 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, agreed).await.expect("still several connections");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_sides_dialing_at_once_agree_on_one_connection_and_lose_nothing() {
    const FRAMES: u32 = 500;
    let mut doubled = 0;
    for round in 0..10_u8 {
        let (mut a, mut b) = (Host::seeded(10 + round).await, Host::seeded(100 + round).await);
        a.net.want(b.device, b.addresses.clone());
        b.net.want(a.device, a.addresses.clone());
        let run = |mut host: Host, to| async move {
            host.connected(to).await;
            for n in 0..FRAMES {
                host.net.send(to, n.to_be_bytes().to_vec());
            }
            let mut seen = vec![false; FRAMES as usize];
            while seen.contains(&false) {
                match host.next().await {
                    NetEvent::Frame { bytes, .. } => {
                        let n = u32::from_be_bytes(bytes.try_into().unwrap()) as usize;
                        assert!(!std::mem::replace(&mut seen[n], true), "frame {n} came twice");
                    }
                    NetEvent::Connected { .. } | NetEvent::Disconnected { .. } => {
                        panic!("flapped")
                    }
                    _ => {}
                }
            }
            host
        };
        let (to_a, to_b) = (a.device, b.device);
        let other = tokio::spawn(run(b, to_a));
        a = run(a, to_b).await;
        b = other.await.unwrap();
        if a.net.status().await.connections.len() > 1 {
            doubled += 1;
        }
        one_connection(&a).await;
        one_connection(&b).await;
        let lost = a.net.status().await.counters.frames_dropped;
        assert_eq!(lost, 0);
        a.net.send(to_b, b"after".to_vec());
        assert_eq!(b.frame().await, b"after");
        a.net.shutdown().await;
        b.net.shutdown().await;
    }
    println!("{doubled} of 10 rounds still had two connections after the frames");
}

#[tokio::test]
async fn a_wanted_device_is_found_again_after_its_restart() {
    let (mut a, mut b) = pair(30, 31).await;
    let mut again = config(31);
    again.listen = b.addresses.clone();
    b.net.shutdown().await;
    a.disconnected(b.device).await;
    b = Host::start(again).await;
    a.connected(b.device).await;
    b.connected(a.device).await;
    a.net.send(b.device, b"back".to_vec());
    assert_eq!(b.frame().await, b"back");
}

#[tokio::test]
async fn unreachable_tells_why_and_waits_longer_each_time() {
    let mut a = Host::seeded(32).await;
    let absent = device(33);
    // Bound and never listened on: nobody else can take the port meanwhile.
    let holder = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    a.net.want(absent, vec![format!("/ip4/127.0.0.1/tcp/{port}")]);
    for attempt in 0..5_u32 {
        let (reason, pause) = a
            .until(|e| match e {
                NetEvent::Unreachable { device, reason, retry_in_ms } if *device == absent => {
                    Some((reason.clone(), *retry_in_ms))
                }
                _ => None,
            })
            .await;
        assert_eq!(reason, "nothing listens at this address");
        assert!(pause <= 500 << attempt, "attempt {attempt} pauses {pause} ms");
    }
    // News makes it try at once, and there is somebody now.
    let mut b = Host::seeded(33).await;
    a.net.want(absent, b.addresses.clone());
    a.connected(absent).await;
    b.connected(a.device).await;
}

#[tokio::test]
async fn dialing_by_hand_says_what_is_wrong() {
    let (mut a, b) = (Host::seeded(34).await, Host::seeded(35).await);
    let dial = |address: String| a.net.dial(address);
    for address in [b.tcp(), b.quic()] {
        let wrong = dial(format!("{address}{}", peer_suffix(36))).await;
        assert_eq!(wrong, Err(DialError::WrongPeer { found: b.device.to_string() }));
    }
    assert_eq!(dial(a.tcp()).await, Err(DialError::SelfDial));
    assert_eq!(dial(format!("{}{}", a.tcp(), peer_suffix(34))).await, Err(DialError::SelfDial));
    assert!(matches!(dial("10.0.0.1:80".into()).await, Err(DialError::Unparsable { .. })));
    assert!(matches!(dial("/ip4/127.0.0.1/udp/9".into()).await, Err(DialError::Unparsable { .. })));
    assert_eq!(dial("/ip4/127.0.0.1/tcp/1".into()).await, Err(DialError::Refused));
    assert_eq!(dial(b.tcp()).await, Ok(b.device));
    let address = b.tcp();
    let found = a
        .until(|e| match e {
            NetEvent::Discovered { device, addresses, via: Via::Manual } => {
                Some((*device, addresses.clone()))
            }
            _ => None,
        })
        .await;
    assert_eq!(found, (b.device, vec![address]));
    a.net.clone().shutdown().await;
    assert_eq!(a.net.dial(b.tcp()).await, Err(DialError::Closed));
}

#[tokio::test]
async fn a_taken_port_is_a_clear_error() {
    let a = Host::seeded(37).await;
    for address in a.addresses.clone() {
        let mut second = config(38);
        second.listen = vec![address.clone()];
        let error = Net::start(second).await.err();
        assert_eq!(error, Some(StartError::PortTaken { address }));
    }
    for listen in ["nonsense", "/dns/localhost/tcp/1", "/ip4/127.0.0.1/udp/5"] {
        let mut bad = config(38);
        bad.listen = vec![listen.into()];
        assert!(matches!(Net::start(bad).await, Err(StartError::BadAddress { .. })), "{listen}");
    }
}

#[tokio::test]
async fn a_seed_without_a_name_is_learned_and_one_that_is_away_is_tried_again() {
    let a = Host::seeded(39).await;
    let mut with_seed = config(40);
    with_seed.seeds = vec![a.tcp()];
    let mut b = Host::start(with_seed).await;
    let address = a.tcp();
    let via_seed = |e: &NetEvent| match e {
        NetEvent::Discovered { device, addresses, via: Via::Seed } => {
            Some((*device, addresses.clone()))
        }
        _ => None,
    };
    assert_eq!(b.until(via_seed).await, (a.device, vec![address.clone()]));
    a.net.shutdown().await;
    b.net.shutdown().await;

    let mut early = config(41);
    early.seeds = vec![format!("{address}{}", peer_suffix(39))];
    let mut c = Host::start(early).await;
    c.until(|e| matches!(e, NetEvent::Unreachable { .. }).then_some(())).await;
    let mut late = config(39);
    late.listen = vec![address];
    let mut a = Host::start(late).await;
    assert_eq!(c.until(via_seed).await.0, a.device);
    a.connected(c.device).await;
}

#[tokio::test]
async fn an_unwanted_connection_idles_out_and_a_wanted_one_does_not() {
    let mut quick = config(42);
    quick.limits.idle_s = 1;
    let (mut a, mut b, mut c) =
        (Host::start(quick).await, Host::seeded(43).await, Host::seeded(44).await);
    a.net.want(b.device, b.addresses.clone());
    a.net.want(c.device, c.addresses.clone());
    b.connected(a.device).await;
    c.connected(a.device).await;
    a.net.unwant(b.device);
    b.disconnected(a.device).await;
    a.disconnected(b.device).await;
    let left = a.net.status().await.connections;
    assert_eq!(left.iter().map(|c| c.device).collect::<Vec<_>>(), [c.device]);
}

#[tokio::test]
async fn a_shutdown_writes_what_was_queued() {
    let (a, mut b) = pair(45, 46).await;
    for n in 0..3_000_u32 {
        let mut frame = vec![0; 2_000];
        frame[..4].copy_from_slice(&n.to_be_bytes());
        a.net.send(b.device, frame);
    }
    let from = a.device;
    let reads = async {
        for n in 0..3_000_u32 {
            assert_eq!(b.frame().await[..4], n.to_be_bytes());
        }
        b.disconnected(from).await;
    };
    tokio::join!(a.net.shutdown(), reads);
}

#[tokio::test]
async fn disconnect_cuts_and_a_wanted_device_comes_back() {
    let (mut a, mut b) = pair(47, 48).await;
    a.net.disconnect(b.device, "test");
    a.disconnected(b.device).await;
    b.disconnected(a.device).await;
    a.connected(b.device).await;
    b.connected(a.device).await;
    a.net.unwant(b.device);
    a.net.send(device(49), b"nobody".to_vec());
    a.net.send(b.device, Vec::new());
    a.net.send(b.device, vec![0; (1 << 20) + 1]);
    let counters = a.net.status().await.counters;
    assert_eq!((counters.frames_dropped, counters.frames_refused), (1, 2));
    tokio::time::timeout(Duration::from_secs(5), a.net.shutdown()).await.unwrap();
}
