//! Discovery and changing networks, on hosts that are real to the kernel.

use std::time::{Duration, Instant};

use crate::lan::{Lan, Process};

const SECOND: Duration = Duration::from_secs(1);
/// Both are up: so soon each must know of the other.
const DISCOVERY: Duration = Duration::from_secs(3);

fn discover_each_other(a: &mut Process, b: &mut Process) {
    let start = Instant::now();
    let by_mdns = |device: String| {
        move |e: &serde_json::Value| e["via"] == "Mdns" && e["device"] == device.as_str()
    };
    a.until("discovered", by_mdns(b.device.clone()), DISCOVERY);
    let left = DISCOVERY.saturating_sub(start.elapsed());
    b.until("discovered", by_mdns(a.device.clone()), left);
    println!("discovered after {:?}", start.elapsed());
}

#[test]
fn hosts_discover_each_other_and_see_goodbyes() {
    let mut lan = Lan::new();
    let (one, two) = (lan.plugged("10.9.0.1/24"), lan.plugged("10.9.0.2/24"));
    let (mut a, mut b) = (lan.start(one, 1, &[]), lan.start(two, 2, &[]));
    discover_each_other(&mut a, &mut b);
    // A third that starts much later than the others' first questions.
    let mut c = lan.start(one, 3, &[]);
    discover_each_other(&mut c, &mut b);
    discover_each_other(&mut a, &mut c);
    b.tell("quit");
    let b_device = b.device.clone();
    a.about("gone", &b_device, DISCOVERY);
    // Nobody was dialed because of it.
    assert!(a.seen.iter().all(|e| e["event"] != "connected"), "{:#?}", a.seen);
}

#[test]
fn an_interface_that_comes_up_later_is_used() {
    let mut lan = Lan::new();
    let (one, two) = (lan.plugged("10.9.0.1/24"), lan.host());
    let (mut a, mut b) = (lan.start(one, 1, &["want-all"]), lan.start(two, 2, &["want-all"]));
    lan.plug(two, "10.9.0.2/24");
    discover_each_other(&mut a, &mut b);
    let (a_device, b_device) = (a.device.clone(), b.device.clone());
    a.about("connected", &b_device, 5 * SECOND);
    b.about("connected", &a_device, 5 * SECOND);
}

#[test]
fn ipv6_alone_is_enough() {
    let mut lan = Lan::new();
    let (one, two) = (lan.plugged("fd09::1/64"), lan.plugged("fd09::2/64"));
    let (mut a, mut b) = (lan.start(one, 1, &["want-all"]), lan.start(two, 2, &["want-all"]));
    let (a_device, b_device) = (a.device.clone(), b.device.clone());
    // Duplicate address detection takes a second or two before anything can be sent.
    a.about("connected", &b_device, 8 * SECOND);
    b.about("connected", &a_device, 8 * SECOND);
}

#[test]
fn a_host_that_changes_its_address_is_back_within_seconds() {
    let mut lan = Lan::new();
    let (one, two) = (lan.plugged("10.9.0.1/24"), lan.plugged("10.9.0.2/24"));
    let (mut a, mut b) = (lan.start(one, 1, &["want-all"]), lan.start(two, 2, &["want-all"]));
    let (a_device, b_device) = (a.device.clone(), b.device.clone());
    a.about("connected", &b_device, 5 * SECOND);
    b.about("connected", &a_device, 5 * SECOND);
    lan.in_host(two, "ip addr flush dev eth0 scope global");
    lan.in_host(two, "ip addr add 10.9.0.77/24 dev eth0");
    let start = Instant::now();
    b.about("disconnected", &a_device, 2 * SECOND);
    b.about("connected", &a_device, 5 * SECOND);
    println!("back after {:?}", start.elapsed());
    b.tell(&format!("send {a_device} moved"));
    let frame = a.until("frame", |e| e["text"] == "moved", 5 * SECOND);
    assert_eq!(frame["device"], b_device.as_str());
    // A's side of the dead connection is given up too, and shown as such.
    a.about("disconnected", &b_device, 10 * SECOND);
    a.about("connected", &b_device, SECOND);
    a.tell(&format!("send {b_device} welcome"));
    b.until("frame", |e| e["text"] == "welcome", 5 * SECOND);
}

#[test]
fn a_pulled_cable_is_noticed_and_a_killed_peer_at_once() {
    let mut lan = Lan::new();
    let (one, two) = (lan.plugged("10.9.0.1/24"), lan.plugged("10.9.0.2/24"));
    let (mut a, mut b) = (lan.start(one, 1, &["want-all"]), lan.start(two, 2, &["want-all"]));
    let mut c = lan.start(one, 3, &[]);
    let (a_device, b_device, c_device) = (a.device.clone(), b.device.clone(), c.device.clone());
    a.about("connected", &b_device, 5 * SECOND);
    b.about("connected", &a_device, 5 * SECOND);
    a.about("connected", &c_device, 5 * SECOND);
    c.kill();
    a.about("disconnected", &c_device, 2 * SECOND);
    lan.silence(two);
    a.about("disconnected", &b_device, 16 * SECOND);
    a.about("unreachable", &b_device, 16 * SECOND);
}

#[test]
fn where_multicast_is_blocked_a_seed_still_works() {
    let mut lan = Lan::new();
    let (one, two) = (lan.plugged("10.9.0.1/24"), lan.plugged("10.9.0.2/24"));
    for host in [one, two] {
        lan.in_host(host, "nft add table inet block");
        lan.in_host(host, "nft add chain inet block in { type filter hook input priority 0 ; }");
        lan.in_host(host, "nft add rule inet block in udp dport 5353 drop");
    }
    let mut a = lan.start(one, 1, &["listen=/ip4/0.0.0.0/tcp/4001"]);
    let mut b = lan.start(two, 2, &["seed=/ip4/10.9.0.1/tcp/4001"]);
    let (a_device, b_device) = (a.device.clone(), b.device.clone());
    // What the peer says of itself on connecting may be told first.
    let by_seed = |told: &serde_json::Value| told["device"] == a_device && told["via"] == "Seed";
    b.until("discovered", by_seed, 5 * SECOND);
    a.about("connected", &b_device, 5 * SECOND);
    for process in [&mut a, &mut b] {
        process.tell("status");
        let status = process.until("status", |_| true, 5 * SECOND);
        let mdns = status["mdns"].as_array().unwrap();
        assert!(!mdns.is_empty(), "{status}");
        // What `doctor` needs: we speak, and hear nobody.
        assert!(mdns.iter().all(|i| i["heard"] == 0), "{status}");
        assert!(mdns.iter().any(|i| i["sent"].as_u64() > Some(0)), "{status}");
    }
    assert!(a.seen.iter().chain(&b.seen).all(|e| e["via"] != "Mdns"));
}
