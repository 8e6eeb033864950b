//! Developer commands of this repository: `cargo xtask COMMAND`.
//!
//! Owns what is done to the repository rather than by the program: the tidy checks, the generated
//! bindings and icons, the benchmarks. Nothing here is shipped, and nothing here is needed to build
//! what is shipped.

// A command-line tool answers on stdout.
#![allow(clippy::print_stdout)]

mod bench;
mod bindings;
mod icons;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Developer commands of this repository")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check the rules of the house that no compiler knows.
    Tidy,
    /// Write the TypeScript types and the OpenRPC document of the API.
    Bindings {
        /// Write nothing; fail when what is committed is stale.
        #[arg(long)]
        check: bool,
    },
    /// Measure in a release build, print a table, write target/bench/NAME.json.
    Bench {
        /// Which set of measurements.
        set: bench::Set,
    },
    /// Render icons/*.svg to the sizes that the desktop app embeds.
    Icons,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let workspace = Workspace::here()?;
    match &arguments.command {
        Command::Tidy => tidy::run(&workspace),
        Command::Bindings { check } => bindings::run(&workspace, *check),
        Command::Bench { set } => bench::run(&workspace, *set),
        Command::Icons => icons::run(&workspace),
    }
}
