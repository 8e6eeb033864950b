//! Which membership events somebody had seen: for every device the last one.

use std::collections::BTreeMap;

use anser_proto::{DeviceId, Seen};

/// A set of membership events that is closed under "came before", as a version vector.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Past(BTreeMap<DeviceId, u64>);

impl Past {
    /// The empty past.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether event `seq` of `device` is in it.
    pub fn contains(&self, device: &DeviceId, seq: u64) -> bool {
        self.0.get(device).is_some_and(|last| *last >= seq)
    }

    /// Adds everything of `device` up to `seq`.
    pub fn add(&mut self, device: DeviceId, seq: u64) {
        let last = self.0.entry(device).or_default();
        *last = (*last).max(seq);
    }

    /// Adds all of another past.
    pub fn merge(&mut self, other: &Past) {
        for (device, seq) in &other.0 {
            self.add(*device, *seq);
        }
    }

    /// Whether everything in `other` is in `self`.
    pub fn covers(&self, other: &Past) -> bool {
        other.0.iter().all(|(device, seq)| self.contains(device, *seq))
    }

    /// What is in `self` beyond `older`, ascending by device.
    pub fn beyond(&self, older: &Past) -> Vec<Seen> {
        self.0
            .iter()
            .filter(|(device, seq)| !older.contains(device, **seq))
            .map(|(device, seq)| Seen { device: *device, seq: *seq })
            .collect()
    }

    /// The last event of each device.
    pub fn iter(&self) -> impl Iterator<Item = Seen> + '_ {
        self.0.iter().map(|(device, seq)| Seen { device: *device, seq: *seq })
    }
}
