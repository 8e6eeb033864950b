//! The headless program: a node for bots, scripts, terminals and browsers on this machine.
//!
//! Thin: it parses options, opens a profile and connects a transport to it. Everything it can do
//! goes through the vocabulary of `anser-api`. It never panics because nobody reads its output.
//!
//! # Dependencies beside the workspace's
//! `interprocess` gives the local socket (a named pipe on Windows), `rpassword` asks for a
//! passphrase unseen, `hyper` and `tokio-tungstenite` serve the app's pages and their WebSocket on
//! the loopback, `rust-embed` and `mime_guess` carry these pages inside the program, `tikv-jemallocator`
//! allocates (docs/adr/0007).

mod call;
mod chat;
mod client;
mod doctor;
mod failure;
mod launch;
mod lines;
mod options;
mod output;
mod rpc;
mod run;
mod session;
mod socket;
mod stop;
mod ui;

use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use failure::Failure;
use options::{Options, Verb};

/// docs/adr/0007
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let options = Options::parse();
    log();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("anser-net")
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            return Failure::failed(format!("The system gives no threads: {error}.")).report();
        }
    };
    let result = runtime.block_on(work(&options));
    // A thread may still wait for a line on standard input, which may never come.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

async fn work(options: &Options) -> Result<(), Failure> {
    options.start.check()?;
    match &options.verb {
        Verb::Rpc => rpc::run(options).await,
        Verb::Run => run::run(options).await,
        Verb::Call { method, params } => call::run(options, method, params.as_deref()).await,
        Verb::Doctor => doctor::run(options).await,
        Verb::Chat => chat::run(options).await,
        Verb::Ui { port } => ui::run(options, *port).await,
    }
}

/// Logs go to standard error only; `ANSER_LOG` says what (`debug`, `anser_net=trace` …).
fn log() {
    let filter = EnvFilter::try_from_env("ANSER_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .log_internal_errors(false)
        .init();
}
