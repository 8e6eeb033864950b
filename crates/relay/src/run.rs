//! One run of the relay: opens the store, starts the threads and tasks, listens, reloads, drains.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anser_relay_proto::{Cursor, Epoch, Hub};
use anyhow::{Context, bail};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};

use crate::app::{App, Recall, publishers};
use crate::auth::{self, Keys};
use crate::config::{Config, Sources};
use crate::event::{TOPICS, carried};
use crate::exchange::{self, Settings};
use crate::gate::Gate;
use crate::http;
use crate::metrics::Metrics;
use crate::storage::{self, Bounds, Engine};

/// Name of the file with the admin's token, in the data folder.
pub(crate) const ADMIN_TOKEN: &str = "admin.token";
const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// Serves until it is told to stop, and then drains.
///
/// # Errors
/// When it cannot start, or its storage failed while it ran.
pub(crate) async fn run(sources: &Sources) -> anyhow::Result<()> {
    let config = sources.read()?;
    let tls = http::tls::acceptor(&config.http)?;
    let http_listener = listen("http", config.http.listen).await?;
    let admin_listener = listen("admin", config.admin.listen).await?;
    let engine = storage::open(&config)?;
    let epoch = Epoch(engine.epoch());
    let keys = Keys::new(&engine.secret());
    let tokens = publishers(engine.tokens()?);
    let watches = engine.watches()?;
    let hub = hub(engine.as_ref(), &config)?;
    let metrics = Arc::new(Metrics::default());
    let first = settings(config)?;
    let (settings_sender, settings) = watch::channel(first);
    let start =
        exchange::Start { hub, watches, settings: settings.clone(), metrics: Arc::clone(&metrics) };
    let (exchange, facts) = exchange::start(start);
    let (storage, thread) = storage::start(engine, facts, Arc::clone(&metrics))?;
    let config = Arc::clone(&settings.borrow().config);
    let app = Arc::new(App {
        settings,
        exchange,
        storage,
        keys,
        publishers: watch::Sender::new(tokens),
        gate: Gate::default(),
        metrics,
        epoch,
        recall: Recall::default(),
        stopping: AtomicBool::new(false),
    });
    let (stop, stopping) = watch::channel(false);
    let (tls_sender, tls) = watch::channel(tls);
    let (reload, mut reloads) = mpsc::channel(1);
    let admin_hash = admin_token(&config.data.0)?;
    let addresses = [http_listener.local_addr()?, admin_listener.local_addr()?];
    let plain = watch::channel(None).1;
    let admin = http::admin_router(Arc::clone(&app), admin_hash, reload);
    let mut tasks = tokio::task::JoinSet::new();
    let client_router = http::router(Arc::clone(&app));
    tasks.spawn(http::serve(Arc::clone(&app), http_listener, client_router, tls, stopping.clone()));
    tasks.spawn(http::serve(Arc::clone(&app), admin_listener, admin, plain, stopping));
    let scheme = if config.http.tls_certificate.is_empty() { "http" } else { "https" };
    // Who starts it waits for these lines.
    say(&format!("http: {scheme}://{} is up", addresses[0]));
    say(&format!("admin: http://{} is up, token in {ADMIN_TOKEN}", addresses[1]));

    let mut signals = Signals::new()?;
    let mut sweeps = tokio::time::interval(SWEEP_EVERY);
    loop {
        tokio::select! {
            asked = signals.next() => match asked {
                Asked::Stop => break,
                Asked::Reload => {
                    let result = take_over(&app, sources, &settings_sender, &tls_sender).await;
                    log_reload(&result);
                }
            },
            Some(answer) = reloads.recv() => {
                let answer: oneshot::Sender<_> = answer;
                let result = take_over(&app, sources, &settings_sender, &tls_sender).await;
                log_reload(&result);
                let _ = answer.send(result);
            }
            _ = sweeps.tick() => {
                app.storage.sweep();
                if thread.is_finished() {
                    bail!("the storage has stopped; the lines before this one say why");
                }
            }
        }
    }
    drain(&app, &stop).await;
    tasks.shutdown().await;
    app.storage.close().await.context("the store could not be closed well")?;
    Ok(())
}

