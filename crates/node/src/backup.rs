//! Backups of an account: what goes into one, and how a profile is made from one.
//!
//! A backup is what a linked device would be told, in the same frames: the account, the own records,
//! where people's devices were, the pictures, then every conversation's events in an order in which they could have come. Reading
//! one in makes this device a further device of the account; its own key is never in a backup, so two
//! devices never write one log. Whatever is newer elsewhere comes by ordinary sync.
//!
//! Must always hold: the account is written last, so a backup that was read in half leaves a profile
//! without an account, which is emptied when it is opened again. Sealing and files are not known here.

use std::collections::BTreeMap;

use anser_api::{ApiError, ErrorCode, Reply};
use anser_e2ee::Identity;
use anser_proto::frame::{Events, Exchange, LinkGrant, Picture};
use anser_proto::sign::Keypair;
use anser_proto::{
    AccountId, ConversationId, DeviceAddresses, DeviceId, DeviceList, Frame, limits,
};
use anser_store::{Batch, Order, Store, StoreError, Table};

use crate::linking::{has_account, revoked};
use crate::node::{About, Answer, Node};
use crate::session::Link;
use crate::write::no_account;

/// Keys read at once when a profile is emptied.
const SWEEP: usize = 1_024;

/// Where a backup that is being made stands.
#[derive(Clone, Debug, Default)]
pub struct BackupCursor {
    stage: Stage,
    /// Events given so far.
    pub events: u64,
    /// Events that there were when it began.
    pub total_events: u64,
    /// Conversations that there were when it began.
    pub conversations: u64,
}

#[derive(Clone, Debug, Default)]
enum Stage {
    #[default]
    Account,
    Own(usize),
    Addresses(usize),
    Pictures(Option<Vec<u8>>),
    Events {
        conversation: ConversationId,
        known: BTreeMap<DeviceId, u64>,
    },
    End,
}

impl<S: Store> Node<S> {
    /// The next piece of a backup, at most a frame long; `None` when it is whole. Events that come
    /// meanwhile may or may not be in it.
    ///
    /// # Errors
    /// When there is no account, or the store cannot be read.
    pub fn backup_next(&self, cursor: &mut BackupCursor) -> Result<Option<Vec<u8>>, ApiError> {
        let profile = self.profile.as_ref().ok_or_else(no_account)?;
        if profile.identity.is_revoked() {
            return Err(revoked());
        }
        loop {
            let frame = match &mut cursor.stage {
                Stage::Account => {
                    let held = |room: &crate::node::Room| {
                        room.chat.logs().map(|(_, log)| log.seq).sum::<u64>()
                    };
                    cursor.total_events = self.rooms.values().map(held).sum();
                    cursor.conversations = u64::try_from(self.rooms.len()).unwrap_or(u64::MAX);
                    cursor.stage = Stage::Own(0);
                    let account = profile.identity.account_key();
                    Some(Frame::from(LinkGrant {
                        secret: (*account.secret()).into(),
                        list: profile.identity.list().sign(account),
                        name: profile.about.name.clone(),
                        status: profile.about.status.clone(),
                        avatar: profile.about.avatar,
                        version: profile.version,
                    }))
                }
                Stage::Own(index) => {
                    let own = self.own_records().into_iter().nth(*index);
                    *index = index.saturating_add(1);
                    if own.is_none() {
                        cursor.stage = Stage::Addresses(0);
                    }
                    own.map(Frame::from)
                }
                Stage::Addresses(index) => {
                    let devices = self.whereabouts();
                    let page = devices.chunks(limits::EXCHANGE_DEVICES).nth(*index);
                    *index = index.saturating_add(1);
                    if page.is_none() {
                        cursor.stage = Stage::Pictures(None);
                    }
                    page.map(|devices| Exchange { devices: devices.to_vec() }.into())
                }
                Stage::Pictures(after) => {
                    let lower = after.clone().unwrap_or_default();
                    let order = Order::Ascending;
                    let found = self.store.scan(Table::Pictures, &lower, None, order, 1);
                    let found = found.map_err(|e| crate::node::store_error(&e))?;
                    match found.into_iter().next() {
                        Some((mut key, bytes)) => {
                            key.push(0);
                            *after = Some(key);
                            Some(Picture { bytes: bytes.into() }.into())
                        }
                        None => {
                            cursor.stage = self.events_from(None);
                            None
                        }
                    }
                }
                Stage::Events { conversation, known } => {
                    let id = *conversation;
                    let page = self.backup_page(&id, known);
                    let page = page.map_err(|e| crate::node::store_error(&e))?;
                    if page.is_none() {
                        cursor.stage = self.events_from(Some(id));
                    }
                    page.map(|events| {
                        let count = u64::try_from(events.events.len()).unwrap_or(0);
                        cursor.events = cursor.events.saturating_add(count);
                        events.into()
                    })
                }
                Stage::End => return Ok(None),
            };
            if let Some(frame) = frame {
                return Ok(Some(frame.encode()));
            }
        }
    }

