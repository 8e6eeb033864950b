//! The four transports, each forced in turn: one stream, hello first, nothing missing unsaid.

use std::io::Read;

use serde_json::{Value, json};

use crate::client::{Client, Frame, Session, Stream, WAYS, Way, key, until};
use crate::relay::Relay;

fn numbers(client: &mut Client, count: usize) -> Vec<u64> {
    (0..count).map(|_| client.event()["d"]["n"].as_u64().unwrap()).collect()
}

#[test]
fn each_transport_gives_the_same_stream_and_goes_on_by_cursor() {
    let relay = Relay::start(&[]);
    let token = relay.token();
    for way in WAYS {
        let session = Session::anonymous(&relay);
        session.watch(&relay, "news/a");
        for number in 1..=3 {
            relay.publish(&token, "news/a", number);
        }
        let mut client = Client::open(relay.http, &session, way, &session.cursor).unwrap();
        let hello = client.hello();
        assert_eq!(
            (&hello["recovered"], &hello["reason"]),
            (&json!(true), &json!("ok")),
            "{way:?}"
        );
        let first = client.event();
        assert_eq!((&first["t"], &first["k"]), (&json!("news/a"), &json!("note")));
        assert_eq!(first["d"], json!({"n": 1}));
        let second = client.event();
        assert_eq!(second["p"], first["id"], "each names the one before it");
        assert_eq!(numbers(&mut client, 1), [3]);
        relay.publish(&token, "news/a", 4);
        assert_eq!(numbers(&mut client, 1), [4], "{way:?}: what comes while it is open");
        drop(client);
        // Once more after what was processed last, over the same transport and every other.
        for other in WAYS {
            let cursor = second["c"].as_str().unwrap();
            let mut client = Client::open(relay.http, &session, other, cursor).unwrap();
            assert_eq!(numbers(&mut client, 2), [3, 4], "{way:?} then {other:?}");
        }
    }
}

#[test]
fn the_newer_connection_fences_the_older_whatever_carries_it() {
    let relay = Relay::start(&[]);
    let token = relay.token();
    for older in [Way::Sse, Way::Ws, Way::WsCbor] {
        for newer in WAYS {
            let session = Session::anonymous(&relay);
            session.watch(&relay, "news/a");
            let mut first = Client::open(relay.http, &session, older, "").unwrap();
            first.hello();
            relay.publish(&token, "news/a", 1);
            assert_eq!(numbers(&mut first, 1), [1]);
            let mut second = Client::open(relay.http, &session, newer, &session.cursor).unwrap();
            second.hello();
            assert_eq!(first.next().unwrap(), Frame::End("fenced".into()), "{older:?} {newer:?}");
            assert_eq!(numbers(&mut second, 1), [1]);
        }
    }
}

#[test]
fn cursors_of_another_history_or_of_the_future_are_told_on_every_transport() {
    let relay = Relay::start(&[]);
    let token = relay.token();
    let session = Session::anonymous(&relay);
    session.watch(&relay, "news/a");
    let cursor = relay.publish(&token, "news/a", 1)["cursor"].as_str().unwrap().to_owned();
    let (epoch, _) = cursor.split_once('.').unwrap();
    for way in WAYS {
        for (cursor, reason, held) in
            [(format!("{epoch}.0:999"), "future", false), ("1234.0:1".to_owned(), "epoch", true)]
        {
            let mut client = Client::open(relay.http, &session, way, &cursor).unwrap();
            let hello = client.hello();
            assert_eq!(hello["recovered"], false, "{way:?} {cursor}");
            assert_eq!(hello["reason"], reason, "{way:?} {cursor}");
            if held {
                assert_eq!(numbers(&mut client, 1), [1], "{way:?}: what is held follows");
            }
        }
        for nonsense in ["x", "1.0:1,0:1", &"1".repeat(300)] {
            let answer = relay.get(
                &format!("/v1/events/poll?cursor={nonsense}"),
                &[("authorization", &session.bearer())],
            );
            assert_eq!(answer.code(), (400, "bad_request".into()));
        }
    }
}

#[test]
fn what_is_no_longer_held_is_told_as_trimmed() {
    let relay = Relay::start(&["--limits.ring_events=5", "--limits.queued_events=5"]);
    let token = relay.token();
    for way in WAYS {
        let session = Session::anonymous(&relay);
        session.watch(&relay, "news/a");
        for number in 1..=9 {
            relay.publish(&token, "news/a", number);
        }
        let mut client = Client::open(relay.http, &session, way, &session.cursor).unwrap();
        let hello = client.hello();
        assert_eq!((&hello["recovered"], &hello["reason"]), (&json!(false), &json!("trimmed")));
        assert_eq!(numbers(&mut client, 5), [5, 6, 7, 8, 9], "{way:?}: what is held follows");
    }
}

