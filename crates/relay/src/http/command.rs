//! Commands: `POST /v1/cmd` and the messages of a WebSocket, the same objects and the same answers.
//!
//! `{rid, op, …}` is answered `{rid, ok: true, …}` or `{rid, error: {code, message}}`. What must
//! always hold: a `rid` that came before gets the first answer again and does nothing, for what
//! changes the store also after a restart; who exists is not to be learnt from an answer.

use std::sync::Arc;

use anser_proto::DeviceId;
use anser_relay_proto::{Cursor, mailbox_shard};
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use data_encoding::BASE64;
use hyper::{Request, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::stream::shard_hash;
use super::{caller, draft, publish, read};
use crate::app::App;
use crate::auth;
use crate::clock::now_ms;
use crate::exchange::{Caller, may_watch};
use crate::gate::Key;
use crate::problem::{Problem, json_response};
use crate::storage::{self, Deposited, Letter, Letters, MAILBOX_TOKENS};

/// Commands of one request.
const COMMANDS: usize = 32;
/// Mailboxes of one send.
const RECIPIENTS: usize = 1_000;
const RID_BYTES: usize = 64;
/// Shorter ones could be guessed.
const TOKEN_BYTES: std::ops::RangeInclusive<usize> = 16..=128;

#[derive(Debug, Deserialize)]
struct Named {
    rid: String,
    #[serde(flatten)]
    op: Op,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
enum Op {
    /// Watch a topic, from now on; the answer has its retained value.
    Watch { topic: String },
    /// Watch it no longer.
    Unwatch { topic: String },
    /// Put one sealed body into mailboxes.
    Send { to: Vec<Recipient>, k: Option<String>, d: String },
    /// Publish to a topic that devices may publish to.
    Publish {
        topic: String,
        k: Option<String>,
        d: Value,
        #[serde(default)]
        ttl_ms: u64,
        #[serde(default)]
        retain: bool,
    },
    /// Everything in the own mailbox up to this cursor is done with.
    Ack { cursor: String },
    /// Say in a topic how one is there.
    Presence { topic: String, state: String },
    /// Say who may write into the own mailbox: these tokens, no others.
    Grant { tokens: Vec<String> },
}

#[derive(Debug, Deserialize)]
struct Recipient {
    mailbox: String,
    token: String,
}

/// Several commands in one request; they are done in order.
pub(super) async fn commands(
    State(app): State<Arc<App>>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (caller, _) = caller::session(&app, request.method(), request.headers())?;
    let most_bytes = app.config().limits.body_bytes;
    let commands: Vec<Box<RawValue>> = read::json(&app, request, most_bytes).await?;
    if commands.len() > COMMANDS {
        return Err(Problem::bad("at most 32 commands at once"));
    }
    let mut answers = Vec::with_capacity(commands.len());
    for command in commands {
        let answer = run(&app, caller, command.get()).await;
        answers.push(answer.parse::<Value>().unwrap_or(Value::Null));
    }
    Ok(json_response(StatusCode::OK, &Value::Array(answers)))
}

/// Does one command and gives its answer, as JSON.
pub(super) async fn run(app: &App, caller: Caller, text: &str) -> Arc<str> {
    let named: Named = match serde_json::from_str(text) {
        Ok(named) => named,
        Err(error) => {
            app.metrics.bad_requests.add(1);
            // Without a command there may still be a rid to answer to.
            let value: Value = serde_json::from_str(text).unwrap_or(Value::Null);
            let rid = value.get("rid").and_then(Value::as_str).unwrap_or_default();
            let problem = Problem::bad(format!("this is no command: {error}"));
            return failed(clip(rid), &problem).into();
        }
    };
    if named.rid.is_empty() || named.rid.len() > RID_BYTES {
        return failed(clip(&named.rid), &Problem::bad("a rid is 1 to 64 bytes")).into();
    }
    if let Some(first) = app.recall.first(caller.session, &named.rid) {
        return first;
    }
    let limits = &app.config().limits;
    let quota = (limits.commands_burst, limits.commands_per_s);
    let done = match app.count(Key::Session(caller.session), quota, now_ms()) {
        Ok(()) => dispatch(app, caller, &named.rid, named.op).await,
        // Not the answer to the command, which may come again.
        Err(problem) => return failed(&named.rid, &problem).into(),
    };
    let (answer, lasting) = match done {
        Ok(mut map) => {
            map.insert("rid".into(), named.rid.clone().into());
            map.insert("ok".into(), true.into());
            (Value::Object(map).to_string(), true)
        }
        Err(problem) => (failed(&named.rid, &problem), problem.retry_ms.is_none()),
    };
    if lasting {
        app.recall.remember(caller.session, &named.rid, &answer);
    }
    answer.into()
}

fn clip(rid: &str) -> &str {
    rid.get(..RID_BYTES).unwrap_or(rid)
}

fn failed(rid: &str, problem: &Problem) -> String {
    json!({"rid": rid, "error": problem.value()}).to_string()
}

type Done = Result<Map<String, Value>, Problem>;

fn done(value: Value) -> Done {
    match value {
        Value::Object(map) => Ok(map),
        _ => Ok(Map::new()),
    }
}

async fn dispatch(app: &App, caller: Caller, rid: &str, op: Op) -> Done {
    match op {
        Op::Watch { topic } => watch(app, caller, &topic).await,
        Op::Unwatch { topic } => {
            let topic = publish::read_topic(&topic)?;
            app.exchange.unwatch(caller, topic.clone()).await?;
            app.storage.watch(caller.session, caller.expires_ms, topic, false).await?;
            Ok(Map::new())
        }
        Op::Send { to, k, d } => send(app, caller, rid, (to, k, &d)).await,
        Op::Publish { topic, k, d, ttl_ms, retain } => {
            let topic = own_topic(app, caller, &topic)?;
            let limits = &app.config().limits;
            let body = draft::json(d.to_string().as_bytes(), limits.event_bytes)?;
            let once = draft::once(&caller.session, b"publish", rid)?;
            let event = draft::draft(k.as_deref(), body, ttl_ms, Some(once))?;
            let published = app.storage.publish(topic, event, retain).await?;
            done(publish::answer(&published))
        }
        Op::Ack { cursor } => acknowledge(app, caller, &cursor).await,
        Op::Presence { topic, state } => presence(app, caller, rid, (&topic, &state)).await,
        Op::Grant { tokens } => grant(app, caller, &tokens).await,
    }
}

async fn watch(app: &App, caller: Caller, name: &str) -> Done {
    let topic = name.parse().map_err(|error| Problem::bad(format!("{error}")))?;
    app.exchange.watch(caller, topic).await.inspect_err(|_| app.metrics.refused.add(1))?;
    let topic = publish::read_topic(name)?;
    // Written before it is answered: whoever was told so watches it after a restart too.
    app.storage.watch(caller.session, caller.expires_ms, topic.clone(), true).await?;
    let Some(stored) = app.storage.retained(topic.clone()).await? else { return Ok(Map::new()) };
    let mut cursor = Cursor::start(app.epoch);
    cursor.advance(crate::event::TOPICS, stored.seq);
    let event = crate::event::carried(stored, topic, crate::event::TOPICS);
    let json = crate::event::json(&event, &cursor.to_string());
    let last: Value = serde_json::from_slice(&json).unwrap_or(Value::Null);
    done(json!({"last": last}))
}

/// A topic that this session may publish to.
fn own_topic(app: &App, caller: Caller, name: &str) -> Result<anser_relay_proto::Topic, Problem> {
    let topic = publish::read_topic(name)?;
    let rights = Arc::clone(&app.settings.borrow().rights);
    let allowed = caller.device.is_some()
        && app.device_may_publish(&topic)
        && may_watch(&rights, true, &topic);
    if allowed {
        Ok(topic)
    } else {
        app.metrics.refused.add(1);
        Err(Problem::forbidden("this session may not publish to this topic"))
    }
}

async fn send(
    app: &App,
    caller: Caller,
    rid: &str,
    (to, kind, body): (Vec<Recipient>, Option<String>, &str),
) -> Done {
    if caller.device.is_none() {
        return Err(Problem::forbidden("only a device sends to mailboxes"));
    }
    if to.is_empty() || to.len() > RECIPIENTS {
        return Err(Problem::bad("send goes to 1 to 1,000 mailboxes"));
    }
    let most_bytes = app.config().limits.envelope_bytes;
    let body = BASE64.decode(body.as_bytes()).map_err(|_| Problem::bad("d is no base64"))?;
    if body.len() > most_bytes {
        return Err(Problem::too_large(most_bytes));
    }
    let mut letters = Vec::with_capacity(to.len());
    for recipient in &to {
        let mailbox: DeviceId =
            recipient.mailbox.parse().map_err(|error| Problem::bad(format!("mailbox: {error}")))?;
        let once = Some(draft::once(&caller.session, &mailbox.0, rid)?);
        letters.push(Letter { mailbox: mailbox.0, token: auth::hash(&recipient.token), once });
    }
    let draft = draft::draft(kind.as_deref(), storage::Body::Bytes(body.into()), 0, None)?;
    let results = app.storage.deposit(Letters { draft, to: letters }).await?;
    let states: Vec<Value> = to
        .iter()
        .zip(results)
        .map(|(recipient, result)| {
            let state = match result {
                Deposited::Stored { .. } => "stored",
                Deposited::Refused => {
                    app.metrics.refused.add(1);
                    "refused"
                }
                Deposited::Full => "full",
            };
            json!({"mailbox": recipient.mailbox, "state": state})
        })
        .collect();
    done(json!({"to": states}))
}

async fn acknowledge(app: &App, caller: Caller, text: &str) -> Done {
    let Some(mailbox) = caller.device else {
        return Err(Problem::forbidden("only a device has a mailbox"));
    };
    let cursor: Cursor = text.parse().map_err(|error| Problem::bad(format!("{error}")))?;
    if cursor.epoch != app.epoch {
        return Err(Problem::bad("this cursor is of another history: go on from the last hello"));
    }
    let seq = cursor.seq(mailbox_shard(shard_hash(&mailbox)));
    app.storage.acknowledge(mailbox, seq).await?;
    Ok(Map::new())
}

async fn presence(app: &App, caller: Caller, rid: &str, (topic, state): (&str, &str)) -> Done {
    let topic = own_topic(app, caller, topic)?;
    if state.len() > RID_BYTES {
        return Err(Problem::bad("a state is at most 64 bytes"));
    }
    let device = DeviceId(caller.device.unwrap_or_default()).to_string();
    let body = json!({"device": device, "state": state}).to_string();
    let once = draft::once(&caller.session, b"presence", rid)?;
    // Who is there says so again before this runs out.
    let event =
        draft::draft(Some("presence"), storage::Body::Json(body.into()), PRESENCE_MS, Some(once))?;
    let published = app.storage.publish(topic, event, false).await?;
    done(publish::answer(&published))
}

/// How long somebody is there without saying so again.
const PRESENCE_MS: u64 = 70_000;

async fn grant(app: &App, caller: Caller, tokens: &[String]) -> Done {
    let Some(mailbox) = caller.device else {
        return Err(Problem::forbidden("only a device has a mailbox"));
    };
    if tokens.len() > MAILBOX_TOKENS || !tokens.iter().all(|t| TOKEN_BYTES.contains(&t.len())) {
        return Err(Problem::bad("a mailbox has at most 8 tokens of 16 to 128 bytes each"));
    }
    let hashes = tokens.iter().map(|token| auth::hash(token)).collect();
    app.storage.grant(mailbox, hashes).await?;
    Ok(Map::new())
}
