//! The desktop program: a window for the app's pages, a tray icon, notifications.
//!
//! It is a thin shell: the pages show everything, `anser-engine` does everything. It owns what
//! only a desktop has. It knows neither the store nor the network, and keeps no state of the
//! node's beyond what tray and notifications show.

// No console window beside the program's own.
#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

mod announce;
mod autostart;
mod commands;
mod follow;
mod link;
mod notices;
mod options;
mod paint;
mod program;
mod render;
mod shell;
mod tray;
mod tray_host;
mod window;
mod words;

use std::process::ExitCode;

use clap::Parser;

/// docs/adr/0007
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    render::choose();
    let paint = paint::FirstPaint::new();
    let options = options::Options::parse();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("ANSER_LOG")
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn")),
        )
        .init();
    match options::standard_folder().and_then(|standard| program::run(options, &standard, paint)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("anser-desktop: {error:#}");
            ExitCode::FAILURE
        }
    }
}
