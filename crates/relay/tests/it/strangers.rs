//! People who should not get in, and input that nobody should send: a clear status, and no growth.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use crate::client::{Session, device_id, key, open_ws, proof};
use crate::relay::{PATIENCE, Relay, head, request};

#[test]
fn nobody_gets_in_with_what_is_not_theirs() {
    let relay = Relay::start(&[]);
    let foreign = Relay::start(&[]);
    let good = Session::anonymous(&relay);
    let mut broken = good.token.clone();
    broken.replace_range(4..5, if &broken[4..5] == "A" { "B" } else { "A" });
    for token in ["", "x", &broken, &Session::anonymous(&foreign).token] {
        let bearer = format!("Bearer {token}");
        for path in ["poll", "longpoll", "sse"] {
            let answer = relay.get(&format!("/v1/events/{path}"), &[("authorization", &bearer)]);
            assert_eq!(answer.code(), (401, "unauthorized".into()), "{path} {token}");
        }
        let answer = relay.post("/v1/cmd", &[("authorization", &bearer)], b"[]");
        assert_eq!(answer.code(), (401, "unauthorized".into()));
        assert!(open_ws(relay.http, "", &[("authorization", &bearer)]).is_err());
        let answer = relay.post("/v1/topics/news/a", &[("authorization", &bearer)], b"{}");
        assert_eq!(answer.code(), (401, "unauthorized".into()));
    }
    // A session's token publishes nothing, a system's token opens no stream.
    let answer = relay.post("/v1/topics/news/a", &[("authorization", &good.bearer())], b"{}");
    assert_eq!(answer.status, 401);
    let token = format!("Bearer {}", relay.token());
    assert_eq!(relay.get("/v1/events/poll", &[("authorization", &token)]).status, 401);
    // The admin's API is not here, and there it needs its own token.
    assert_eq!(relay.get("/v1/overview", &[]).status, 404);
    for bearer in ["", &good.bearer(), &token] {
        let headers = [("authorization", bearer)];
        let answer = request(relay.admin, "GET", "/v1/overview", &headers, b"").unwrap();
        assert_eq!(answer.code(), (401, "unauthorized".into()));
    }
}

#[test]
fn a_challenge_is_answered_once_and_by_its_device() {
    let relay = Relay::start(&[]);
    let open = |body: &serde_json::Value| {
        relay.post("/v1/session", &[], body.to_string().as_bytes()).code()
    };
    let first = proof(&relay, &key(1));
    let unproven = (401, "unproven".to_owned());
    let mut stolen = first.clone();
    stolen["device"] = device_id(&key(2)).into();
    assert_eq!(open(&stolen), unproven);
    assert_eq!(open(&first).0, 200);
    assert_eq!(open(&first), unproven, "replayed");
    let mut forged = proof(&relay, &key(1));
    forged["nonce"] = "AAAA".into();
    assert_eq!(open(&forged), unproven);
    let other = Relay::start(&[]);
    assert_eq!(open(&proof(&other, &key(1))), unproven, "another relay's nonce");
    for body in [json!({"device": "x"}), json!({"devise": 1}), json!([1]), json!("x")] {
        assert_eq!(open(&body), (400, "bad_request".to_owned()), "{body}");
    }
}

