//! What the devices of one account keep alike: the account itself, how one stands to people and
//! conversations, how far one has read.
//!
//! Records are last-writer-wins registers: whoever changes one gives it a stamp above all it has seen.
//! Devices that connect compare one hash and, where it differs, send each other everything; changes in
//! between go out at once. What came from one own device and was news goes on to the others. Only a
//! device that is in the account's list is heard.

use anser_api::EventBody;
use anser_e2ee::Merged;
use anser_proto::card::OpenCard;
use anser_proto::frame::{Own, OwnDigest};
use anser_proto::linking::{OwnPerson, OwnRoom, Stamp};
use anser_proto::{AccountId, Card, ConversationId, DeviceId, PictureId, codec, limits};
use anser_store::{Batch, Store, StoreError, Table};

use crate::disk;
use crate::node::{About, Node};
use crate::people::BLOCKED;
use crate::records::key_conversation;

/// A frame of own records ends at about this size, in bytes.
const FRAME_BYTES: usize = limits::FRAME_BYTES / 2;

impl<S: Store> Node<S> {
    /// A stamp above every one seen.
    pub(crate) fn next_stamp(&mut self) -> Stamp {
        self.own_clock = self.own_clock.saturating_add(1).min(limits::LAMPORT);
        Stamp { counter: self.own_clock, device: self.device() }
    }

    pub(crate) fn heed_stamp(&mut self, stamp: Option<Stamp>) {
        let counter = stamp.map_or(0, |stamp| stamp.counter);
        self.own_clock = self.own_clock.max(counter.min(limits::LAMPORT));
    }

    /// The connected other devices of this account.
    fn own_sessions(&self) -> Vec<DeviceId> {
        let own = self.own_account();
        let is_own = |session: &crate::session::Session| own.is_some() && session.account == own;
        self.sessions.iter().filter(|(_, s)| is_own(s)).map(|(device, _)| *device).collect()
    }

    fn own_person(&self, account: &AccountId) -> Option<OwnPerson> {
        let person = self.people.get(account)?;
        Some(OwnPerson {
            account: *account,
            relation: person.relation,
            verified: person.verified,
            card: self.directory.signed_card(account).cloned().or_else(|| person.card.clone()),
            stamp: person.stamp,
        })
    }

    fn own_room(&self, id: &ConversationId) -> Option<OwnRoom> {
        let record = &self.rooms.get(id)?.record;
        Some(OwnRoom {
            conversation: record.id,
            other: record.other,
            muted: record.muted,
            archived: record.archived,
            accepted: record.accepted,
            declined: record.declined,
            read: record.read,
            stamp: record.stamp,
        })
    }

    /// Every own record, as a linked device or a backup gets them.
    pub(crate) fn own_records(&self) -> Vec<Own> {
        let people = self.people.keys().filter_map(|account| self.own_person(account));
        let rooms = self.rooms.keys().filter_map(|id| self.own_room(id));
        let mut frames = vec![Own::default()];
        let mut size = 0_usize;
        let full = |count: usize, size: usize| count >= limits::OWN_RECORDS || size >= FRAME_BYTES;
        for person in people {
            if frames.last().is_none_or(|own| full(own.people.len(), size)) {
                frames.push(Own::default());
                size = 0;
            }
            size = size.saturating_add(person.card.as_ref().map_or(0, |c| c.bytes.len()));
            size = size.saturating_add(256);
            frames.last_mut().into_iter().for_each(|own| own.people.push(person.clone()));
        }
        for room in rooms {
            if frames.last().is_none_or(|own| full(own.rooms.len(), size)) {
                frames.push(Own::default());
                size = 0;
            }
            size = size.saturating_add(256);
            frames.last_mut().into_iter().for_each(|own| own.rooms.push(room.clone()));
        }
        frames
    }

    fn own_digest(&self) -> [u8; 32] {
        let mut hash = blake3::Hasher::new_derive_key("anser 2026 own records v1");
        for person in self.people.values() {
            hash.update(&person.account.0).update(&codec::encode(&person.stamp));
        }
        for room in self.rooms.values() {
            let record = &room.record;
            hash.update(&record.id.0).update(&codec::encode(&(record.stamp, record.read)));
        }
        *hash.finalize().as_bytes()
    }

    /// Begins to compare with another device of this account.
    pub(crate) fn compare_own(&mut self, device: DeviceId) {
        if self.own_sessions().contains(&device) {
            let hash = self.own_digest().into();
            self.send(device, OwnDigest { hash });
        }
    }

    pub(crate) fn own_digest_frame(&mut self, device: DeviceId, digest: OwnDigest) {
        if !self.own_sessions().contains(&device) {
            return self.uninvited();
        }
        if *digest.hash == self.own_digest() {
            return;
        }
        for own in self.own_records() {
            self.send(device, own);
        }
    }

    pub(crate) fn tell_own_person(&mut self, account: &AccountId) {
        let people: Vec<_> = self.own_person(account).into_iter().collect();
        self.tell_own(&Own { people, rooms: vec![] }, None);
    }

    pub(crate) fn tell_own_room(&mut self, id: &ConversationId) {
        let rooms: Vec<_> = self.own_room(id).into_iter().collect();
        self.tell_own(&Own { people: vec![], rooms }, None);
    }

    fn tell_own(&mut self, own: &Own, but: Option<DeviceId>) {
        for device in self.own_sessions() {
            if Some(device) != but {
                self.send(device, own.clone());
            }
        }
    }

    /// Takes what another device of this account says.
    pub(crate) fn own_frame(&mut self, device: DeviceId, own: Own) -> Result<(), StoreError> {
        if !self.own_sessions().contains(&device) {
            self.uninvited();
            return Ok(());
        }
        let news = self.take_own(own)?;
        if !news.people.is_empty() || !news.rooms.is_empty() {
            self.tell_own(&news, Some(device));
        }
        Ok(())
    }

