//! Further devices of a person, backups, and invitations, between real programs on real hosts. No
//! multicast: what a code or a link says must be enough.

use std::time::Duration;

use anser_api::EventBody;
use anser_api::model::{
    Account, Conversation, Device, Devices, Exported, Invite, LinkCode, LinkStep, TransferKind,
};
use anser_e2e::{Lan, Process, Start};
use serde_json::{Value, json};

use crate::lan_people::{PATIENCE, Person, accepting, direct, receive, send, texts};

fn spawn(person: &Person) -> Process {
    accepting(person.start().flag("--no-mdns").spawn())
}

/// A program without an account, subscribed.
fn blank(person: &Person) -> Process {
    let start = Start::new("", person.data.path()).on(&person.host).flag("--no-mdns");
    let mut process = start.spawn_unsubscribed();
    process.call::<Value>("events.subscribe", json!({}));
    process
}

/// Alice and Bob in a direct conversation, connected by Bob's address.
fn talk(a: &mut Process, b: &mut Process) -> String {
    let at = b.wait_until("an address of Bob", PATIENCE, |b| {
        let account: Account = b.call("account.get", json!({}));
        account.addresses.first().cloned()
    });
    a.call::<Value>("peer.dial", json!({"address": at}));
    let id = direct(a, b.account());
    send(a, &id, "hello Bob");
    receive(b, "hello Bob");
    send(b, &id, "hello Alice");
    receive(a, "hello Alice");
    id
}

#[test]
fn lan_a_new_device_gets_the_account_by_its_code_and_talks() {
    let lan = Lan::new();
    let people = ["Alice", "Bob", "Laptop"].map(|name| Person::new(name, lan.host()));
    let [alice, bob, laptop] = &people;
    let (mut a, mut b) = (spawn(alice), spawn(bob));
    let id = talk(&mut a, &mut b);

    let mut new = blank(laptop);
    let code: LinkCode = new.call("device.link_start", json!({"device_label": "Laptop"}));
    let device: Device = a.call("device.link_accept", json!({"code": code.code}));
    assert_eq!((device.label.as_str(), device.current), ("Laptop", false));
    new.wait_event("the account", PATIENCE, |event| match event {
        EventBody::LinkChanged { step: LinkStep::Done, .. } => Some(()),
        _ => None,
    });
    new.wait_until("the history", PATIENCE, |new| {
        let known = new.try_call("conversation.get", json!({"conversation": id})).is_ok();
        (known && texts(new, &id) == ["hello Bob", "hello Alice"]).then_some(())
    });
    let account: Account = new.call("account.get", json!({}));
    assert_eq!((account.account.as_str(), account.name.as_str()), (a.account(), "Alice"));

    // The laptop goes on alone, after a restart, and Alice's desk hears of it when it is back.
    assert!(a.close().0.success());
    new.kill();
    let mut new = Start::new("", laptop.data.path()).on(&laptop.host).flag("--no-mdns").spawn();
    send(&mut new, &id, "from the laptop");
    receive(&mut b, "from the laptop");
    send(&mut b, &id, "nice machine");
    receive(&mut new, "nice machine");
    let mut a = spawn(alice);
    a.wait_until("what was said meanwhile", PATIENCE, |a| {
        let all = texts(a, &id);
        (all.len() == 4 && all.last().is_some_and(|t| t == "nice machine")).then_some(())
    });
    let devices: Devices = a.call("device.list", json!({}));
    assert_eq!(devices.devices.len(), 2);

    // Taken out, it says so, and Bob hears nothing more of it.
    a.call::<Devices>("device.revoke", json!({"device": new.device()}));
    new.wait_until("the laptop to know", PATIENCE, |new| {
        let say = json!({"conversation": id, "text": "still here?"});
        let said = new.try_call("message.send", say);
        said.is_err_and(|error| error.code == "refused").then_some(())
    });
    send(&mut a, &id, "the laptop is gone");
    receive(&mut b, "the laptop is gone");
}

