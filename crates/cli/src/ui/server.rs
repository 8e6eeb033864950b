//! HTTP on the loopback: pages, and the way to the WebSocket.

use std::convert::Infallible;

use anser_engine::Profile;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::guard::{Guard, PROTOCOL};
use super::{pages, socket};

/// Connections at one time; further ones wait.
const CONNECTIONS: usize = 128;
/// The path of the WebSocket.
const RPC: &str = "/rpc";

/// The pages load nothing from elsewhere and are shown in no frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
     font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

/// Serves until it is dropped.
pub(super) async fn serve(listener: TcpListener, profile: Profile, guard: Guard) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept(), if connections.len() < CONNECTIONS => match accepted {
                Ok((stream, _)) => {
                    let (profile, guard) = (profile.clone(), guard.clone());
                    connections.spawn(async move {
                        let service = service_fn(move |request| {
                            let response = respond(request, &profile, &guard);
                            async move { Ok::<_, Infallible>(response) }
                        });
                        let connection = hyper::server::conn::http1::Builder::new()
                            .serve_connection(TokioIo::new(stream), service)
                            .with_upgrades();
                        if let Err(error) = connection.await {
                            tracing::debug!(%error, "a browser's connection ended");
                        }
                    });
                }
                Err(error) => tracing::warn!(%error, "a browser could not connect"),
            },
        }
    }
}

fn respond(request: Request<Incoming>, profile: &Profile, guard: &Guard) -> Response<Full<Bytes>> {
    let mut response = if !guard.host_is_ours(request.headers()) {
        plain(StatusCode::FORBIDDEN, "This server answers to 127.0.0.1 only.")
    } else if request.uri().path() == RPC {
        upgrade(request, profile, guard)
    } else if *request.method() != Method::GET && *request.method() != Method::HEAD {
        plain(StatusCode::METHOD_NOT_ALLOWED, "Only GET.")
    } else {
        page(request.uri().path())
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    response
}

fn page(path: &str) -> Response<Full<Bytes>> {
    let Some(page) = pages::page(path) else {
        return plain(StatusCode::NOT_FOUND, "There is no such page.");
    };
    let mut response = Response::new(Full::new(match page.content {
        std::borrow::Cow::Borrowed(content) => Bytes::from_static(content),
        std::borrow::Cow::Owned(content) => Bytes::from(content),
    }));
    if let Ok(media_type) = HeaderValue::from_str(&page.media_type) {
        response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    }
    response
}

/// Answers a WebSocket's handshake (RFC 6455, section 4.2) and serves it.
fn upgrade(
    mut request: Request<Incoming>,
    profile: &Profile,
    guard: &Guard,
) -> Response<Full<Bytes>> {
    let headers = request.headers();
    if !guard.origin_is_ours(headers) || !guard.token_is_right(headers) {
        return plain(StatusCode::FORBIDDEN, "Open the link that the program printed.");
    }
    let wants = headers
        .get(header::UPGRADE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.eq_ignore_ascii_case("websocket"));
    let version = headers.get(header::SEC_WEBSOCKET_VERSION).map(HeaderValue::as_bytes);
    let Some(key) =
        headers.get(header::SEC_WEBSOCKET_KEY).filter(|_| wants && version == Some(b"13"))
    else {
        return plain(StatusCode::UPGRADE_REQUIRED, "This is the place of a WebSocket.");
    };
    let accept = tokio_tungstenite::tungstenite::handshake::derive_accept_key(key.as_bytes());
    let Ok(accept) = HeaderValue::from_str(&accept) else {
        return plain(StatusCode::BAD_REQUEST, "The key is no key.");
    };
    let (upgrading, profile) = (hyper::upgrade::on(&mut request), profile.clone());
    tokio::spawn(async move {
        match upgrading.await {
            Ok(stream) => socket::serve(TokioIo::new(stream), profile).await,
            Err(error) => tracing::debug!(%error, "a WebSocket did not come about"),
        }
    });
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
    response
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, text);
    response
}
