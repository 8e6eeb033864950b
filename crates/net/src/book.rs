//! Addresses of devices, in memory: at most 1,000 devices with 8 addresses each.
//!
//! The newest address comes first; the least recently heard of device goes first, never one that
//! is wanted.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use anser_proto::DeviceId;
use libp2p::Multiaddr;

const MAX_DEVICES: usize = 1_000;
const MAX_ADDRESSES: usize = 8;

#[derive(Default)]
struct Entry {
    addresses: VecDeque<Multiaddr>,
    touched: u64,
}

/// Where devices have been.
#[derive(Default)]
pub(crate) struct Book {
    devices: BTreeMap<DeviceId, Entry>,
    by_age: BTreeSet<(u64, DeviceId)>,
    clock: u64,
}

impl Book {
    pub(crate) fn len(&self) -> usize {
        self.devices.len()
    }

    /// Addresses of a device, newest first.
    pub(crate) fn addresses(&self, device: &DeviceId) -> Vec<Multiaddr> {
        self.devices.get(device).map(|e| e.addresses.iter().cloned().collect()).unwrap_or_default()
    }

    /// Notes addresses; returns those that were not there.
    pub(crate) fn add(
        &mut self,
        device: DeviceId,
        addresses: impl IntoIterator<Item = Multiaddr>,
        is_wanted: impl Fn(&DeviceId) -> bool,
    ) -> Vec<Multiaddr> {
        self.touch(device, is_wanted);
        let Some(entry) = self.devices.get_mut(&device) else { return Vec::new() };
        let mut new = Vec::new();
        for address in addresses.into_iter().take(MAX_ADDRESSES) {
            if let Some(at) = entry.addresses.iter().position(|a| *a == address) {
                entry.addresses.remove(at);
            } else {
                new.push(address.clone());
            }
            entry.addresses.push_front(address);
        }
        entry.addresses.truncate(MAX_ADDRESSES);
        new
    }

    fn touch(&mut self, device: DeviceId, is_wanted: impl Fn(&DeviceId) -> bool) {
        self.clock = self.clock.wrapping_add(1);
        if !self.devices.contains_key(&device) && self.devices.len() >= MAX_DEVICES {
            let oldest = self.by_age.iter().find(|(_, device)| !is_wanted(device)).copied();
            let Some(oldest) = oldest else { return };
            self.by_age.remove(&oldest);
            self.devices.remove(&oldest.1);
        }
        let entry = self.devices.entry(device).or_default();
        self.by_age.remove(&(entry.touched, device));
        entry.touched = self.clock;
        self.by_age.insert((self.clock, device));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: u16) -> Multiaddr {
        format!("/ip4/10.0.0.1/tcp/{n}").parse().unwrap()
    }

    fn device(n: u16) -> DeviceId {
        let mut bytes = [0; 32];
        bytes[..2].copy_from_slice(&n.to_be_bytes());
        DeviceId(bytes)
    }

    #[test]
    fn bounded_in_both_directions_and_keeps_the_wanted() {
        let mut book = Book::default();
        for n in 0..3_000 {
            book.add(device(n), [address(1)], |d| *d == device(0));
        }
        assert_eq!(book.len(), MAX_DEVICES);
        assert_eq!(book.addresses(&device(0)), [address(1)]);
        assert!(book.addresses(&device(1)).is_empty());
        for n in 1..20 {
            book.add(device(0), [address(n)], |_| false);
        }
        assert_eq!(book.addresses(&device(0)).len(), MAX_ADDRESSES);
        assert_eq!(book.addresses(&device(0))[0], address(19));
        assert!(book.add(device(0), [address(19)], |_| false).is_empty());
    }
}
