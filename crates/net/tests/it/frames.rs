//! Frames: both ways, in order, whole, over both transports.

use anser_net::NetEvent;

use crate::support::{Host, pair};

fn numbered(n: u32) -> Vec<u8> {
    // Lengths from a few bytes to many times the usual buffers; all together fit the queue.
    let small = usize::try_from((n % 97) * (n % 13)).unwrap();
    let length = 8 + if n % 1_000 == 7 { 100_000 } else { small };
    let mut frame = vec![u8::try_from(n % 251).unwrap(); length];
    frame[..4].copy_from_slice(&n.to_be_bytes());
    frame
}

async fn ten_thousand_both_ways(mut a: Host, mut b: Host) {
    const COUNT: u32 = 10_000;
    let (to_a, to_b) = (a.device, b.device);
    let sends = |net: anser_net::Net, to| async move {
        for n in 0..COUNT {
            net.send(to, numbered(n));
            if n % 64 == 0 {
                // The queue is bounded: let the connection write.
                tokio::task::yield_now().await;
            }
        }
    };
    let receives = |mut host: Host| async move {
        for n in 0..COUNT {
            let frame = host.frame().await;
            assert_eq!(frame[..4], n.to_be_bytes());
            assert!(frame == numbered(n), "frame {n} is damaged");
        }
        host
    };
    let (net_a, net_b) = (a.net.clone(), b.net.clone());
    let send_a = tokio::spawn(sends(net_a, to_b));
    let send_b = tokio::spawn(sends(net_b, to_a));
    let receive_b = tokio::spawn(receives(b));
    a = receives(a).await;
    b = receive_b.await.unwrap();
    send_a.await.unwrap();
    send_b.await.unwrap();
    let counters = a.net.status().await.counters;
    assert_eq!((counters.frames_in, counters.frames_out), (10_000, 10_000));
    assert_eq!((counters.frames_dropped, counters.queue_overflows), (0, 0));
    a.net.shutdown().await;
    b.net.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_frames_both_ways_in_order() {
    let (a, b) = pair(1, 2).await;
    ten_thousand_both_ways(a, b).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_frames_over_quic() {
    let (mut a, mut b) = (Host::seeded(3).await, Host::seeded(4).await);
    a.net.want(b.device, vec![b.quic()]);
    let path = a
        .until(|e| match e {
            NetEvent::Connected { path, .. } => Some(*path),
            _ => None,
        })
        .await;
    assert_eq!(path, anser_net::Path::Quic);
    b.connected(a.device).await;
    ten_thousand_both_ways(a, b).await;
}
