//! One fetch of a file: what is missing, who is asked for what, who is faster, who fails.
//!
//! Each provider has a window of parts under way. It grows while answers come soon and shrinks when
//! they take long, so a fast device gets more to do than a slow one, and a shared connection is never
//! filled far ahead. Who is silent for too long is asked for little, and others get its parts; who
//! lacks the file rests for a while; who sends a wrong part is not asked for this file again.
//!
//! Must always hold: a part counts only after [`Download::written`], and it is handed out to be written
//! only after its proof held; no part is asked of more than two devices at once; what waits to be
//! written is bounded. It sends nothing: [`Download::wants`] says whom to ask, and
//! [`Download::deadline`] when to look again.

use std::collections::{BTreeMap, BTreeSet};

use anser_proto::{DeviceId, FileId, limits};

use crate::parts::Parts;
use crate::tree;

/// Most parts under way from one device.
const WINDOW: usize = 16;
/// With how many a device begins, of which nothing is known.
const FIRST_WINDOW: usize = 2;
/// Most devices asked at the same time.
const SOURCES: usize = 4;
/// Most parts that were checked and wait to be written.
const WRITING: usize = 64;
/// Answers that come sooner let a window grow.
const SOON_MS: u64 = 150;
/// Answers that take longer let it shrink.
const LONG_MS: u64 = 500;
/// How long a device may be silent while parts are under way, at first and at most.
const PATIENCE_MS: u64 = 8_000;
const LONGEST_PATIENCE_MS: u64 = 60_000;
/// How long one is left alone that lacks the file, at first and at most.
const LACK_MS: u64 = 10_000;
const LONGEST_LACK_MS: u64 = 600_000;
/// Devices remembered that sent a wrong part.
const LIARS: usize = 256;

/// What to do with a part that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// It belongs to the file: write it, then call [`Download::written`].
    Write,
    /// It is here already, or on its way to the disk.
    Known,
    /// It does not belong to the file; its sender is not asked any more.
    Wrong,
    /// Nobody asked for it.
    Unasked,
}

/// A fetch of one file. See the module.
#[derive(Clone, Debug)]
pub struct Download {
    file: FileId,
    size_bytes: u64,
    held: Parts,
    busy: BTreeMap<u64, Busy>,
    writing: usize,
    providers: BTreeMap<DeviceId, Provider>,
    liars: BTreeSet<DeviceId>,
    /// No part before this one is free to be asked for.
    first: u64,
}

/// A part that is neither held nor free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Busy {
    /// Asked for, of so many devices.
    Asked(u8),
    /// Checked, and on its way to the disk.
    Writing,
}

#[derive(Clone, Debug)]
struct Provider {
    /// Lower ones are asked first.
    rank: u8,
    /// Parts under way, with the time they were asked for.
    asked: BTreeMap<u64, u64>,
    /// Parts given up on that may still come.
    late: BTreeSet<u64>,
    window: usize,
    /// When a part last came, or was asked for after none was under way.
    heard_ms: u64,
    patience_ms: u64,
    lack_ms: u64,
    rests_until_ms: Option<u64>,
    /// How long an answer takes, about.
    takes_ms: u64,
}

impl Provider {
    fn new(rank: u8) -> Self {
        Self {
            rank,
            asked: BTreeMap::new(),
            late: BTreeSet::new(),
            window: FIRST_WINDOW,
            heard_ms: 0,
            patience_ms: PATIENCE_MS,
            lack_ms: LACK_MS,
            rests_until_ms: None,
            takes_ms: SOON_MS,
        }
    }

    fn rests(&self, now_ms: u64) -> bool {
        self.rests_until_ms.is_some_and(|until| now_ms < until)
    }

    fn is_overdue(&self, now_ms: u64) -> bool {
        !self.asked.is_empty() && now_ms >= self.heard_ms.saturating_add(self.patience_ms)
    }

    /// A part came that was asked for at `asked_ms`.
    fn answered(&mut self, asked_ms: u64, now_ms: u64) {
        let took_ms = now_ms.saturating_sub(asked_ms);
        self.takes_ms = self.takes_ms.saturating_mul(7).saturating_add(took_ms) / 8;
        self.patience_ms = PATIENCE_MS;
        self.lack_ms = LACK_MS;
        if took_ms <= SOON_MS {
            self.window = self.window.saturating_add(1).min(WINDOW);
        } else if took_ms > LONG_MS {
            self.window = self.window.saturating_sub(1).max(1);
        }
    }
}

impl Download {
    /// The fetch of a file of which `held` is here; of another count of parts than the size says,
    /// nothing is.
    #[must_use]
    pub fn new(file: FileId, size_bytes: u64, held: Parts) -> Self {
        let count = tree::part_count(size_bytes);
        let held = if held.count() == count { held } else { Parts::none(count) };
        Self {
            file,
            size_bytes,
            held,
            busy: BTreeMap::new(),
            writing: 0,
            providers: BTreeMap::new(),
            liars: BTreeSet::new(),
            first: 0,
        }
    }

