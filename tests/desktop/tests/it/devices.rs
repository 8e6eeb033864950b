//! Files in the window, and a new window that becomes a second device.

use std::path::Path;

use serde_json::json;

use crate::bed::Bed;
use crate::chat::{acquainted, alice_and_bob};
use crate::driver::{App, ENTER};
use crate::node::{LOOPBACK, Node};

#[test]
fn desktop_files_come_show_and_go() {
    let bed = Bed::make();
    let (alice, mut bob) = alice_and_bob(&bed);
    let conversation = acquainted(&alice, &mut bob);

    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../icons/128x128.png");
    let minutes = bed.path("会议纪要.txt");
    std::fs::write(&minutes, "Everybody agreed.\n").unwrap();
    for (path, text) in [(picture.as_path(), "our goose"), (minutes.as_path(), "the minutes")] {
        let send = json!({"conversation": conversation, "path": path, "text": text});
        bob.call("file.send", send);
        alice.until_text(text);
    }
    alice.until_text("会议纪要.txt");
    // The picture itself is drawn, from bytes that came over the network.
    let drawn = "[...document.images].some((one) => one.src.startsWith('blob:') \
                 && one.complete && one.naturalWidth === 128)";
    alice.script(
        "for (const one of document.images) one.addEventListener('load', \
         () => one.setAttribute('data-loaded', ''));",
    );
    alice.until(drawn);
    alice.picture(&bed, "files");

    // What is pasted becomes a chip, is taken in piece by piece, and goes with the message.
    alice.script(
        "const clip = new DataTransfer();
         clip.items.add(new File(['pasted words'], 'note.txt', {type: 'text/plain'}));
         const paste = new ClipboardEvent('paste', {clipboardData: clip, bubbles: true});
         document.querySelector('textarea').dispatchEvent(paste);",
    );
    alice.until_text("note.txt");
    alice.picture(&bed, "files-staged");
    alice.type_into("textarea", &format!("and mine{ENTER}"));
    let came = bob
        .until(|event| event["type"] == "message.added" && event["message"]["text"] == "and mine");
    let message = &came["message"];
    assert_eq!(message["attachments"][0]["name"], "note.txt");
    let saved = bed.path("saved.txt");
    bob.call("file.save", json!({"message": message["message"], "path": saved}));
    bob.until(|event| {
        event["type"] == "file.progress"
            && event["transfer"]["kind"] == "save"
            && event["transfer"]["state"] == "done"
    });
    assert_eq!(std::fs::read_to_string(saved).unwrap(), "pasted words");
}

#[test]
fn desktop_a_new_window_becomes_a_second_device() {
    let bed = Bed::make();
    let mut desk = Node::start(&bed, &bed.path("desk"), "Alice");
    let own = desk.call("account.get", json!({}))["account"].clone();
    let notes = desk.call("conversation.direct", json!({"account": own}));
    let say = json!({"conversation": notes["conversation"], "text": "buy ink"});
    desk.call("message.send", say);

    let window = App::start(&bed, &["--no-mdns", "--listen", LOOPBACK]);
    window.click("button", "I already use Anser on another device");
    let code = window.until("document.querySelector('input[readonly]')?.value");
    window.picture(&bed, "link");
    let device = desk.call("device.link_accept", json!({"code": code}));
    assert_eq!(device["current"], false);
    window.until_text("buy ink");
    window.picture(&bed, "linked");
    let account = window.call("account.get", json!({}));
    assert_eq!((&account["account"], &account["name"]), (&own, &json!("Alice")));
}
