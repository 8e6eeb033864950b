//! Benchmarks: sets of measurements, each printed as a table and written to target/bench/NAME.json.
//!
//! A set is a function that adds measurements to a [`Report`]; how it measures is its own affair.
//! Whoever runs one wants honest numbers: everything is built in release, and a missed aim is shown
//! as missed, not as a failure of the run.

mod lan;
mod node;
mod report;
mod samples;
mod usage;

use anyhow::{Context, ensure};
use clap::ValueEnum;

use crate::workspace::Workspace;
use report::Report;

/// A set of measurements.
#[derive(Clone, Copy, ValueEnum)]
pub enum Set {
    /// Several nodes on one machine, talking as on one LAN.
    Lan,
}

impl Set {
    const fn name(self) -> &'static str {
        match self {
            Self::Lan => "lan",
        }
    }

    /// Runs every measurement of the set; each adds to the report as it finishes.
    fn measure(self, workspace: &Workspace, report: &mut Report) -> anyhow::Result<()> {
        match self {
            Self::Lan => lan::measure(workspace, report),
        }
    }
}

/// Runs one set, prints its table and writes its file.
///
/// # Errors
/// When a measurement cannot be made, when there is none, or when the file cannot be written.
pub fn run(workspace: &Workspace, set: Set) -> anyhow::Result<()> {
    let mut report = Report::default();
    let measured = set.measure(workspace, &mut report);
    if !report.is_empty() {
        print!("{}", report.table());
        let path = workspace.target()?.join("bench").join(format!("{}.json", set.name()));
        report.write(&path).with_context(|| format!("writing {}", path.display()))?;
        println!("\nwritten to {}", path.display());
    }
    measured?;
    ensure!(!report.is_empty(), "the set {} holds no measurement", set.name());
    Ok(())
}
