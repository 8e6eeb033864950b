//! What two connected devices say to each other.
//!
//! 1. `Hello` both ways: cards and addresses.
//! 2. `Digests` of the conversations both are in. Where they are equal, both know the other holds
//!    the same; where not, the lower device (or whoever does not know the conversation) sends its
//!    `Vector`, and gets the other's.
//! 3. Whoever holds more sends `Events`, in display order, a few pages under way at a time. Each is
//!    answered by `Ack`, once it is on disk. New events go the same way, so that a burst gathers
//!    into pages by itself.
//!
//! All of it is at-least-once and idempotent: any frame may be lost or come twice.

use std::collections::BTreeMap;

use anser_proto::frame::{
    Ack, Digest, Digests, Events, Held, Hello, Receipts as ReceiptsFrame, Vector, Want,
};
use anser_proto::{AccountId, Card, ConversationId, DeviceId, Frame, FrameError, Seen, limits};
use anser_store::{Store, StoreError};

use crate::disk;
use crate::io::Output;
use crate::node::{Node, Timer};
use crate::people::BLOCKED;
use crate::session::{LOST_MS, Link, MISCHIEF, Sent, WINDOW};

/// How long to wait before asking the same device again for what is missing.
const ASK_MS: u64 = 1_000;
/// How long after a change a digest goes round, so that third members' events spread.
const GOSSIP_MS: u64 = 1_000;

impl<S: Store> Node<S> {
    /// Says hello, once there is an account.
    pub(crate) fn greet(&mut self, device: DeviceId) {
        let Some(profile) = self.profile.as_ref().filter(|_| !self.restoring) else { return };
        let session = self.sessions.get(&device).map(|session| session.number);
        let (card, addresses) = (profile.card.clone(), self.addresses.clone());
        let hello = Hello { version: 1, card, addresses, session };
        let presence = self.presence_frame();
        let Some(session) = self.sessions.get_mut(&device) else { return };
        if !std::mem::replace(&mut session.greeted, true) {
            self.send(device, hello);
            self.send(device, presence);
        }
    }

    pub(crate) fn frame(&mut self, device: DeviceId, bytes: &[u8]) -> Result<(), StoreError> {
        if !self.sessions.contains_key(&device) {
            return Ok(());
        }
        let frame = match Frame::decode(bytes) {
            Ok(frame) => frame,
            Err(FrameError::Unknown(_)) => {
                self.counters.unknown_frames = self.counters.unknown_frames.saturating_add(1);
                return Ok(());
            }
            Err(FrameError::Decode(_)) => {
                self.counters.bad_frames = self.counters.bad_frames.saturating_add(1);
                self.mischief(device);
                return Ok(());
            }
        };
        match frame {
            Frame::Hello(hello) => return self.hello(device, hello),
            Frame::LinkOffer(_)
            | Frame::LinkReady(_)
            | Frame::LinkGrant(_)
            | Frame::LinkTaken(_) => return self.link_frame(device, frame),
            _ => {}
        }
        let Some(account) = self.session_account(&device) else {
            // Nothing counts before hello, and nothing at all before we have an account.
            self.counters.uninvited_frames = self.counters.uninvited_frames.saturating_add(1);
            return Ok(());
        };
        if self.profile.is_none() {
            return Ok(());
        }
        match frame {
            Frame::Hello(_)
            | Frame::LinkOffer(_)
            | Frame::LinkReady(_)
            | Frame::LinkGrant(_)
            | Frame::LinkTaken(_) => Ok(()),
            Frame::OwnDigest(digest) => {
                self.own_digest_frame(device, digest);
                Ok(())
            }
            Frame::Own(own) => self.own_frame(device, own),
            Frame::Join(join) => self.join_frame(device, account, join),
            Frame::Joined(joined) => self.joined_frame(account, joined),
            Frame::PictureWant(want) => self.picture_wanted(device, account, want),
            Frame::Picture(picture) => self.picture_came(device, account, &picture),
            Frame::Digests(digests) => self.digests(device, account, digests),
            Frame::Vector(vector) => self.vector(device, account, vector),
            Frame::Events(events) => self.events(device, account, events),
            Frame::Ack(ack) => self.acked(device, account, ack),
            Frame::Want(want) => self.wanted_entry(device, account, want),
            Frame::Fork(fork) => self.fork_frame(device, fork),
            Frame::Receipts(receipts) => self.receipts_frame(device, receipts),
            Frame::Typing(typing) => {
                self.typing_frame(account, typing);
                Ok(())
            }
            Frame::Presence(presence) => {
                self.presence_heard(device, presence);
                Ok(())
            }
            Frame::Exchange(exchange) => self.exchanged(exchange),
            Frame::FileWant(want) => self.file_want(device, account, want),
            Frame::FilePart(part) => {
                self.file_part(device, part);
                Ok(())
            }
            Frame::FileLack(lack) => {
                self.file_lack(device, lack);
                Ok(())
            }
        }
    }

