//! What is announced, what is not, and how often.

use serde_json::{Value, json};

use super::*;

fn conversation(id: &str, change: Value) -> Conversation {
    let mut value = json!({
        "conversation": id, "kind": "direct", "title": "Alice", "members": [], "unread": 1,
        "read_up_to": null, "last": null, "muted": false, "archived": false, "draft": "",
        "request": false, "writable": true, "role": "member", "active_ms": 0, "forked_devices": []
    });
    merge(&mut value, change);
    serde_json::from_value(value).unwrap()
}

fn message(conversation: &str, text: &str, change: Value) -> Message {
    let mut value = json!({
        "message": "m", "conversation": conversation, "account": "a", "name": "Alice",
        "device": "d", "kind": "text", "text": text, "sent_ms": 0, "received_ms": 0,
        "edited": false, "deleted": false, "own": false, "reply_to": null, "reactions": [],
        "attachments": [], "state": "delivered", "notice": null, "position": "1"
    });
    merge(&mut value, change);
    serde_json::from_value(value).unwrap()
}

fn merge(value: &mut Value, change: Value) {
    for (key, new) in change.as_object().unwrap() {
        value[key] = new.clone();
    }
}

fn knowing(ids: &[&str]) -> Announcer {
    let mut announcer = Announcer::default();
    for id in ids {
        announcer.conversation(&conversation(id, json!({})));
    }
    announcer
}

fn shown(changes: Vec<Change>) -> Vec<(String, String, String)> {
    changes
        .into_iter()
        .map(|change| match change {
            Change::Show(notice) => (notice.key, notice.title, notice.body),
            Change::Withdraw(key) => panic!("withdraws {key}"),
        })
        .collect()
}

fn one(key: &str, title: &str, body: &str) -> Vec<(String, String, String)> {
    vec![(key.into(), title.into(), body.into())]
}

#[test]
fn a_message_is_announced_at_once() {
    let mut announcer = knowing(&["c"]);
    assert_eq!(announcer.due_ms(), None);
    announcer.message(&message("c", "Lunch?\n\n at  noon", json!({})));
    assert_eq!(announcer.due_ms(), Some(0));
    assert_eq!(shown(announcer.changes(5)), one("c", "Alice", "Lunch? at noon"));
    assert_eq!(announcer.due_ms(), None);
}

#[test]
fn files_stand_for_the_text_that_is_not_there() {
    let file = |name: &str| {
        json!({
            "file": name, "name": name, "size_bytes": 1, "media_type": "", "state": "absent",
            "received_bytes": 0, "transfer": null
        })
    };
    let two = json!({"attachments": [file("plan.pdf"), file("b.zip")]});
    let cases = [
        (Language::English, "", json!({"attachments": [file("a\nb.pdf")]}), "Sent a file: a b.pdf"),
        (Language::English, "", two.clone(), "Sent 2 files: plan.pdf, …"),
        (Language::Chinese, "", two.clone(), "发送了 2 个文件：plan.pdf 等"),
        (Language::English, "Please read", two, "Please read"),
    ];
    for (language, text, files, body) in cases {
        let mut announcer = knowing(&["c"]);
        announcer.set(Settings::default(), language);
        announcer.message(&message("c", text, files));
        assert_eq!(shown(announcer.changes(0)), one("c", "Alice", body));
    }
}

#[test]
fn a_burst_changes_the_notification_once() {
    let mut announcer = knowing(&["c"]);
    announcer.message(&message("c", "1", json!({})));
    assert_eq!(announcer.changes(100).len(), 1);
    for text in ["2", "3", "4"] {
        announcer.message(&message("c", text, json!({})));
        assert_eq!(announcer.changes(101), []);
    }
    assert_eq!(announcer.due_ms(), Some(100 + BURST_MS));
    assert_eq!(shown(announcer.changes(100 + BURST_MS)), one("c", "Alice (4 new)", "4"));
}

