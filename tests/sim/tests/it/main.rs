//! Many seeds, in parts that run side by side.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]
#![allow(missing_docs)]

use anser_sim::play;

/// How many parts the usual runs come in.
const PARTS: u64 = 8;

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

parts!(seeds_0 0, seeds_1 1, seeds_2 2, seeds_3 3, seeds_4 4, seeds_5 5, seeds_6 6, seeds_7 7);