    pub(crate) fn session_account(&self, device: &DeviceId) -> Option<AccountId> {
        self.sessions.get(device)?.account
    }

    /// Counts a bad frame; too many end the connection.
    pub(crate) fn mischief(&mut self, device: DeviceId) {
        let Some(session) = self.sessions.get_mut(&device) else { return };
        session.mischief = session.mischief.saturating_add(1);
        if session.mischief >= MISCHIEF {
            self.outputs.push_back(Output::Disconnect { device, why: "too many bad frames" });
        }
    }

    fn hello(&mut self, device: DeviceId, hello: Hello) -> Result<(), StoreError> {
        let Ok(open) = Card::open(&hello.card) else {
            self.counters.bad_frames = self.counters.bad_frames.saturating_add(1);
            self.mischief(device);
            return Ok(());
        };
        let account = open.card.account;
        let certified = open.certificates.iter().any(|c| c.device == device);
        for certificate in &open.certificates {
            self.directory.learn(certificate);
        }
        if !certified || self.directory.account_of(&device) != Some(account) {
            self.counters.bad_frames = self.counters.bad_frames.saturating_add(1);
            self.outputs.push_back(Output::Disconnect { device, why: "its card is not its own" });
            return Ok(());
        }
        self.learn_card(open, hello.card)?;
        if !self.directory.devices_of(&account).contains(&device) {
            // It may not know yet that it was taken out; only its own account's devices tell it.
            if Some(account) == self.own_account() {
                self.greet(device);
            }
            self.outputs.push_back(Output::Disconnect { device, why: "its account took it out" });
            return Ok(());
        }
        let first = match self.sessions.get_mut(&device) {
            Some(session) => {
                session.hear(hello.session);
                session.account.replace(account).is_none()
            }
            None => false,
        };
        self.greet(device);
        self.learn_addresses(device, hello.addresses)?;
        self.dirty_people.insert(account);
        self.want_account(&account);
        self.introduction_ended(device);
        if first {
            self.seen_now(account)?;
            self.dirty_shared(&account);
            let shared: Vec<_> = self.shared_with(&account);
            self.offer(device, &shared);
            self.exchange(device, account);
            if Some(account) == self.own_account() {
                self.link_confirmed(device);
                self.compare_own(device);
            }
            self.ask_in(device);
            self.files_peer_came(device);
        }
        self.want_pictures(device)
    }

    /// The conversations an account is or was in, as far as we may tell it.
    pub(crate) fn shared_with(&self, account: &AccountId) -> Vec<ConversationId> {
        let blocked = self.relation(account) == BLOCKED;
        self.rooms
            .values()
            .filter(|room| !room.record.declined && room.chat.was_member(account))
            .filter(|room| !(blocked && room.record.other.is_some()))
            .map(|room| room.record.id)
            .collect()
    }

    /// Sends digests of `conversations`.
    pub(crate) fn offer(&mut self, device: DeviceId, conversations: &[ConversationId]) {
        for chunk in conversations.chunks(limits::DIGESTS) {
            let digests = chunk
                .iter()
                .filter_map(|id| {
                    let chat = &self.rooms.get(id)?.chat;
                    Some(Digest {
                        conversation: *id,
                        logs: chat.digest().into(),
                        receipts: chat.receipts.digest().into(),
                    })
                })
                .collect();
            self.send(device, Digests { digests });
        }
    }

