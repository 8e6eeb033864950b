//! Starting, hiding, coming back, ending, and profiles that cannot be opened.

use std::process::Stdio;

use serde_json::json;

use crate::bed::{Bed, DEADLINE, lines, start};
use crate::driver::{App, MAIN_VIEW, start_again};
use crate::node::{LOOPBACK, Node};
use crate::screen::Screen;
use crate::session_bus::Panel;

const ALONE: [&str; 3] = ["--no-mdns", "--listen", LOOPBACK];

#[test]
fn desktop_closing_keeps_it_in_the_tray_and_quit_ends_it() {
    let bed = Bed::make();
    let panel = Panel::start(&bed);
    let app = App::start(&bed, &ALONE);
    let (screen, icon) = (Screen::open(&bed), panel.icon());
    app.onboard("Alice");
    let mut end = app.end();

    screen.close();
    screen.until_shown(false);
    assert_eq!(app.call("account.get", json!({}))["name"], "Alice", "it goes on in the tray");
    icon.choose("Open Anser");
    screen.until_shown(true);

    icon.choose("Away");
    icon.until_ticked("Away");
    assert_eq!(app.call("account.get", json!({}))["presence"], "away");

    icon.choose("Quit");
    end.wait();
    screen.until_shown(false);
}

#[test]
fn desktop_without_a_tray_closing_ends_it() {
    let bed = Bed::make();
    let app = App::start(&bed, &ALONE);
    let screen = Screen::open(&bed);
    app.onboard("Alice");
    let mut end = app.end();
    screen.close();
    end.wait();
}

#[test]
fn desktop_closing_ends_it_where_that_is_the_setting() {
    let bed = Bed::make();
    let panel = Panel::start(&bed);
    let app = App::start(&bed, &ALONE);
    let (screen, icon) = (Screen::open(&bed), panel.icon());
    app.onboard("Alice");
    app.call("settings.set", json!({"close_to_tray": false, "language": "zh-CN"}));
    icon.until_texts(&["打开 Anser", "空闲", "离开", "忙碌", "退出"]);
    app.invoke("set_unread", json!({"count": 1})).unwrap();
    screen.until_title("(1) Anser");
    let mut end = app.end();
    screen.close();
    end.wait();
}

#[test]
fn desktop_a_second_start_shows_the_first_and_hands_over_its_link() {
    let bed = Bed::make();
    let _panel = Panel::start(&bed);
    let app = App::start(&bed, &ALONE);
    let screen = Screen::open(&bed);
    app.onboard("Alice");
    screen.close();
    screen.until_shown(false);

    assert_eq!(start_again(&bed, &[]), Some(0));
    screen.until_shown(true);

    let mut carol = Node::start(&bed, &bed.path("carol"), "Carol");
    let link = carol.call("account.get", json!({}))["link"].as_str().unwrap().to_owned();
    screen.close();
    screen.until_shown(false);
    assert_eq!(start_again(&bed, &[&link]), Some(0));
    screen.until_shown(true);
    app.until("document.querySelector('textarea')");
    app.until_text("Carol");

    // Another profile is another program: it does not disturb this one.
    let other = bed.path("other").display().to_string();
    let mut second = start(
        bed.command(&Bed::desktop())
            .args(["--data", &other])
            .args(ALONE)
            .env("ANSER_BENCH_PAINT", "1")
            .stderr(Stdio::piped()),
    );
    let said = lines(second.0.stderr.take().unwrap());
    let painted = std::iter::from_fn(|| said.recv_timeout(DEADLINE).ok())
        .find_map(|line| line.strip_prefix("first_paint_ms ").map(str::to_owned));
    let milliseconds: u64 = painted.expect("it paints").parse().unwrap();
    assert!(milliseconds > 0);
}

#[test]
fn desktop_starts_hidden_in_the_tray() {
    let bed = Bed::make();
    let panel = Panel::start(&bed);
    let app = App::start(&bed, &[&["--hidden"], &ALONE[..]].concat());
    let (screen, icon) = (Screen::open(&bed), panel.icon());
    app.until_text("Anser");
    assert!(!screen.is_shown());
    icon.choose("Open Anser");
    screen.until_shown(true);
}

#[test]
fn desktop_says_when_another_program_has_the_profile() {
    let bed = Bed::make();
    let node = Node::start(&bed, &bed.profile(), "Alice");
    let app = App::start(&bed, &ALONE);
    app.until_text("already open");
    assert_eq!(app.call("app.status", json!({}))["state"], "locked");
    app.picture(&bed, "locked");
    app.click("button", "Try again");
    app.until("document.querySelector('button:not([disabled])')");
    assert_eq!(app.call("app.status", json!({}))["state"], "locked");

    node.end();
    app.click("button", "Try again");
    app.until(MAIN_VIEW);
    app.until_text("Alice");
}

#[test]
fn desktop_says_why_a_profile_cannot_be_opened() {
    let bed = Bed::make();
    std::fs::write(bed.profile(), "no folder").unwrap();
    let app = App::start(&bed, &ALONE);
    app.until("document.querySelector('form h1')");
    let status = app.call("app.status", json!({}));
    assert_eq!(status["state"], "broken", "{status}");
    app.until_text(status["message"].as_str().unwrap());
    app.until_text(&bed.profile().display().to_string());
    app.picture(&bed, "broken");
    assert_eq!(std::fs::read_to_string(bed.profile()).unwrap(), "no folder");
}

#[test]
fn desktop_asks_for_the_passphrase() {
    let bed = Bed::make();
    Node::start_sealed(&bed, &bed.profile(), "Alice", "correct horse").end();
    let app = App::start(&bed, &ALONE);
    app.type_into("input#passphrase", "wrong horse\u{e007}");
    app.until("document.querySelector('#problem').innerText !== ''");
    app.picture(&bed, "passphrase");
    app.type_into("input#passphrase", "correct horse\u{e007}");
    app.until(MAIN_VIEW);
    app.until_text("Alice");
}

#[test]
fn desktop_page_can_ask_for_nothing_else() {
    let bed = Bed::make();
    let app = App::start(&bed, &ALONE);
    let code =
        |command: &str, arguments| app.invoke(command, arguments).unwrap_err()["code"].clone();
    for url in ["file:///etc/passwd", "javascript:alert(1)", "anser:x", "nonsense"] {
        assert_eq!(code("open_external", json!({"url": url})), "invalid_argument", "{url}");
    }
    let opened = bed.opened();
    app.invoke("open_external", json!({"url": "https://example.org/a?b=c"})).unwrap();
    assert_eq!(opened.recv_timeout(DEADLINE).as_deref(), Ok("https://example.org/a?b=c"));
    assert_eq!(code("rpc", json!({"method": "no.such", "params": {}})), "unknown_method");
    assert_eq!(code("rpc", json!({"method": "account.create", "params": {}})), "invalid_argument");
    for command in
        ["plugin:window|close", "plugin:webview|create_webview_window", "plugin:app|name"]
    {
        assert!(app.invoke(command, json!({})).is_err(), "{command}");
    }
    assert_eq!(app.script("return typeof window.__TAURI__"), "undefined");

    // Nothing from elsewhere is loaded, and this page is not left for another.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    app.script(&format!(
        "addEventListener('securitypolicyviolation', (event) => {{
           document.documentElement.dataset.refused = event.effectiveDirective;
         }});
         fetch('http://{address}/').catch(() => undefined);"
    ));
    app.until("document.documentElement.dataset.refused === 'connect-src'");
    app.script(&format!("location.href = 'http://{address}/'"));
    assert_eq!(app.script("return location.protocol"), "tauri:");
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "nobody came");
}
