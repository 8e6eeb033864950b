//! People: how one stands to them, what their cards say, how available they are.

use anser_api::model::PresenceState;
use anser_api::{ApiError, EventBody};
use anser_e2ee::{CardNews, SafetyNumber};
use anser_proto::card::OpenCard;
use anser_proto::frame::{Presence, Typing};
use anser_proto::sign::Signed;
use anser_proto::{AccountId, Card, ConversationId, DeviceId, card};
use anser_store::{Batch, Store, StoreError, Table};

use crate::disk;
use crate::node::{Node, Timer};
use crate::records::PersonRecord;

/// Never spoken with.
pub(crate) const STRANGER: u8 = 0;
/// They wrote, we have not answered.
pub(crate) const REQUESTED: u8 = 1;
/// We talk.
pub(crate) const CONTACT: u8 = 2;
/// Not heard.
pub(crate) const BLOCKED: u8 = 3;

/// Most strangers whose cards are remembered while the program runs.
const STRANGERS: usize = 4_096;
/// How long "is typing" stands without being said again.
const TYPING_MS: u64 = 6_000;

impl<S: Store> Node<S> {
    pub(crate) fn own_account(&self) -> Option<AccountId> {
        self.profile.as_ref().map(|profile| profile.identity.account())
    }

    pub(crate) fn relation(&self, account: &AccountId) -> u8 {
        self.people.get(account).map_or(STRANGER, |person| person.relation)
    }

    /// The shown name of an account; a short form of its id where no card is known.
    pub(crate) fn name_of(&self, account: &AccountId) -> String {
        match self.directory.card(account) {
            Some(card) => card.name.clone(),
            None => account.to_string().chars().take(8).collect(),
        }
    }

    /// Whether any device of an account is connected or, for strangers, seen on this network.
    pub(crate) fn is_online(&self, account: &AccountId) -> bool {
        Some(*account) == self.own_account()
            || self.sessions.values().any(|session| session.account == Some(*account))
            || (!self.is_wanted(account)
                && self
                    .directory
                    .devices_of(account)
                    .iter()
                    .any(|device| self.devices.get(device).is_some_and(|d| d.on_lan)))
    }

    pub(crate) fn presence_of(&self, account: &AccountId) -> PresenceState {
        if Some(*account) == self.own_account() {
            return self.profile.as_ref().map_or(PresenceState::Available, |p| p.presence);
        }
        if !self.is_online(account) {
            return PresenceState::Offline;
        }
        self.sessions
            .values()
            .filter(|session| session.account == Some(*account))
            .find_map(|session| session.presence)
            .unwrap_or(PresenceState::Available)
    }

    /// The stored record of a person, made where there is none.
    pub(crate) fn person(&mut self, account: AccountId) -> &mut PersonRecord {
        let card = self.directory.signed_card(&account).cloned();
        self.people.entry(account).or_insert_with(|| PersonRecord {
            account,
            relation: STRANGER,
            verified: false,
            card,
            last_seen_ms: None,
            stamp: None,
        })
    }

    pub(crate) fn save_person(&mut self, account: AccountId) -> Result<(), StoreError> {
        let Some(person) = self.people.get(&account) else { return Ok(()) };
        let mut batch = Batch::new();
        let key = self.store.tag("account", &account.0);
        disk::put(&mut batch, Table::Contacts, &key, person);
        for device in self.directory.devices_of(&account) {
            if !self.numbers.devices.contains_key(&device) {
                self.number(device, &mut batch);
            }
        }
        self.commit(batch)
    }

    pub(crate) fn set_relation(
        &mut self,
        account: AccountId,
        relation: u8,
    ) -> Result<(), StoreError> {
        let card = self.directory.signed_card(&account).cloned();
        let stamp = self.next_stamp();
        let person = self.person(account);
        person.relation = relation;
        person.stamp = Some(stamp);
        person.card = card.or_else(|| person.card.clone());
        self.save_person(account)?;
        self.tell_own_person(&account);
        self.dirty_people.insert(account);
        self.review_want(&account);
        Ok(())
    }

    /// Learns from a card that was opened; keeps it on disk for people one has to do with.
    pub(crate) fn learn_card(&mut self, open: OpenCard, signed: Signed) -> Result<(), StoreError> {
        let account = open.card.account;
        if Some(account) == self.own_account() {
            return self.own_card(open);
        }
        if self.directory.learn_card(open, signed.clone()) == CardNews::Nothing {
            return Ok(());
        }
        {
            let kept = self.people.contains_key(&account) || self.is_wanted(&account);
            if kept {
                self.person(account).card = Some(signed);
                self.save_person(account)?;
            }
            self.forget_strangers(account);
        }
        self.apply_card(account);
        self.dirty_people.insert(account);
        self.dirty_shared(&account);
        Ok(())
    }