#[test]
fn many_conversations_at_once_are_one_notification() {
    let ids = ["a", "b", "c", "d"];
    let mut announcer = knowing(&ids);
    for id in ids {
        announcer.message(&message(id, "hello", json!({})));
        announcer.message(&message(id, "again", json!({})));
    }
    assert_eq!(shown(announcer.changes(0)), one(MANY, "8 new messages in 4 conversations", ""));
    for id in ["a", "b", "c"] {
        assert_eq!(announcer.look_at(Some(id.into())), [Change::Withdraw(id.into())]);
    }
    let read = conversation("d", json!({"unread": 0}));
    assert_eq!(
        announcer.conversation(&read),
        [Change::Withdraw("d".into()), Change::Withdraw(MANY.into())]
    );
}

#[test]
fn what_needs_no_attention_is_silent() {
    let silent = [
        json!({"own": true}),
        json!({"deleted": true}),
        json!({"kind": "notice"}),
        json!({"state": "read"}),
        json!({"conversation": "muted"}),
        json!({"conversation": "never heard of"}),
        json!({"conversation": "open"}),
    ];
    let mut announcer = knowing(&["c", "open"]);
    announcer.conversation(&conversation("muted", json!({"muted": true})));
    announcer.look_at(Some("open".into()));
    for change in silent {
        announcer.message(&message("c", "hello", change.clone()));
        assert_eq!(announcer.due_ms(), None, "{change}");
    }
    announcer.look_at(None);
    announcer.message(&message("open", "hello", json!({})));
    assert_eq!(announcer.due_ms(), Some(0), "open, but the window is not in front");
}

#[test]
fn settings_and_presence_silence_everything() {
    let mut announcer = knowing(&["c"]);
    let off = Settings { notifications: false, ..Settings::default() };
    announcer.set(off, Language::English);
    announcer.message(&message("c", "hello", json!({})));
    assert_eq!(announcer.due_ms(), None);

    announcer.set(Settings::default(), Language::English);
    let mut account = Account {
        account: "me".into(),
        device: "d".into(),
        name: "Bob".into(),
        status: None,
        avatar: None,
        presence: PresenceState::Busy,
        addresses: Vec::new(),
        relays: Vec::new(),
        link: String::new(),
    };
    announcer.account(&account);
    announcer.message(&message("c", "hello", json!({})));
    assert_eq!(announcer.due_ms(), None);
    account.presence = PresenceState::Away;
    announcer.account(&account);
    announcer.message(&message("c", "hello", json!({})));
    assert_eq!(announcer.due_ms(), Some(0));
}

#[test]
fn the_text_shows_only_where_it_may() {
    let mut announcer = knowing(&["c"]);
    let group = json!({"kind": "group", "title": "Team"});
    announcer.conversation(&conversation("g", group));
    announcer.conversation(&conversation("r", json!({"request": true})));
    for id in ["c", "g", "r"] {
        announcer.message(&message(id, "secret", json!({"name": "Carol"})));
    }
    let texts = shown(announcer.changes(0));
    assert_eq!(
        texts,
        [
            ("c".into(), "Alice".into(), "secret".into()),
            ("g".into(), "Team".into(), "Carol: secret".into()),
            ("r".into(), "Carol".into(), "Would like to chat with you".into()),
        ]
    );

    let without = Settings { notification_preview: false, ..Settings::default() };
    announcer.set(without, Language::Chinese);
    announcer.message(&message("g", "secret", json!({})));
    assert_eq!(shown(announcer.changes(BURST_MS)), one("g", "Team", "2 条新消息"));
}

#[test]
fn what_was_read_is_withdrawn_and_counts_anew() {
    let mut announcer = knowing(&["c"]);
    announcer.message(&message("c", "1", json!({})));
    announcer.changes(0);
    let read = conversation("c", json!({"unread": 0}));
    assert_eq!(announcer.conversation(&read), [Change::Withdraw("c".into())]);
    assert_eq!(announcer.conversation(&read), []);
    announcer.message(&message("c", "2", json!({})));
    assert_eq!(shown(announcer.changes(BURST_MS)), one("c", "Alice", "2"));
    assert_eq!(announcer.removed("c"), [Change::Withdraw("c".into())]);
}

#[test]
fn a_long_text_is_cut_between_characters() {
    let mut announcer = knowing(&["c"]);
    announcer.message(&message("c", &"雁".repeat(1_000), json!({})));
    let (_, _, body) = shown(announcer.changes(0)).remove(0);
    assert_eq!(body.chars().count(), TEXT_CHARS + 1);
    assert!(body.ends_with('…'));
}
