//! What a portal's page does with ten lines of JavaScript, on the wire as a browser sends it.

use std::io::BufReader;

use serde_json::json;

use crate::client::{Stream, open_sse, sse_block};
use crate::relay::Relay;

const PORTAL: &str = "https://portal.example";

#[test]
fn a_page_watches_with_a_cookie_and_comes_back_where_it_was() {
    let relay = Relay::start(&["--http.origins=https://portal.example"]);
    let token = relay.token();
    // await fetch(relay + "/v1/session", {method: "POST", credentials: "include"})
    let answer = relay.post("/v1/session", &[("origin", PORTAL)], b"");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), Some(PORTAL));
    assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    let cookie = answer.header("set-cookie").unwrap().to_owned();
    for part in ["__Host-anser=", "HttpOnly", "Secure", "SameSite=None", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.to_ascii_lowercase().contains("domain"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    // The preflight of a JSON body.
    let preflight = crate::relay::request(
        relay.http,
        "OPTIONS",
        "/v1/cmd",
        &[("origin", PORTAL), ("access-control-request-method", "POST")],
        b"",
    )
    .unwrap();
    assert_eq!(preflight.status, 204);
    assert!(preflight.header("access-control-allow-headers").unwrap().contains("content-type"));
    // await fetch(relay + "/v1/cmd", {method: "POST", credentials: "include", body: …})
    let watch = json!([{"rid": "1", "op": "watch", "topic": "news/a"}]).to_string();
    let with = [("origin", PORTAL), ("cookie", cookie), ("content-type", "application/json")];
    assert_eq!(relay.post("/v1/cmd", &with, watch.as_bytes()).json()[0]["ok"], true);
    // new EventSource(relay + "/v1/events/sse", {withCredentials: true})
    let with = [("origin", PORTAL), ("cookie", cookie), ("cache-control", "no-cache")];
    let Ok(Stream::Sse(mut stream)) = open_sse(relay.http, "/v1/events/sse", &with) else {
        panic!("no stream")
    };
    let (first_id, event, data) = sse_block(&mut stream).unwrap();
    assert_eq!(event, "hello");
    assert!(data.contains("\"recovered\":true"));
    relay.publish(&token, "news/a", 1);
    let (id, event, data) = sse_block(&mut stream).unwrap();
    assert_eq!(event, "note");
    assert!(data.contains("\"d\":{\"n\":1}"), "{data}");
    assert_ne!(id, first_id);
    // The connection breaks; the browser comes back by itself with the last id.
    drop(stream);
    relay.publish(&token, "news/a", 2);
    relay.publish(&token, "news/a", 3);
    let with = [("origin", PORTAL), ("cookie", cookie), ("last-event-id", &id)];
    let Ok(Stream::Sse(mut stream)) = open_sse(relay.http, "/v1/events/sse", &with) else {
        panic!("no stream")
    };
    let seen: Vec<_> = (0..3).map(|_| sse_block(&mut stream).unwrap()).collect();
    assert!(seen[0].2.contains("\"recovered\":true"), "{seen:?}");
    assert!(seen[1].2.contains("{\"n\":2}") && seen[2].2.contains("{\"n\":3}"), "{seen:?}");
}

#[test]
fn an_event_stream_passes_proxies_and_sheds_load_without_ending_for_ever() {
    let relay = Relay::start(&["--limits.connections_address=1"]);
    let session = crate::client::Session::anonymous(&relay);
    let bearer = session.bearer();
    let mut stream = std::net::TcpStream::connect(relay.http).unwrap();
    let head =
        crate::relay::head("GET", "/v1/events/sse", &[("authorization", &bearer)], relay.http);
    std::io::Write::write_all(&mut stream, (head + "\r\n").as_bytes()).unwrap();
    let mut reader = BufReader::new(stream);
    let mut opening = String::new();
    while !opening.contains("event: hello") {
        assert_ne!(std::io::BufRead::read_line(&mut reader, &mut opening).unwrap(), 0);
    }
    let lower = opening.to_ascii_lowercase();
    for part in [
        "content-type: text/event-stream\r\n",
        "cache-control: no-store, no-transform\r\n",
        "x-accel-buffering: no\r\n",
        "\nretry: ",
        "\nid: ",
    ] {
        assert!(lower.contains(part), "{part}");
    }
    let comment = opening.split("\r\n\r\n").nth(1).unwrap().lines().next().unwrap();
    assert!(comment.starts_with(':') && comment.len() > 2_048);
    // Another session from the same address is turned away: 200, and told to come back.
    let other = crate::client::Session::anonymous(&relay);
    let answer = relay.get("/v1/events/sse", &[("authorization", &other.bearer())]);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    let text = answer.text();
    assert!(text.contains("retry: ") && text.contains("event: overload\n"), "{text}");
    // The other transports say it with a status.
    let answer = relay.get("/v1/events/poll", &[("authorization", &other.bearer())]);
    assert_eq!(answer.code(), (503, "overload".into()));
    drop(reader);
    crate::client::until("the place is free again", || {
        relay.get("/v1/events/poll", &[("authorization", &other.bearer())]).status == 200
    });
}