    /// Whether every part is on disk.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.held.is_full()
    }

    /// How much is on disk, in bytes.
    #[must_use]
    pub fn held_bytes(&self) -> u64 {
        let part = limits::PART_BYTES as u64;
        let full = self.held.held().saturating_mul(part);
        let last = self.held.count().saturating_sub(1);
        let short = self.held.count().saturating_mul(part).saturating_sub(self.size_bytes);
        if self.held.has(last) { full.saturating_sub(short) } else { full }
    }

    /// From how many devices parts are under way.
    #[must_use]
    pub fn sources(&self) -> usize {
        self.providers.values().filter(|provider| !provider.asked.is_empty()).count()
    }

    /// How many parts are under way from a device.
    #[must_use]
    pub fn under_way(&self, device: &DeviceId) -> usize {
        self.providers.get(device).map_or(0, |provider| provider.asked.len())
    }

    /// Whether there is a device that can be asked now.
    #[must_use]
    pub fn has_providers(&self, now_ms: u64) -> bool {
        self.providers.values().any(|provider| !provider.rests(now_ms))
    }

    /// Whether a device sent a wrong part of this file.
    #[must_use]
    pub fn is_liar(&self, device: &DeviceId) -> bool {
        self.liars.contains(device)
    }

    /// A device can be asked from now on; those of lower rank are asked first. One that sent a
    /// wrong part before is not.
    pub fn offer(&mut self, device: DeviceId, rank: u8) {
        if !self.liars.contains(&device) {
            self.providers.entry(device).or_insert_with(|| Provider::new(rank));
        }
    }

    /// A device can no longer be asked; what was under way from it is asked of others.
    pub fn gone(&mut self, device: &DeviceId) {
        let Some(provider) = self.providers.remove(device) else { return };
        for part in provider.asked.into_keys() {
            self.free(part);
        }
    }

    /// Only these devices can still be asked.
    pub fn only(&mut self, may_be_asked: impl Fn(&DeviceId) -> bool) {
        let gone: Vec<_> =
            self.providers.keys().filter(|device| !may_be_asked(device)).copied().collect();
        for device in gone {
            self.gone(&device);
        }
    }

    /// A device says that it lacks the file: it is asked again after a while that grows.
    pub fn lack(&mut self, device: &DeviceId, now_ms: u64) {
        let Some(provider) = self.providers.get_mut(device) else { return };
        let asked = std::mem::take(&mut provider.asked);
        provider.late.clear();
        provider.window = FIRST_WINDOW;
        provider.rests_until_ms = Some(now_ms.saturating_add(provider.lack_ms));
        provider.lack_ms = provider.lack_ms.saturating_mul(2).min(LONGEST_LACK_MS);
        for part in asked.into_keys() {
            self.free(part);
        }
    }

    /// Asks those again at once that lacked the file: something changed.
    pub fn wake(&mut self) {
        for provider in self.providers.values_mut() {
            provider.rests_until_ms = None;
            provider.lack_ms = LACK_MS;
        }
    }

    /// A part came. With [`Received::Write`] the caller writes it and then calls
    /// [`Download::written`] or [`Download::unwritten`].
    pub fn part(
        &mut self,
        from: &DeviceId,
        part: u64,
        data: &[u8],
        proof: &[[u8; 32]],
        now_ms: u64,
    ) -> Received {
        let Some(provider) = self.providers.get_mut(from) else { return Received::Unasked };
        let asked_ms = provider.asked.remove(&part);
        if asked_ms.is_none() && !provider.late.remove(&part) {
            return Received::Unasked;
        }
        let known = self.held.has(part) || self.busy.get(&part) == Some(&Busy::Writing);
        if !known && !tree::verify(&self.file, self.size_bytes, part, data, proof) {
            self.gone(from);
            if asked_ms.is_some() {
                self.free(part);
            }
            if self.liars.len() < LIARS {
                self.liars.insert(*from);
            }
            return Received::Wrong;
        }
        provider.heard_ms = now_ms;
        provider.rests_until_ms = None;
        if let Some(asked_ms) = asked_ms {
            provider.answered(asked_ms, now_ms);
        }
        if known {
            return Received::Known;
        }
        self.busy.insert(part, Busy::Writing);
        self.writing = self.writing.saturating_add(1);
        Received::Write
    }

    /// A part is on disk.
    pub fn written(&mut self, part: u64) {
        if self.busy.get(&part) == Some(&Busy::Writing) {
            self.busy.remove(&part);
            self.writing = self.writing.saturating_sub(1);
            self.held.insert(part);
        }
    }

    /// A part could not be written: it is asked for again.
    pub fn unwritten(&mut self, part: u64) {
        if self.busy.get(&part) == Some(&Busy::Writing) {
            self.busy.remove(&part);
            self.writing = self.writing.saturating_sub(1);
            self.first = self.first.min(part);
        }
    }

    /// Whom to ask for which parts now. `room` says how many more parts may be under way from a
    /// device; what is given here counts as asked.
    pub fn wants(
        &mut self,
        now_ms: u64,
        room: impl Fn(&DeviceId) -> usize,
    ) -> Vec<(DeviceId, Vec<u64>)> {
        self.give_up(now_ms);
        let mut ready: Vec<(u8, u64, DeviceId)> = self
            .providers
            .iter()
            .filter(|(_, provider)| !provider.rests(now_ms))
            .map(|(device, provider)| (provider.rank, provider.takes_ms, *device))
            .collect();
        ready.sort_unstable();
        let mut wants = Vec::new();
        for (_, _, device) in ready.into_iter().take(SOURCES) {
            let Some(provider) = self.providers.get(&device) else { continue };
            let (under_way, window) = (provider.asked.len(), provider.window);
            // Asking by the half window makes fewer and larger requests.
            if under_way.saturating_mul(2) > window {
                continue;
            }
            let free = window.saturating_sub(under_way).min(room(&device));
            let parts = self.choose(&device, free.min(limits::PARTS_WANTED), now_ms);
            if !parts.is_empty() {
                wants.push((device, parts));
            }
        }
        wants
    }

    /// When [`Download::wants`] has something new without anything having come.
    #[must_use]
    pub fn deadline(&self) -> Option<u64> {
        let moments = self.providers.values().filter_map(|provider| {
            if provider.asked.is_empty() {
                provider.rests_until_ms
            } else {
                Some(provider.heard_ms.saturating_add(provider.patience_ms))
            }
        });
        moments.min()
    }

    /// Takes back what was asked of those who were silent for too long.
    fn give_up(&mut self, now_ms: u64) {
        let mut freed = Vec::new();
        for provider in self.providers.values_mut() {
            if provider.rests_until_ms.is_some_and(|until| now_ms >= until) {
                provider.rests_until_ms = None;
            }
            if provider.is_overdue(now_ms) {
                let asked = std::mem::take(&mut provider.asked);
                provider.late = asked.keys().copied().collect();
                freed.extend(asked.into_keys());
                provider.window = 1;
                provider.patience_ms =
                    provider.patience_ms.saturating_mul(2).min(LONGEST_PATIENCE_MS);
                provider.takes_ms = provider.takes_ms.max(LONG_MS);
            }
        }
        for part in freed {
            self.free(part);
        }
    }

    /// Up to `count` parts to ask `device` for: free ones, and when none is left those that are
    /// under way from a slower device for long.
    fn choose(&mut self, device: &DeviceId, count: usize, now_ms: u64) -> Vec<u64> {
        let mut parts = Vec::new();
        let mut from = self.first;
        while parts.len() < count && self.writing.saturating_add(parts.len()) < WRITING {
            let Some(part) = self.held.next_missing(from) else { break };
            if !self.busy.contains_key(&part) {
                parts.push(part);
            }
            // Everything up to here is held or under way now.
            from = part.saturating_add(1);
            self.first = from;
        }
        if parts.is_empty() && count > 0 {
            parts = self.overtake(device, count, now_ms);
        }
        for part in &parts {
            let asked = match self.busy.get(part) {
                Some(Busy::Asked(times)) => times.saturating_add(1),
                _ => 1,
            };
            self.busy.insert(*part, Busy::Asked(asked));
        }
        if let Some(provider) = self.providers.get_mut(device) {
            if provider.asked.is_empty() && !parts.is_empty() {
                provider.heard_ms = now_ms;
            }
            for part in &parts {
                provider.late.remove(part);
                provider.asked.insert(*part, now_ms);
            }
        }
        parts
    }

    fn overtake(&self, device: &DeviceId, count: usize, now_ms: u64) -> Vec<u64> {
        let Some(own) = self.providers.get(device) else { return Vec::new() };
        let waits_ms = own.takes_ms.saturating_mul(2);
        let mut parts: Vec<(u64, u64)> = self
            .providers
            .iter()
            .filter(|(other, _)| *other != device)
            .flat_map(|(_, other)| &other.asked)
            .filter(|(part, asked_ms)| {
                self.busy.get(part) == Some(&Busy::Asked(1))
                    && now_ms.saturating_sub(**asked_ms) > waits_ms
            })
            .map(|(part, asked_ms)| (*asked_ms, *part))
            .collect();
        parts.sort_unstable();
        parts.into_iter().take(count).map(|(_, part)| part).collect()
    }

    /// One device fewer is asked for a part.
    fn free(&mut self, part: u64) {
        match self.busy.get(&part) {
            Some(Busy::Asked(times)) if *times > 1 => {
                let left = times.saturating_sub(1);
                self.busy.insert(part, Busy::Asked(left));
            }
            Some(Busy::Asked(_)) => {
                self.busy.remove(&part);
                self.first = self.first.min(part);
            }
            Some(Busy::Writing) | None => {}
        }
    }
}
