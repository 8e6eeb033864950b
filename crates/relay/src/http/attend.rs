//! One connection of a client: requests and answers by hyper, until a stream takes the connection
//! over.
//!
//! HTTP machinery keeps some twenty kilobytes for a connection: too much for thousands that only
//! listen. So a handler that opens a stream does everything that can be refused, and then answers with
//! a [`Takeover`]: hyper and its buffers are dropped, and what goes on with the bare connection is one
//! small task. A long poll gives the connection back when it has answered.

use std::convert::Infallible;
use std::future::{Future, pending};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::{mpsc, watch};
use tower_service::Service;

use super::wire::Wire;
use crate::gate::Permit;

/// The largest head of a request, in bytes.
const HEAD_BYTES: usize = 16 << 10;
const HEADERS: usize = 64;

pub(crate) type Pending<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What goes on with a connection after its request: it is handed the connection and the head of the
/// answer, without the empty line that ends it, and gives the connection back to go on with HTTP.
pub(crate) type Takeover = Box<dyn FnOnce(Wire, Vec<u8>) -> Pending<Option<Wire>> + Send>;

/// A takeover on its way through the response.
#[derive(Clone)]
struct Detach(Arc<Mutex<Option<Takeover>>>);

/// An answer whose connection is taken over. `response` is its head.
pub(crate) fn detach(mut response: Response, takeover: Takeover) -> Response {
    response.extensions_mut().insert(Detach(Arc::new(Mutex::new(Some(takeover)))));
    response
}

/// Who is at the other end of the connection: perhaps a proxy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// What a connection is served with.
#[derive(Clone)]
pub(crate) struct Attendance {
    pub(crate) router: Router,
    pub(crate) peer: Peer,
    pub(crate) header_time: Duration,
    /// Turns true when the relay stops.
    pub(crate) stopping: watch::Receiver<bool>,
    /// The connection's places among those that are counted.
    pub(crate) _permits: Arc<Vec<Permit>>,
}

/// Serves a connection to its end.
pub(crate) fn attend(wire: Wire, attendance: Attendance) -> Pending<()> {
    Box::pin(async move {
        let (sender, mut taken) = mpsc::channel::<(Vec<u8>, Takeover)>(1);
        let (router, peer) = (attendance.router.clone(), attendance.peer);
        let service = service_fn(move |request: Request<Incoming>| {
            let (router, sender) = (router.clone(), sender.clone());
            async move { Ok::<_, Infallible>(answer(router, peer, request, sender).await) }
        });
        let mut connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(attendance.header_time)
            .max_buf_size(HEAD_BYTES)
            .max_headers(HEADERS)
            .serve_connection(TokioIo::new(wire), service);
        let mut stopping = attendance.stopping.clone();
        let mut asked_to_end = false;
        let (head, takeover) = loop {
            tokio::select! {
                biased;
                Some(takeover) = taken.recv() => break takeover,
                result = &mut connection => {
                    if let Err(error) = result {
                        tracing::debug!(%error, "a connection ended");
                    }
                    return;
                }
                _ = stopping.wait_for(|stopping| *stopping), if !asked_to_end => {
                    asked_to_end = true;
                    Pin::new(&mut connection).graceful_shutdown();
                }
            }
        };
        let parts = connection.into_parts();
        let wire = parts.io.into_inner().put_back(parts.read_buf.to_vec());
        // A task of its own, so that it is no larger than what it needs.
        tokio::spawn(async move {
            if let Some(wire) = takeover(wire, head).await
                && !*attendance.stopping.borrow()
            {
                tokio::spawn(attend(wire, attendance));
            }
        });
    })
}

async fn answer(
    mut router: Router,
    peer: Peer,
    request: Request<Incoming>,
    sender: mpsc::Sender<(Vec<u8>, Takeover)>,
) -> Response {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(peer);
    let response = match router.call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let Some(Detach(cell)) = response.extensions().get::<Detach>().cloned() else {
        return response;
    };
    let takeover = cell.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(takeover) = takeover else { return response };
    let _ = sender.send((head(&response), takeover)).await;
    // Hyper is dropped in the midst of this request.
    pending().await
}

/// The head of a response as it goes over the wire, without the empty line.
fn head(response: &Response) -> Vec<u8> {
    let status = response.status();
    let reason = status.canonical_reason().unwrap_or("OK");
    let mut head = format!("HTTP/1.1 {} {reason}\r\n", status.as_u16()).into_bytes();
    for (name, value) in response.headers() {
        // An upgrade has no content; otherwise who takes over says how long it is.
        if name == hyper::header::CONTENT_LENGTH || name == hyper::header::TRANSFER_ENCODING {
            continue;
        }
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head
}

/// An empty response with a status.
pub(crate) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
