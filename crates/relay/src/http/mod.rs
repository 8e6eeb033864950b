//! The listener of clients, and everything they can ask.
//!
//! Reading order: `router.rs` (paths), `attend.rs` (one connection), `stream.rs` (what the four
//! transports have in common), then `poll.rs`, `sse.rs`, `ws.rs`.

mod admin;
mod attend;
mod caller;
mod command;
mod draft;
mod poll;
mod publish;
mod read;
mod router;
mod session;
mod sse;
mod stream;
pub(crate) mod tls;
mod wire;
mod ws;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::app::App;
use crate::gate::{Key, Permit, prefix};
use attend::{Attendance, Peer, attend};
use wire::Wire;

pub(crate) use admin::{new_token, router as admin_router};
pub(crate) use router::router;

/// Connections of one address that need not be streams, for each stream that it may have.
const CONNECTIONS_A_STREAM: usize = 4;
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Certificates to present; `None` is plain HTTP. It changes when they are read again.
pub(crate) type Tls = watch::Receiver<Option<TlsAcceptor>>;

/// Accepts connections until the relay stops.
pub(crate) async fn serve(
    app: Arc<App>,
    listener: TcpListener,
    router: Router,
    tls: Tls,
    mut stopping: watch::Receiver<bool>,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopping.wait_for(|stopping| *stopping) => return,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Such as too many open files: others may close some meanwhile.
                tracing::warn!(%error, "a client could not connect");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Some(permits) = admit(&app, peer.ip()) else {
            app.metrics.overload.add(1);
            continue;
        };
        let attendance = Attendance {
            router: router.clone(),
            peer: Peer(peer.ip().to_canonical()),
            header_time: Duration::from_secs(app.config().limits.header_s.max(1)),
            stopping: stopping.clone(),
            _permits: Arc::new(permits),
        };
        let acceptor = tls.borrow().clone();
        tokio::spawn(begin(stream, acceptor, attendance));
    }
}

/// The places of a new connection, if there are any.
fn admit(app: &App, address: IpAddr) -> Option<Vec<Permit>> {
    let config = app.config();
    let most = config.limits.connections;
    let mut permits = vec![app.gate.enter(Key::Token([0; 32]), most)?];
    // A proxy stands for many; whom it serves is counted when they open streams.
    if !config.http.trusted_proxies.contains(&address.to_canonical()) {
        let most = config.limits.connections_address.saturating_mul(CONNECTIONS_A_STREAM);
        // Another key than that of an address's streams.
        permits.push(app.gate.enter(Key::Entry(prefix(address)), most)?);
    }
    Some(permits)
}

async fn begin(stream: TcpStream, acceptor: Option<TlsAcceptor>, attendance: Attendance) {
    let _ = stream.set_nodelay(true);
    let wire = match acceptor {
        None => Wire::plain(stream),
        Some(acceptor) => match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => Wire::tls(stream),
            _ => return,
        },
    };
    attend(wire, attendance).await;
}
