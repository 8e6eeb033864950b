//! A small world: devices that answer with a delay each, lose, lie, lack, come and go; and a disk.

use std::collections::{BTreeMap, BTreeSet};

use anser_files::{Download, Parts, Received, Tree, TreeBuilder, tree};
use anser_proto::{DeviceId, FileId, limits};

pub const PART: usize = limits::PART_BYTES;

/// SplitMix64 (Steele, Lea, Flood 2014).
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end.max(1)
    }
}

/// A device that may have the file.
#[derive(Clone)]
pub struct Other {
    pub has: bool,
    pub lies: bool,
    /// How long one part keeps its line busy.
    pub part_ms: u64,
    /// Of a hundred parts, how many are lost.
    pub loss: u64,
    pub online: bool,
    free_ms: u64,
    pub asked: BTreeSet<u64>,
    pub sent: usize,
}

impl Other {
    pub fn new(part_ms: u64) -> Self {
        Self {
            has: true,
            lies: false,
            part_ms,
            loss: 0,
            online: true,
            free_ms: 0,
            asked: BTreeSet::new(),
            sent: 0,
        }
    }
}

pub struct World {
    pub content: Vec<u8>,
    tree: Tree,
    pub file: FileId,
    pub others: Vec<Other>,
    pub download: Download,
    pub disk: BTreeMap<u64, Vec<u8>>,
    pub now_ms: u64,
    pub wrong: usize,
    pub most_under_way: usize,
    dice: Dice,
    /// (when, from whom, part; `None`: it lacks the file)
    coming: BTreeSet<(u64, usize, Option<u64>)>,
}

pub fn device(index: usize) -> DeviceId {
    DeviceId([index as u8 + 1; 32])
}

impl World {
    pub fn new(seed: u64, size: usize, others: Vec<Other>) -> Self {
        let mut dice = Dice(seed);
        let content: Vec<u8> = (0..size).map(|_| dice.below(256) as u8).collect();
        let mut builder = TreeBuilder::default();
        for part in content.chunks(PART) {
            assert!(builder.push(part));
        }
        let tree = builder.finish();
        let file = tree.root();
        let size_bytes = size as u64;
        let download = Download::new(file, size_bytes, Parts::none(tree::part_count(size_bytes)));
        let mut world = Self {
            content,
            tree,
            file,
            others,
            download,
            disk: BTreeMap::new(),
            now_ms: 0,
            wrong: 0,
            most_under_way: 0,
            dice,
            coming: BTreeSet::new(),
        };
        world.meet_all();
        world
    }

    pub fn meet_all(&mut self) {
        for index in 0..self.others.len() {
            if self.others[index].online {
                self.download.offer(device(index), 0);
            }
        }
    }

    pub fn leave(&mut self, index: usize) {
        self.others[index].online = false;
        self.coming.retain(|(_, from, _)| *from != index);
        self.download.gone(&device(index));
    }

    /// Forgets everything but the disk.
    pub fn restart(&mut self) {
        let size = self.content.len() as u64;
        let mut held = Parts::none(tree::part_count(size));
        for part in self.disk.keys() {
            assert!(held.insert(*part));
        }
        self.download = Download::new(self.file, size, held);
        self.coming.clear();
        self.meet_all();
    }

    fn ask(&mut self) {
        for (to, parts) in self.download.wants(self.now_ms, |_| usize::MAX) {
            let index = usize::from(to.0[0]) - 1;
            let under_way = self.download.under_way(&to);
            self.most_under_way = self.most_under_way.max(under_way);
            let other = &mut self.others[index];
            assert!(other.online, "one was asked who is away");
            assert!(!parts.is_empty() && parts.len() <= limits::PARTS_WANTED);
            if !other.has {
                self.coming.insert((self.now_ms + 1, index, None));
                continue;
            }
            for part in parts {
                other.asked.insert(part);
                other.free_ms = other.free_ms.max(self.now_ms) + other.part_ms;
                if self.dice.below(100) >= other.loss {
                    self.coming.insert((other.free_ms, index, Some(part)));
                }
            }
        }
    }

    /// Does what happens next; `false` when nothing ever will.
    pub fn step(&mut self) -> bool {
        self.ask();
        let next = self.coming.first().map(|(at, ..)| *at);
        let deadline = self.download.deadline();
        let Some(at) = next.into_iter().chain(deadline).min() else { return false };
        self.now_ms = self.now_ms.max(at);
        while let Some((at, from, part)) = self.coming.first().copied() {
            if at > self.now_ms {
                break;
            }
            self.coming.pop_first();
            match part {
                None => self.download.lack(&device(from), self.now_ms),
                Some(part) => self.arrives(from, part),
            }
        }
        true
    }

    fn arrives(&mut self, from: usize, part: u64) {
        let proof = self.tree.proof(part).unwrap();
        let mut data = self.content.chunks(PART).nth(part as usize).unwrap().to_vec();
        if self.others[from].lies {
            let at = self.dice.below(data.len() as u64) as usize;
            data[at] ^= 1;
        }
        self.others[from].sent += 1;
        match self.download.part(&device(from), part, &data, &proof, self.now_ms) {
            Received::Write if self.dice.below(50) == 0 => self.download.unwritten(part),
            Received::Write => {
                assert!(self.disk.insert(part, data).is_none(), "written twice");
                self.download.written(part);
            }
            Received::Wrong => self.wrong += 1,
            Received::Known | Received::Unasked => {}
        }
    }

    /// Goes on until the file is whole; fails after `limit_ms`.
    pub fn finish(&mut self, limit_ms: u64) {
        while !self.download.is_complete() {
            assert!(self.step(), "nothing happens any more at {} ms", self.now_ms);
            assert!(self.now_ms <= limit_ms, "not whole after {limit_ms} ms");
        }
        let whole: Vec<u8> = self.disk.values().flatten().copied().collect();
        assert!(whole == self.content, "another content");
        assert_eq!(self.download.held_bytes(), self.content.len() as u64);
    }
}
