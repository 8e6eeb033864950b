//! `doctor.run`: what is reachable, what is not, and what to do about it.
//!
//! [`run`] asks everybody who knows something; [`examine`] judges what they said, and knows
//! nothing else.

use std::collections::BTreeMap;
use std::time::Duration;

use anser_api::model::{Check, CheckState, Checks};
use anser_api::params::Empty;
use anser_api::{Command, Reply};
use anser_net::Status;
use tokio::time::timeout;

use crate::actor::Report;
use crate::clock::wall_ms;
use crate::handle::Handle;
use crate::storage::{self, FILE, MEMORY};

/// Less free space than this will soon stop the program, in bytes.
const LITTLE_SPACE: u64 = 256 << 20;
/// Less free space than this stops it now, in bytes.
pub(crate) const NO_SPACE: u64 = 8 << 20;
/// A clock before this, 2025-01-01, was never set.
const UNSET_CLOCK_MS: u64 = 1_735_689_600_000;
/// How long the listeners may take to come up.
const SETTLING: Duration = Duration::from_secs(2);
/// Counters of a node that grow without anybody doing wrong.
const USUAL: [&str; 3] = ["events", "duplicate_events", "early_events"];
/// Examples named in a sentence.
const EXAMPLES: usize = 3;

/// What the checks judge.
#[derive(Debug, Default)]
struct Findings {
    protection: &'static str,
    /// Free space where the profile is, in bytes; `None` when it cannot be told.
    free_bytes: Option<u64>,
    wall_ms: u64,
    network: Status,
    /// Where others can reach this device.
    addresses: Vec<String>,
    report: Report,
    /// Devices of others that are connected.
    online: usize,
    /// Devices of others that are known but not connected.
    offline: usize,
}

pub(crate) async fn run(handle: &Handle) -> Checks {
    let mut listening = handle.listening();
    // Just after the start the listeners may still be coming up; that there are none is a finding.
    let addresses = match timeout(SETTLING, listening.wait_for(|all| !all.is_empty())).await {
        Ok(Ok(addresses)) => addresses.clone(),
        Ok(Err(_)) | Err(_) => Vec::new(),
    };
    let network = handle.net.status().await;
    let report = handle.report().await;
    let peers = match handle.ask(Command::PeerList(Empty {})).await {
        Ok(Reply::PeerList(list)) => list.peers,
        // Before the account is made nobody is known.
        _ => Vec::new(),
    };
    let own = handle.facts.device.to_string();
    let others = || peers.iter().filter(|peer| peer.device != own);
    let free_bytes = storage::free_bytes(&handle.facts.config);
    let findings = Findings {
        addresses,
        protection: handle.facts.protection,
        free_bytes,
        wall_ms: wall_ms(),
        network,
        report,
        online: others().filter(|peer| peer.online).count(),
        offline: others().filter(|peer| !peer.online).count(),
    };
    examine(&findings)
}

fn examine(findings: &Findings) -> Checks {
    Checks {
        checks: vec![
            store(findings),
            disk(findings),
            interfaces(findings),
            listeners(findings),
            multicast(findings),
            people(findings),
            reach(findings),
            relay(),
            clock(findings),
            bad_input(findings),
        ],
    }
}

/// The UI translates by `id` and `case`. Its tests read these calls, so both are literals, and so
/// is an advice that is empty.
fn check(
    id: &str,
    case: &str,
    state: CheckState,
    values: BTreeMap<String, String>,
    what: impl Into<String>,
    advice: &str,
) -> Check {
    let (id, case) = (id.into(), case.into());
    Check { id, state, case, values, what: what.into(), advice: advice.into() }
}

/// What the sentences of a check name.
fn values(named: &[(&str, &dyn ToString)]) -> BTreeMap<String, String> {
    named.iter().map(|&(name, value)| (name.to_owned(), value.to_string())).collect()
}