    /// Applies revocations that a card brought.
    pub(crate) fn apply_card(&mut self, account: AccountId) {
        let mut rooms = std::mem::take(&mut self.rooms);
        for room in rooms.values_mut().filter(|room| room.chat.was_member(&account)) {
            self.apply_revocations(&mut room.chat);
        }
        self.rooms = rooms;
        // A device that its account took out is heard no more, from this moment on.
        let taken_out: Vec<_> = {
            let in_use = self.directory.devices_of(&account);
            let of_account = self.sessions.iter().filter(|(_, s)| s.account == Some(account));
            of_account.map(|(device, _)| *device).filter(|d| !in_use.contains(d)).collect()
        };
        for device in taken_out {
            if let Some(session) = self.sessions.get_mut(&device) {
                session.account = None;
            }
            let why = "its account took it out";
            self.outputs.push_back(crate::io::Output::Disconnect { device, why });
        }
    }

    /// Keeps the number of strangers' cards bounded: one that is not on this network goes.
    fn forget_strangers(&mut self, newest: AccountId) {
        if self.directory.accounts().count() <= STRANGERS {
            return;
        }
        let stranger = self
            .directory
            .accounts()
            .find(|a| **a != newest && !self.people.contains_key(a) && !self.is_online(a))
            .copied();
        if let Some(account) = stranger {
            self.directory.forget(&account);
        }
    }

    /// Notes that a device of an account is, or just was, connected.
    pub(crate) fn seen_now(&mut self, account: AccountId) -> Result<(), StoreError> {
        if Some(account) == self.own_account() || !self.is_wanted(&account) {
            return Ok(());
        }
        let now = self.now.wall_ms;
        self.person(account).last_seen_ms = Some(now);
        self.save_person(account)
    }

    /// Views of conversations with an account are out of date.
    pub(crate) fn dirty_shared(&mut self, account: &AccountId) {
        let shared: Vec<_> = self
            .rooms
            .values()
            .filter(|room| room.chat.is_member(account))
            .map(|room| room.record.id)
            .collect();
        self.dirty_rooms.extend(shared);
    }

    pub(crate) fn safety_number(&self, account: &AccountId) -> SafetyNumber {
        let own = self.own_account().unwrap_or(*account);
        SafetyNumber::of(&own, account)
    }

    /// Takes the card in an `anser:` link.
    pub(crate) fn take_link(&mut self, link: &str) -> Result<AccountId, ApiError> {
        let signed = card::from_link(link)
            .map_err(|_| ApiError::invalid("This is no anser: link, or only a part of one."))?;
        let open = Card::open(&signed).map_err(|_| {
            ApiError::invalid("This link was altered on its way: ask for it again.")
        })?;
        let account = open.card.account;
        let addresses = open.card.addresses.clone();
        let done = self.learn_card(open, signed).and_then(|()| self.learn_manual(addresses));
        done.map_err(|error| self.fail_command(error))?;
        Ok(account)
    }

    pub(crate) fn presence_frame(&self) -> Presence {
        let state = match self.profile.as_ref().map(|p| p.presence) {
            Some(PresenceState::Away) => 1,
            Some(PresenceState::Busy) => 2,
            _ => 0,
        };
        Presence { state }
    }

    pub(crate) fn presence_heard(&mut self, device: DeviceId, presence: Presence) {
        let state = match presence.state {
            1 => PresenceState::Away,
            2 => PresenceState::Busy,
            _ => PresenceState::Available,
        };
        let Some(session) = self.sessions.get_mut(&device) else { return };
        if session.presence.replace(state) != Some(state)
            && let Some(account) = session.account
        {
            self.dirty_people.insert(account);
            self.dirty_shared(&account);
        }
    }

    pub(crate) fn typing_frame(&mut self, account: AccountId, typing: Typing) {
        let id = typing.conversation;
        if !self.may_talk(&id, &account) {
            return;
        }
        let until = self.now.mono_ms.saturating_add(TYPING_MS);
        let Some(room) = self.rooms.get_mut(&id) else { return };
        if !room.record.accepted || !room.chat.is_member(&account) {
            return;
        }
        let timer = Timer::Typing(id, account);
        self.timers.retain(|(_, waiting)| *waiting != timer);
        let was = match typing.on {
            true => room.typing.insert(account, until).is_some(),
            false => room.typing.remove(&account).is_some(),
        };
        if typing.on {
            self.after(TYPING_MS, timer);
        }
        if was != typing.on {
            self.typing_changed(id, account, typing.on);
        }
    }

    pub(crate) fn typing_ended(&mut self, id: ConversationId, account: AccountId) {
        let ended =
            self.rooms.get_mut(&id).is_some_and(|room| room.typing.remove(&account).is_some());
        if ended {
            self.typing_changed(id, account, false);
        }
    }

    fn typing_changed(&mut self, id: ConversationId, account: AccountId, typing: bool) {
        self.emit(EventBody::TypingChanged {
            conversation: id.to_string(),
            account: account.to_string(),
            typing,
        });
    }
}