#[test]
fn a_slow_reader_is_cut_and_goes_on_by_its_cursor() {
    let relay = Relay::start(&["--limits.queued_events=400"]);
    let token = relay.token();
    let session = Session::anonymous(&relay);
    session.watch(&relay, "news/a");
    for way in [Way::Sse, Way::Ws] {
        let start = Session::anonymous(&relay).cursor;
        let mut client = Client::open(relay.http, &session, way, &start).unwrap();
        client.hello();
        let publish = |number: usize| {
            let body = json!({"n": number, "fill": "x".repeat(60_000)}).to_string();
            let bearer = format!("Bearer {token}");
            let answer =
                relay.post("/v1/topics/news/a", &[("authorization", &bearer)], body.as_bytes());
            assert_eq!(answer.status, 200);
        };
        let slow = || relay.get("/metrics", &[]).text().contains("anser_relay_slow_total 0\n");
        let before = relay.get("/metrics", &[]).text();
        let mut sent = 0;
        // The system's buffers hold some megabytes before anything waits here.
        while relay.get("/metrics", &[]).text().lines().find(|l| l.starts_with("anser_relay_slow"))
            == before.lines().find(|l| l.starts_with("anser_relay_slow"))
        {
            sent += 1;
            publish(sent);
            assert!(sent < 900, "never cut");
        }
        assert!(!slow());
        // What it was given is in order; then it ends, with or without a word.
        let mut last = 0;
        let mut cursor = start;
        while let Ok(Frame::Event(event)) = client.next() {
            let number = event["d"]["n"].as_u64().unwrap();
            assert_eq!(number, last + 1, "{way:?}");
            last = number;
            cursor = event["c"].as_str().unwrap().to_owned();
        }
        assert!((last as usize) < sent);
        let mut again = Client::open(relay.http, &session, way, &cursor).unwrap();
        assert_eq!(again.hello()["recovered"], true);
        let rest = numbers(&mut again, sent - last as usize);
        assert_eq!(rest, (last + 1..=sent as u64).collect::<Vec<_>>(), "{way:?}");
    }
}

#[test]
fn a_long_poll_waits_answers_and_gives_its_connection_back() {
    use std::io::Write;
    let relay = Relay::start(&[]);
    let token = relay.token();
    let session = Session::anonymous(&relay);
    session.watch(&relay, "news/a");
    let mut stream = std::net::TcpStream::connect(relay.http).unwrap();
    stream.set_read_timeout(Some(crate::relay::PATIENCE)).unwrap();
    let ask = |cursor: &str, stream: &mut std::net::TcpStream| {
        let path = format!("/v1/events/longpoll?cursor={cursor}&wait=20");
        let bearer = session.bearer();
        let head = crate::relay::head("GET", &path, &[("authorization", &bearer)], relay.http);
        stream.write_all((head + "\r\n").as_bytes()).unwrap();
    };
    let mut cursor = session.cursor.clone();
    for number in 1..=3 {
        ask(&cursor, &mut stream);
        let open = "anser_relay_sessions{transport=\"longpoll\"} 1";
        until("it waits", || relay.get("/metrics", &[]).text().contains(open));
        if number == 2 {
            // The next request comes early: it is answered after this one.
            let head = crate::relay::head("GET", "/health/live", &[], relay.http);
            stream.write_all((head + "\r\n").as_bytes()).unwrap();
        }
        relay.publish(&token, "news/a", number);
        let value = response(&mut stream);
        assert_eq!(value["events"][0]["d"]["n"], number);
        cursor = value["cursor"].as_str().unwrap().to_owned();
        if number == 2 {
            assert_eq!(response(&mut stream)["status"], "live");
        }
    }
    // Nothing comes: an empty answer in time, with the cursor to go on with.
    let path = format!("/v1/events/longpoll?cursor={cursor}&wait=0");
    let empty = relay.get(&path, &[("authorization", &session.bearer())]).json();
    assert_eq!((&empty["events"], &empty["cursor"]), (&json!([]), &json!(cursor)));
}

/// One response with a length, and no byte more.
fn response(stream: &mut std::net::TcpStream) -> Value {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    serde_json::from_slice(&body).unwrap()
}

