//! Who has been heard on the links, and until when that holds. Pure.
//!
//! An announcement is the whole truth of a device on one interface and replaces the earlier one.
//! At most [`MAX_DEVICES`]; beyond that strangers are not taken in until somebody leaves.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use anser_proto::DeviceId;

use super::packet::Announcement;
use crate::address::Dialable;

const MAX_DEVICES: usize = 1_000;
/// Interfaces of ours that one device may be heard on.
const MAX_INTERFACES: usize = 8;
/// No announcement holds longer.
const MAX_TTL: Duration = Duration::from_secs(600);

/// What an announcement changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// A device is here, with all its addresses.
    Here(DeviceId, Vec<Dialable>),
    /// A device has left every link.
    Gone(DeviceId),
}

#[derive(Clone)]
struct Entry {
    boot: String,
    addresses: Vec<Dialable>,
    expires: Instant,
}

/// The table.
#[derive(Default)]
pub(crate) struct Heard {
    devices: BTreeMap<DeviceId, BTreeMap<IpAddr, Entry>>,
    expiries: BTreeSet<(Instant, DeviceId, IpAddr)>,
}

impl Heard {
    /// When [`Heard::expire`] will have something.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.expiries.first().map(|(at, ..)| *at)
    }

    /// Takes in an announcement whose addresses have been checked.
    pub(crate) fn hear(
        &mut self,
        interface: IpAddr,
        announcement: Announcement,
        now: Instant,
    ) -> Option<Change> {
        let Announcement { device, boot, addresses, ttl_s } = announcement;
        if ttl_s == 0 || addresses.is_empty() {
            return self.forget(device, interface);
        }
        let full = self.devices.len() >= MAX_DEVICES && !self.devices.contains_key(&device);
        let links = self.devices.get(&device);
        let crowded =
            links.is_some_and(|l| l.len() >= MAX_INTERFACES && !l.contains_key(&interface));
        if full || crowded {
            return None;
        }
        let ttl = Duration::from_secs(u64::from(ttl_s)).min(MAX_TTL);
        let expires = now.checked_add(ttl)?;
        let entry = Entry { boot, addresses, expires };
        self.expiries.insert((expires, device, interface));
        let old = self.devices.entry(device).or_default().insert(interface, entry.clone());
        if let Some(old) = old {
            if old.expires != expires {
                self.expiries.remove(&(old.expires, device, interface));
            }
            if old.boot == entry.boot && old.addresses == entry.addresses {
                return None;
            }
        }
        Some(Change::Here(device, self.addresses(&device)))
    }

    fn addresses(&self, device: &DeviceId) -> Vec<Dialable> {
        let mut all: Vec<Dialable> = Vec::new();
        for entry in self.devices.get(device).into_iter().flat_map(BTreeMap::values) {
            for address in &entry.addresses {
                if !all.contains(address) {
                    all.push(address.clone());
                }
            }
        }
        all.truncate(super::packet::MAX_ADDRESSES);
        all
    }

    fn forget(&mut self, device: DeviceId, interface: IpAddr) -> Option<Change> {
        let links = self.devices.get_mut(&device)?;
        let entry = links.remove(&interface)?;
        self.expiries.remove(&(entry.expires, device, interface));
        if links.is_empty() {
            self.devices.remove(&device);
            return Some(Change::Gone(device));
        }
        None
    }

    /// Forgets what no longer holds.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<Change> {
        let mut changes = Vec::new();
        while let Some((at, device, interface)) = self.expiries.first().copied() {
            if at > now {
                break;
            }
            self.expiries.pop_first();
            changes.extend(self.forget(device, interface));
        }
        changes
    }

    /// An interface of ours is gone, and with it everything heard there.
    pub(crate) fn drop_interface(&mut self, interface: IpAddr) -> Vec<Change> {
        let devices: Vec<_> = self.devices.keys().copied().collect();
        devices.into_iter().filter_map(|device| self.forget(device, interface)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(device: u8, port: u16, boot: &str, ttl_s: u32) -> Announcement {
        let address = Dialable::parse(&format!("/ip4/10.0.0.2/tcp/{port}")).unwrap();
        let (device, boot) = (DeviceId([device; 32]), boot.to_owned());
        Announcement { device, boot, addresses: vec![address], ttl_s }
    }

    const LINK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 1, 0, 1));

    #[test]
    fn only_news_is_news() {
        let now = Instant::now();
        let mut heard = Heard::default();
        let is_here = |c: Option<Change>| matches!(c, Some(Change::Here(..)));
        assert!(is_here(heard.hear(LINK, says(1, 5, "x", 100), now)));
        assert_eq!(heard.hear(LINK, says(1, 5, "x", 100), now), None);
        assert!(is_here(heard.hear(LINK, says(1, 5, "y", 100), now)), "restarted");
        assert!(is_here(heard.hear(LINK, says(1, 6, "y", 100), now)), "moved");
        assert!(is_here(heard.hear(OTHER, says(1, 6, "y", 100), now)), "second link");
        assert_eq!(heard.hear(LINK, says(1, 6, "y", 0), now), None, "still on the other link");
        let gone = Some(Change::Gone(DeviceId([1; 32])));
        assert_eq!(heard.hear(OTHER, says(1, 6, "y", 0), now), gone);
    }

    #[test]
    fn silence_and_lost_links_end_it() {
        let now = Instant::now();
        let mut heard = Heard::default();
        heard.hear(LINK, says(1, 5, "x", 100), now);
        heard.hear(LINK, says(1, 5, "x", 200), now);
        heard.hear(LINK, says(2, 5, "x", 300), now);
        assert_eq!(heard.expire(now + Duration::from_secs(199)), []);
        let gone = |n: u8| vec![Change::Gone(DeviceId([n; 32]))];
        assert_eq!(heard.expire(now + Duration::from_secs(200)), gone(1));
        assert_eq!(heard.drop_interface(LINK), gone(2));
        assert_eq!(heard.deadline(), None);
    }

    #[test]
    fn strangers_beyond_the_bound_are_not_taken_in() {
        let now = Instant::now();
        let mut heard = Heard::default();
        for n in 0..2_000_u16 {
            let mut announcement = says(0, 5, "x", 100);
            announcement.device.0[..2].copy_from_slice(&n.to_be_bytes());
            heard.hear(LINK, announcement, now);
        }
        assert_eq!(heard.devices.len(), MAX_DEVICES);
        assert_eq!(heard.expiries.len(), MAX_DEVICES);
    }
}
