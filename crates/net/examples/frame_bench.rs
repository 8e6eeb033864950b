//! Round trip and throughput of 300-byte frames between two processes on loopback, over TCP and
//! over QUIC. Run with `cargo run --release -p anser-net --example frame_bench`.
#![allow(clippy::print_stdout)]

use std::process::Stdio;
use std::time::{Duration, Instant};

use anser_net::{Config, Limits, Net, NetEvent};
use anser_proto::DeviceId;
use hdrhistogram::Histogram;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::sync::mpsc::Receiver;

type Failure = Box<dyn std::error::Error>;

const FRAME_BYTES: usize = 300;
const ROUND_TRIPS: u32 = 5_000;
const FRAMES: u32 = 500_000;
/// The receiver answers each so many frames; the sender keeps this many batches under way.
const BATCH: u32 = 500;
const WINDOW: u32 = 20;

const PING: u8 = 1;
const BULK: u8 = 2;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    if std::env::args().nth(1).as_deref() == Some("peer") {
        return peer().await;
    }
    for (name, listen) in
        [("tcp", "/ip4/127.0.0.1/tcp/0"), ("quic", "/ip4/127.0.0.1/udp/0/quic-v1")]
    {
        measure(name, listen).await?;
    }
    Ok(())
}

async fn start(seed: u8, listen: &str) -> Result<(Net, Receiver<NetEvent>, String), Failure> {
    let limits = Limits {
        frames_per_s: u32::MAX,
        frames_burst: u32::MAX,
        bytes_per_s: u32::MAX,
        bytes_burst: u32::MAX,
        ..Limits::default()
    };
    let (secret, listen) = ([seed; 32], vec![listen.to_owned()]);
    let config = Config { secret, listen, mdns: false, seeds: Vec::new(), limits };
    let (net, mut events) = Net::start(config).await?;
    loop {
        if let NetEvent::Listening { addresses } = events.recv().await.ok_or("ended")? {
            let address = addresses.first().ok_or("no address")?.clone();
            return Ok((net, events, address));
        }
    }
}

/// The other process: echoes pings, acknowledges batches.
async fn peer() -> Result<(), Failure> {
    let listen = std::env::args().nth(2).ok_or("listen where?")?;
    let (net, mut events, address) = start(2, &listen).await?;
    println!("{address}");
    let mut bulk = 0_u32;
    while let Some(event) = events.recv().await {
        match event {
            NetEvent::Frame { device, bytes } if bytes.first() == Some(&PING) => {
                net.send(device, bytes);
            }
            NetEvent::Frame { device, .. } => {
                bulk += 1;
                if bulk.is_multiple_of(BATCH) {
                    net.send(device, vec![BULK]);
                }
            }
            NetEvent::Disconnected { .. } => break,
            _ => {}
        }
    }
    Ok(())
}

async fn frame(events: &mut Receiver<NetEvent>) -> Result<(), Failure> {
    loop {
        match events.recv().await.ok_or("ended")? {
            NetEvent::Frame { .. } => return Ok(()),
            NetEvent::Disconnected { .. } => return Err("disconnected".into()),
            _ => {}
        }
    }
}

async fn measure(name: &str, listen: &str) -> Result<(), Failure> {
    let mut child = tokio::process::Command::new(std::env::current_exe()?)
        .args(["peer", listen])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
    let address = lines.next_line().await?.ok_or("no address")?;
    let (net, mut events, _) = start(1, listen).await?;
    let device = net.dial(address.clone()).await?;
    net.want(device, vec![address]);
    loop {
        if matches!(events.recv().await.ok_or("ended")?, NetEvent::Connected { .. }) {
            break;
        }
    }
    round_trips(name, &net, device, &mut events).await?;
    one_way(name, &net, device, &mut events).await?;
    net.shutdown().await;
    tokio::io::stdout().flush().await?;
    Ok(())
}

async fn round_trips(
    name: &str,
    net: &Net,
    device: DeviceId,
    events: &mut Receiver<NetEvent>,
) -> Result<(), Failure> {
    let mut times = Histogram::<u64>::new(3)?;
    for n in 0..ROUND_TRIPS {
        if n.is_multiple_of(10) {
            // Idle: caches and windows are not kept warm by the measurement itself.
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let start = Instant::now();
        net.send(device, vec![PING; FRAME_BYTES]);
        frame(events).await?;
        times.record(u64::try_from(start.elapsed().as_nanos())?)?;
    }
    let at = |q: f64| times.value_at_quantile(q) / 1_000;
    println!("{name}: round trip p50 {} µs, p99 {} µs, max {} µs", at(0.5), at(0.99), at(1.0));
    Ok(())
}

async fn one_way(
    name: &str,
    net: &Net,
    device: DeviceId,
    events: &mut Receiver<NetEvent>,
) -> Result<(), Failure> {
    let start = Instant::now();
    let mut acknowledged = 0;
    for n in 0..FRAMES {
        net.send(device, vec![BULK; FRAME_BYTES]);
        if (n + 1).is_multiple_of(BATCH) {
            while (n + 1) / BATCH - acknowledged > WINDOW {
                frame(events).await?;
                acknowledged += 1;
            }
        }
    }
    while acknowledged < FRAMES / BATCH {
        frame(events).await?;
        acknowledged += 1;
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("{name}: {:.0} frames/s one way", f64::from(FRAMES) / seconds);
    Ok(())
}