#[test]
fn only_pages_of_allowed_origins_use_a_cookie_or_a_websocket() {
    let relay = Relay::start(&["--http.origins=https://portal.example"]);
    let session = Session::anonymous(&relay);
    let cookie = format!("__Host-anser={}", session.token);
    let own = format!("http://{}", relay.http);
    let status = |origin: &str| {
        let headers = [("origin", origin), ("cookie", cookie.as_str())];
        let polled = relay.get("/v1/events/poll", &headers).status;
        let commanded = relay.post("/v1/cmd", &headers, b"[]").status;
        let entered = relay.post("/v1/session", &headers, b"{}").status;
        let socket = open_ws(relay.http, "", &headers).is_ok();
        (polled, commanded, entered, socket)
    };
    assert_eq!(status("https://portal.example"), (200, 200, 200, true));
    assert_eq!(status(&own), (200, 200, 200, true));
    for origin in
        ["https://evil.example", "https://portal.example.evil", "null", "http://portal.example"]
    {
        assert_eq!(status(origin), (403, 403, 403, false), "{origin}");
        let bearer = [("origin", origin), ("authorization", &session.bearer())];
        assert!(open_ws(relay.http, "", &bearer).is_err(), "{origin}");
        let answer = relay.get("/v1/info", &[("origin", origin)]);
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    // A form of another page sends no origin that it could hide behind.
    let hidden = [("cookie", cookie.as_str())];
    assert_eq!(relay.post("/v1/cmd", &hidden, b"[]").status, 403);
    let cross = [("cookie", cookie.as_str()), ("sec-fetch-site", "cross-site")];
    assert_eq!(relay.get("/v1/events/poll", &cross).status, 403);
    assert_eq!(relay.get("/v1/events/poll", &hidden).status, 200, "an EventSource of its own page");
}

#[test]
fn what_is_too_large_packed_or_malformed_is_refused() {
    let relay = Relay::start(&[]);
    let bearer = format!("Bearer {}", relay.token());
    let publish = |headers: &[(&str, &str)], body: &[u8]| {
        let mut all = vec![("authorization", bearer.as_str())];
        all.extend_from_slice(headers);
        relay.post("/v1/topics/news/a", &all, body).code()
    };
    let large = format!("\"{}\"", "x".repeat(65_535));
    assert_eq!(publish(&[], large.as_bytes()), (413, "too_large".into()));
    let fits = format!("\"{}\"", "x".repeat(65_534));
    assert_eq!(publish(&[], fits.as_bytes()).0, 200);
    let binary = [("content-type", "application/octet-stream")];
    assert_eq!(publish(&binary, &[0; 65_537]), (413, "too_large".into()));
    assert_eq!(publish(&[("content-encoding", "gzip")], b"{}"), (415, "unsupported".into()));
    assert_eq!(publish(&[], b"{"), (400, "bad_request".into()));
    assert_eq!(publish(&[], "[".repeat(60_000).as_bytes()), (400, "bad_request".into()));
    for (path, status) in [
        ("/v1/topics/news/..%2Fa", 400),
        ("/v1/topics/a/b/c/d/e/f/g/h/i", 400),
        ("/v1/topics/mailbox/a", 403),
        ("/v1/topics/news/a?type=hello", 400),
        ("/v1/topics/news/a?type=a%0Ab", 400),
        ("/v1/nothing", 404),
    ] {
        let answer = relay.post(path, &[("authorization", &bearer)], b"{}");
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
    }
    let session = Session::anonymous(&relay);
    let with = [("authorization", session.bearer())];
    let with = [(with[0].0, with[0].1.as_str())];
    let body = vec![b' '; (1 << 20) + 1];
    assert_eq!(relay.post("/v1/cmd", &with, &body).code(), (413, "too_large".into()));
    let many = json!(vec![json!({"rid": "1", "op": "ack", "cursor": "1."}); 33]).to_string();
    assert_eq!(relay.post("/v1/cmd", &with, many.as_bytes()).status, 400);
    for (method, path) in [("HEAD", "/v1/events/sse"), ("POST", "/v1/events/poll")] {
        assert_eq!(request(relay.http, method, path, &with, b"").unwrap().status, 405, "{method}");
    }
    // A stream's request with a body could smuggle a second one past a proxy.
    let answer =
        request(relay.http, "GET", "/v1/events/longpoll", &with, b"GET / HTTP/1.1").unwrap();
    assert_eq!(answer.status, 405);
}

#[test]
fn who_dawdles_is_let_go() {
    let relay = Relay::start(&["--limits.header_s=1", "--limits.body_s=1"]);
    let ends = |bytes: &[u8]| {
        let mut stream = TcpStream::connect(relay.http).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(bytes).unwrap();
        let mut read = Vec::new();
        let begun = std::time::Instant::now();
        stream.read_to_end(&mut read).unwrap();
        assert!(begun.elapsed() < Duration::from_secs(10));
        String::from_utf8_lossy(&read).into_owned()
    };
    // Half a head, and nothing at all.
    let half = ends(b"GET /v1/info HTTP/1.1\r\nhost: x\r\nx-slow: ");
    assert!(half.is_empty() || half.contains(" 408 "), "{half}");
    assert!(ends(b"").is_empty());
    // A whole head whose body does not come.
    let bearer = format!("Bearer {}", relay.token());
    let head = head("POST", "/v1/topics/news/a", &[("authorization", &bearer)], relay.http)
        + "content-length: 10\r\n\r\n{";
    assert!(ends(head.as_bytes()).contains(" 408 "));
    // More head than anybody needs.
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(70_000));
    let mut stream = TcpStream::connect(relay.http).unwrap();
    let _ = stream.write_all(long.as_bytes());
    let mut read = Vec::new();
    let _ = stream.read_to_end(&mut read);
    let text = String::from_utf8_lossy(&read).into_owned();
    assert!(text.is_empty() || text.contains(" 414 ") || text.contains(" 431 "), "{text}");
}

#[test]
fn guessing_is_slow_and_tells_nothing() {
    let relay = Relay::start(&["--limits.commands_burst=10", "--limits.commands_per_s=1"]);
    let session = Session::anonymous(&relay);
    let watch = |rid: usize, topic: &str| {
        let command = json!({"rid": rid.to_string(), "op": "watch", "topic": topic});
        session.command(&relay, &command)["error"]["code"].clone()
    };
    relay.publish(&relay.token(), "secret/there", 1);
    assert_eq!(watch(1, "secret/there"), "forbidden");
    assert_eq!(watch(2, "secret/not"), "forbidden");
    assert_eq!(watch(3, &format!("mailbox/{}", device_id(&key(1)))), "forbidden");
    let answers: Vec<_> = (10..30).map(|rid| watch(rid, "secret/x")).collect();
    assert!(answers.contains(&json!("slow_down")), "{answers:?}");
    // Opening sessions and challenges is counted by address.
    let answers: Vec<_> = (0..80).map(|_| relay.post("/v1/session", &[], b"{}")).collect();
    let refused = answers.iter().find(|answer| answer.status == 429).expect("counted");
    assert!(refused.header("retry-after").is_some());
    assert_eq!(refused.code().1, "slow_down");
}
