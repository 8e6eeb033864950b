//! A network that drops multicast.

use anser_api::EventBody;
use anser_api::model::{Account, Check, CheckState, Checks, Via};
use anser_e2e::{Lan, Process};
use serde_json::json;

use crate::lan_people::{PATIENCE, Person, accepting, direct, meet_both, receive, send};

fn check(at: &mut Process, id: &str) -> Check {
    let found: Checks = at.call("doctor.run", json!({}));
    found.checks.into_iter().find(|check| check.id == id).expect("this check")
}

#[test]
fn lan_without_multicast_a_seed_address_works_and_doctor_says_why_people_are_missing() {
    let lan = Lan::new();
    let (alice, bob) = (Person::new("Alice", lan.host()), Person::new("Bob", lan.host()));
    alice.host.block_multicast();
    bob.host.block_multicast();
    let mut a = alice.spawn();
    let mut b = bob.spawn();
    let address = a.wait_until("to listen", PATIENCE, |a| {
        let account: Account = a.call("account.get", json!({}));
        account.addresses.into_iter().find(|address| address.starts_with("/ip4/10.77."))
    });

    // Nobody can be told from here to have been looked for long enough; that nobody was heard
    // is what doctor has to say for as long as nobody was.
    let multicast = check(&mut b, "multicast");
    assert_eq!(multicast.state, CheckState::Warning, "{multicast:?}");
    assert!(multicast.advice.contains("--seed"), "{multicast:?}");
    let people = check(&mut b, "people");
    assert_eq!(people.state, CheckState::Warning);
    assert!(people.advice.contains("/ip4/10.77.0.2/"), "{people:?}");
    assert!(b.close().0.success());

    let mut b = accepting(bob.start().with("--seed", address).spawn());
    meet_both(&mut a, &mut b);
    let to = a.account().to_owned();
    let via = b.wait_until("to know Alice by her seed address", PATIENCE, |b| {
        let peers: anser_api::model::Peers = b.call("peer.list", json!({}));
        peers.peers.into_iter().find(|peer| peer.account == to).map(|peer| peer.via)
    });
    assert!(via.contains(&Via::Seed) && !via.contains(&Via::Mdns), "{via:?}");
    let multicast = check(&mut b, "multicast");
    assert_eq!(multicast.state, CheckState::Warning);
    assert!(multicast.what.contains("drops multicast"), "{multicast:?}");
    let conversation = direct(&mut b, &to);
    send(&mut b, &conversation, "found you");
    receive(&mut a, "found you");
}

#[test]
fn lan_an_address_entered_by_hand_leads_to_a_peer() {
    let lan = Lan::new();
    let (alice, bob) = (Person::new("Alice", lan.host()), Person::new("Bob", lan.host()));
    let mut a = alice.start().flag("--no-mdns").spawn();
    let mut b = bob.start().flag("--no-mdns").spawn();
    let address = a.wait_until("to listen", PATIENCE, |a| {
        let account: Account = a.call("account.get", json!({}));
        account.addresses.into_iter().find(|address| address.starts_with("/ip4/10.77."))
    });
    let peer: anser_api::model::Peer = b.call("peer.dial", json!({"address": address}));
    assert_eq!((peer.account.as_str(), peer.name.as_str()), (a.account(), "Alice"));
    assert_eq!(peer.device, a.device());
    a.wait_event("Bob to come online", PATIENCE, |event| match event {
        EventBody::PeerChanged { peer } if peer.online => Some(()),
        _ => None,
    });

    let wrong = b.try_call("peer.dial", json!({"address": "not an address"})).unwrap_err();
    assert_eq!(wrong.code, "invalid_argument");
    let nobody = b.try_call("peer.dial", json!({"address": "/ip4/10.77.0.1/tcp/9"})).unwrap_err();
    assert_eq!(nobody.code, "unreachable");
    assert!(nobody.message.ends_with('.'), "{}", nobody.message);
}
