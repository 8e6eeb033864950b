//! The relay: mail for the absent and notices for everybody, over four transports.
//!
//! It holds ciphertext, and metadata that it cannot avoid; it holds no key and knows no conversation.
//! What it does with events is decided by `anser-relay-proto`; here are sockets, the clock, the disk
//! and the configuration. Reading order: `run.rs`, `exchange/`, `storage/`, `http/`.
//!
//! # Dependencies beside the workspace's
//! `axum` routes requests on `hyper`; `tokio-tungstenite` frames WebSockets; `tokio-rustls` with ring
//! (which libp2p brings too) is TLS; `sled` is the store, as in `anser-store`; `ed25519-dalek` checks a
//! device's signature over a challenge; `tower-service` is the trait between axum and hyper;
//! `tikv-jemallocator` allocates (docs/adr/0007).

mod app;
mod auth;
mod cbor;
mod clock;
mod config;
mod event;
mod exchange;
mod gate;
mod http;
mod metrics;
mod options;
mod problem;
mod run;
mod storage;
mod tokens;

use std::process::ExitCode;

use tracing_subscriber::EnvFilter;

use options::{Options, Verb};

/// docs/adr/0007
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    log();
    match work() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = std::io::Write::write_all(
                &mut std::io::stderr(),
                format!("error: {error:#}\n").as_bytes(),
            );
            ExitCode::FAILURE
        }
    }
}

fn work() -> anyhow::Result<()> {
    let (Options { verb, .. }, sources) = options::read()?;
    let runtime = || {
        tokio::runtime::Builder::new_multi_thread().thread_name("anser-relay").enable_all().build()
    };
    match verb.unwrap_or(Verb::Run) {
        Verb::Run => runtime()?.block_on(run::run(&sources)),
        Verb::Check => {
            runtime()?.block_on(run::check(&sources))?;
            run::say("everything is in order");
            Ok(())
        }
        Verb::Config => {
            run::say(toml::to_string(&sources.read()?)?.trim_end());
            Ok(())
        }
        Verb::Token(verb) => tokens::run(&sources.read()?, &verb),
    }
}

/// Logs go to standard error only; `ANSER_RELAY_LOG` says what (`debug`, `anser_relay=trace` …).
fn log() {
    let filter =
        EnvFilter::try_from_env("ANSER_RELAY_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .log_internal_errors(false)
        .init();
}