    fn digests(
        &mut self,
        device: DeviceId,
        account: AccountId,
        digests: Digests,
    ) -> Result<(), StoreError> {
        if digests.digests.is_empty() {
            // They hear us again, and ask what they missed.
            let shared = self.shared_with(&account);
            self.offer(device, &shared);
        }
        for digest in digests.digests {
            let id = digest.conversation;
            let Some(room) = self.rooms.get(&id) else {
                if self.may_begin(&id, &account) {
                    let empty = Vector {
                        conversation: id,
                        heads: vec![],
                        forks: vec![],
                        receipts: vec![],
                        reply: true,
                    };
                    self.send(device, empty);
                }
                continue;
            };
            if room.record.declined {
                continue;
            }
            let same_logs = *digest.logs == room.chat.digest();
            if same_logs {
                let (held, now_ms) = (held_of(room), self.now.mono_ms);
                self.link(device, id).they_hold(held.clone(), now_ms);
                // Their word that it arrived may have been lost with a crash.
                self.hold(id, account, held)?;
            }
            let same = same_logs && self.receipts_digest(&id) == Some(*digest.receipts);
            let they_start = device < self.device() && self.is_shared(&id, &account);
            if !same && they_start {
                // They may not know yet that we differ: not every digest is answered by one.
                self.offer(device, &[id]);
            } else if !same {
                self.ask(id, device, true);
            }
        }
        Ok(())
    }

    /// Notes what a device of `account` holds.
    fn hold(
        &mut self,
        id: ConversationId,
        account: AccountId,
        held: BTreeMap<DeviceId, u64>,
    ) -> Result<(), StoreError> {
        let held: Vec<_> = held.into_iter().map(|(device, seq)| Seen { device, seq }).collect();
        self.delivered(id, account, &held)
    }

    fn receipts_digest(&self, id: &ConversationId) -> Option<[u8; 16]> {
        Some(self.rooms.get(id)?.chat.receipts.digest())
    }

    fn is_shared(&self, id: &ConversationId, account: &AccountId) -> bool {
        self.rooms.get(id).is_some_and(|room| room.chat.was_member(account))
    }

    pub(crate) fn link(&mut self, device: DeviceId, conversation: ConversationId) -> &mut Link {
        self.sessions.entry(device).or_default().links.entry(conversation).or_default()
    }

    /// Sends our vector, and with `reply` asks for theirs; not more often than once a second.
    pub(crate) fn ask(&mut self, id: ConversationId, device: DeviceId, reply: bool) {
        let now = self.now.mono_ms;
        let Some(account) = self.session_account(&device) else { return };
        let link = self.link(device, id);
        let due = link.asked_ms.map_or(0, |asked| asked.saturating_add(ASK_MS));
        if due > now {
            return self.after(due.saturating_sub(now), Timer::Ask(id, device));
        }
        link.asked_ms = Some(now);
        let vector = self.own_vector(&id, &account, reply);
        self.send(device, vector);
    }

    /// What we hold. One who never was a member learns nothing from it.
    fn own_vector(&self, id: &ConversationId, account: &AccountId, reply: bool) -> Vector {
        let room = self.rooms.get(id).filter(|room| room.chat.was_member(account));
        Vector {
            conversation: *id,
            heads: room.map(|r| r.chat.heads()).unwrap_or_default(),
            forks: room.map(|r| r.chat.forks()).unwrap_or_default(),
            receipts: room.map(|r| r.chat.receipts.counters()).unwrap_or_default(),
            reply,
        }
    }

