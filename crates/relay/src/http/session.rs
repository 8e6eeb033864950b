//! `GET /v1/challenge`, `POST /v1/session`: how a device, or a page that only watches, gets in.

use std::sync::Arc;

use anser_proto::DeviceId;
use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use hyper::header::{self, HeaderValue};
use hyper::{Request, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::attend::Peer;
use super::caller::{self, COOKIE, Standing};
use super::read;
use crate::app::App;
use crate::auth::{CHALLENGE_MS, Unproven};
use crate::clock::now_ms;
use crate::config::Limits;
use crate::exchange::Caller;
use crate::problem::{Problem, json_response};

const BODY_BYTES: usize = 16 << 10;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(default)]
    device: Option<String>,
    #[serde(default)]
    certificates: Vec<String>,
    #[serde(default)]
    nonce: String,
    #[serde(default)]
    signature: String,
}

/// A nonce for a device to sign.
pub(super) async fn challenge(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let now = now_ms();
    let address = caller::address(peer, request.headers(), &app.config().http);
    app.count_entry(address, now)?;
    let nonce = app.keys.challenge(now).map_err(|_| no_randomness())?;
    Ok(json_response(StatusCode::OK, &json!({"nonce": nonce, "expires_ms": now + CHALLENGE_MS})))
}

fn no_randomness() -> Problem {
    Problem::overload("the system gives no randomness")
}

/// Opens a session: of a device that signs, or an anonymous one where that is allowed.
pub(super) async fn open(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let now = now_ms();
    let config = app.config();
    let headers = request.headers().clone();
    app.count_entry(caller::address(peer, &headers, &config.http), now)?;
    let standing = caller::standing(&headers, &config.http);
    if standing == Standing::Foreign {
        app.metrics.refused.add(1);
        return Err(caller::foreign());
    }
    let wanted: Wanted = read::json(&app, request, BODY_BYTES).await?;
    let (device, identity) = match &wanted.device {
        Some(device) => {
            let device: DeviceId =
                device.parse().map_err(|error| Problem::bad(format!("device: {error}")))?;
            let proof = (wanted.nonce.as_str(), wanted.signature.as_str());
            let account = app
                .keys
                .prove(&device, &wanted.certificates, proof, now)
                .map_err(|unproven| refuse(&app, unproven))?;
            (Some(device.0), account.map_or(device.0, |account| account.0))
        }
        None if config.anonymous.topics.is_empty() => {
            app.metrics.refused.add(1);
            return Err(Problem::forbidden("this relay allows no sessions without a device"));
        }
        None => (None, [0; 32]),
    };
    let mut session = [0; 16];
    getrandom::fill(&mut session).map_err(|_| no_randomness())?;
    let expires_ms = now.saturating_add(config.limits.session_s.saturating_mul(1_000));
    let caller = Caller { session, expires_ms, device };
    let token = app.keys.token(&caller, &identity);
    let cursor = app.exchange.head().await?;
    app.metrics.sessions.add(1);
    let answer = json!({
        "session": data_encoding::BASE64URL_NOPAD.encode(&session),
        "token": token,
        "expires_ms": expires_ms,
        "cursor": cursor.to_string(),
        "limits": limits(&config.limits),
    });
    let mut response = json_response(StatusCode::OK, &answer);
    if standing == Standing::Allowed
        && let Ok(cookie) = HeaderValue::from_str(&format!(
            "{COOKIE}={token}; Path=/; Max-Age={}; HttpOnly; Secure; SameSite=None; Partitioned",
            config.limits.session_s
        ))
    {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

fn refuse(app: &App, unproven: Unproven) -> Problem {
    app.metrics.refused.add(1);
    match unproven {
        Unproven::Busy => Problem::overload(unproven.to_string()),
        _ => Problem::new(StatusCode::UNAUTHORIZED, "unproven", unproven.to_string()),
    }
}

/// What a client has to keep to.
pub(super) fn limits(limits: &Limits) -> Value {
    json!({
        "event_bytes": limits.event_bytes,
        "envelope_bytes": limits.envelope_bytes,
        "body_bytes": limits.body_bytes,
        "watches": limits.watches,
        "connections_identity": limits.connections_identity,
        "connections_address": limits.connections_address,
        "commands_burst": limits.commands_burst,
        "commands_per_s": limits.commands_per_s,
        "queued_events": limits.queued_events,
        "queued_bytes": limits.queued_bytes,
        "ring_events": limits.ring_events,
        "ring_s": limits.ring_s,
        "mailbox_days": limits.mailbox_days,
        "mailbox_bytes": limits.mailbox_bytes,
        "lifetime_s": limits.lifetime_s,
        "ping_s": limits.ping_s,
    })
}
