//! Many seeds, in parts that run side by side.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]
#![allow(missing_docs)]

use anser_sim::network::{Sabotage, Weather};
use anser_sim::{play, play_in};

/// How many parts the usual runs come in.
const PARTS: u64 = 16;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Plays the seeds of one part. With `ANSER_SIM_SEED` the first part plays that one alone.
fn part(part: u64) {
    if let Some(seed) = number("ANSER_SIM_SEED") {
        if part == 0 {
            let network = play(seed, true);
            println!("{:?}: {} frames", network.weather, network.frames);
        }
        return;
    }
    let runs = number("ANSER_SIM_RUNS").unwrap_or(1_000);
    let (mut frames, mut crashes, mut played) = (0, 0, 0);
    for seed in (0..runs).filter(|seed| seed % PARTS == part) {
        println!("seed {seed}");
        let network = play(seed, false);
        frames += network.frames;
        crashes += network.crashes;
        played += 1;
    }
    println!("{played} networks, {frames} frames, {crashes} crashes");
    assert!(runs < PARTS || frames > 100 * played, "nobody talks: the scenes are broken");
}

macro_rules! parts {
    ($($name:ident $part:literal),*) => {
        $(#[test]
        fn $name() {
            part($part);
        })*
    };
}

parts!(
    seeds_00 0, seeds_01 1, seeds_02 2, seeds_03 3, seeds_04 4, seeds_05 5, seeds_06 6, seeds_07 7,
    seeds_08 8, seeds_09 9, seeds_10 10, seeds_11 11, seeds_12 12, seeds_13 13, seeds_14 14,
    seeds_15 15
);

/// How many of some seeds break a promise when the world is sabotaged.
fn noticed(sabotage: Sabotage, change: fn(Weather) -> Weather) -> usize {
    let breaks = |seed: &u64| {
        let weather = |weather| change(Weather { sabotage: Some(sabotage), ..weather });
        std::panic::catch_unwind(|| play_in(*seed, false, weather)).is_err()
    };
    (0..12).filter(breaks).count()
}

#[test]
fn disks_that_lose_what_was_flushed_are_noticed() {
    let crashes = |weather| Weather { crashes: 20, rollbacks: false, ..weather };
    let noticed = noticed(Sabotage::Forgetful, crashes);
    println!("noticed in {noticed} of 12");
    assert!(noticed >= 2);
}

#[test]
fn connections_that_swallow_frames_are_noticed() {
    let hostile = |weather| Weather { hostile: 60, rollbacks: false, ..weather };
    let noticed = noticed(Sabotage::Deaf, hostile);
    println!("noticed in {noticed} of 12");
    assert!(noticed >= 2);
}