    fn vector(
        &mut self,
        device: DeviceId,
        account: AccountId,
        vector: Vector,
    ) -> Result<(), StoreError> {
        let id = vector.conversation;
        if !self.is_shared(&id, &account) || !self.may_talk(&id, &account) {
            self.counters.uninvited_frames = self.counters.uninvited_frames.saturating_add(1);
            return Ok(());
        }
        let mut they_hold_more = self.compare_heads(device, &vector)?;
        self.tell_forks(device, &vector)?;
        let Some(room) = self.rooms.get(&id) else { return Ok(()) };
        for seen in &vector.receipts {
            they_hold_more |= seen.seq > room.chat.receipts.counter(&seen.device);
        }
        let targets = held_of(room);
        let receipts = room.chat.receipts.beyond(&vector.receipts);
        for chunk in receipts.chunks(limits::RECEIPTS / 4) {
            let receipts = chunk.to_vec();
            self.send(device, ReceiptsFrame { conversation: id, receipts });
        }
        let known: BTreeMap<_, _> = vector.heads.iter().map(|h| (h.device, h.seq)).collect();
        let now_ms = self.now.mono_ms;
        let link = self.link(device, id);
        link.targets = targets;
        link.they_hold(known.clone(), now_ms);
        self.hold(id, account, known)?;
        if vector.reply {
            let answer = self.own_vector(&id, &account, false);
            self.send(device, answer);
        } else if they_hold_more {
            // They know our vector and send; should that fail, ask again later.
            self.after(ASK_MS.saturating_mul(5), Timer::Ask(id, device));
        }
        self.pump(device, id)
    }

    /// Compares heads; asks for the entries that would prove a fork. Returns whether they hold
    /// more.
    fn compare_heads(&mut self, device: DeviceId, vector: &Vector) -> Result<bool, StoreError> {
        let id = vector.conversation;
        let mut more = false;
        let mut doubts = Vec::new();
        {
            let Some(room) = self.rooms.get(&id) else { return Ok(false) };
            for head in &vector.heads {
                let held = room.chat.held(&head.device);
                more |= head.seq > held;
                if head.seq == 0 || head.seq > held {
                    continue;
                }
                let Some(number) = self.numbers.devices.get(&head.device) else { continue };
                let stored = disk::event(&self.store, room.number, *number, head.seq)?;
                let same = stored.is_none_or(|stored| {
                    blake3::hash(&stored.wire.header).as_bytes().starts_with(&*head.id)
                });
                let known_split =
                    room.chat.forks().iter().any(|f| f.device == head.device && f.seq <= head.seq);
                if !same && !known_split {
                    doubts.push(Want { conversation: id, device: head.device, seq: head.seq });
                }
            }
        }
        for want in doubts {
            self.send(device, want);
        }
        Ok(more)
    }

    /// Sends what `device` lacks and may have, as far as the window allows.
    pub(crate) fn pump(&mut self, device: DeviceId, id: ConversationId) -> Result<(), StoreError> {
        loop {
            let Some(session) = self.sessions.get(&device) else { return Ok(()) };
            let Some(account) = session.account else { return Ok(()) };
            let Some(link) = session.links.get(&id) else { return Ok(()) };
            if !link.synced || link.under_way.len() >= WINDOW {
                return Ok(());
            }
            let Some(page) = self.next_page(&id, &account, link)? else { return Ok(()) };
            let at_ms = self.now.mono_ms;
            let link = self.link(device, id);
            link.known.extend(page.sent.clone());
            link.stalled.extend(page.ended);
            if page.events.is_empty() {
                return Ok(());
            }
            link.under_way.push_back(Sent { up_to: page.sent, at_ms });
            self.send(device, Events { conversation: id, events: page.events });
            self.after(LOST_MS, Timer::Lost(id, device));
        }
    }

    /// Where a frame of events was never acknowledged, asks what they hold.
    pub(crate) fn look_for_lost(&mut self, id: ConversationId, device: DeviceId) {
        let now_ms = self.now.mono_ms;
        let session = self.sessions.get_mut(&device);
        let Some(link) = session.and_then(|session| session.links.get_mut(&id)) else { return };
        if link.give_up(now_ms) {
            self.ask(id, device, true);
        } else if !link.under_way.is_empty() {
            self.after(LOST_MS, Timer::Lost(id, device));
        }
    }

    /// Sends what is new in a conversation to everybody connected.
    pub(crate) fn pump_all(&mut self, id: ConversationId) -> Result<(), StoreError> {
        let devices: Vec<_> = self
            .sessions
            .iter()
            .filter(|(_, session)| session.links.contains_key(&id))
            .map(|(device, _)| *device)
            .collect();
        for device in devices {
            self.pump(device, id)?;
        }
        Ok(())
    }

