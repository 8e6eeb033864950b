//! The admin's listener: a small JSON API behind a token of its own.
//!
//! The token lies in `admin.token` in the data folder, readable for who runs the relay, and is new at
//! every start. `anser-relay token …` uses it while the relay runs.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use hyper::{Request, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::router::metrics_text;
use super::{caller, read};
use crate::app::{App, publishers};
use crate::auth;
use crate::clock::now_ms;
use crate::config::patterns;
use crate::metrics::Transport;
use crate::problem::Problem;
use crate::storage::{Hash, TokenRecord};

/// Asks to read the configuration again; answered with what could not be taken over.
pub(crate) type Reload = mpsc::Sender<oneshot::Sender<anyhow::Result<Vec<&'static str>>>>;

const NAME_BYTES: usize = 64;
const TOKENS: usize = 1_000;
const BODY_BYTES: usize = 16 << 10;

#[derive(Clone)]
struct Admin {
    app: Arc<App>,
    token: Arc<Hash>,
    reload: Reload,
}

/// The admin's API. `token` is the hash of what opens it.
pub(crate) fn router(app: Arc<App>, token: Hash, reload: Reload) -> Router {
    let admin = Admin { app, token: Arc::new(token), reload };
    Router::new()
        .route("/v1/overview", get(overview))
        .route("/v1/tokens", get(list).post(create))
        .route("/v1/tokens/{name}", delete(remove))
        .route("/v1/reload", post(reload_now))
        .route("/metrics", get(metrics))
        .layer(from_fn_with_state(admin.clone(), guard))
        .with_state(admin)
}

/// Everything here needs the token, and no page of another origin may bring it.
async fn guard(State(admin): State<Admin>, request: Request<Body>, next: Next) -> Response {
    let given = caller::bearer(request.headers()).map(auth::hash).unwrap_or_default();
    let right = blake3::Hash::from_bytes(given) == blake3::Hash::from_bytes(*admin.token);
    if !right || request.headers().contains_key("origin") {
        admin.app.metrics.refused.add(1);
        let message = "give the token that lies in admin.token in the data folder";
        return Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", message).into_response();
    }
    next.run(request).await
}

async fn overview(State(admin): State<Admin>) -> Result<Json<Value>, Problem> {
    let overview = admin.app.exchange.overview().await?;
    let streams: serde_json::Map<String, Value> = Transport::ALL
        .into_iter()
        .map(|t| (t.word().to_owned(), admin.app.metrics.streams(t).read().into()))
        .collect();
    let config = admin.app.config();
    Ok(Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "listeners": {"http": config.http.listen, "admin": config.admin.listen},
        "streams": streams,
        "connections": overview.connections,
        "topics": overview.topics,
        "watching_sessions": overview.sessions,
        "head": overview.head,
        "published": admin.app.metrics.published.read(),
        "delivered": admin.app.metrics.delivered.read(),
        "deposits": admin.app.metrics.deposits.read(),
    })))
}

async fn list(State(admin): State<Admin>) -> Json<Value> {
    let held = Arc::clone(&admin.app.publishers.borrow());
    let tokens: Vec<Value> = held
        .values()
        .map(|publisher| {
            let record = &publisher.record;
            json!({"name": record.name, "topics": record.topics, "created_ms": record.created_ms})
        })
        .collect();
    Json(json!({"tokens": tokens}))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    name: String,
    topics: Vec<String>,
}

/// What a new token is kept as, and the token.
///
/// # Errors
/// When the name or a topic is none.
pub(crate) fn new_token(
    name: &str,
    topics: &[String],
) -> anyhow::Result<(String, Hash, TokenRecord)> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    anyhow::ensure!(
        !name.is_empty() && name.len() <= NAME_BYTES && name.bytes().all(plain),
        "a token's name is 1 to {NAME_BYTES} letters, digits and -._"
    );
    patterns("topic", topics)?;
    let token = auth::new_secret("ar_")?;
    let hash = auth::hash(&token);
    let record =
        TokenRecord { name: name.to_owned(), topics: topics.to_vec(), created_ms: now_ms() };
    Ok((token, hash, record))
}

async fn create(
    State(admin): State<Admin>,
    request: Request<Body>,
) -> Result<Json<Value>, Problem> {
    let wanted: Wanted = read::json(&admin.app, request, BODY_BYTES).await?;
    let (token, hash, record) =
        new_token(&wanted.name, &wanted.topics).map_err(|error| Problem::bad(error.to_string()))?;
    let held = Arc::clone(&admin.app.publishers.borrow());
    if held.len() >= TOKENS {
        return Err(Problem::new(StatusCode::CONFLICT, "too_many", "there are 1,000 tokens"));
    }
    if held.values().any(|publisher| publisher.record.name == record.name) {
        let message = "a token of this name is there: remove it first, or choose another name";
        return Err(Problem::new(StatusCode::CONFLICT, "exists", message));
    }
    admin.app.storage.put_token(hash, Some(record.clone())).await?;
    change(&admin.app, |tokens| tokens.push((hash, record)));
    Ok(Json(json!({"name": wanted.name, "token": token})))
}

async fn remove(
    State(admin): State<Admin>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    let held = Arc::clone(&admin.app.publishers.borrow());
    let found = held.iter().find(|(_, publisher)| publisher.record.name == name);
    let Some((hash, _)) = found else {
        let message = "there is no token of this name";
        return Err(Problem::new(StatusCode::NOT_FOUND, "not_found", message));
    };
    let hash = *hash;
    // Refused from now on, whatever the storage says.
    change(&admin.app, |tokens| tokens.retain(|(other, _)| *other != hash));
    admin.app.storage.put_token(hash, None).await?;
    Ok(Json(json!({"removed": name})))
}

fn change(app: &App, change: impl FnOnce(&mut Vec<(Hash, TokenRecord)>)) {
    app.publishers.send_modify(|held| {
        let mut tokens: Vec<_> =
            held.iter().map(|(hash, publisher)| (*hash, publisher.record.clone())).collect();
        change(&mut tokens);
        *held = publishers(tokens);
    });
}

async fn reload_now(State(admin): State<Admin>) -> Result<Json<Value>, Problem> {
    let (answer, answered) = oneshot::channel();
    let stopping = || Problem::overload("the relay is stopping");
    admin.reload.send(answer).await.map_err(|_| stopping())?;
    match answered.await.map_err(|_| stopping())? {
        Ok(needs_restart) => Ok(Json(json!({"reloaded": true, "needs_restart": needs_restart}))),
        Err(error) => Err(Problem::bad(format!("{error:#}"))),
    }
}

async fn metrics(State(admin): State<Admin>) -> Response {
    metrics_text(&admin.app)
}
