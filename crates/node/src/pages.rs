//! Pages of events that a member lacks, in display order.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use anser_chat::Shape;
use anser_proto::{
    AccountId, ConversationId, DeviceId, EventId, Header, Kind, WireEvent, codec, limits,
};
use anser_store::{Store, StoreError};

use crate::disk;
use crate::node::{Node, Room};
use crate::session::Link;

/// One page.
pub(crate) struct Page {
    pub(crate) events: Vec<WireEvent>,
    /// How far each log was sent.
    pub(crate) sent: BTreeMap<DeviceId, u64>,
    /// Logs of which this account may have no more.
    pub(crate) ended: BTreeSet<DeviceId>,
}

impl<S: Store> Node<S> {
    /// The next page for a device of `account` that holds what `link` says; `None` when it lacks
    /// nothing. Merges the logs by their lamport times, so that whatever an event builds on comes
    /// before it.
    pub(crate) fn next_page(
        &self,
        id: &ConversationId,
        account: &AccountId,
        link: &Link,
    ) -> Result<Option<Page>, StoreError> {
        let Some(room) = self.rooms.get(id) else { return Ok(None) };
        let Some((from, until)) = room.chat.window(account) else { return Ok(None) };
        // What one device of ours came to hold, our others may have too, also after we left.
        let ours = Some(*account) == self.own_account();
        let until = if ours { u64::MAX } else { until };
        let own = self.device();
        let until_seq = |device: &DeviceId| {
            let held = room.chat.held(device);
            let target = link.targets.get(device).copied().unwrap_or(0);
            if *device == own { held } else { held.min(target) }
        };
        let mut heap = BinaryHeap::new();
        for (device, _) in room.chat.logs() {
            if !link.stalled.contains(device) {
                let next = link.known.get(device).copied().unwrap_or(0).saturating_add(1);
                if next <= until_seq(device) {
                    self.peek(room.number, *device, next, &mut heap)?;
                }
            }
        }
        if heap.is_empty() {
            return Ok(None);
        }
        let mut page = Page { events: vec![], sent: BTreeMap::new(), ended: BTreeSet::new() };
        let mut size = 0_usize;
        while let Some(Reverse(mut next)) = heap.pop() {
            if next.lamport > until {
                page.ended.insert(next.device);
                continue;
            }
            let group = room.chat.shape() == Shape::Group;
            if group && next.lamport < from && !next.kind.is_authority() {
                next.wire.body = None;
            } else if next.wire.body.is_none() && !self.was_taken_back(room, &next)? {
                // Withheld from this account, but not from theirs: another member has it.
                page.ended.insert(next.device);
                continue;
            }
            let Next { wire, device, seq, .. } = next;
            let bytes = wire.header.len().saturating_add(wire.body.as_ref().map_or(0, |b| b.len()));
            size = size.saturating_add(bytes).saturating_add(96);
            page.events.push(wire);
            page.sent.insert(device, seq);
            if size >= limits::PAGE_BYTES || page.events.len() >= limits::PAGE_EVENTS {
                break;
            }
            let following = seq.saturating_add(1);
            if following <= until_seq(&device) {
                self.peek(room.number, device, following, &mut heap)?;
            }
        }
        Ok(Some(page))
    }

    /// Whether an event has no body because its writer took it back: a message of which that is
    /// said, or an edit that this account could have had with its body.
    fn was_taken_back(&self, room: &Room, next: &Next) -> Result<bool, StoreError> {
        if next.kind == Kind::Edit {
            let window = self.own_account().and_then(|own| room.chat.window(&own));
            return Ok(window.is_some_and(|(from, _)| next.lamport >= from));
        }
        let log = room.chat.log(&next.device);
        let Some(author) = log.map(|log| log.account) else { return Ok(false) };
        let id = EventId(*blake3::hash(&next.wire.header).as_bytes());
        self.is_taken_back(&room.record.id, &id, author)
    }

    fn peek(
        &self,
        room: u32,
        device: DeviceId,
        seq: u64,
        heap: &mut BinaryHeap<Reverse<Next>>,
    ) -> Result<(), StoreError> {
        let Some(number) = self.numbers.devices.get(&device) else { return Ok(()) };
        let Some(stored) = disk::event(&self.store, room, *number, seq)? else { return Ok(()) };
        let header: Header = codec::decode(&stored.wire.header).map_err(disk::damaged)?;
        let (lamport, kind) = (header.lamport, Kind::from(header.kind));
        heap.push(Reverse(Next { lamport, device, seq, kind, wire: stored.wire }));
        Ok(())
    }
}

struct Next {
    lamport: u64,
    device: DeviceId,
    seq: u64,
    kind: Kind,
    wire: WireEvent,
}

impl Next {
    fn key(&self) -> (u64, DeviceId, u64) {
        (self.lamport, self.device, self.seq)
    }
}

impl PartialEq for Next {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Next {}

impl PartialOrd for Next {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Next {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}