    /// Takes own records; returns those that were news.
    pub(crate) fn take_own(&mut self, own: Own) -> Result<Own, StoreError> {
        let mut news = Own::default();
        for person in own.people {
            let account = person.account;
            if self.take_person(person)? {
                news.people.extend(self.own_person(&account));
            }
        }
        for room in own.rooms {
            let id = room.conversation;
            if self.take_room(room)? {
                news.rooms.extend(self.own_room(&id));
            }
        }
        Ok(news)
    }

    fn take_person(&mut self, theirs: OwnPerson) -> Result<bool, StoreError> {
        let account = theirs.account;
        if Some(account) == self.own_account() || theirs.relation > BLOCKED {
            return Ok(false);
        }
        if let Some(signed) = theirs.card
            && let Ok(open) = Card::open(&signed)
            && open.card.account == account
        {
            self.person(account);
            self.learn_card(open, signed)?;
        }
        let newer = match self.people.get(&account) {
            Some(ours) => ours.stamp < theirs.stamp,
            None => true,
        };
        if !newer {
            return Ok(false);
        }
        self.heed_stamp(theirs.stamp);
        let person = self.person(account);
        person.relation = theirs.relation;
        person.verified = theirs.verified;
        person.stamp = theirs.stamp;
        self.save_person(account)?;
        self.dirty_people.insert(account);
        self.dirty_shared(&account);
        self.review_want(&account);
        Ok(true)
    }

    fn take_room(&mut self, theirs: OwnRoom) -> Result<bool, StoreError> {
        let (id, own) = (theirs.conversation, self.own_account());
        let fits = theirs
            .other
            .is_none_or(|other| own.is_some_and(|own| ConversationId::direct(&own, &other) == id));
        let full = self.rooms.len() >= limits::CONVERSATIONS && !self.rooms.contains_key(&id);
        if !fits || full {
            return Ok(false);
        }
        let is_new = !self.rooms.contains_key(&id);
        if is_new {
            self.begin(id, theirs.other, theirs.accepted)?;
        }
        let Some(room) = self.rooms.get_mut(&id) else { return Ok(false) };
        let before = room.record.clone();
        let newer = is_new || before.stamp < theirs.stamp;
        if newer {
            let record = &mut room.record;
            record.muted = theirs.muted;
            record.archived = theirs.archived;
            record.declined = theirs.declined;
            record.accepted = theirs.accepted;
            record.stamp = theirs.stamp;
            let (key, record) = (key_conversation(room.number), record.clone());
            let mut batch = Batch::new();
            disk::put(&mut batch, Table::Conversations, &key, &record);
            self.commit(batch)?;
            self.heed_stamp(theirs.stamp);
            if theirs.declined && !before.declined {
                self.emit(EventBody::ConversationRemoved { conversation: id.to_string() });
            } else if theirs.accepted && (is_new || !before.accepted) {
                self.enter_room(id)?;
            }
            self.dirty_rooms.insert(id);
        }
        let further = theirs.read > before.read;
        if further {
            self.read_elsewhere(id, theirs.read)?;
            self.after(300, crate::node::Timer::Receipt(id));
        }
        Ok(newer || further)
    }

    /// A card of one's own account: another device may have changed it, or taken devices in or out.
    pub(crate) fn own_card(&mut self, open: OpenCard) -> Result<(), StoreError> {
        let Some(profile) = &self.profile else { return Ok(()) };
        let (mut identity, mut about) = (profile.identity.clone(), profile.about.clone());
        let was_revoked = identity.is_revoked();
        let theirs = About::of(&open.card);
        let merged = identity.merge(&open.devices);
        let mut version = profile.version;
        let mut changed = merged != Merged::Same;
        if open.card.version > version {
            version = open.card.version;
            changed = true;
            about = theirs;
        } else if open.card.version == version && theirs != about {
            // Both changed it at once: both choose alike, and say so with a new version.
            version = version.saturating_add(1);
            changed = true;
            if theirs.order() > about.order() {
                about = theirs;
            }
        }
        if !changed {
            return Ok(());
        }
        if merged == Merged::New {
            version = version.max(open.card.version).saturating_add(1);
        }
        let account = identity.account();
        let is_revoked = identity.is_revoked();
        self.take_profile(identity, about, version);
        self.store_profile()?;
        self.apply_card(account);
        self.tell_profile()?;
        self.want_account(&account);
        if is_revoked && !was_revoked {
            self.dirty_rooms.extend(self.rooms.keys().copied());
            self.emit(EventBody::Warning {
                code: "device_revoked".into(),
                message: "This device was taken out of your account by another of your devices. \
                          What is here stays readable; nothing more comes or goes."
                    .into(),
                conversation: None,
            });
        }
        Ok(())
    }

    /// Whether this device was taken out of its account.
    pub(crate) fn is_revoked(&self) -> bool {
        self.profile.as_ref().is_some_and(|profile| profile.identity.is_revoked())
    }

    pub(crate) fn uninvited(&mut self) {
        self.counters.uninvited_frames = self.counters.uninvited_frames.saturating_add(1);
    }
}

impl About {
    fn of(card: &Card) -> Self {
        Self {
            name: card.name.clone(),
            status: card.status.clone(),
            avatar: card.avatar.map(|hash| PictureId(*hash)),
        }
    }

    /// Any order will do, as long as all devices have the same.
    fn order(&self) -> (&str, Option<&str>, Option<PictureId>) {
        (&self.name, self.status.as_deref(), self.avatar)
    }
}
