//! How often and how many: quotas of requests, and counts of open connections.
//!
//! What must always hold: the tables are bounded, whoever asks; a permit gives its place back when it
//! is dropped.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anser_relay_proto::Quota;

/// Keys in one table; then those that are full again are forgotten.
const MOST: usize = 200_000;

/// Who is counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    Session([u8; 16]),
    Identity([u8; 32]),
    Token([u8; 32]),
    /// An IPv4 address, or the first 64 bits of an IPv6 one.
    Address(u64),
    /// New sessions of an address.
    Entry(u64),
}

/// The number that an address is counted under.
pub(crate) fn prefix(address: IpAddr) -> u64 {
    match address.to_canonical() {
        IpAddr::V4(address) => u64::from(u32::from(address)),
        IpAddr::V6(address) => {
            let bits = u128::from(address) >> 64;
            u64::try_from(bits).unwrap_or(u64::MAX)
        }
    }
}

/// Quotas and counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate {
    quotas: Arc<Mutex<HashMap<Key, (Quota, u64)>>>,
    open: Arc<Mutex<HashMap<Key, usize>>>,
}

/// A place among the open connections.
#[derive(Debug)]
pub(crate) struct Permit {
    open: Arc<Mutex<HashMap<Key, usize>>>,
    key: Key,
}

impl Gate {
    /// Takes one of `burst`, then `per_s`.
    ///
    /// # Errors
    /// After how many milliseconds there will be one.
    pub(crate) fn take(
        &self,
        key: Key,
        (burst, per_s): (u32, u32),
        now_ms: u64,
    ) -> Result<(), u64> {
        let mut quotas = self.quotas.lock().unwrap_or_else(PoisonError::into_inner);
        if quotas.len() >= MOST {
            // After ten minutes any quota is full again.
            quotas.retain(|_, (_, used_ms)| now_ms.saturating_sub(*used_ms) < 600_000);
            if quotas.len() >= MOST && !quotas.contains_key(&key) {
                return Err(1_000);
            }
        }
        let (quota, used_ms) =
            quotas.entry(key).or_insert_with(|| (Quota::new(burst, per_s, now_ms), now_ms));
        *used_ms = now_ms;
        quota.take(now_ms)
    }

    /// One more open connection of `key`, if there are fewer than `most`.
    pub(crate) fn enter(&self, key: Key, most: usize) -> Option<Permit> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(key).or_insert(0);
        if *count >= most {
            return None;
        }
        *count = count.saturating_add(1);
        Some(Permit { open: Arc::clone(&self.open), key })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.key) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_back() {
        let gate = Gate::default();
        let (one, other) = (Key::Address(1), Key::Address(2));
        let first = gate.enter(one, 2).unwrap();
        let _second = gate.enter(one, 2).unwrap();
        assert!(gate.enter(one, 2).is_none());
        assert!(gate.enter(other, 2).is_some());
        drop(first);
        assert!(gate.enter(one, 2).is_some());
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let number = |text: &str| prefix(text.parse().unwrap());
        assert_eq!(number("2001:db8:1:2::1"), number("2001:db8:1:2:ffff::9"));
        assert_ne!(number("2001:db8:1:2::1"), number("2001:db8:1:3::1"));
        assert_eq!(number("::ffff:192.0.2.1"), number("192.0.2.1"));
        assert_ne!(number("192.0.2.1"), number("192.0.2.2"));
    }
}
