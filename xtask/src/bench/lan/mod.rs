//! The set `lan`: several nodes on one machine, talking as on one LAN.
//!
//! Each measurement starts its own processes in folders of its own and leaves nothing behind but
//! the store of a million messages, which takes minutes to fill and is kept for the next run.

mod desktop;
mod discovery;
mod files;
mod group;
mod idle;
mod large;
mod pair;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::report::Report;
use crate::workspace::Workspace;

/// Names of measurements, with commas between: only these are made.
const ONLY: &str = "ANSER_BENCH_ONLY";
/// A folder of programs, as target/release is one, to be measured as they are: nothing is built.
const PROGRAMS: &str = "ANSER_BENCH_PROGRAMS";

type Measure = fn(&Bed, &mut Report) -> anyhow::Result<()>;

const MEASUREMENTS: [(&str, Measure); 7] = [
    ("pair", pair::measure),
    ("group", group::measure),
    ("files", files::measure),
    ("large", large::measure),
    ("discovery", discovery::measure),
    ("idle", idle::measure),
    ("desktop", desktop::measure),
];

/// What the measurements work with.
struct Bed {
    /// The checkout.
    root: PathBuf,
    /// Where programs are built.
    target: PathBuf,
    /// The headless program.
    anser: PathBuf,
    /// Whether what is measured is built first.
    builds: bool,
    /// The desktop program.
    desktop: PathBuf,
    /// What is compared with.
    echo: PathBuf,
    /// For the profiles of one measurement; emptied before each.
    folder: PathBuf,
}

/// Builds what is measured and measures it. A measurement that fails is told as one that was not
/// made, so that the others are made nevertheless.
pub fn measure(workspace: &Workspace, report: &mut Report) -> anyhow::Result<()> {
    let target = workspace.target()?;
    let built = std::env::var_os(PROGRAMS).map(PathBuf::from);
    if built.is_none() {
        build(workspace.root(), &["--package", "anser-cli", "--bin", "anser"])?;
        build(workspace.root(), &["--package", "anser-net", "--example", "echo"])?;
    }
    let builds = built.is_none();
    let programs = built.unwrap_or_else(|| target.join("release"));
    let bed = Bed {
        root: workspace.root().to_owned(),
        builds,
        anser: programs.join("anser"),
        echo: programs.join("examples/echo"),
        desktop: programs.join("anser-desktop"),
        folder: target.join("bench/profiles"),
        target,
    };
    let only = std::env::var(ONLY).unwrap_or_default();
    let wanted = |name: &str| only.is_empty() || only.split(',').any(|one| one == name);
    let mut failed = Vec::new();
    for (name, measure) in MEASUREMENTS.into_iter().filter(|(name, _)| wanted(name)) {
        eprintln!("measuring {name}");
        clear(&bed.folder)?;
        if let Err(error) = measure(&bed, report) {
            report.skip(name, format!("failed: {error:#}"));
            failed.push(name);
        }
    }
    clear(&bed.folder)?;
    ensure!(failed.is_empty(), "measurements that failed: {}", failed.join(", "));
    Ok(())
}

fn build(root: &Path, what: &[&str]) -> anyhow::Result<()> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root).args(["build", "--release", "--quiet"]).args(what);
    ensure!(cargo.status().context("cargo cannot be started")?.success(), "cargo build failed");
    Ok(())
}

/// An empty folder, whatever was there. What a program that was killed had mounted in it goes only a
/// moment later.
fn clear(folder: &Path) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(5);
    while folder.exists() {
        match fs::remove_dir_all(folder) {
            Err(error) if Instant::now() > deadline => {
                return Err(error).with_context(|| format!("removing {}", folder.display()));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
            Ok(()) => {}
        }
    }
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))
}
