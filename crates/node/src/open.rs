//! Reading a node's state from its store.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use anser_api::model::{PresenceState, Settings};
use anser_chat::{Conversation, Shape};
use anser_e2ee::{Directory, Identity};
use anser_proto::codec;
use anser_proto::sign::Keypair;
use anser_proto::{AccountId, Card, DeviceList, Event, Receipt};
use anser_store::{Batch, Store, StoreError, Table};

use crate::disk;
use crate::files::Files;
use crate::forks::StoredFork;
use crate::invites::Joins;
use crate::io::Now;
use crate::linking::Linking;
use crate::node::{About, Counters, Device, Node, Numbers, Profile, Room, Timer};
use crate::random::Random;
use crate::records::{
    self, ConversationRecord, DeliveredRecord, DeviceRecord, LogRecord, PersonRecord, ProfileRecord,
};

/// Why a node cannot be opened.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OpenError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl<S: Store> Node<S> {
    /// Opens the node in `store`; makes the device's key where there is none yet. `seed` is 32
    /// random bytes, new each time.
    ///
    /// # Errors
    /// [`OpenError`]; the store is unchanged but for a device key that may have been made.
    pub fn open(mut store: S, seed: [u8; 32], now: Now) -> Result<Self, OpenError> {
        let mut random = Random::new(seed);
        let key = device_key(&mut store, &mut random)?;
        let settings = store
            .get(Table::Settings, b"settings")?
            .and_then(|bytes| serde_json::from_slice::<Settings>(&bytes).ok())
            .unwrap_or_default();
        let mut node = Self {
            store,
            now,
            random,
            key,
            profile: None,
            settings,
            directory: Directory::default(),
            people: BTreeMap::new(),
            devices: BTreeMap::new(),
            numbers: Numbers::default(),
            rooms: BTreeMap::new(),
            sessions: BTreeMap::new(),
            addresses: Vec::new(),
            introductions: VecDeque::new(),
            introducing: BTreeSet::new(),
            wanted: BTreeSet::new(),
            files: Files::default(),
            timers: BTreeSet::new(),
            dirty_rooms: BTreeSet::new(),
            dirty_people: BTreeSet::new(),
            dirty_receipts: BTreeSet::new(),
            own_clock: 0,
            linking: Linking::default(),
            joins: Joins::default(),
            shown_devices: Vec::new(),
            restoring: false,
            outputs: VecDeque::new(),
            revision: 0,
            counters: Counters::default(),
            failed: None,
        };
        node.load_profile()?;
        if node.profile.is_none() {
            node.empty()?;
        }
        node.load_devices()?;
        node.load_people()?;
        node.load_rooms()?;
        node.load_joins()?;
        node.sweep_pictures()?;
        node.shown_devices = node.devices_view().devices;
        node.load_files()?;
        node.settle_files();
        node.owe_receipts();
        node.want_everybody();
        Ok(node)
    }

    fn load_profile(&mut self) -> Result<(), StoreError> {
        let Some(record) =
            disk::read::<_, ProfileRecord>(&self.store, Table::Identity, b"account")?
        else {
            return Ok(());
        };
        let account = Keypair::from_secret(&record.secret);
        let (list, _) = DeviceList::open(&record.list).map_err(disk::damaged)?;
        let identity = Identity::restore(account, self.key.clone(), list, record.certificate)
            .ok_or_else(|| StoreError::Corrupt {
                reason: "the account misses this device".into(),
            })?;
        let about = About { name: record.name, status: record.status, avatar: record.avatar };
        self.take_profile(identity, about, record.version);
        Ok(())
    }

    pub(crate) fn take_profile(&mut self, identity: Identity, about: About, version: u64) {
        let presence = self.profile.as_ref().map_or(PresenceState::Available, |p| p.presence);
        let card = about.card(&identity, version, vec![]);
        if let Ok(open) = Card::open(&card) {
            self.directory.learn_card(open, card.clone());
        }
        self.profile = Some(Profile { identity, about, presence, version, card });
    }

    fn load_devices(&mut self) -> Result<(), StoreError> {
        for (_, record) in disk::all::<_, DeviceRecord>(&self.store, Table::Devices, &[])? {
            let number = u32::try_from(self.numbers.by_number.len()).unwrap_or(u32::MAX);
            self.numbers.devices.insert(record.device, number);
            self.numbers.by_number.push(record.device);
            let device = Device { addresses: record.addresses, ..Device::default() };
            self.devices.insert(record.device, device);
        }
        Ok(())
    }

    fn load_people(&mut self) -> Result<(), StoreError> {
        for (_, record) in disk::all::<_, PersonRecord>(&self.store, Table::Contacts, &[])? {
            if let Some(signed) = &record.card
                && let Ok(open) = Card::open(signed)
            {
                self.directory.learn_card(open, signed.clone());
            }
            self.heed_stamp(record.stamp);
            self.people.insert(record.account, record);
        }
        Ok(())
    }

    fn load_rooms(&mut self) -> Result<(), StoreError> {
        let records = disk::all::<_, ConversationRecord>(&self.store, Table::Conversations, &[])?;
        for (key, record) in records {
            let Ok(number) = key.as_slice().try_into().map(u32::from_be_bytes) else { continue };
            self.numbers.next_conversation =
                self.numbers.next_conversation.max(number.saturating_add(1));
            let Some(own) = self.profile.as_ref().map(|p| p.identity.account()) else { continue };
            self.heed_stamp(record.stamp);
            let room = self.load_room(number, record, own)?;
            self.numbers.conversations.insert(number, room.record.id);
            self.rooms.insert(room.record.id, room);
        }
        Ok(())
    }

    /// What was taken in just before a crash was not acknowledged yet.
    fn owe_receipts(&mut self) {
        let Some(own) = self.own_account() else { return };
        let owes = |room: &Room| {
            let receipts = &room.chat.receipts;
            room.record.read > receipts.read(&own)
                || room.chat.logs().any(|(device, log)| {
                    log.account != own && room.chat.held(device) > receipts.delivered(&own, device)
                })
        };
        let rooms: Vec<_> =
            self.rooms.values().filter(|room| owes(room)).map(|room| room.record.id).collect();
        for id in rooms {
            self.after(300, Timer::Receipt(id));
        }
    }

    fn load_room(
        &mut self,
        number: u32,
        record: ConversationRecord,
        own: AccountId,
    ) -> Result<Room, StoreError> {
        let shape = record.other.map_or(Shape::Group, |other| Shape::Direct(own, other));
        let mut chat = Conversation::new(record.id, shape);
        let prefix = records::key_conversation(number);
        let mut logs = Vec::new();
        for (key, log) in disk::all::<_, LogRecord>(&self.store, Table::Logs, &prefix)? {
            let device = key.get(4..8).and_then(|b| b.try_into().ok()).map(u32::from_be_bytes);
            let device = device
                .and_then(|n| self.numbers.by_number.get(n as usize))
                .ok_or_else(|| StoreError::Corrupt { reason: "a log of no device".into() })?;
            logs.push((*device, log));
        }
        // In lamport order, which is an order in which they could have come.
        for (key, seq) in disk::all::<_, u64>(&self.store, Table::Summaries, &prefix)? {
            let Some((_, device)) = records::line_place(&key) else { continue };
            let Some(stored) = disk::event(&self.store, number, device, seq)? else { continue };
            let event = Event::reopen(stored.wire)
                .map_err(|_| StoreError::Corrupt { reason: "an event".into() })?;
            let account =
                logs.iter().find(|(d, _)| *d == event.header.device).map(|(_, l)| l.account);
            if let Some(account) = account {
                chat.admit(&event, account);
            }
        }
        for (device, log) in logs {
            chat.restore_log(device, log.account, log.seq, log.head, log.lamport);
        }
        for (_, fork) in disk::all::<_, StoredFork>(&self.store, Table::Forks, &prefix)? {
            chat.split(fork.device, fork.seq, fork.shared);
        }
        for (_, signed) in disk::all(&self.store, Table::Receipts, &prefix)? {
            let receipt = Receipt::peek(&signed).map_err(disk::damaged)?;
            if let Some(account) = self.account_of_receipt(&receipt) {
                chat.receipts.merge(account, &receipt, signed);
            }
        }
        for (_, d) in disk::all::<_, DeliveredRecord>(&self.store, Table::Pending, &prefix)? {
            chat.receipts.deliver(d.account, d.device, d.seq);
        }
        self.apply_revocations(&mut chat);
        let generation = chat.authority().generation();
        Ok(Room { number, chat, record, typing: BTreeMap::new(), generation })
    }

    fn account_of_receipt(&mut self, receipt: &Receipt) -> Option<AccountId> {
        let certificate = codec::decode(&receipt.certificate.bytes).ok()?;
        self.directory.learn(&certificate).then_some(certificate.account)
    }

    /// Lets revoked devices' events count only as far as their revocations say.
    pub(crate) fn apply_revocations(&self, chat: &mut Conversation) {
        let cuts: Vec<_> = chat
            .logs()
            .filter_map(|(device, log)| {
                Some((*device, self.directory.cut(&log.account, device, &chat.id())?))
            })
            .collect();
        for (device, seq) in cuts {
            chat.revoke(device, seq);
        }
    }
}

fn device_key<S: Store>(store: &mut S, random: &mut Random) -> Result<Keypair, StoreError> {
    if let Some(bytes) = store.get(Table::Identity, b"device")? {
        let secret: [u8; 32] = bytes
            .as_slice()
            .try_into()
            .map_err(|_| StoreError::Corrupt { reason: "the device key".into() })?;
        return Ok(Keypair::from_secret(&secret));
    }
    let secret = random.bytes();
    let mut batch = Batch::new();
    batch.put(Table::Identity, b"device".to_vec(), secret.to_vec());
    store.write(batch)?;
    store.flush()?;
    Ok(Keypair::from_secret(&secret))
}