    /// Where devices of people one has to do with were last reached.
    fn whereabouts(&self) -> Vec<DeviceAddresses> {
        let reached = |device: &DeviceId| {
            let addresses = self.devices.get(device)?.addresses.clone();
            let known = !addresses.is_empty() && self.numbers.devices.contains_key(device);
            known.then_some(DeviceAddresses { device: *device, addresses })
        };
        self.devices.keys().filter_map(reached).collect()
    }

    fn events_from(&self, after: Option<ConversationId>) -> Stage {
        let mut ids = self.rooms.keys().filter(|id| after.is_none_or(|after| **id > after));
        match ids.next() {
            Some(id) => Stage::Events { conversation: *id, known: BTreeMap::new() },
            None => Stage::End,
        }
    }

    fn backup_page(
        &self,
        id: &ConversationId,
        known: &mut BTreeMap<DeviceId, u64>,
    ) -> Result<Option<Events>, StoreError> {
        let (Some(own), Some(room)) = (self.own_account(), self.rooms.get(id)) else {
            return Ok(None);
        };
        let targets = room.chat.heads().iter().map(|head| (head.device, head.seq)).collect();
        let mut link = Link { synced: true, targets, known: known.clone(), ..Link::default() };
        loop {
            let Some(page) = self.next_page(id, &own, &link)? else { return Ok(None) };
            known.extend(page.sent.clone());
            // A log that ends here for this account is not looked at again.
            for device in page.ended {
                known.insert(device, u64::MAX);
            }
            if !page.events.is_empty() {
                return Ok(Some(Events { conversation: *id, events: page.events }));
            }
            link.known.clone_from(known);
        }
    }

    /// Begins to read a backup in.
    ///
    /// # Errors
    /// `already_exists` when this profile has an account.
    pub fn restore_begin(&mut self) -> Result<(), ApiError> {
        if self.profile.is_some() && !self.restoring {
            return Err(has_account());
        }
        self.restore_abort().map_err(|e| self.fail_command(e))?;
        self.restoring = true;
        Ok(())
    }

    /// Takes one piece of a backup, in the order in which they were given.
    ///
    /// # Errors
    /// `invalid_argument` when it is none; the profile must then be given up by
    /// [`Node::restore_abort`].
    pub fn restore(&mut self, bytes: &[u8], label: &str) -> Result<(), ApiError> {
        let broken = || ApiError::invalid("This backup holds something that is none of a backup.");
        if !self.restoring {
            return Err(broken());
        }
        let done = match Frame::decode(bytes).map_err(|_| broken())? {
            Frame::LinkGrant(grant) => {
                let identity = self.restored(&grant, label).ok_or_else(broken)?;
                let LinkGrant { name, status, avatar, version, .. } = grant;
                let about = About { name, status, avatar };
                self.take_profile(identity, about, version.saturating_add(1));
                Ok(())
            }
            _ if self.profile.is_none() => return Err(broken()),
            Frame::Own(own) => self.take_own(own).map(drop),
            Frame::Exchange(exchange) => self.restore_addresses(exchange),
            Frame::Picture(picture) => self.keep_picture(&picture.bytes).map(drop),
            Frame::Events(events) => self.restore_events(events),
            _ => return Err(broken()),
        };
        done.map_err(|e| self.fail_command(e))
    }

