//! Talking: first start, a message each way, what screen and tray say about it.

use serde_json::{Value, json};

use crate::bed::Bed;
use crate::driver::{App, ENTER};
use crate::node::{LOOPBACK, Node};
use crate::screen::Screen;
use crate::session_bus::{Asked, Notifications, Panel};

/// Both ends on this machine: Alice's window, and Bob without one.
pub fn alice_and_bob(bed: &Bed) -> (App, Node) {
    let mut bob = Node::start(bed, &bed.path("bob"), "Bob");
    let seed = bob.address();
    let alice = App::start(bed, &["--no-mdns", "--listen", LOOPBACK, "--seed", &seed]);
    alice.onboard("Alice");
    (alice, bob)
}

/// The two have talked: neither is a stranger to the other. Gives their conversation.
pub fn acquainted(alice: &App, bob: &mut Node) -> Value {
    alice.click("[role=tab]", "People");
    alice.click("[data-row]", "Bob");
    alice.type_into("textarea", &format!("Hello Bob, 你好{ENTER}"));
    let heard = bob.until(|event| {
        event["type"] == "message.added" && event["message"]["text"] == "Hello Bob, 你好"
    });
    let conversation = heard["message"]["conversation"].clone();
    bob.call("conversation.accept", json!({"conversation": conversation}));
    conversation
}

fn say(bob: &mut Node, conversation: &Value, text: &str) {
    bob.call("message.send", json!({"conversation": conversation, "text": text}));
}

#[test]
fn desktop_first_start_and_a_message_each_way() {
    let bed = Bed::make();
    let mut bob = Node::start(&bed, &bed.path("bob"), "Bob");
    let seed = bob.address();
    let alice = App::start(&bed, &["--no-mdns", "--listen", LOOPBACK, "--seed", &seed]);
    alice.until("document.activeElement.id === 'name'");
    alice.until_text("Bob");
    alice.picture(&bed, "first-start");
    alice.onboard("Alice");

    let conversation = acquainted(&alice, &mut bob);
    say(&mut bob, &conversation, "Good morning, Alice");
    alice.until_text("Good morning, Alice");
    let list = alice.call("message.list", json!({"conversation": conversation}));
    let texts: Vec<&str> = list["messages"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["text"].as_str())
        .collect();
    assert_eq!(texts, ["Hello Bob, 你好", "Good morning, Alice"]);
    alice.picture(&bed, "conversation");
}

#[test]
fn desktop_notification_and_tray_tell_of_a_message_and_lead_to_it() {
    let bed = Bed::make();
    let (daemon, panel) = (Notifications::start(&bed), Panel::start(&bed));
    let (alice, mut bob) = alice_and_bob(&bed);
    let (screen, icon) = (Screen::open(&bed), panel.icon());
    let plain = icon.picture();
    let pictures = icon.new_pictures();
    let conversation = acquainted(&alice, &mut bob);
    assert!(daemon.is_silent(), "one's own message is no news");

    screen.close();
    screen.until_shown(false);
    alice.until("document.visibilityState === 'hidden'");
    say(&mut bob, &conversation, "Lunch at <12>?");
    let Asked::Show { id, replaces, title, body } = daemon.next() else {
        panic!("a message is shown")
    };
    assert_eq!((replaces, title.as_str(), body.as_str()), (0, "Bob", "Lunch at &lt;12&gt;?"));
    pictures.recv_timeout(crate::bed::DEADLINE).expect("the icon changes");
    assert_ne!(icon.picture(), plain, "the icon has a mark");

    say(&mut bob, &conversation, "Or at one?");
    let changed = daemon.next();
    let Asked::Show { replaces, title, body, .. } = changed else { panic!("{changed:?}") };
    assert_eq!(
        (replaces, title.as_str(), body.as_str()),
        (id, "Bob (2 new)", "Or at one?"),
        "one notification for one conversation"
    );

    daemon.click(id);
    screen.until_shown(true);
    screen.focus();
    alice.until_text("Or at one?");
    alice.picture(&bed, "after-the-click");
    assert_eq!(daemon.next(), Asked::Close { id }, "what is on screen needs no notification");
    pictures.recv_timeout(crate::bed::DEADLINE).expect("the icon changes back");
    assert_eq!(icon.picture(), plain, "nothing is unread");

    say(&mut bob, &conversation, "Good, at one");
    alice.until_text("Good, at one");
    assert!(daemon.is_silent(), "what is on screen is not announced");
}

#[test]
fn desktop_both_themes_and_languages() {
    let bed = Bed::make();
    let panel = Panel::start(&bed);
    let (alice, mut bob) = alice_and_bob(&bed);
    let (screen, icon) = (Screen::open(&bed), panel.icon());
    let conversation = acquainted(&alice, &mut bob);
    say(&mut bob, &conversation, "The drafts are on the shelf. 草稿在架子上。");
    alice.until_text("on the shelf");

    let menus = [
        ("en", ["Open Anser", "Available", "Away", "Busy", "Quit"]),
        ("zh-CN", ["打开 Anser", "空闲", "离开", "忙碌", "退出"]),
    ];
    for (language, menu) in menus {
        for theme in ["light", "dark"] {
            alice.call("settings.set", json!({"language": language, "theme": theme}));
            let root = "document.documentElement";
            alice.until(&format!(
                "{root}.lang === '{language}' && {root}.dataset.theme === '{theme}'"
            ));
            icon.until_texts(&menu);
            let colour = alice.script("return getComputedStyle(document.body).backgroundColor");
            let numbers: Vec<f64> = colour
                .as_str()
                .unwrap()
                .split(|c: char| !c.is_ascii_digit())
                .filter_map(|part| part.parse().ok())
                .collect();
            assert_eq!(numbers[0] > 128.0, theme == "light", "{theme}: {colour}");
            alice.click("button.me", "Alice");
            alice.until("document.querySelector('[role=dialog]')");
            alice.picture(&bed, &format!("settings-{language}-{theme}"));
            alice.type_into("[role=dialog]", "\u{e00c}");
            alice.until("!document.querySelector('[role=dialog]')");
            alice.picture(&bed, &format!("conversation-{language}-{theme}"));
        }
    }

    // The same task changes tray, autostart and title, one after the other.
    let entry = bed.path("config/autostart/anser-desktop.desktop");
    assert!(!entry.exists());
    alice.call("settings.set", json!({"autostart": true, "language": "en"}));
    icon.until_texts(&menus[0].1);
    alice.invoke("set_unread", json!({"count": 5})).unwrap();
    screen.until_title("(5) Anser");
    let text = std::fs::read_to_string(&entry).unwrap();
    let program = Bed::desktop();
    assert!(text.contains(&format!("Exec=\"{}\" --hidden", program.display())), "{text}");
    alice.call("settings.set", json!({"autostart": false, "language": "zh-CN"}));
    icon.until_texts(&menus[1].1);
    alice.invoke("set_unread", json!({"count": 0})).unwrap();
    screen.until_title("Anser");
    assert!(!entry.exists());
}
