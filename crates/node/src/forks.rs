//! Devices whose history split: finding where, proving it, telling everybody.
//!
//! Two events of one device with one number prove a split at or before that number. It is exactly
//! there when both follow the same event; else the entry before is asked for, until it is found.

use anser_api::EventBody;
use anser_proto::frame::{Events, Fork, Vector, Want};
use anser_proto::minicbor::{self, Decode, Encode};
use anser_proto::{AccountId, ConversationId, DeviceId, Event, EventId, WireEvent};
use anser_store::{Batch, Store, StoreError, Table};

use crate::disk;
use crate::node::{Node, Timer};
use crate::records::key_pair;

/// A proven split, with its proof.
#[derive(Clone, Debug, Encode, Decode)]
#[cbor(map)]
pub(crate) struct StoredFork {
    #[n(0)]
    pub(crate) device: DeviceId,
    #[n(1)]
    pub(crate) seq: u64,
    #[n(2)]
    pub(crate) shared: Option<EventId>,
    #[n(3)]
    pub(crate) one: WireEvent,
    #[n(4)]
    pub(crate) other: WireEvent,
}

impl<S: Store> Node<S> {
    /// An event came whose number is taken, or which follows another event than ours.
    pub(crate) fn suspect(
        &mut self,
        from: DeviceId,
        id: ConversationId,
        event: Event,
    ) -> Result<(), StoreError> {
        let device = event.header.device;
        let Some(room) = self.rooms.get(&id) else { return Ok(()) };
        let held = room.chat.held(&device);
        if event.header.seq > held {
            // It follows another history than the one held: compare the entry before.
            let want = Want { conversation: id, device, seq: held };
            self.send(from, want);
            return Ok(());
        }
        let Some(number) = self.numbers.devices.get(&device) else { return Ok(()) };
        let Some(stored) = disk::event(&self.store, room.number, *number, event.header.seq)? else {
            return Ok(());
        };
        let Ok(ours) = Event::reopen(stored.wire) else { return Ok(()) };
        if ours.id == event.id {
            self.counters.duplicate_events = self.counters.duplicate_events.saturating_add(1);
            return Ok(());
        }
        if ours.header.prev == event.header.prev {
            return self.prove(id, ours, event);
        }
        let seq = event.header.seq.saturating_sub(1);
        self.send(from, Want { conversation: id, device, seq });
        // Whoever sent it will find the split too once it sees ours.
        self.send(from, Events { conversation: id, events: vec![ours.wire] });
        Ok(())
    }

    fn prove(&mut self, id: ConversationId, one: Event, other: Event) -> Result<(), StoreError> {
        let (device, seq, shared) = (one.header.device, one.header.seq, one.header.prev);
        let Some(room) = self.rooms.get_mut(&id) else { return Ok(()) };
        if !room.chat.split(device, seq, shared) {
            return Ok(());
        }
        room.generation = room.chat.authority().generation();
        let number = room.number;
        let name = room.chat.log(&device).map(|log| log.account);
        self.counters.forks = self.counters.forks.saturating_add(1);
        let stored = StoredFork { device, seq, shared, one: one.wire, other: other.wire };
        let mut batch = Batch::new();
        let device_number = match self.numbers.devices.get(&device) {
            Some(number) => *number,
            None => self.number(device, &mut batch),
        };
        disk::put(&mut batch, Table::Forks, &key_pair(number, device_number), &stored);
        self.commit(batch)?;
        self.recount(id)?;
        self.dirty_rooms.insert(id);
        self.emit(EventBody::MessagesReset { conversation: id.to_string() });
        let name = name.map(|account| self.name_of(&account)).unwrap_or_default();
        let own = device == self.device();
        let message = if own {
            "This device's history was put back to an earlier state, and then went on differently. \
             What it writes here no longer counts: take it out of the account and link it anew."
                .to_owned()
        } else {
            format!(
                "A device of {name} wrote two different histories. What it wrote from there on \
                 does not count: ask {name} to link that device anew."
            )
        };
        self.emit(EventBody::Warning {
            code: "forked_device".into(),
            message,
            conversation: Some(id.to_string()),
        });
        self.after(0, Timer::Gossip(id));
        Ok(())
    }

    /// A member shows us a proof.
    pub(crate) fn fork_frame(&mut self, from: DeviceId, fork: Fork) -> Result<(), StoreError> {
        let (Ok(one), Ok(other)) = (Event::open(fork.one), Event::open(fork.other)) else {
            self.counters.bad_events = self.counters.bad_events.saturating_add(1);
            self.mischief(from);
            return Ok(());
        };
        let proves = one.header.device == other.header.device
            && one.header.seq == other.header.seq
            && one.header.prev == other.header.prev
            && one.id != other.id
            && one.conversation == fork.conversation
            && other.conversation == fork.conversation;
        if !proves || !self.rooms.contains_key(&fork.conversation) {
            return Ok(());
        }
        self.prove(fork.conversation, one, other)
    }

    /// Sends the proofs that one who sent `vector` lacks.
    pub(crate) fn tell_forks(
        &mut self,
        device: DeviceId,
        vector: &Vector,
    ) -> Result<(), StoreError> {
        let Some(room) = self.rooms.get(&vector.conversation) else { return Ok(()) };
        let lacking: Vec<_> = room
            .chat
            .forks()
            .into_iter()
            .filter(|ours| {
                !vector.forks.iter().any(|t| t.device == ours.device && t.seq <= ours.seq)
            })
            .collect();
        let number = room.number;
        for fork in lacking {
            let Some(device_number) = self.numbers.devices.get(&fork.device) else { continue };
            let key = key_pair(number, *device_number);
            let stored: Option<StoredFork> = disk::read(&self.store, Table::Forks, &key)?;
            if let Some(stored) = stored {
                let conversation = vector.conversation;
                self.send(device, Fork { conversation, one: stored.one, other: stored.other });
            }
        }
        Ok(())
    }

    /// A member asks for one entry of a log.
    pub(crate) fn wanted_entry(
        &mut self,
        device: DeviceId,
        account: AccountId,
        want: Want,
    ) -> Result<(), StoreError> {
        let Some(room) = self.rooms.get(&want.conversation) else { return Ok(()) };
        if !room.chat.is_member(&account) {
            return Ok(());
        }
        let Some(number) = self.numbers.devices.get(&want.device) else { return Ok(()) };
        let stored = disk::event(&self.store, room.number, *number, want.seq)?;
        let Some((from, _)) = room.chat.window(&account) else { return Ok(()) };
        if let Some(stored) = stored {
            let mut wire = stored.wire;
            let header: anser_proto::Header =
                anser_proto::codec::decode(&wire.header).map_err(disk::damaged)?;
            if header.lamport < from && !anser_proto::Kind::from(header.kind).is_authority() {
                wire.body = None;
            }
            let conversation = want.conversation;
            self.send(device, Events { conversation, events: vec![wire] });
        }
        Ok(())
    }
}