    fn restored(&self, grant: &LinkGrant, label: &str) -> Option<Identity> {
        let account = Keypair::from_secret(&grant.secret);
        let (list, _) = DeviceList::open(&grant.list).ok()?;
        if list.account != AccountId(account.public()) || self.profile.is_some() {
            return None;
        }
        let label = label.chars().take(64).collect();
        Some(Identity::join(account, self.key.clone(), list, label, self.now.wall_ms))
    }

    fn restore_addresses(&mut self, exchange: Exchange) -> Result<(), StoreError> {
        for entry in exchange.devices {
            let account = self.directory.account_of(&entry.device);
            if account.is_some_and(|account| self.is_wanted(&account)) {
                self.learn_addresses(entry.device, entry.addresses)?;
            }
        }
        Ok(())
    }

    fn restore_events(&mut self, events: Events) -> Result<(), StoreError> {
        let own = self.device();
        for wire in events.events {
            self.take(own, events.conversation, wire)?;
        }
        Ok(())
    }

    /// The backup is whole: the account is written and shown.
    pub fn restore_end(&mut self, id: u64) {
        let result = self.end_restore();
        self.reply(id, result);
    }

    fn end_restore(&mut self) -> Answer {
        if !self.restoring || self.profile.is_none() {
            return Err(ApiError::new(ErrorCode::InvalidArgument, "This backup has no account."));
        }
        let rooms: Vec<_> = self.rooms.keys().copied().collect();
        let mut done = Ok(());
        for id in rooms {
            done = done.and_then(|()| self.recount(id));
        }
        self.restoring = false;
        // What others said meanwhile was not heard, their greetings above all: all begin anew.
        for device in self.sessions.keys().copied() {
            let why = "a backup was read in";
            self.outputs.push_back(crate::io::Output::Disconnect { device, why });
        }
        let account = done
            .and_then(|()| self.store_profile())
            .and_then(|()| self.tell_profile())
            .map_err(|e| self.fail_command(e))?;
        self.want_everybody();
        Ok(Reply::AccountImport(Box::new(account)))
    }

    /// Gives up what was read in of a backup.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn restore_abort(&mut self) -> Result<(), StoreError> {
        self.restoring = false;
        if let Some(own) = self.own_account() {
            self.directory.forget(&own);
        }
        self.profile = None;
        self.rooms.clear();
        self.people.clear();
        self.numbers = crate::node::Numbers::default();
        self.timers.clear();
        self.wanted.clear();
        self.dirty_rooms.clear();
        self.dirty_people.clear();
        self.dirty_receipts.clear();
        self.own_clock = 0;
        self.files = crate::files::Files::default();
        self.empty()
    }

    /// Deletes everything but this device's key and settings: what is there without an account is
    /// what a backup left that was not read to its end.
    pub(crate) fn empty(&mut self) -> Result<(), StoreError> {
        for table in Table::ALL {
            if matches!(table, Table::Meta | Table::Identity | Table::Settings) {
                continue;
            }
            loop {
                let found = self.store.scan(table, &[], None, Order::Ascending, SWEEP)?;
                if found.is_empty() {
                    break;
                }
                let mut batch = Batch::new();
                for (key, _) in found {
                    batch.delete(table, key);
                }
                self.commit(batch)?;
            }
        }
        Ok(())
    }
}