#[test]
fn lan_a_backup_brings_everything_back_on_another_computer() {
    let lan = Lan::new();
    let people = ["Alice", "Bob", "New"].map(|name| Person::new(name, lan.host()));
    let [alice, bob, new] = &people;
    let (mut a, mut b) = (spawn(alice), spawn(bob));
    let id = talk(&mut a, &mut b);
    let notes = a.account().to_owned();
    let notes = direct(&mut a, &notes);
    for number in 0..300 {
        send(&mut a, &notes, &format!("note {number}"));
    }
    let file = alice.data.path().join("alice.anserbackup");
    let with = json!({"path": file, "passphrase": "correct horse"});
    let short = json!({"path": file, "passphrase": "short"});
    assert_eq!(a.try_call("account.export", short).unwrap_err().code, "invalid_argument");
    let exported: Exported = a.call("account.export", with.clone());
    assert_eq!((exported.conversations, exported.events), (2, 302));
    assert_eq!(exported.size_bytes, std::fs::metadata(&file).unwrap().len());
    assert_eq!(a.try_call("account.export", with.clone()).unwrap_err().code, "already_exists");
    let nowhere = json!({"path": "/nowhere/at/all", "passphrase": "correct horse"});
    assert_eq!(a.try_call("account.export", nowhere).unwrap_err().code, "unwritable");
    let plain = std::fs::read(&file).unwrap();
    assert!(!plain.windows(5).any(|window| window == b"note " || window == b"Alice"));
    a.kill();

    let mut n = blank(new);
    let wrong = json!({"path": file, "passphrase": "battery staple"});
    assert_eq!(n.try_call("account.import", wrong).unwrap_err().code, "passphrase");
    let missing = json!({"path": "/nowhere", "passphrase": "correct horse"});
    assert_eq!(n.try_call("account.import", missing).unwrap_err().code, "not_found");
    let cut = alice.data.path().join("cut");
    std::fs::write(&cut, &plain[..plain.len() - 10]).unwrap();
    let cut = json!({"path": cut, "passphrase": "correct horse"});
    assert_eq!(n.try_call("account.import", cut).unwrap_err().code, "unreadable");
    let account: Account = n.call("account.import", with.clone());
    assert_eq!(account.name, "Alice");
    n.wait_event("the end of the transfer", PATIENCE, |event| match event {
        EventBody::FileProgress { transfer } if transfer.kind == TransferKind::Import => {
            (transfer.done_bytes == transfer.size_bytes && transfer.size_bytes > 0).then_some(())
        }
        _ => None,
    });
    assert_eq!(n.try_call("account.import", with).unwrap_err().code, "already_exists");
    assert_eq!(texts(&mut n, &notes).len(), 300);
    n.kill();
    let mut n = Start::new("", new.data.path()).on(&new.host).flag("--no-mdns").spawn();
    send(&mut n, &id, "from the new computer");
    receive(&mut b, "from the new computer");
    assert_eq!(texts(&mut b, &id).len(), 3);
}

#[test]
fn lan_an_invitation_leads_to_the_inviter_and_into_the_group() {
    let lan = Lan::new();
    let people = ["Alice", "Carol"].map(|name| Person::new(name, lan.host()));
    let [alice, carol] = &people;
    // Always in one place, as the link says.
    let fixed =
        || alice.start().flag("--no-mdns").with("--listen", "/ip4/0.0.0.0/tcp/4480").spawn();
    let (mut a, mut c) = (fixed(), spawn(carol));
    let create = json!({"title": "Open house", "members": []});
    let group: Conversation = a.call("conversation.create", create);
    let id = group.conversation;
    send(&mut a, &id, "welcome");
    a.wait_until("an address of Alice", PATIENCE, |a| {
        let account: Account = a.call("account.get", json!({}));
        account.addresses.first().cloned()
    });
    let invite: Invite = a.call("invite.create", json!({"conversation": id}));
    let link = json!({"link": invite.link});
    let conversation: Option<Conversation> = c.call("invite.accept", link.clone());
    assert_eq!(conversation.unwrap().title, "Open house");
    c.wait_until("what was said before", PATIENCE, |c| {
        texts(c, &id).contains(&"welcome".to_owned()).then_some(())
    });
    send(&mut c, &id, "thank you");
    receive(&mut a, "thank you");

    // While Alice is away the link waits for her.
    assert!(a.close().0.success());
    let dave = Person::new("Dave", lan.host());
    let mut d = spawn(&dave);
    let later: Option<Conversation> = d.call("invite.accept", link);
    assert_eq!(later, None);
    let _a = fixed();
    d.wait_until("the group", Duration::from_secs(70), |d| {
        d.try_call("conversation.get", json!({"conversation": id})).is_ok().then_some(())
    });
}
