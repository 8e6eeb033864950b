//! The transports of one process: standard input and output, the local socket.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use std::time::Duration;

use anser_api::EventBody;
use anser_api::model::{Account, AppState, AppStatus, Subscribed};
use anser_e2e::Start;
use serde_json::json;

use crate::lan_people::{direct, send};

fn quiet<'a>(data: &'a std::path::Path) -> Start<'a> {
    Start::new("Alice", data).flag("--no-mdns").with("--listen", "/ip4/127.0.0.1/tcp/0")
}

#[test]
fn program_wrong_requests_get_the_codes_of_json_rpc() {
    let data = tempfile::tempdir().unwrap();
    let mut node = quiet(data.path()).spawn_unsubscribed();
    let long = format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"x\":\"{}\"}}", "y".repeat(2 << 20));
    for (line, code, word) in [
        ("{", -32700, "invalid_request"),
        ("\u{fffd}", -32700, "invalid_request"),
        ("[]", -32600, "invalid_request"),
        (r#"{"id":1,"method":"account.get"}"#, -32600, "invalid_request"),
        (r#"{"jsonrpc":"2.0","id":"x","method":"no.such"}"#, -32601, "unknown_method"),
        (r#"{"jsonrpc":"2.0","id":"x","method":"message.send"}"#, -32602, "invalid_argument"),
        (
            r#"{"jsonrpc":"2.0","id":"x","method":"account.get","params":[1]}"#,
            -32602,
            "invalid_argument",
        ),
        (&long, -32600, "too_large"),
        (
            r#"{"jsonrpc":"2.0","id":"x","method":"app.retry","params":{"now":1}}"#,
            -32602,
            "invalid_argument",
        ),
    ] {
        node.write(line);
        let answer = node.line();
        let shown: String = line.chars().take(80).collect();
        assert_eq!(answer["error"]["code"], code, "{shown}: {answer}");
        assert_eq!(answer["error"]["data"]["code"], word, "{shown}: {answer}");
    }
    // A notification gets no answer, and the node is as well as before.
    node.write(r#"{"jsonrpc":"2.0","method":"account.get"}"#);
    let account: Account = node.call("account.get", json!({}));
    assert_eq!(account.name, "Alice");
    assert!(node.memory_bytes() < 80 << 20);
    assert!(node.close().0.success());
}

#[test]
fn program_requests_in_a_row_are_done_in_order_and_all_answered() {
    let data = tempfile::tempdir().unwrap();
    let mut node = quiet(data.path()).spawn();
    let own = node.account().to_owned();
    let notes = direct(&mut node, &own);
    let calls: Vec<u64> = (0..1_000)
        .map(|number| {
            let params = json!({"conversation": notes, "text": number.to_string()});
            node.begin("message.send", params)
        })
        .collect();
    for call in calls {
        node.answer(call).unwrap().unwrap();
    }
    let texts = crate::lan_people::texts(&mut node, &notes);
    assert_eq!(texts, (0..1_000).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[test]
fn program_events_follow_their_subscription_without_a_gap() {
    let data = tempfile::tempdir().unwrap();
    let mut node = quiet(data.path()).spawn_unsubscribed();
    let from: Subscribed = node.call("events.subscribe", json!({}));
    let account: Account = node.call("account.get", json!({}));
    let notes = direct(&mut node, &account.account);
    for number in 0..50 {
        send(&mut node, &notes, &number.to_string());
    }
    let mut last = from.revision;
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    loop {
        let event = node.event("message 49", deadline).unwrap();
        assert_eq!(event.revision, last + 1, "{event:?}");
        last = event.revision;
        if matches!(event.body, EventBody::MessageAdded { message } if message.text == "49") {
            return;
        }
    }
}

#[test]
fn program_ends_well_when_nobody_reads_it() {
    let data = tempfile::tempdir().unwrap();
    let mut command = quiet(data.path()).command("rpc");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    // Its answer meets a closed pipe.
    std::io::Write::write_all(
        &mut stdin,
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"account.get\"}\n",
    )
    .unwrap();
    let status = child.wait().unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(status.success() && said.is_empty(), "{status}: {said}");
}

#[test]
fn program_run_is_called_through_its_socket_and_ends_on_a_signal() {
    let data = tempfile::tempdir().unwrap();
    let start = quiet(data.path());
    let call = |arguments: &[&str]| {
        let mut command = start.command("call");
        let output = command.args(arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, _, said) = call(&["account.get"]);
    assert!(code == Some(1) && said.contains("No node runs"), "{said}");

    let mut child = start.command("run").stdout(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.starts_with("/ip4/127.0.0.1/tcp/"), "{first}");
    let socket = std::fs::metadata(data.path().join("anser.sock")).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&socket.permissions()) & 0o777, 0o600);

    let (code, out, said) = call(&["account.get"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(serde_json::from_str::<Account>(&out).unwrap().name, "Alice");
    let (_, out, _) = call(&["app.status"]);
    let status: AppStatus = serde_json::from_str(&out).unwrap();
    assert_eq!((status.state, status.protection.as_str()), (AppState::Ready, "file"));
    assert_eq!(call(&["no.such"]).0, Some(2));
    assert_eq!(call(&["account.get", "{"]).0, Some(2));
    let missing = json!({"conversation": "a".repeat(52)}).to_string();
    let (code, out, said) = call(&["conversation.get", &missing]);
    assert!(code == Some(1) && out.is_empty() && said.lines().count() == 1, "{code:?} {said}");

    let (status, out, _) = start.finish("doctor");
    assert!(out.contains("listeners") && status.code().is_some(), "{out}");

    let terminated = std::process::Command::new("kill").arg(child.id().to_string()).status();
    assert!(terminated.unwrap().success());
    assert!(child.wait().unwrap().success());
    assert!(!data.path().join("anser.sock").exists());
}

#[test]
fn program_chat_takes_lines_and_shows_lines() {
    let data = tempfile::tempdir().unwrap();
    let mut command = quiet(data.path()).command("chat");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, b"/help\n/nonsense\n/open nobody\nlost\n/quit\n")
        .unwrap();
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(child.wait().unwrap().success());
    for word in ["/people", "There is no such command", "is called so", "No conversation is open"] {
        assert!(said.contains(word), "{word:?} is not in {said}");
    }
}