    /// Offers a conversation to connected members with whom it was not spoken of yet.
    pub(crate) fn offer_unlinked(&mut self, id: ConversationId) {
        let Some(room) = self.rooms.get(&id) else { return };
        let devices: Vec<_> = self
            .sessions
            .iter()
            .filter(|(_, session)| !session.links.contains_key(&id))
            .filter(|(_, session)| session.account.is_some_and(|a| room.chat.is_member(&a)))
            .map(|(device, _)| *device)
            .collect();
        for device in devices {
            self.offer(device, &[id]);
        }
    }

    fn events(
        &mut self,
        device: DeviceId,
        account: AccountId,
        events: Events,
    ) -> Result<(), StoreError> {
        let id = events.conversation;
        if !self.may_talk(&id, &account) {
            self.counters.uninvited_frames = self.counters.uninvited_frames.saturating_add(1);
            return Ok(());
        }
        let (mut touched, before) = (std::collections::BTreeSet::new(), self.counters.events);
        let mut lacking = false;
        for wire in events.events {
            let taken = self.take(device, id, wire)?;
            touched.extend(taken.device);
            lacking |= taken.lacking;
        }
        let Some(room) = self.rooms.get(&id) else { return Ok(()) };
        let held: Vec<_> = touched
            .into_iter()
            .map(|device| Held { device, seq: room.chat.held(&device) })
            .collect();
        for entry in &held {
            let link = self.link(device, id);
            let known = link.known.entry(entry.device).or_default();
            *known = (*known).max(entry.seq);
        }
        self.send(device, Ack { conversation: id, held });
        let synced = self.link(device, id).synced;
        let news = self.counters.events != before;
        if lacking || (!synced && news) {
            // Not synced: the conversation began with this frame, and they may lack something too.
            self.ask(id, device, !synced);
        }
        self.settle(id)?;
        // Not when nothing was taken: whoever offers it in vain would offer it again.
        if news {
            self.after(GOSSIP_MS, Timer::Gossip(id));
        }
        Ok(())
    }

    fn acked(&mut self, device: DeviceId, account: AccountId, ack: Ack) -> Result<(), StoreError> {
        let id = ack.conversation;
        if !self.is_shared(&id, &account) {
            return Ok(());
        }
        let link = self.link(device, id);
        // Acknowledgements come in the order of what they acknowledge.
        let sent = link.under_way.pop_front().map(|sent| sent.up_to).unwrap_or_default();
        for held in &ack.held {
            if sent.get(&held.device).is_some_and(|seq| held.seq < *seq) {
                link.stalled.insert(held.device);
            }
        }
        let delivered: Vec<_> =
            ack.held.iter().map(|h| Seen { device: h.device, seq: h.seq }).collect();
        self.delivered(id, account, &delivered)?;
        self.pump(device, id)
    }

    /// Tells connected members a digest, so that whoever lacks something asks.
    pub(crate) fn gossip(&mut self, id: ConversationId) {
        let Some(room) = self.rooms.get(&id) else { return };
        let devices: Vec<_> = self
            .sessions
            .iter()
            .filter(|(_, s)| s.account.is_some_and(|account| room.chat.is_member(&account)))
            .filter(|(_, s)| s.account.is_some_and(|a| self.may_talk(&id, &a)))
            .map(|(device, _)| *device)
            .collect();
        for device in devices {
            self.offer(device, &[id]);
        }
    }

    /// Whether frames of `account` about a conversation are heard: not when it is blocked, as far
    /// as the two alone are concerned.
    pub(crate) fn may_talk(&self, id: &ConversationId, account: &AccountId) -> bool {
        let direct = match self.rooms.get(id) {
            Some(room) if room.record.declined => return false,
            Some(room) => room.record.other.is_some(),
            None => {
                self.own_account().is_some_and(|own| ConversationId::direct(&own, account) == *id)
            }
        };
        !(direct && self.relation(account) == BLOCKED)
    }
}

fn held_of(room: &crate::node::Room) -> BTreeMap<DeviceId, u64> {
    room.chat.heads().iter().map(|head| (head.device, head.seq)).collect()
}