fn store(findings: &Findings) -> Check {
    use CheckState::{Failed, Ok, Warning};
    let named = values(&[("protection", &findings.protection)]);
    if findings.report.store_fails {
        let advice = "Free some space or mend the disk; what was asked meanwhile is written then.";
        let what = "Messages cannot be written to disk.";
        return check("store", "write_fails", Failed, named, what, advice);
    }
    match findings.protection {
        FILE => check(
            "store",
            "key_in_file",
            Warning,
            named,
            "The key of the messages lies in a file beside them: whoever reads the disk reads them.",
            "Use a computer with a keyring, or a profile with a passphrase (--protection passphrase).",
        ),
        MEMORY => check(
            "store",
            "in_memory",
            Warning,
            named,
            "Nothing is kept on disk.",
            "Give a folder with --data.",
        ),
        protection => check(
            "store",
            "sealed",
            Ok,
            named,
            format!("Messages are sealed; their key is kept by the {protection}."),
            "",
        ),
    }
}

fn disk(findings: &Findings) -> Check {
    use CheckState::{Failed, Ok, Warning};
    let Some(free) = findings.free_bytes else {
        return check("disk", "unknown", Ok, values(&[]), "The free space cannot be told.", "");
    };
    let free_mib = free >> 20;
    let named = values(&[("free_mib", &free_mib)]);
    let what = format!("{free_mib} MiB are free where the messages are kept.");
    let advice = "Free some space.";
    match free {
        0..NO_SPACE => check("disk", "full", Failed, named, what, advice),
        NO_SPACE..LITTLE_SPACE => check("disk", "low", Warning, named, what, advice),
        _ => check("disk", "enough", Ok, named, what, ""),
    }
}

fn interfaces(findings: &Findings) -> Check {
    let networks = outside(findings);
    if networks.is_empty() {
        return check(
            "interfaces",
            "none",
            CheckState::Failed,
            values(&[]),
            "This computer is in no network.",
            "Plug in the cable or join the Wi-Fi; Anser notices it by itself.",
        );
    }
    let networks = networks.join(", ");
    let named = values(&[("networks", &networks)]);
    check("interfaces", "found", CheckState::Ok, named, format!("Networks: {networks}."), "")
}

/// Networks other than the computer itself.
fn outside(findings: &Findings) -> Vec<&str> {
    let all = findings.network.interfaces.iter().map(String::as_str);
    all.filter(|network| !network.starts_with("127.") && !network.starts_with("::1/")).collect()
}

fn listeners(findings: &Findings) -> Check {
    let Status { listeners, listen_errors, .. } = &findings.network;
    let errors = listen_errors.join("; ");
    match (listeners.is_empty(), listen_errors.is_empty()) {
        (true, _) => check(
            "listeners",
            "nowhere",
            CheckState::Failed,
            values(&[("failures", &listen_errors.len()), ("errors", &errors)]),
            format!("Nobody can connect to this device: it listens nowhere. {errors}").trim_end(),
            "Start without --listen, or with an address of this computer and port 0.",
        ),
        (false, false) => check(
            "listeners",
            "partly",
            CheckState::Warning,
            values(&[("errors", &errors)]),
            format!("Some addresses could not be listened on: {errors}."),
            "Others can still connect to the rest; close what uses these ports, then start again.",
        ),
        (false, true) => {
            let addresses = examples(findings).join(", ");
            let more = listeners.len().saturating_sub(EXAMPLES);
            let named = values(&[("addresses", &addresses), ("more", &more)]);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let what = format!("Listens on {addresses}{more}.");
            check("listeners", "all", CheckState::Ok, named, what, "")
        }
    }
}

/// Some of this device's addresses, those that are easiest to read first.
fn examples(findings: &Findings) -> Vec<&str> {
    let mut own: Vec<&str> = findings.addresses.iter().map(String::as_str).collect();
    own.sort_by_key(|address| (!address.starts_with("/ip4/"), !address.contains("/tcp/")));
    own.truncate(EXAMPLES);
    own
}

