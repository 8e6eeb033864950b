//! Who holds and has read how much: last-writer-wins states beside the logs.

use std::collections::BTreeMap;

use anser_proto::sign::Signed;
use anser_proto::{AccountId, DeviceId, Position, Receipt, Seen};

/// The receipts of a conversation.
#[derive(Clone, Debug, Default)]
pub struct Receipts {
    devices: BTreeMap<DeviceId, Entry>,
    /// For each account and each log: how much of it is on a device of that account.
    delivered: BTreeMap<(AccountId, DeviceId), u64>,
}

#[derive(Clone, Debug)]
struct Entry {
    account: AccountId,
    counter: u64,
    read: Option<Position>,
    signed: Signed,
}

impl Receipts {
    /// The counter held for a device; 0 for none.
    pub fn counter(&self, device: &DeviceId) -> u64 {
        self.devices.get(device).map_or(0, |entry| entry.counter)
    }

    /// Takes a receipt that was verified. Returns whether it is news.
    pub fn merge(&mut self, account: AccountId, receipt: &Receipt, signed: Signed) -> bool {
        if receipt.counter <= self.counter(&receipt.device) {
            return false;
        }
        for seen in &receipt.delivered {
            self.deliver(account, seen.device, seen.seq);
        }
        let entry = Entry { account, counter: receipt.counter, read: receipt.read, signed };
        self.devices.insert(receipt.device, entry);
        true
    }

    /// Notes that a device of `account` holds `log` up to `seq`. Returns whether that is news.
    pub fn deliver(&mut self, account: AccountId, log: DeviceId, seq: u64) -> bool {
        let held = self.delivered.entry((account, log)).or_default();
        let news = seq > *held;
        *held = (*held).max(seq);
        news
    }

    /// How much of `log` is on some device of `account`.
    pub fn delivered(&self, account: &AccountId, log: &DeviceId) -> u64 {
        self.delivered.get(&(*account, *log)).copied().unwrap_or(0)
    }

    /// How far `account` has read on any device.
    pub fn read(&self, account: &AccountId) -> Option<Position> {
        self.devices.values().filter(|e| e.account == *account).filter_map(|e| e.read).max()
    }

    /// (device, counter) of all.
    pub fn counters(&self) -> Vec<Seen> {
        self.devices
            .iter()
            .map(|(device, entry)| Seen { device: *device, seq: entry.counter })
            .collect()
    }

    /// Sixteen bytes that are equal exactly when the receipts are.
    pub fn digest(&self) -> [u8; 16] {
        let mut hash = blake3::Hasher::new_derive_key("anser 2026 receipts digest v1");
        for (device, entry) in &self.devices {
            hash.update(&device.0).update(&entry.counter.to_be_bytes());
        }
        let bytes = *hash.finalize().as_bytes();
        bytes.first_chunk::<16>().copied().unwrap_or_default()
    }

    /// The receipts that one who holds `theirs` lacks.
    pub fn beyond(&self, theirs: &[Seen]) -> Vec<Signed> {
        let theirs: BTreeMap<_, _> = theirs.iter().map(|s| (s.device, s.seq)).collect();
        self.devices
            .iter()
            .filter(|(device, e)| theirs.get(*device).is_none_or(|counter| e.counter > *counter))
            .map(|(_, e)| e.signed.clone())
            .collect()
    }
}
