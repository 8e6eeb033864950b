//! The fuzzer's corpus without a fuzzer: replayed, and changed by a seeded hand.

use std::path::PathBuf;

use crate::{entry, samples};

fn directory(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target)
}

fn corpus(target: &str, samples: Vec<(&str, Vec<u8>)>) -> Vec<Vec<u8>> {
    let directory = directory(target);
    if std::env::var_os("ANSER_BLESS").is_some() {
        std::fs::create_dir_all(&directory).unwrap();
        for (name, bytes) in &samples {
            std::fs::write(directory.join(name), bytes).unwrap();
        }
    }
    for (name, bytes) in &samples {
        let stored = std::fs::read(directory.join(name)).unwrap_or_default();
        assert!(stored == *bytes, "corpus/{target}/{name} is out of date: see fuzz/README.md");
    }
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end as u64) as usize
    }
}

/// One to four small changes: bits, bytes that CBOR finds special, cuts, doublings, other files.
fn change(dice: &mut Dice, bytes: &mut Vec<u8>, others: &[Vec<u8>]) {
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len() + 1);
        match dice.below(7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
            1 if at < bytes.len() => bytes[at] = dice.below(256) as u8,
            2 if at < bytes.len() => {
                let special = [0x00, 0x1b, 0x5f, 0x7f, 0x9b, 0x9f, 0xbb, 0xbf, 0xdb, 0xf6, 0xff];
                bytes[at] = special[dice.below(special.len())];
            }
            3 => bytes.truncate(at),
            4 => {
                let end = at + dice.below(bytes.len() - at + 1);
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            5 => {
                let other = &others[dice.below(others.len())];
                let from = dice.below(other.len() + 1);
                let piece = other[from..(from + 40).min(other.len())].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => bytes.insert(at, dice.below(256) as u8),
        }
    }
}

fn play(target: &str, samples: Vec<(&str, Vec<u8>)>, entry: fn(&[u8])) {
    let files = corpus(target, samples);
    let rounds = std::env::var("ANSER_FUZZ_ROUNDS").ok().and_then(|n| n.parse().ok());
    for (index, file) in files.iter().enumerate() {
        entry(file);
        for round in 0..rounds.unwrap_or(400_u64) {
            let mut dice = Dice(round << 8 | index as u64);
            let mut bytes = file.clone();
            change(&mut dice, &mut bytes, &files);
            let shown = bytes.clone();
            let survived = std::panic::catch_unwind(move || entry(&bytes));
            assert!(survived.is_ok(), "{target}: {}", data_encoding::HEXLOWER.encode(&shown));
        }
    }
}

#[test]
fn frames_survive() {
    play("frames", samples::frames(), entry::frames);
}

#[test]
fn events_survive() {
    play("events", samples::records(), entry::events);
}