#[test]
fn commands_over_a_websocket_are_those_of_http() {
    let relay = Relay::start(&[]);
    let token = relay.token();
    let alice = Session::device(&relay, &key(1));
    let mut socket = Client::open(relay.http, &alice, Way::Ws, "").unwrap();
    socket.hello();
    let watch = json!({"rid": "1", "op": "watch", "topic": "room/a"});
    assert_eq!(socket.command(&watch)["ok"], true);
    let publish =
        json!({"rid": "2", "op": "publish", "topic": "room/a", "k": "say", "d": {"n": 7}});
    let first = alice.command(&relay, &publish);
    assert_eq!(first["ok"], true, "{first}");
    assert_eq!(socket.event()["d"]["n"], 7);
    // The same rid over the other transport: the first answer, and no second event.
    assert_eq!(socket.command(&publish), first);
    relay.publish(&token, "room/a", 8);
    assert_eq!(numbers(&mut socket, 1), [8]);
    let forbidden = json!({"rid": "3", "op": "publish", "topic": "news/a", "d": 1});
    assert_eq!(socket.command(&forbidden)["error"]["code"], "forbidden");
    let unknown = json!({"rid": "4", "op": "dance"});
    assert_eq!(socket.command(&unknown)["error"]["code"], "bad_request");
    let present = json!({"rid": "5", "op": "presence", "topic": "room/a", "state": "here"});
    assert_eq!(alice.command(&relay, &present)["ok"], true);
    let event = socket.event();
    assert_eq!((&event["k"], &event["d"]["state"]), (&json!("presence"), &json!("here")));
    assert_eq!(
        socket.command(&json!({"rid": "6", "op": "unwatch", "topic": "room/a"}))["ok"],
        true
    );
    let Stream::Ws(inner) = &mut socket.stream else { panic!() };
    inner.close(None).unwrap();
}

#[test]
fn retained_values_and_times_to_live() {
    let relay = Relay::start(&[]);
    let token = relay.token();
    let session = Session::anonymous(&relay);
    let bearer = format!("Bearer {token}");
    let publish = |query: &str, body: &str| {
        let path = format!("/v1/topics/news/price?{query}");
        relay.post(&path, &[("authorization", &bearer)], body.as_bytes())
    };
    assert_eq!(publish("retain=true&type=price", "41").status, 200);
    assert_eq!(publish("", "{\"n\":1}").status, 200);
    let watch = json!({"rid": "1", "op": "watch", "topic": "news/price"});
    let answer = session.command(&relay, &watch);
    assert_eq!((&answer["last"]["d"], &answer["last"]["k"]), (&json!(41), &json!("price")));
    // One that is over when it is asked for is left out; what comes after it is not.
    assert_eq!(publish("ttl_ms=1", "{\"n\":2}").status, 200);
    assert_eq!(publish("", "{\"n\":3}").status, 200);
    until("it is over", || {
        let path = format!("/v1/events/poll?cursor={}", session.cursor);
        let value = relay.get(&path, &[("authorization", &session.bearer())]).json();
        let seen: Vec<_> =
            value["events"].as_array().unwrap().iter().map(|event| event["d"].clone()).collect();
        seen == [json!(41), json!({"n": 1}), json!({"n": 3})]
    });
    assert_eq!(publish("ttl_ms=99999999999", "1").code(), (400, "bad_request".into()));
    assert_eq!(publish("ttl_ms=x", "1").code(), (400, "bad_request".into()));
}

#[test]
fn streams_are_pinged_and_end_after_their_lifetime() {
    use tokio_tungstenite::tungstenite::Message;
    let relay = Relay::start(&["--limits.ping_s=1", "--limits.lifetime_s=2"]);
    let token = relay.token();
    let session = Session::anonymous(&relay);
    session.watch(&relay, "news/a");
    let Stream::Sse(mut reader) = Client::open(relay.http, &session, Way::Sse, "").unwrap().stream
    else {
        panic!("no event stream")
    };
    // Another topic moves on: the ping carries the cursor of it, so that it stays young.
    let cursor = relay.publish(&token, "other", 1)["cursor"].as_str().unwrap().to_owned();
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert!(text.contains(&format!("\n\n: ping\nid: {cursor}\n\n")), "{text}");
    assert!(text.contains("event: bye\ndata: {\"reason\":\"drain\"}\n\n"), "{text}");
    let again = Client::open(relay.http, &session, Way::Sse, &cursor).unwrap().hello();
    assert_eq!(again["recovered"], true);
    let Stream::Ws(mut socket) = Client::open(relay.http, &session, Way::Ws, "").unwrap().stream
    else {
        panic!("no WebSocket")
    };
    let mut pinged = false;
    loop {
        match socket.read().unwrap() {
            Message::Ping(_) => pinged = true,
            Message::Close(frame) => {
                assert_eq!(u16::from(frame.unwrap().code), 1012);
                break;
            }
            _ => {}
        }
    }
    assert!(pinged);
}
