//! What becomes known about devices and ourselves: from the node, from the links, from peers.

use std::time::Instant;

use anser_proto::DeviceId;
use libp2p::identify;

use super::Driver;
use super::redial::Target;
use crate::address::{Dialable, device_of, without_peer};
use crate::event::{NetEvent, Via};
use crate::mdns;
use crate::status::count;

/// Addresses at which peers say they see us; the oldest go first.
const MAX_OBSERVED: usize = 16;
/// Addresses taken from one peer's introduction.
const MAX_INTRODUCED: usize = 16;

impl Driver {
    pub(super) fn want(&mut self, device: DeviceId, addresses: &[String]) {
        let admitted: Vec<_> = addresses
            .iter()
            .filter_map(|text| {
                let address = Dialable::parse(text).ok().filter(|a| names(a, &device));
                if address.is_none() {
                    count(&self.counters.bad_addresses);
                }
                self.standpoint.admit(address?).map(|a| a.address)
            })
            .collect();
        let redial = &self.redial;
        let fresh = self.book.add(device, admitted, |d| *d == device || redial.is_wanted(d));
        let target = Target::Device(device);
        if !self.redial.is_wanted(&device) {
            let connected = self.links().is_up(&device);
            self.redial.want(target, connected, Instant::now());
        } else if !fresh.is_empty() {
            self.redial.renew(&target, Instant::now());
        }
    }

    /// Addresses of a device became known: into the book, to the node, and dialed now if wanted.
    pub(super) fn learn(&mut self, device: DeviceId, addresses: Vec<Dialable>, via: Via) {
        let admitted: Vec<_> = addresses
            .into_iter()
            .filter_map(|a| self.standpoint.admit(a))
            .map(|a| a.address)
            .collect();
        if admitted.is_empty() {
            return;
        }
        let redial = &self.redial;
        let fresh = self.book.add(device, admitted.clone(), |d| redial.is_wanted(d));
        // A link tells only what changed: if no address, then the device has been restarted.
        let news = !fresh.is_empty() || via == Via::Mdns;
        if news && !self.links().has_connection(&device) {
            self.redial.renew(&Target::Device(device), Instant::now());
        }
        if !fresh.is_empty() || via != Via::Exchange {
            let addresses = admitted.iter().map(ToString::to_string).collect();
            self.news.offer(NetEvent::Discovered { device, addresses, via });
        }
    }

    pub(super) fn on_heard(&mut self, change: mdns::Change) {
        match change {
            mdns::Change::Here(device, addresses) => self.learn(device, addresses, Via::Mdns),
            mdns::Change::Gone(device) => self.news.offer(NetEvent::Gone { device }),
        }
    }

    pub(super) fn on_identify(&mut self, event: identify::Event) {
        let identify::Event::Received { peer_id, info, .. } = event else { return };
        let Some(device) = device_of(&peer_id) else { return };
        let seen = without_peer(&info.observed_addr).to_string();
        self.observed.retain(|a| *a != seen);
        self.observed.push_back(seen);
        if self.observed.len() > MAX_OBSERVED {
            self.observed.pop_front();
        }
        let known = info.listen_addrs.iter().filter_map(|address| {
            let parsed = Dialable::from_multiaddr(address).ok().filter(|a| names(a, &device));
            if parsed.is_none() {
                count(&self.counters.bad_addresses);
            }
            parsed
        });
        let known: Vec<_> = known.take(MAX_INTRODUCED).collect();
        self.learn(device, known, Via::Exchange);
    }
}

/// Whether the address may be this device's.
fn names(address: &Dialable, device: &DeviceId) -> bool {
    address.peer.is_none_or(|peer| device_of(&peer) == Some(*device))
}
