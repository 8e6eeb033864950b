//! What doctor says about healthy and troubled nodes.

use super::*;
use anser_net::MdnsInterface;
use anser_proto::DeviceId;

fn healthy() -> Findings {
    let mdns = MdnsInterface {
        interface: "10.0.0.5/24".into(),
        error: None,
        packets_heard: 7,
        packets_sent: 9,
        last_heard_ms_ago: Some(100),
    };
    Findings {
        protection: "keyring",
        addresses: vec!["/ip4/10.0.0.5/tcp/4001".into()],
        free_bytes: Some(10 << 30),
        wall_ms: UNSET_CLOCK_MS + 1,
        network: Status {
            listeners: vec!["/ip4/10.0.0.5/tcp/4001".into()],
            interfaces: vec!["127.0.0.1/8".into(), "10.0.0.5/24".into()],
            mdns: Some(vec![mdns]),
            ..Status::default()
        },
        online: 2,
        ..Findings::default()
    }
}

fn state_of(findings: &Findings, id: &str) -> CheckState {
    let checks = examine(findings).checks;
    let found = checks.iter().find(|check| check.id == id).unwrap();
    assert_eq!(found.state == CheckState::Ok, found.advice.is_empty(), "{found:?}");
    found.state
}

#[test]
fn a_healthy_node_has_no_advice() {
    for check in examine(&healthy()).checks {
        assert_eq!((check.state, check.advice.as_str()), (CheckState::Ok, ""), "{}", check.id);
    }
}

#[test]
fn each_trouble_is_named_where_it_is() {
    let mut findings = healthy();
    findings.protection = FILE;
    findings.free_bytes = Some(1 << 20);
    findings.network.listeners.clear();
    findings.network.interfaces = vec!["127.0.0.1/8".into()];
    findings.network.mdns = None;
    findings.online = 0;
    findings.wall_ms = 0;
    assert_eq!(state_of(&findings, "store"), CheckState::Warning);
    assert_eq!(state_of(&findings, "disk"), CheckState::Failed);
    assert_eq!(state_of(&findings, "listeners"), CheckState::Failed);
    assert_eq!(state_of(&findings, "interfaces"), CheckState::Failed);
    assert_eq!(state_of(&findings, "multicast"), CheckState::Warning);
    assert_eq!(state_of(&findings, "people"), CheckState::Warning);
    assert_eq!(state_of(&findings, "clock"), CheckState::Warning);
}

#[test]
fn people_connected_but_not_heard_means_that_multicast_is_dropped() {
    let mut findings = healthy();
    for on in findings.network.mdns.as_mut().unwrap() {
        on.packets_heard = 0;
    }
    assert_eq!(state_of(&findings, "multicast"), CheckState::Warning);
    assert!(multicast(&findings).what.contains("drops multicast"));
}

#[test]
fn heard_but_unreachable_people_hint_at_isolation() {
    let mut findings = healthy();
    findings.online = 0;
    findings.report.heard = 1;
    let device = DeviceId::from_bytes([7; 32]);
    findings.report.unreachable.insert(device, "nobody answered".into());
    assert_eq!(state_of(&findings, "reach"), CheckState::Failed);
    assert!(reach(&findings).advice.contains("isolation"));
}

#[test]
fn every_finding_has_a_word_that_shells_translate_by() {
    let mut troubled = healthy();
    troubled.protection = FILE;
    troubled.free_bytes = None;
    troubled.network.listeners.clear();
    troubled.network.counters.bans = 1;
    troubled.online = 0;
    troubled.offline = 2;
    troubled.report.unreachable.insert(DeviceId::from_bytes([7; 32]), "nobody answered".into());
    for findings in [healthy(), troubled, Findings::default()] {
        for check in examine(&findings).checks {
            let plain = check.case.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            assert!(plain && !check.case.is_empty(), "{check:?}");
        }
    }
    assert_eq!(disk(&healthy()).values["free_mib"], "10240");
}
