//! A bare network for tests in network namespaces: prints every event as a JSON line, takes
//! commands as lines.
//!
//! Arguments: the byte that fills its secret, then any of `seed=MULTIADDR`, `listen=MULTIADDR`,
//! `want-all` (keep every discovered device connected). Commands: `status`, `want DEVICE`,
//! `send DEVICE TEXT`, `quit`. The end of its input ends it.
#![allow(clippy::print_stdout)]

use std::io::BufRead;

use anser_net::{Config, Limits, Net, NetEvent};
use anser_proto::DeviceId;
use serde_json::{Value, json};

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let seed: u8 = arguments.next().ok_or("give the secret's byte")?.parse()?;
    let rest: Vec<String> = arguments.collect();
    let valued = |name: &str| -> Vec<String> {
        rest.iter().filter_map(|a| a.strip_prefix(name)).map(str::to_owned).collect()
    };
    let config = Config {
        secret: [seed; 32],
        listen: valued("listen="),
        mdns: true,
        seeds: valued("seed="),
        limits: Limits::default(),
    };
    let want_all = rest.iter().any(|a| a == "want-all");
    let (net, mut events) = Net::start(config).await?;
    println!("{}", json!({"event": "started"}));
    let (lines_in, mut lines) = tokio::sync::mpsc::channel::<String>(16);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if lines_in.blocking_send(line).is_err() {
                return;
            }
        }
    });
    loop {
        tokio::select! {
            Some(event) = events.recv() => {
                if let (true, NetEvent::Discovered { device, addresses, .. }) = (want_all, &event) {
                    net.want(*device, addresses.clone());
                }
                println!("{}", shown(&event));
            }
            line = lines.recv() => match line.as_deref() {
                None | Some("quit") => break,
                Some("status") => println!("{}", status(&net).await),
                Some(line) => obey(&net, line)?,
            },
        }
    }
    net.shutdown().await;
    println!("{}", json!({"event": "ended"}));
    Ok(())
}

fn obey(net: &Net, line: &str) -> Result<(), Box<dyn std::error::Error>> {
    let mut words = line.splitn(3, ' ');
    let (command, device) = (words.next(), words.next().ok_or("which device?")?);
    let device: DeviceId = device.parse()?;
    match command {
        Some("want") => net.want(device, Vec::new()),
        Some("send") => net.send(device, words.next().unwrap_or("").as_bytes().to_vec()),
        _ => return Err("what?".into()),
    }
    Ok(())
}

async fn status(net: &Net) -> Value {
    let status = net.status().await;
    let mdns: Vec<Value> = status.mdns.unwrap_or_default().iter().map(|i| {
        json!({"interface": i.interface, "error": i.error, "heard": i.packets_heard, "sent": i.packets_sent})
    }).collect();
    json!({
        "event": "status",
        "interfaces": status.interfaces,
        "observed": status.observed,
        "mdns": mdns,
        "connections": status.connections.len(),
    })
}

fn shown(event: &NetEvent) -> Value {
    match event {
        NetEvent::Listening { addresses } => json!({"event": "listening", "addresses": addresses}),
        NetEvent::Connected { device, address, outbound, path } => json!({
            "event": "connected", "device": device.to_string(), "address": address,
            "outbound": outbound, "path": format!("{path:?}"),
        }),
        NetEvent::Disconnected { device } => {
            json!({"event": "disconnected", "device": device.to_string()})
        }
        NetEvent::Frame { device, bytes } => json!({
            "event": "frame", "device": device.to_string(),
            "text": String::from_utf8_lossy(bytes),
        }),
        NetEvent::Discovered { device, addresses, via } => json!({
            "event": "discovered", "device": device.to_string(), "addresses": addresses,
            "via": format!("{via:?}"),
        }),
        NetEvent::Gone { device } => json!({"event": "gone", "device": device.to_string()}),
        NetEvent::Unreachable { device, reason, retry_in_ms } => json!({
            "event": "unreachable", "device": device.to_string(), "reason": reason,
            "retry_in_ms": retry_in_ms,
        }),
    }
}
