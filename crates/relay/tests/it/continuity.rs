//! Clients on all transports while the relay is killed, drained and started again under them.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use serde_json::Value;

use crate::client::{Client, Frame, Session, WAYS, Way, until};
use crate::relay::{Relay, request};

const EVENTS: usize = 600;

/// Who waits for the relay waits here, instead of trying in a loop.
#[derive(Default)]
struct Up {
    /// How often it came up; 0 while it is down.
    run: Mutex<usize>,
    changed: Condvar,
}

impl Up {
    fn wait(&self) -> usize {
        let run = self.run.lock().unwrap();
        *self.changed.wait_while(run, |run| *run == 0).unwrap()
    }

    fn set(&self, run: usize) {
        *self.run.lock().unwrap() = run;
        self.changed.notify_all();
    }
}

/// Reads until it has the last event, coming back whenever the stream ends.
fn follow(address: SocketAddr, session: &Session, ways: &[Way], up: &Up) -> Vec<u64> {
    let mut seen = BTreeSet::new();
    let mut numbers = Vec::new();
    let mut cursor = session.cursor.clone();
    for attempt in 0.. {
        up.wait();
        let way = ways[attempt % ways.len()];
        let Ok(mut client) = Client::open(address, session, way, &cursor) else { continue };
        while let Ok(frame) = client.next() {
            match frame {
                Frame::Hello(hello) => {
                    assert_eq!(hello["recovered"], true, "{way:?}: {hello}");
                    assert_eq!(hello["watching"], 1, "{hello}");
                }
                Frame::End(_) => break,
                Frame::Event(event) => {
                    cursor = event["c"].as_str().unwrap().to_owned();
                    if seen.insert(event["id"].as_str().unwrap().to_owned()) {
                        numbers.push(event["d"]["n"].as_u64().unwrap());
                    }
                    if numbers.last() == Some(&(EVENTS as u64)) {
                        return numbers;
                    }
                    // Now and then the client breaks off by itself.
                    if ways.len() > 1 && numbers.len() % 41 == 0 {
                        break;
                    }
                }
            }
        }
    }
    numbers
}

#[test]
fn everybody_ends_with_exactly_what_was_published() {
    let mut relay = Relay::start(&["--limits.connections_identity=1000"]);
    let token = relay.token();
    let address = relay.http;
    let up = Arc::new(Up::default());
    up.set(1);
    let groups: Vec<Vec<Way>> =
        WAYS.iter().map(|way| vec![*way]).chain([WAYS.to_vec(), WAYS.to_vec()]).collect();
    let followers: Vec<_> = groups
        .into_iter()
        .map(|ways| {
            let session = Session::anonymous(&relay);
            session.watch(&relay, "news/a");
            let up = Arc::clone(&up);
            std::thread::spawn(move || (ways.clone(), follow(address, &session, &ways, &up)))
        })
        .collect();
    let published = Arc::new(AtomicUsize::new(0));
    let publisher = {
        let (up, published) = (Arc::clone(&up), Arc::clone(&published));
        std::thread::spawn(move || {
            let bearer = format!("Bearer {token}");
            for number in 1..=EVENTS {
                let (key, body) = (format!("n{number}"), format!("{{\"n\":{number}}}"));
                let headers =
                    [("authorization", bearer.as_str()), ("idempotency-key", key.as_str())];
                // An answer that was lost is asked for again, with the same key.
                loop {
                    up.wait();
                    let path = "/v1/topics/news/a?type=note";
                    match request(address, "POST", path, &headers, body.as_bytes()) {
                        Ok(answer) if answer.status == 200 => break,
                        _ => {}
                    }
                }
                published.store(number, Ordering::SeqCst);
            }
        })
    };
    for (run, at) in [80, 170, 260, 350, 440, 530].into_iter().enumerate() {
        until("events are published", || published.load(Ordering::SeqCst) >= at);
        up.set(0);
        if run % 3 == 2 {
            assert!(relay.terminate(), "it drains");
        } else {
            relay.kill();
        }
        relay.restart();
        up.set(run + 2);
    }
    publisher.join().unwrap();
    let expected: Vec<u64> = (1..=EVENTS as u64).collect();
    for follower in followers {
        let (ways, numbers) = follower.join().unwrap();
        assert_eq!(numbers, expected, "{ways:?}");
    }
}

#[test]
fn a_relay_that_forgets_everything_says_so() {
    let mut relay = Relay::start(&["--storage.engine=memory"]);
    let session = Session::anonymous(&relay);
    let epoch = |relay: &Relay| relay.get("/v1/info", &[]).json()["epoch"].clone();
    let before: Value = epoch(&relay);
    relay.kill();
    relay.restart();
    assert_ne!(epoch(&relay), before);
    // The old session is none of this relay's; a new one with the old cursor is told of the hole.
    let old = relay.get("/v1/events/poll", &[("authorization", &session.bearer())]);
    assert_eq!(old.status, 401);
    let fresh = Session::anonymous(&relay);
    let mut client = Client::open(relay.http, &fresh, Way::Sse, &session.cursor).unwrap();
    assert_eq!(client.hello()["reason"], "epoch");
}

#[test]
fn after_a_restart_it_knows_what_its_log_no_longer_has() {
    let mut relay = Relay::start(&["--limits.ring_s=1"]);
    let token = relay.token();
    let session = Session::anonymous(&relay);
    session.watch(&relay, "news/a");
    for number in 1..=3 {
        relay.publish(&token, "news/a", number);
    }
    let reason = |relay: &Relay| {
        let mut client = Client::open(relay.http, &session, Way::Poll, &session.cursor).unwrap();
        client.hello()["reason"].clone()
    };
    until("they grow too old", || {
        // What is too old leaves the log as others come.
        relay.publish(&token, "other", 1);
        reason(&relay) == "trimmed"
    });
    (0..4).for_each(|number| drop(relay.publish(&token, "other", number)));
    relay.kill();
    relay.restart();
    assert_eq!(reason(&relay), "trimmed");
}
