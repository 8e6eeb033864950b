//! Who is out there: connections, discovery, whom to stay connected to.
//!
//! A connection is kept to every device of contacts and of members of shared conversations.
//! Strangers on this network are met once, to learn their cards, and then let go.

use anser_api::EventBody;
use anser_api::model::Via;
use anser_proto::frame::Exchange;
use anser_proto::{AccountId, DeviceAddresses, DeviceId, limits};
use anser_store::{Batch, Store, StoreError, Table};

use crate::disk;
use crate::io::Output;
use crate::node::{Node, Timer};
use crate::people::{BLOCKED, CONTACT};
use crate::records::DeviceRecord;
use crate::session::Session;

/// Most strangers met at the same time.
const INTRODUCTIONS: usize = 32;
/// How long to wait for a stranger's card.
const INTRODUCTION_MS: u64 = 15_000;
/// Most strangers that wait to be met.
const QUEUE: usize = 2_048;

impl<S: Store> Node<S> {
    pub(crate) fn connected(
        &mut self,
        device: DeviceId,
        address: Option<String>,
    ) -> Result<(), StoreError> {
        if device == self.device() {
            return Ok(());
        }
        let number = self.random.number();
        self.sessions.insert(device, Session::new(number));
        if let Some(address) = address {
            self.learn_addresses(device, vec![address])?;
        }
        self.greet(device);
        self.offer_link(device);
        Ok(())
    }

    pub(crate) fn disconnected(&mut self, device: DeviceId) -> Result<(), StoreError> {
        let Some(session) = self.sessions.remove(&device) else { return Ok(()) };
        self.introduction_ended(device);
        self.files_peer_went(device);
        if let Some(account) = session.account {
            self.seen_now(account)?;
            self.dirty_people.insert(account);
            self.dirty_shared(&account);
        }
        Ok(())
    }

    pub(crate) fn discovered(
        &mut self,
        device: DeviceId,
        addresses: Vec<String>,
        via: Via,
    ) -> Result<(), StoreError> {
        if device == self.device() {
            return Ok(());
        }
        self.learn_addresses(device, addresses.clone())?;
        let known = self.devices.entry(device).or_default();
        // A device that is connected tells its own addresses; that is no other way to it, but may be
        // the only thing known of one that came by itself.
        if via != Via::Exchange || known.via.is_empty() {
            known.via.insert(via);
        }
        known.on_lan |= via == Via::Mdns;
        match self.directory.account_of(&device) {
            Some(account) if self.directory.card(&account).is_some() => {
                self.dirty_people.insert(account);
                if self.is_wanted(&account) {
                    self.want(device, addresses);
                }
            }
            _ => self.introduce(device),
        }
        Ok(())
    }

    pub(crate) fn gone(&mut self, device: DeviceId) {
        let Some(known) = self.devices.get_mut(&device) else { return };
        known.on_lan = false;
        self.introductions.retain(|waiting| *waiting != device);
        if let Some(account) = self.directory.account_of(&device) {
            self.dirty_people.insert(account);
        }
    }

    pub(crate) fn listening(&mut self, addresses: Vec<String>) -> Result<(), StoreError> {
        self.addresses = addresses.into_iter().take(limits::ADDRESSES).collect();
        if self.profile.is_some() {
            let account = self.account_view()?;
            self.emit(EventBody::AccountChanged { account });
        }
        Ok(())
    }

    /// Remembers where a device is, most recent first. Those of people one has to do with are
    /// kept on disk.
    pub(crate) fn learn_addresses(
        &mut self,
        device: DeviceId,
        addresses: Vec<String>,
    ) -> Result<(), StoreError> {
        let known = self.devices.entry(device).or_default();
        let before = known.addresses.clone();
        for address in addresses.into_iter().rev() {
            if address.len() <= limits::ADDRESS_BYTES {
                known.addresses.retain(|a| *a != address);
                known.addresses.insert(0, address);
            }
        }
        known.addresses.truncate(limits::ADDRESSES);
        if known.addresses == before || !self.numbers.devices.contains_key(&device) {
            return Ok(());
        }
        let mut batch = Batch::new();
        self.number(device, &mut batch);
        self.commit(batch)
    }

    /// The local number of a device; makes and records one where there is none.
    pub(crate) fn number(&mut self, device: DeviceId, batch: &mut Batch) -> u32 {
        let next = u32::try_from(self.numbers.by_number.len()).unwrap_or(u32::MAX);
        let number = *self.numbers.devices.entry(device).or_insert(next);
        if number == next {
            self.numbers.by_number.push(device);
        }
        let addresses = self.devices.get(&device).map(|d| d.addresses.clone()).unwrap_or_default();
        let record = DeviceRecord { device, addresses };
        disk::put(batch, Table::Devices, &number.to_be_bytes(), &record);
        number
    }