/// Reads everything and opens what a run would open, without serving.
///
/// # Errors
/// With what is wrong.
pub(crate) async fn check(sources: &Sources) -> anyhow::Result<()> {
    let config = sources.read()?;
    http::tls::acceptor(&config.http)?;
    listen("http", config.http.listen).await?;
    listen("admin", config.admin.listen).await?;
    let mut engine = storage::open(&config)?;
    engine.log()?;
    engine.close()?;
    Ok(())
}

/// One line on standard output; nobody need read it.
pub(crate) fn say(line: &str) {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}

async fn listen(name: &str, address: std::net::SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("{name}.listen: {address} cannot be listened on; is another program there?")
    })
}

fn settings(config: Config) -> anyhow::Result<Settings> {
    let rights = Arc::new(config.rights()?);
    Ok(Settings { config: Arc::new(config), rights })
}

/// A hub that knows what the log holds.
fn hub(engine: &dyn Engine, config: &Config) -> anyhow::Result<Hub<crate::event::Carried>> {
    let (since, events) = engine.log()?;
    let mut from = Cursor::start(Epoch(engine.epoch()));
    from.advance(TOPICS, since);
    let mut hub = Hub::new(from, config.limits.hub());
    for event in events {
        if let Ok(topic) = event.topic.parse() {
            hub.append(carried(event, topic, TOPICS));
        }
    }
    Ok(hub)
}

/// Draws the admin's token and puts it where who runs the relay finds it; returns its hash.
fn admin_token(folder: &Path) -> anyhow::Result<storage::Hash> {
    use std::io::Write as _;
    std::fs::create_dir_all(folder)?;
    let token = auth::new_secret("aa_")?;
    let path = folder.join(ADMIN_TOKEN);
    let _ = std::fs::remove_file(&path);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file =
        options.open(&path).with_context(|| format!("{} cannot be written", path.display()))?;
    file.write_all(token.as_bytes())?;
    Ok(auth::hash(&token))
}

/// Takes over what has changed; returns the keys that need a new start.
async fn take_over(
    app: &App,
    sources: &Sources,
    sender: &watch::Sender<Settings>,
    tls: &watch::Sender<Option<tokio_rustls::TlsAcceptor>>,
) -> anyhow::Result<Vec<&'static str>> {
    let newer = sources.read()?;
    let acceptor = http::tls::acceptor(&newer.http)?;
    let needs_restart = app.config().needs_restart(&newer);
    app.storage.set_bounds(Bounds::of(&newer)).await;
    sender.send_replace(settings(newer)?);
    tls.send_replace(acceptor);
    Ok(needs_restart)
}

fn log_reload(result: &anyhow::Result<Vec<&'static str>>) {
    match result {
        Ok(keys) if keys.is_empty() => say("reloaded"),
        Ok(keys) => say(&format!("reloaded; after a new start only: {}", keys.join(", "))),
        Err(error) => tracing::error!("not reloaded, the old configuration goes on: {error:#}"),
    }
}

/// Tells every stream to come back later, and waits until the connections are gone.
async fn drain(app: &App, stop: &watch::Sender<bool>) {
    say("draining");
    app.stopping.store(true, Ordering::Relaxed);
    let streams = app.exchange.drain().await;
    stop.send_replace(true);
    let until = Duration::from_secs(app.config().limits.drain_s);
    let gone = async {
        let mut looks = tokio::time::interval(Duration::from_millis(20));
        while crate::metrics::Transport::ALL
            .iter()
            .any(|transport| app.metrics.streams(*transport).read() > 0)
        {
            looks.tick().await;
        }
    };
    let all = tokio::time::timeout(until, gone).await.is_ok();
    say(&format!("drained {streams} streams{}", if all { "" } else { "; some had to be cut" }));
}

/// What the system asks of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Stop,
    Reload,
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Stop,
            _ = self.interrupt.recv() => Asked::Stop,
            _ = self.hang_up.recv() => Asked::Reload,
        }
    }
}

/// Elsewhere only Ctrl-C; the admin's API reloads.
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Asked {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Asked::Stop
    }
}
