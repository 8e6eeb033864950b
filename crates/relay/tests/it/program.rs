//! The program itself: commands, configuration, signals, the admin's API.

use serde_json::{Value, json};

use crate::client::{Client, Frame, Session, Way, until};
use crate::relay::{Relay, program, request};

#[test]
fn it_prints_and_checks_its_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("relay.toml");
    std::fs::write(&file, "[limits]\nwatches = 5\n").unwrap();
    let output = program()
        .args(["config", "--config", file.to_str().unwrap(), "--limits.ping_s=7"])
        .env("ANSER_RELAY_BRANDING__NAME", "Ours")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for line in ["watches = 5", "ping_s = 7", "name = \"Ours\"", "listen = \"127.0.0.1:8480\""] {
        assert!(text.contains(line), "{line}: {text}");
    }
    // What it prints is a configuration.
    std::fs::write(&file, &text).unwrap();
    let data = format!("--data={}", folder.path().join("data").display());
    let check = |extra: &[&str]| {
        program()
            .args(["check", "--config", file.to_str().unwrap(), &data])
            .args(["--http.listen=127.0.0.1:0", "--admin.listen=127.0.0.1:0"])
            .args(extra)
            .output()
            .unwrap()
    };
    let output = check(&[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for (wrong, word) in [
        ("--http.tls_certificate=nothing.pem", "tls"),
        ("--http.origins=portal.example", "http.origins"),
        ("--registration.policy=everybody", "everybody"),
    ] {
        let output = check(&[wrong]);
        assert_eq!(output.status.code(), Some(1), "{wrong}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(word) && said.lines().count() <= 6, "{said}");
    }
    assert_eq!(program().arg("--limits.watchs=5").output().unwrap().status.code(), Some(2));
}

#[test]
fn tokens_are_made_while_it_runs_and_while_it_rests() {
    let mut relay = Relay::start(&[]);
    let running = relay.command(&["token", "create", "portal", "--topic", "news/*"]);
    let publish = |relay: &Relay, token: &str, topic: &str| {
        let bearer = format!("Bearer {token}");
        relay.post(&format!("/v1/topics/{topic}"), &[("authorization", &bearer)], b"1").status
    };
    assert_eq!(publish(&relay, &running, "news/a"), 200);
    assert_eq!(publish(&relay, &running, "prices"), 403);
    assert!(relay.terminate());
    let resting = relay.command(&["token", "create", "prices", "--topic", "prices"]);
    assert_eq!(relay.command(&["token", "list"]).lines().count(), 2);
    relay.restart();
    assert_eq!(publish(&relay, &resting, "prices"), 200);
    assert_eq!(publish(&relay, &running, "news/a"), 200);
    relay.command(&["token", "remove", "portal"]);
    assert_eq!(publish(&relay, &running, "news/a"), 401);
    assert_eq!(relay.command(&["token", "list"]), "prices\tprices");
    // A token is on no disk.
    assert!(relay.terminate());
    for entry in walk(&relay.data()) {
        let bytes = std::fs::read(&entry).unwrap();
        let found = bytes.windows(resting.len()).any(|window| window == resting.as_bytes());
        assert!(!found, "{}", entry.display());
    }
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(walk(&path)) } else { files.push(path) }
    }
    files
}

#[test]
fn what_can_change_is_taken_over_while_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("relay.toml");
    std::fs::write(&file, "[anonymous]\ntopics = [\"news/*\"]\n").unwrap();
    let relay = Relay::start(&["--config", file.to_str().unwrap()]);
    let token = relay.token();
    let session = Session::anonymous(&relay);
    session.watch(&relay, "news/a");
    std::fs::write(&file, "[anonymous]\ntopics = [\"prices\"]\n").unwrap();
    relay.signal("HUP");
    assert_eq!(relay.line(), "reloaded");
    // Rights are looked at again whenever a stream opens.
    relay.publish(&token, "news/a", 1);
    let mut client = Client::open(relay.http, &session, Way::Sse, &session.cursor).unwrap();
    let hello = client.hello();
    assert_eq!((&hello["watching"], &hello["refused"]), (&json!(0), &json!(["news/a"])));
    session.watch(&relay, "prices");
    relay.publish(&token, "prices", 2);
    assert_eq!(client.event()["d"]["n"], 2);
    // What is wrong is not taken over.
    std::fs::write(&file, "[anonymous]\ntopics = [\"a/*/b\"]\n").unwrap();
    let bearer = admin(&relay);
    let answer =
        request(relay.admin, "POST", "/v1/reload", &[("authorization", &bearer)], b"").unwrap();
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("anonymous.topics"), "{}", answer.text());
    relay.publish(&token, "prices", 3);
    assert_eq!(client.event()["d"]["n"], 3);
}

fn admin(relay: &Relay) -> String {
    format!("Bearer {}", std::fs::read_to_string(relay.data().join("admin.token")).unwrap())
}

#[test]
fn the_admin_sees_what_is_open() {
    let relay = Relay::start(&[]);
    let bearer = admin(&relay);
    let get =
        |path: &str| request(relay.admin, "GET", path, &[("authorization", &bearer)], b"").unwrap();
    let session = Session::anonymous(&relay);
    session.watch(&relay, "news/a");
    let mut client = Client::open(relay.http, &session, Way::Sse, "").unwrap();
    client.hello();
    let overview: Value = get("/v1/overview").json();
    assert_eq!(
        (&overview["streams"]["sse"], &overview["watching_sessions"]),
        (&json!(1), &json!(1))
    );
    assert!(get("/metrics").text().contains("anser_relay_sessions{transport=\"sse\"} 1\n"));
    assert_eq!(relay.get("/health/ready", &[]).status, 200);
    assert_eq!(relay.get("/metrics", &[("x-forwarded-for", "192.0.2.1")]).status, 404);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(relay.data()), 0o700);
        assert_eq!(mode(relay.data().join("admin.token")), 0o600);
    }
}

#[test]
fn it_drains_when_it_is_told_to_end() {
    let mut relay = Relay::start(&[]);
    let sessions: Vec<_> = (0..3).map(|_| Session::anonymous(&relay)).collect();
    let ways = [Way::Sse, Way::Ws];
    let mut clients: Vec<_> = ways
        .iter()
        .zip(&sessions)
        .map(|(way, session)| Client::open(relay.http, session, *way, "").unwrap())
        .collect();
    clients.iter_mut().for_each(|client| drop(client.hello()));
    let polls = {
        let (address, session) = (relay.http, sessions[2].clone());
        std::thread::spawn(move || {
            let mut client =
                Client::open(address, &session, Way::LongPoll, &session.cursor).unwrap();
            (client.next().unwrap(), client.next().unwrap())
        })
    };
    let waits = "anser_relay_sessions{transport=\"longpoll\"} 1";
    until("the long poll waits", || relay.get("/metrics", &[]).text().contains(waits));
    relay.signal("TERM");
    assert_eq!(relay.line(), "draining");
    for client in &mut clients {
        assert_eq!(client.next().unwrap(), Frame::End("drain".into()));
    }
    assert_eq!(polls.join().unwrap().1, Frame::End("drain".into()));
    drop(clients);
    assert_eq!(relay.line(), "drained 3 streams");
    assert!(relay.ends_well());
}