fn multicast(findings: &Findings) -> Check {
    use CheckState::{Failed, Ok, Warning};
    let Some(mdns) = &findings.network.mdns else {
        return check(
            "multicast",
            "off",
            Warning,
            values(&[]),
            "Finding people by multicast is switched off.",
            "Start without --no-mdns, or give addresses with --seed.",
        );
    };
    let errors: Vec<String> = mdns
        .iter()
        .filter_map(|on| on.error.as_ref().map(|error| format!("{} ({error})", on.interface)))
        .collect();
    let heard: u64 = mdns.iter().map(|on| on.packets_heard).sum();
    let sent: u64 = mdns.iter().map(|on| on.packets_sent).sum();
    let named = values(&[
        ("heard", &heard),
        ("sent", &sent),
        ("online", &findings.online),
        ("failures", &errors.len()),
        ("errors", &errors.join(", ")),
    ]);
    if heard > 0 {
        let what = format!(
            "{heard} announcements of other devices were heard, {sent} were sent.{}",
            failed(&errors)
        );
        if errors.is_empty() {
            return check("multicast", "heard", Ok, named, what, "");
        }
        let advice = "Devices on the other interfaces are not found by themselves.";
        return check("multicast", "heard_partly", Warning, named, what, advice);
    }
    if outside(findings).is_empty() {
        return check(
            "multicast",
            "no_network",
            Failed,
            named,
            "There is no network to announce this device on.",
            "Join a network.",
        );
    }
    if !errors.is_empty() && sent == 0 {
        return check(
            "multicast",
            "failed",
            Failed,
            named,
            format!("This device cannot announce itself.{}", failed(&errors)),
            "Allow UDP port 5353 and the group 224.0.0.251 in this computer's firewall.",
        );
    }
    if findings.online > 0 {
        return check(
            "multicast",
            "dropped",
            Warning,
            named,
            format!(
                "{} devices are connected, but not one announcement was heard ({sent} were sent): \
                 something here drops multicast.{}",
                findings.online,
                failed(&errors)
            ),
            "Others are not found by themselves. Allow UDP port 5353 and the group 224.0.0.251 in \
             the firewalls and the Wi-Fi's settings, or enter addresses (--seed).",
        );
    }
    check(
        "multicast",
        "nobody",
        Warning,
        named,
        format!(
            "No announcement of another device was heard ({sent} were sent): nobody else runs \
             Anser in this network, or something drops multicast.{}",
            failed(&errors)
        ),
        "Start Anser on a second computer of this network. If it does not appear, allow UDP port \
         5353 and the group 224.0.0.251 in the firewalls and the Wi-Fi's settings, or enter the \
         other's address (--seed).",
    )
}

fn failed(errors: &[String]) -> String {
    if errors.is_empty() { String::new() } else { format!(" It failed on {}.", errors.join(", ")) }
}

fn people(findings: &Findings) -> Check {
    let (online, offline) = (findings.online, findings.offline);
    let own = examples(findings);
    let named = values(&[
        ("online", &online),
        ("offline", &offline),
        ("own", &own.len()),
        ("addresses", &own.join(", ")),
    ]);
    if online > 0 {
        let what = format!("{online} devices of others are connected, {offline} are not.");
        return check("people", "connected", CheckState::Ok, named, what, "");
    }
    let mut advice = String::from("See the other findings");
    if !own.is_empty() {
        advice.push_str(&format!(
            "; or let somebody enter this device's address: {}",
            own.join(" or ")
        ));
    }
    advice.push('.');
    if offline == 0 {
        let what = "Nobody was seen yet.";
        return check("people", "nobody", CheckState::Warning, named, what, &advice);
    }
    let what = format!("{offline} devices of others are known; none is connected.");
    check("people", "away", CheckState::Warning, named, what, &advice)
}

