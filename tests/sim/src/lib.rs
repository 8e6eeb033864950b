//! Whole networks of real nodes in one process, driven by one seed.
//!
//! Time, latency, partitions, crashes and what people do come from the seed, so every run can be
//! repeated: `ANSER_SIM_SEED=N` runs one and tells what happens, `ANSER_SIM_RUNS=N` runs many.
//! After a while everything is healed, and when the network is quiet the promises are checked
//! ([`checks`]). Nothing here looks into a node: it is used as the engine uses it, through inputs,
//! `flush`, outputs and the API.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stdout, missing_docs)]

pub mod checks;
pub mod dice;
#[path = "../../../crates/node/tests/it/disk.rs"]
pub mod disk;
pub mod host;
pub mod network;
pub mod scene;

use dice::Dice;
use network::{Network, Weather};
use scene::Scene;

/// Plays one seed to its end and checks everything.
///
/// # Panics
/// When a promise is broken; the message names the seed.
pub fn play(seed: u64, trace: bool) -> Network {
    play_in(seed, trace, |weather| weather)
}

/// As [`play`], with other weather than the seed says.
///
/// # Panics
/// As [`play`].
pub fn play_in(seed: u64, trace: bool, change: impl FnOnce(Weather) -> Weather) -> Network {
    let mut dice = Dice::new(seed);
    let weather = Weather { files: seed % 5 < 2, ..Weather::random(&mut dice) };
    let weather = change(weather);
    let mut network = Network::new(seed, dice, weather, trace);
    let mut scene = Scene::open(&mut network);
    for _ in 0..network.dice.between(20, 60) {
        scene.act(&mut network);
    }
    scene.close(&mut network);
    network
}
