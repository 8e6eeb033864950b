//! Mailboxes: on disk before they are acknowledged, read by their owner, written by who has a token.

use data_encoding::BASE64;
use serde_json::{Value, json};

use crate::client::{Client, Session, WAYS, Way, device_id, key};
use crate::relay::Relay;

const TOKEN: &str = "a-token-from-the-card";

fn send(session: &Session, relay: &Relay, rid: &str, to: &[(&str, &str)], body: &[u8]) -> Value {
    let to: Vec<_> =
        to.iter().map(|(mailbox, token)| json!({"mailbox": mailbox, "token": token})).collect();
    let command =
        json!({"rid": rid, "op": "send", "to": to, "k": "seal", "d": BASE64.encode(body)});
    session.command(relay, &command)
}

fn bodies(client: &mut Client, count: usize) -> Vec<String> {
    let text = |event: Value| {
        let bytes = BASE64.decode(event["d"].as_str().unwrap().as_bytes()).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    (0..count).map(|_| text(client.event())).collect()
}

#[test]
fn mail_waits_over_kill_nine_and_is_gone_once_it_is_acknowledged() {
    let mut relay = Relay::start(&[]);
    let (alice, bob) = (key(1), key(2));
    let bob_box = device_id(&bob);
    let bob_session = Session::device(&relay, &bob);
    let grant = json!({"rid": "g", "op": "grant", "tokens": [TOKEN]});
    assert_eq!(bob_session.command(&relay, &grant)["ok"], true);
    let alice_session = Session::device(&relay, &alice);
    for number in 1..=3 {
        let body = format!("letter {number}");
        let answer = send(&alice_session, &relay, &body, &[(&bob_box, TOKEN)], body.as_bytes());
        assert_eq!(answer["to"][0]["state"], "stored", "{answer}");
        relay.kill();
        relay.restart();
    }
    // The same again, to be sure: nothing is doubled.
    send(&alice_session, &relay, "letter 3", &[(&bob_box, TOKEN)], b"letter 3");
    for way in WAYS {
        let mut client = Client::open(relay.http, &bob_session, way, "").unwrap();
        assert_eq!(client.hello()["recovered"], true);
        let first = client.event();
        assert_eq!(
            (&first["t"], &first["k"]),
            (&json!(format!("mailbox/{bob_box}")), &json!("seal"))
        );
        assert_eq!(bodies(&mut client, 2), ["letter 2", "letter 3"], "{way:?}");
        let cursor = first["c"].as_str().unwrap();
        let mut again = Client::open(relay.http, &bob_session, way, cursor).unwrap();
        assert_eq!(bodies(&mut again, 2), ["letter 2", "letter 3"], "{way:?} by cursor");
    }
    let mut client = Client::open(relay.http, &bob_session, Way::Ws, "").unwrap();
    client.event();
    let second = client.event();
    let ack = json!({"rid": "a", "op": "ack", "cursor": second["c"]});
    assert_eq!(bob_session.command(&relay, &ack)["ok"], true);
    relay.kill();
    relay.restart();
    let mut client = Client::open(relay.http, &bob_session, Way::Sse, "").unwrap();
    assert_eq!(bodies(&mut client, 1), ["letter 3"]);
    send(&alice_session, &relay, "letter 4", &[(&bob_box, TOKEN)], b"letter 4");
    assert_eq!(bodies(&mut client, 1), ["letter 4"], "as it comes");
}

#[test]
fn mail_and_topics_are_one_stream_with_one_cursor() {
    let relay = Relay::start(&[]);
    let token = relay.token();
    let bob = key(2);
    let session = Session::device(&relay, &bob);
    session.command(&relay, &json!({"rid": "g", "op": "grant", "tokens": [TOKEN]}));
    session.watch(&relay, "news/a");
    let mailbox = device_id(&bob);
    for number in 1..=70 {
        relay.publish(&token, "news/a", number);
        let body = number.to_string();
        send(&session, &relay, &body, &[(&mailbox, TOKEN)], body.as_bytes());
    }
    // Each is taken one at a time and the connection changed in between: all come, in order.
    let (mut news, mut mail) = (Vec::new(), Vec::new());
    let mut cursor = session.cursor.clone();
    for round in 0.. {
        let way = WAYS[round % WAYS.len()];
        let mut client = Client::open(relay.http, &session, way, &cursor).unwrap();
        assert_eq!(client.hello()["recovered"], true, "{way:?} {cursor}");
        for _ in 0..7 {
            if news.len() + mail.len() == 140 {
                break;
            }
            let event = client.event();
            cursor = event["c"].as_str().unwrap().to_owned();
            match event["d"].as_str() {
                Some(text) => {
                    let bytes = BASE64.decode(text.as_bytes()).unwrap();
                    mail.push(String::from_utf8(bytes).unwrap().parse::<u64>().unwrap());
                }
                None => news.push(event["d"]["n"].as_u64().unwrap()),
            }
        }
        if news.len() + mail.len() == 140 {
            break;
        }
    }
    assert_eq!(news, (1..=70).collect::<Vec<u64>>());
    assert_eq!(mail, (1..=70).collect::<Vec<u64>>());
}

#[test]
fn a_stranger_neither_writes_nor_learns_who_exists() {
    let relay = Relay::start(&["--limits.mailbox_bytes=2000"]);
    let (alice, bob, nobody) = (key(1), key(2), key(3));
    let bob_session = Session::device(&relay, &bob);
    bob_session.command(&relay, &json!({"rid": "g", "op": "grant", "tokens": [TOKEN]}));
    let alice_session = Session::device(&relay, &alice);
    let (there, not_there) = (device_id(&bob), device_id(&nobody));
    let wrong = "a-token-that-is-wrong";
    let answer = send(
        &alice_session,
        &relay,
        "1",
        &[(&there, wrong), (&not_there, wrong), (&there, TOKEN)],
        b"x",
    );
    let states: Vec<_> =
        answer["to"].as_array().unwrap().iter().map(|to| to["state"].clone()).collect();
    assert_eq!(states, ["refused", "refused", "stored"]);
    // Full is told to who may write.
    let full = send(&alice_session, &relay, "2", &[(&there, TOKEN)], &[b'x'; 3_000]);
    assert_eq!(full["to"][0]["state"], "full");
    // Taken back, and nobody else may.
    bob_session.command(&relay, &json!({"rid": "h", "op": "grant", "tokens": []}));
    let late = send(&alice_session, &relay, "3", &[(&there, TOKEN)], b"x");
    assert_eq!(late["to"][0]["state"], "refused");
    let anonymous = Session::anonymous(&relay);
    let refused = send(&anonymous, &relay, "4", &[(&there, TOKEN)], b"x");
    assert_eq!(refused["error"]["code"], "forbidden");
    let large = send(&alice_session, &relay, "5", &[(&there, TOKEN)], &vec![0; (256 << 10) + 1]);
    assert_eq!(large["error"]["code"], "too_large");
    let weak = json!({"rid": "w", "op": "grant", "tokens": ["short"]});
    assert_eq!(bob_session.command(&relay, &weak)["error"]["code"], "bad_request");
}
