//! docs/api/relay-openapi.json against the program: what it names is there, and answers as it says.

use serde_json::Value;

use crate::client::Session;
use crate::relay::{Relay, request};

#[test]
fn everything_that_is_described_is_there_and_answers_as_described() {
    let text = include_str!("../../../../docs/api/relay-openapi.json");
    let described: Value = serde_json::from_str(text).unwrap();
    let relay = Relay::start(&[]);
    let session = Session::anonymous(&relay).bearer();
    let publisher = format!("Bearer {}", relay.token());
    let paths = described["paths"].as_object().unwrap();
    assert!(paths.len() >= 12);
    for (path, methods) in paths {
        for (method, about) in methods.as_object().unwrap() {
            let path = path.replace("{topic}", "news/a");
            let method = method.to_uppercase();
            // With every right and with none, with a body and without.
            for bearer in ["", &session, &publisher] {
                for body in [&b""[..], b"{}", b"[]", b"nonsense"] {
                    // A stream stays open: asked for with a body it is refused.
                    if path.ends_with("/sse") && bearer == session && body.is_empty() {
                        continue;
                    }
                    let headers = [("authorization", bearer)];
                    let answer = request(relay.http, &method, &path, &headers, body).unwrap();
                    let status = answer.status.to_string();
                    let known = &about["responses"][&status];
                    assert!(
                        known.is_object(),
                        "{method} {path} answers {status}: {}",
                        answer.text()
                    );
                    if answer.status >= 400 {
                        let value = answer.json();
                        assert!(value["code"].is_string() && value["message"].is_string());
                    }
                }
            }
        }
    }
}