fn reach(findings: &Findings) -> Check {
    let failing = &findings.report.unreachable;
    let reasons: Vec<String> = failing
        .iter()
        .take(EXAMPLES)
        .map(|(device, reason)| {
            let reason = reason.trim_end_matches('.');
            let name: String = device.to_string().chars().take(8).collect();
            format!("{name}…: {reason}")
        })
        .collect();
    if failing.is_empty() {
        let what = "Every device that was tried answered.";
        return check("reach", "answered", CheckState::Ok, values(&[]), what, "");
    }
    let reasons = reasons.join("; ");
    let named = values(&[("count", &failing.len()), ("reasons", &reasons)]);
    let what = format!("{} devices do not answer ({reasons}).", failing.len());
    if findings.report.heard > 0 && findings.online == 0 {
        return check(
            "reach",
            "isolated",
            CheckState::Failed,
            named,
            format!("Other devices announce themselves, but connecting fails. {what}"),
            "The Wi-Fi probably keeps its clients apart (client or AP isolation, guest network), or \
             a firewall blocks Anser: allow it there, or use the cable.",
        );
    }
    check(
        "reach",
        "silent",
        CheckState::Warning,
        named,
        what,
        "They are tried again by themselves; they may be switched off.",
    )
}

fn relay() -> Check {
    let what = "No relay is set; none is needed inside one network.";
    check("relay", "none", CheckState::Ok, values(&[]), what, "")
}

fn clock(findings: &Findings) -> Check {
    if findings.wall_ms < UNSET_CLOCK_MS {
        return check(
            "clock",
            "behind",
            CheckState::Warning,
            values(&[]),
            "This computer's clock is years behind.",
            "Set it: messages keep their order, but others see wrong times.",
        );
    }
    let what = "This computer's clock looks right.";
    check("clock", "right", CheckState::Ok, values(&[]), what, "")
}

fn bad_input(findings: &Findings) -> Check {
    let seen = counted(findings);
    if seen.is_empty() {
        let what = "No device sent anything wrong.";
        return check("bad_input", "clean", CheckState::Ok, values(&[]), what, "");
    }
    let network = findings.network.counters;
    let of_node = |name: &str| {
        findings.report.counters.get(name).and_then(serde_json::Value::as_u64).unwrap_or(0)
    };
    let named = values(&[
        ("bad_streams", &network.bad_streams),
        ("bans", &network.bans),
        ("bad_packets", &network.bad_packets),
        ("quota_cuts", &network.quota_cuts),
        ("connections_denied", &network.connections_denied),
        ("bad_frames", &of_node("bad_frames")),
        ("unknown_frames", &of_node("unknown_frames")),
        ("bad_events", &of_node("bad_events")),
        ("refused_events", &of_node("refused_events")),
        ("uninvited_frames", &of_node("uninvited_frames")),
        ("forks", &of_node("forks")),
    ]);
    let what = format!("Refused and without effect: {}.", seen.join(", "));
    let (state, advice) = if network.bans > 0 {
        let advice = "A device sends what no Anser sends: find out which, and what runs there.";
        (CheckState::Warning, advice)
    } else {
        (CheckState::Ok, "")
    };
    check("bad_input", "refused", state, named, what, advice)
}

/// What was counted, with how often.
fn counted(findings: &Findings) -> Vec<String> {
    let network = findings.network.counters;
    let mut counts = vec![
        ("streams broken off".to_owned(), network.bad_streams),
        ("devices shut out".to_owned(), network.bans),
        ("unreadable announcements".to_owned(), network.bad_packets),
        ("pauses of too fast senders".to_owned(), network.quota_cuts),
        ("connections over the limits".to_owned(), network.connections_denied),
    ];
    if let serde_json::Value::Object(of_node) = &findings.report.counters {
        counts.extend(
            of_node
                .iter()
                .filter(|(name, _)| !USUAL.contains(&name.as_str()))
                .filter_map(|(name, count)| Some((name.replace('_', " "), count.as_u64()?))),
        );
    }
    counts
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| format!("{name}: {count}"))
        .collect()
}

#[cfg(test)]
mod tests;
