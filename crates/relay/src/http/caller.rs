//! What a request says about who sent it: address, origin, session, token.
//!
//! Must always hold: a cookie counts only where the page that sends it may be here; an `Origin` is
//! compared whole; an address is believed from a proxy only if that is trusted.

use std::net::IpAddr;

use hyper::header::{self, HeaderMap, HeaderName};
use hyper::{Method, StatusCode};

use super::attend::Peer;
use crate::app::{App, Publisher};
use crate::auth::{self, Identity};
use crate::clock::now_ms;
use crate::config::Http;
use crate::exchange::Caller;
use crate::problem::Problem;
use crate::storage::Hash;

/// Name of the cookie; the prefix binds it to this host and to TLS.
pub(crate) const COOKIE: &str = "__Host-anser";

/// The one value of a header; none if there are several.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// Where the request comes from, past proxies that are trusted.
pub(crate) fn address(peer: Peer, headers: &HeaderMap, http: &Http) -> IpAddr {
    let trusted = |address: &IpAddr| http.trusted_proxies.contains(&address.to_canonical());
    let mut address = peer.0;
    if !trusted(&address) {
        return address;
    }
    let named: Vec<IpAddr> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|text| text.trim().parse().ok())
        .collect();
    // From the nearest on: the first that is no trusted proxy is the client.
    for next in named.into_iter().rev() {
        address = next;
        if !trusted(&address) {
            break;
        }
    }
    address
}

/// How a page stands to this relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// No page says that it sent this.
    NoPage,
    /// Its own, or one that the admin allows.
    Allowed,
    Foreign,
}

/// Judges the `Origin` of a request.
pub(crate) fn standing(headers: &HeaderMap, http: &Http) -> Standing {
    if !headers.contains_key(header::ORIGIN) {
        // What a browser says of requests that carry no origin.
        return match headers.get("sec-fetch-site").map(|value| value.as_bytes()) {
            None => Standing::NoPage,
            Some(b"same-origin" | b"none") => Standing::Allowed,
            Some(_) => Standing::Foreign,
        };
    }
    let Some(origin) = only(headers, &header::ORIGIN) else { return Standing::Foreign };
    let own = only(headers, &header::HOST).is_some_and(|host| {
        let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        rest == Some(host)
    });
    if own || http.origins.iter().any(|allowed| allowed == origin) {
        Standing::Allowed
    } else {
        Standing::Foreign
    }
}

/// The token behind `Authorization: Bearer`.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = only(headers, &header::AUTHORIZATION)?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

/// The session that a request belongs to, by its token or its cookie.
///
/// # Errors
/// 401 without a valid one; 403 when a page sent a cookie that may not.
pub(crate) fn session(
    app: &App,
    method: &Method,
    headers: &HeaderMap,
) -> Result<(Caller, Identity), Problem> {
    let refuse = |problem| {
        app.metrics.refused.add(1);
        Err(problem)
    };
    if let Some(token) = bearer(headers) {
        return match app.keys.caller(token, now_ms()) {
            Some(found) => Ok(found),
            None => refuse(Problem::unauthorized()),
        };
    }
    let Some(token) = cookie(headers) else { return refuse(Problem::unauthorized()) };
    match standing(headers, &app.config().http) {
        Standing::Allowed => {}
        // Browsers name the origin of everything that changes something.
        Standing::NoPage if *method == Method::GET => {}
        Standing::NoPage | Standing::Foreign => return refuse(foreign()),
    }
    match app.keys.caller(token, now_ms()) {
        Some(found) => Ok(found),
        None => refuse(Problem::unauthorized()),
    }
}

pub(crate) fn foreign() -> Problem {
    let message =
        "pages of this origin may not use this relay; its admin can add it to http.origins";
    Problem::new(StatusCode::FORBIDDEN, "origin", message)
}

/// The other system that a request belongs to.
///
/// # Errors
/// 401 without a token that was given out.
pub(crate) fn publisher(app: &App, headers: &HeaderMap) -> Result<(Hash, Publisher), Problem> {
    let hash = bearer(headers).map(auth::hash);
    let known = hash.and_then(|hash| Some((hash, app.publishers.borrow().get(&hash)?.clone())));
    known.ok_or_else(|| {
        app.metrics.refused.add(1);
        let message = "no valid token: `anser-relay token create NAME` makes one";
        Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
    })
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
    fn an_origin_is_compared_whole() {
        let http = Http { origins: vec!["https://portal.example".into()], ..Http::default() };
        let judge = |origin: &str| {
            standing(&headers(&[("origin", origin), ("host", "relay.example:8480")]), &http)
        };
        assert_eq!(judge("https://portal.example"), Standing::Allowed);
        assert_eq!(judge("http://relay.example:8480"), Standing::Allowed);
        for origin in [
            "http://portal.example",
            "https://portal.example.evil",
            "https://evil.example/https://portal.example",
            "https://portal.example:444",
            "https://relay.example",
            "null",
            "",
        ] {
            assert_eq!(judge(origin), Standing::Foreign, "{origin}");
        }
        let twice = [("origin", "https://portal.example"), ("origin", "https://evil.example")];
        assert_eq!(standing(&headers(&twice), &http), Standing::Foreign);
        assert_eq!(standing(&headers(&[]), &http), Standing::NoPage);
        assert_eq!(
            standing(&headers(&[("sec-fetch-site", "cross-site")]), &http),
            Standing::Foreign
        );
    }

    #[test]
    fn only_trusted_proxies_name_the_address() {
        let http = Http { trusted_proxies: vec!["10.0.0.1".parse().unwrap()], ..Http::default() };
        let seen = |peer: &str, forwarded: &str| {
            let headers = headers(&[("x-forwarded-for", forwarded)]);
            address(Peer(peer.parse().unwrap()), &headers, &http).to_string()
        };
        assert_eq!(seen("10.0.0.1", "192.0.2.7"), "192.0.2.7");
        assert_eq!(seen("10.0.0.1", "198.51.100.9, 192.0.2.7"), "192.0.2.7");
        assert_eq!(seen("10.0.0.1", "192.0.2.7, 10.0.0.1"), "192.0.2.7");
        assert_eq!(seen("10.0.0.2", "192.0.2.7"), "10.0.0.2");
        assert_eq!(seen("10.0.0.1", "nonsense"), "10.0.0.1");
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let found = |text: &str| cookie(&headers(&[("cookie", text)])).map(str::to_owned);
        assert_eq!(found("a=b; __Host-anser=xyz; c=d"), Some("xyz".into()));
        assert_eq!(found("anser=xyz; X__Host-anser=1"), None);
    }
}
