//! Who may come in: the token of the link, the exact host, the exact origin.

use std::sync::Arc;

use hyper::header::{HeaderMap, HeaderName};

/// The application protocol of the WebSocket.
pub(super) const PROTOCOL: &str = "anser.v1";
const TOKEN: &str = "anser.token.";

/// Knows the server's port and the link's token; clones share them.
#[derive(Clone)]
pub(super) struct Guard {
    known: Arc<Known>,
}

struct Known {
    port: u16,
    token: String,
}

impl Guard {
    pub(super) fn new(port: u16, random: &[u8; 32]) -> Self {
        let token = random.iter().map(|byte| format!("{byte:02x}")).collect();
        Self { known: Arc::new(Known { port, token }) }
    }

    /// The link to open. What stands behind `#` never leaves the browser.
    pub(super) fn link(&self) -> String {
        format!("http://127.0.0.1:{}/#token={}", self.known.port, self.known.token)
    }

    /// Whether the request names this server, and not a name that somebody pointed here.
    pub(super) fn host_is_ours(&self, headers: &HeaderMap) -> bool {
        only(headers, &hyper::header::HOST)
            .is_some_and(|host| self.names().iter().any(|name| host == name))
    }

    /// Whether the page that asks was served from here.
    pub(super) fn origin_is_ours(&self, headers: &HeaderMap) -> bool {
        only(headers, &hyper::header::ORIGIN).is_some_and(|origin| {
            self.names().iter().any(|name| origin.strip_prefix("http://") == Some(name))
        })
    }

    /// Whether the WebSocket's subprotocols hold ours and the token.
    pub(super) fn token_is_right(&self, headers: &HeaderMap) -> bool {
        let offered: Vec<&str> = headers
            .get_all(hyper::header::SEC_WEBSOCKET_PROTOCOL)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(',').map(str::trim))
            .collect();
        offered.contains(&PROTOCOL)
            && offered
                .iter()
                .filter_map(|protocol| protocol.strip_prefix(TOKEN))
                .any(|token| same(token.as_bytes(), self.known.token.as_bytes()))
    }

    fn names(&self) -> [String; 2] {
        [format!("127.0.0.1:{}", self.known.port), format!("localhost:{}", self.known.port)]
    }
}

fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// Compares in a time that does not tell where they differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn only_the_exact_host_origin_and_token_pass() {
        let guard = Guard::new(7000, &[0xab; 32]);
        let token = "ab".repeat(32);
        assert_eq!(guard.link(), format!("http://127.0.0.1:7000/#token={token}"));

        assert!(guard.host_is_ours(&headers(&[("host", "127.0.0.1:7000")])));
        assert!(guard.host_is_ours(&headers(&[("host", "localhost:7000")])));
        for host in ["127.0.0.1", "127.0.0.1:7001", "evil.example:7000", "localhost:7000.evil"] {
            assert!(!guard.host_is_ours(&headers(&[("host", host)])), "{host}");
        }
        assert!(!guard.host_is_ours(&headers(&[("host", "localhost:7000"), ("host", "evil")])));

        assert!(guard.origin_is_ours(&headers(&[("origin", "http://127.0.0.1:7000")])));
        for origin in ["null", "https://127.0.0.1:7000", "http://evil.example", "127.0.0.1:7000"] {
            assert!(!guard.origin_is_ours(&headers(&[("origin", origin)])), "{origin}");
        }
        assert!(!guard.origin_is_ours(&headers(&[])));

        let offer = |text: &str| headers(&[("sec-websocket-protocol", text)]);
        assert!(guard.token_is_right(&offer(&format!("anser.v1, anser.token.{token}"))));
        assert!(!guard.token_is_right(&offer(&format!("anser.token.{token}"))));
        assert!(!guard.token_is_right(&offer("anser.v1, anser.token.")));
        assert!(!guard.token_is_right(&offer(&format!("anser.v1, anser.token.{}", &token[2..]))));
        assert!(
            !guard.token_is_right(&offer(&format!("anser.v1, anser.token.{}", "ac".repeat(32))))
        );
    }
}
