//! TLS by own certificates, renewed while it runs.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::client::sse_block;
use crate::relay::{PATIENCE, Relay, head};

/// Writes a new certificate for localhost and its key.
fn renew(folder: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), made.key_pair.serialize_pem()).unwrap();
    made.cert.der().clone()
}

type Secured = StreamOwned<ClientConnection, TcpStream>;

fn connect(relay: &Relay, trusted: &CertificateDer<'static>) -> Secured {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "localhost".try_into().unwrap();
    let stream = TcpStream::connect(relay.http).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), stream)
}

fn ask(mut stream: Secured, relay: &Relay, path: &str) -> std::io::Result<String> {
    let head = head("GET", path, &[("connection", "close")], relay.http) + "\r\n";
    stream.write_all(head.as_bytes())?;
    let mut text = String::new();
    match stream.read_to_string(&mut text) {
        Err(error) if text.is_empty() => Err(error),
        _ => Ok(text),
    }
}

#[test]
fn certificates_are_presented_and_renewed() {
    let folder = tempfile::tempdir().unwrap();
    let first = renew(folder.path());
    let path = |name: &str| folder.path().join(name).display().to_string();
    let relay = Relay::start(&[
        &format!("--http.tls_certificate={}", path("cert.pem")),
        &format!("--http.tls_key={}", path("key.pem")),
    ]);
    let answer = ask(connect(&relay, &first), &relay, "/v1/info").unwrap();
    assert!(answer.contains("\"name\":\"anser-relay\""), "{answer}");
    // A stream takes a secured connection over like any other.
    let mut open = connect(&relay, &first);
    let post = "POST /v1/session HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    open.write_all(post.as_bytes()).unwrap();
    let mut text = String::new();
    let _ = open.read_to_string(&mut text);
    let token = text.split("\"token\":\"").nth(1).unwrap().split('"').next().unwrap();
    let mut stream = connect(&relay, &first);
    let bearer = format!("Bearer {token}");
    let head = head("GET", "/v1/events/sse", &[("authorization", &bearer)], relay.http) + "\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        reader.read_line(&mut line).unwrap();
    }
    assert_eq!(sse_block(&mut reader).unwrap().1, "hello");
    // Renewed: connections that come now are given the new one, and the old stream goes on.
    let second = renew(folder.path());
    relay.signal("HUP");
    assert_eq!(relay.line(), "reloaded");
    assert!(ask(connect(&relay, &first), &relay, "/v1/info").is_err());
    assert!(ask(connect(&relay, &second), &relay, "/v1/info").is_ok());
    // Who speaks plainly is not answered.
    let mut plain = TcpStream::connect(relay.http).unwrap();
    plain.set_read_timeout(Some(PATIENCE)).unwrap();
    plain.write_all(b"GET /v1/info HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut said = Vec::new();
    let _ = plain.read_to_end(&mut said);
    assert!(!said.starts_with(b"HTTP"));
}