    /// Whether connections to an account's devices are kept.
    pub(crate) fn is_wanted(&self, account: &AccountId) -> bool {
        let relation = self.people.get(account).map_or(0, |p| p.relation);
        relation != BLOCKED
            && (relation == CONTACT
                || Some(*account) == self.own_account()
                || self
                    .rooms
                    .values()
                    .any(|room| !room.record.declined && room.chat.is_member(account)))
    }

    pub(crate) fn want(&mut self, device: DeviceId, addresses: Vec<String>) {
        if device != self.device() {
            self.wanted.insert(device);
            self.outputs.push_back(Output::Want { device, addresses });
        }
    }

    /// Asks for connections to the devices of an account, if it is wanted.
    pub(crate) fn want_account(&mut self, account: &AccountId) {
        if !self.is_wanted(account) {
            return;
        }
        for device in self.directory.devices_of(account) {
            if !self.wanted.contains(&device) {
                let known = self.devices.get(&device);
                let addresses = known.map(|d| d.addresses.clone()).unwrap_or_default();
                self.want(device, addresses);
            }
        }
    }

    pub(crate) fn want_everybody(&mut self) {
        let accounts: Vec<_> = self.directory.accounts().copied().collect();
        for account in accounts {
            self.want_account(&account);
        }
    }

    /// Lets go of the devices of an account that is no longer wanted.
    pub(crate) fn review_want(&mut self, account: &AccountId) {
        if self.is_wanted(account) {
            return self.want_account(account);
        }
        for device in self.directory.devices_of(account) {
            if self.wanted.remove(&device) {
                self.outputs.push_back(Output::Unwant { device });
            }
        }
    }

    fn introduce(&mut self, device: DeviceId) {
        if self.introducing.contains(&device) || self.introductions.contains(&device) {
            return;
        }
        if self.introductions.len() < QUEUE {
            self.introductions.push_back(device);
        }
        self.next_introduction();
    }

    fn next_introduction(&mut self) {
        while self.introducing.len() < INTRODUCTIONS {
            let Some(device) = self.introductions.pop_front() else { return };
            let known = self.devices.get(&device);
            let addresses = known.map(|d| d.addresses.clone()).unwrap_or_default();
            self.introducing.insert(device);
            self.after(INTRODUCTION_MS, Timer::Introduction(device));
            self.outputs.push_back(Output::Want { device, addresses });
        }
    }

    /// A stranger said hello, went away or did not answer.
    pub(crate) fn introduction_ended(&mut self, device: DeviceId) {
        if !self.introducing.remove(&device) {
            return;
        }
        self.timers.retain(|(_, timer)| *timer != Timer::Introduction(device));
        if !self.wanted.contains(&device) {
            self.outputs.push_back(Output::Unwant { device });
        }
        self.next_introduction();
    }

    /// Tells a device where the other members of shared conversations are.
    pub(crate) fn exchange(&mut self, device: DeviceId, account: AccountId) {
        let mut devices = Vec::new();
        for room in self.rooms.values().filter(|r| r.record.accepted) {
            if !room.chat.is_member(&account) {
                continue;
            }
            for member in room.chat.members() {
                devices.extend(self.directory.devices_of(&member));
            }
        }
        devices.sort_unstable();
        devices.dedup();
        let own = self.device();
        let devices: Vec<_> = devices
            .into_iter()
            .filter(|d| *d != device && *d != own)
            .filter_map(|device| {
                let addresses = self.devices.get(&device)?.addresses.clone();
                (!addresses.is_empty()).then_some(DeviceAddresses { device, addresses })
            })
            .take(limits::EXCHANGE_DEVICES)
            .collect();
        if !devices.is_empty() {
            self.send(device, Exchange { devices });
        }
    }

    /// Takes addresses that a member told: only of devices of people one shares a conversation
    /// with.
    pub(crate) fn exchanged(&mut self, exchange: Exchange) -> Result<(), StoreError> {
        for entry in exchange.devices {
            let Some(account) = self.directory.account_of(&entry.device) else {
                // Perhaps a member whose card we never saw: meet them.
                if entry.device != self.device() {
                    self.learn_addresses(entry.device, entry.addresses)?;
                    self.introduce(entry.device);
                }
                continue;
            };
            if !self.is_wanted(&account) {
                continue;
            }
            self.learn_addresses(entry.device, entry.addresses.clone())?;
            if let Some(known) = self.devices.get_mut(&entry.device) {
                known.via.insert(Via::Exchange);
            }
            if !self.sessions.contains_key(&entry.device) {
                self.want(entry.device, entry.addresses);
            }
        }
        Ok(())
    }
}
