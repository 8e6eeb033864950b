//! How an event comes to count: verified, judged, stored with everything that finds it again,
//! then taken into the conversation's state and shown.

use anser_api::EventBody;
use anser_chat::{Conversation, Deed, Shape, Verdict};
use anser_proto::{
    AccountId, Content, ConversationId, DeviceId, Event, EventId, Kind, WireEvent, codec,
};
use anser_store::{Batch, Store, StoreError, Table};

use crate::disk;
use crate::files;
use crate::node::{Node, Room, Timer};
use crate::people::{BLOCKED, CONTACT, REQUESTED};
use crate::records::{
    ConversationRecord, EventRecord, LineRecord, LogRecord, PlaceRecord, ReferenceRecord,
    key_conversation, key_event, key_line, key_pair,
};

/// Most conversations that began with somebody else and were not answered yet.
const REQUESTS: usize = 64;
/// Most events of a group that was not accepted yet.
const REQUEST_GROUP_EVENTS: u64 = 512;

/// What became of an event from the network.
#[derive(Default)]
pub(crate) struct Taken {
    /// Its log, when it is one that counts.
    pub(crate) device: Option<DeviceId>,
    /// Whether something before it is missing.
    pub(crate) lacking: bool,
}

impl<S: Store> Node<S> {
    /// Takes an event that `from` sent for conversation `id`.
    pub(crate) fn take(
        &mut self,
        from: DeviceId,
        id: ConversationId,
        wire: WireEvent,
    ) -> Result<Taken, StoreError> {
        let event_id = EventId(*blake3::hash(&wire.header).as_bytes());
        if let Some(place) = disk::place(&self.store, &event_id)? {
            self.counters.duplicate_events = self.counters.duplicate_events.saturating_add(1);
            let device = self.numbers.by_number.get(place.device as usize).copied();
            return Ok(Taken { device, lacking: false });
        }
        let Ok(event) = Event::open(wire) else {
            self.counters.bad_events = self.counters.bad_events.saturating_add(1);
            self.mischief(from);
            return Ok(Taken::default());
        };
        let device = Some(event.header.device);
        if !self.room_for(from, id, &event)? || self.is_full(&id, &event) {
            return Ok(Taken { device, lacking: false });
        }
        let account = self.directory.account_of(&event.header.device);
        let Some(room) = self.rooms.get(&id) else { return Ok(Taken::default()) };
        match room.chat.judge(&event, account) {
            Verdict::New => {
                if let Some(certificate) = &event.certificate {
                    self.directory.learn(certificate);
                }
                self.admit(id, &event)?;
                Ok(Taken { device, lacking: false })
            }
            Verdict::Held => {
                self.suspect(from, id, event)?;
                Ok(Taken { device, lacking: false })
            }
            Verdict::Early => {
                self.counters.early_events = self.counters.early_events.saturating_add(1);
                Ok(Taken { device, lacking: true })
            }
            Verdict::Split => Ok(Taken { device, lacking: false }),
            Verdict::Refused(_) => {
                self.counters.refused_events = self.counters.refused_events.saturating_add(1);
                Ok(Taken { device, lacking: false })
            }
        }
    }

    /// Whether a conversation that is not known here may begin with something `account` has.
    pub(crate) fn may_begin(&self, id: &ConversationId, account: &AccountId) -> bool {
        let Some(own) = self.own_account() else { return false };
        if self.relation(account) == BLOCKED
            || self.rooms.len() >= anser_proto::limits::CONVERSATIONS
        {
            return false;
        }
        let known = ConversationId::direct(&own, account) == *id
            && (self.relation(account) == CONTACT || *account == own);
        let requests = self.rooms.values().filter(|room| !room.record.accepted).count();
        known || requests < REQUESTS
    }

    /// Makes the room for a conversation that begins with `event`, where that is allowed.
    fn room_for(
        &mut self,
        from: DeviceId,
        id: ConversationId,
        event: &Event,
    ) -> Result<bool, StoreError> {
        if let Some(room) = self.rooms.get(&id) {
            return Ok(!room.record.declined);
        }
        let (Some(own), Some(account)) = (self.own_account(), self.session_account(&from)) else {
            return Ok(false);
        };
        if !self.may_begin(&id, &account) {
            return Ok(false);
        }
        let other = (ConversationId::direct(&own, &account) == id).then_some(account);
        if other.is_none() && !(event.kind() == Kind::Genesis && event.conversation == id) {
            return Ok(false);
        }
        let accepted = match other {
            Some(account) => {
                self.relation(&account) == CONTACT
                    || account == own
                    || self.settings.accept_requests
            }
            None => false,
        };
        if let Some(account) = other.filter(|a| *a != own && self.relation(a) != CONTACT) {
            self.set_relation(account, if accepted { CONTACT } else { REQUESTED })?;
        }
        self.begin(id, other, accepted)?;
        self.link(from, id);
        Ok(true)
    }

    /// Makes an empty room.
    pub(crate) fn begin(
        &mut self,
        id: ConversationId,
        other: Option<AccountId>,
        accepted: bool,
    ) -> Result<(), StoreError> {
        let Some(own) = self.own_account() else { return Ok(()) };
        let number = self.numbers.next_conversation;
        self.numbers.next_conversation = number.saturating_add(1);
        let record = ConversationRecord {
            id,
            other,
            muted: false,
            archived: false,
            accepted,
            declined: false,
            read: None,
            unread: 0,
            active_ms: self.now.wall_ms,
            receipt: 0,
            stamp: None,
        };
        let mut batch = Batch::new();
        disk::put(&mut batch, Table::Conversations, &key_conversation(number), &record);
        self.commit(batch)?;
        let shape = other.map_or(Shape::Group, |other| Shape::Direct(own, other));
        let chat = Conversation::new(id, shape);
        let room = Room { number, chat, record, typing: Default::default(), generation: 0 };
        self.rooms.insert(id, room);
        self.numbers.conversations.insert(number, id);
        Ok(())
    }

    /// Whether no more is taken of a conversation that was not accepted yet.
    fn is_full(&self, id: &ConversationId, event: &Event) -> bool {
        let Some(room) = self.rooms.get(id) else { return true };
        if room.record.accepted {
            return false;
        }
        let held: u64 = room.chat.logs().map(|(_, log)| log.seq).sum();
        match room.record.other {
            Some(_) => {
                held >= anser_proto::limits::REQUEST_EVENTS
                    && room.chat.held(&event.header.device) < event.header.seq
            }
            None => held >= REQUEST_GROUP_EVENTS,
        }
    }

    /// Stores an event that was judged new, takes it in and shows it.
    pub(crate) fn admit(&mut self, id: ConversationId, event: &Event) -> Result<(), StoreError> {
        let device = event.header.device;
        let mut batch = Batch::new();
        let device_number = match self.numbers.devices.get(&device) {
            Some(number) => *number,
            None => self.number(device, &mut batch),
        };
        let own_account = self.own_account();
        let Some(room) = self.rooms.get_mut(&id) else { return Ok(()) };
        let known = room.chat.log(&device).map(|log| log.account);
        let certified = event.certificate.as_ref().map(|c| c.account);
        let Some(account) = known.or(certified) else { return Ok(()) };
        room.chat.admit(event, account);
        if known.is_none()
            && let Some(seq) = self.directory.cut(&account, &device, &id)
        {
            room.chat.revoke(device, seq);
        }
        let (number, kind) = (room.number, event.kind());
        let line = key_line(number, event.header.lamport, device_number);

        let log = LogRecord {
            account,
            seq: event.header.seq,
            head: event.id,
            lamport: event.header.lamport,
        };
        disk::put(&mut batch, Table::Logs, &key_pair(number, device_number), &log);
        let record = EventRecord { wire: event.wire.clone(), received_ms: self.now.wall_ms };
        let key = key_event(number, device_number, event.header.seq);
        disk::put(&mut batch, Table::Events, &key, &record);
        let place =
            PlaceRecord { conversation: number, device: device_number, seq: event.header.seq };
        let tag = self.store.tag("event", &event.id.0);
        disk::put(&mut batch, Table::Ids, &tag, &place);
        let group = room.chat.shape() == Shape::Group;
        if group && (kind.is_authority() || event.header.seq == 1 || !event.header.seen.is_empty())
        {
            disk::put(&mut batch, Table::Summaries, &line, &event.header.seq);
        }
        let content = event.body().and_then(|body| Content::decode(kind, body).ok());
        let target = content.as_ref().and_then(|c| c.target);
        match (kind, target) {
            (Kind::Edit | Kind::Delete | Kind::Reaction | Kind::Pin, Some(target)) => {
                let reference = ReferenceRecord {
                    at: event.position(),
                    kind: kind.into(),
                    account,
                    text: content.as_ref().and_then(|c| c.text.clone()),
                    on: content.as_ref().and_then(|c| c.on),
                };
                let lamport = event.header.lamport;
                let key = disk::reference_key(&self.store, &id, &target, lamport, device_number);
                disk::put(&mut batch, Table::References, &key, &reference);
            }
            (Kind::Edit | Kind::Delete | Kind::Reaction | Kind::Pin, None) => {}
            _ => {
                let bare = event.body().is_none();
                let record = LineRecord { seq: event.header.seq, kind: event.header.kind, bare };
                disk::put(&mut batch, Table::Timeline, &line, &record);
            }
        }
        let brings = files::index(
            &self.store,
            &mut batch,
            event,
            (account, content.as_ref()),
            (number, device_number),
        )?;
        let shows = room.chat.shows(&event.position(), kind);
        room.record.active_ms = self.now.wall_ms;
        let foreign = Some(account) != own_account;
        let readable = kind == Kind::Message && event.body().is_some();
        if shows && foreign && readable && room.record.read.is_none_or(|r| event.position() > r) {
            room.record.unread = room.record.unread.saturating_add(1);
            room.record.archived = room.record.archived && room.record.muted;
        }
        disk::put(&mut batch, Table::Conversations, &key_conversation(number), &room.record);
        let changed_authority = room.chat.authority().generation() != room.generation;
        room.typing.remove(&account);
        self.commit(batch)?;
        self.counters.events = self.counters.events.saturating_add(1);
        if foreign {
            self.after(300, Timer::Receipt(id));
        }
        if let (Kind::Delete | Kind::Edit, Some(target)) = (kind, target)
            && (kind == Kind::Delete || self.is_taken_back(&id, &target, account)?)
        {
            self.forget_words(id, &target, account)?;
        }
        self.dirty_rooms.insert(id);
        if changed_authority {
            self.authority_changed(id, event)?;
            self.files_members_changed();
        }
        if let Some(content) = content.filter(|_| brings) {
            self.files_arrived(id, event, &content)?;
        }
        if shows || kind == Kind::Delete {
            self.show(event, target)?;
        }
        Ok(())
    }

    /// Tells the shell of an event that shows.
    fn show(&mut self, event: &Event, target: Option<EventId>) -> Result<(), StoreError> {
        if matches!(event.kind(), Kind::Edit | Kind::Delete | Kind::Reaction | Kind::Pin) {
            let Some(target) = target else { return Ok(()) };
            if let Some(message) = self.message_view(&target)? {
                self.emit(EventBody::MessageChanged { message: Box::new(message) });
            }
            return Ok(());
        }
        let Some(room) = self.rooms.get(&event.conversation) else { return Ok(()) };
        if self.own_account().is_some_and(|own| room.chat.was_member(&own))
            && let Some(message) = self.event_view(room, event, self.now.wall_ms)?
        {
            self.emit(EventBody::MessageAdded { message: Box::new(message) });
        }
        Ok(())
    }

    /// The words of a message that its writer took back are not kept: neither its own nor those
    /// of the writer's edits, whichever came first.
    fn forget_words(
        &mut self,
        id: ConversationId,
        target: &EventId,
        by: AccountId,
    ) -> Result<(), StoreError> {
        let Some(room) = self.rooms.get(&id) else { return Ok(()) };
        let (mut batch, mut files) = (Batch::new(), Vec::new());
        let place = disk::place(&self.store, target)?.filter(|p| p.conversation == room.number);
        if let Some(place) = place {
            let device = self.numbers.by_number.get(place.device as usize);
            let author = device.and_then(|device| room.chat.log(device)).map(|log| log.account);
            if author == Some(by) {
                files = self.unindex_files(&mut batch, place)?;
                self.drop_body(&mut batch, place, Kind::Message)?;
            }
        }
        for (key, mut said) in disk::references(&self.store, &id, target)? {
            if Kind::from(said.kind) != Kind::Edit || said.account != by || said.text.is_none() {
                continue;
            }
            if let Some(device) = self.numbers.devices.get(&said.at.device).copied() {
                let place = PlaceRecord { conversation: room.number, device, seq: said.at.seq };
                self.drop_body(&mut batch, place, Kind::Edit)?;
            }
            said.text = None;
            disk::put(&mut batch, Table::References, &key, &said);
        }
        let dropped = !batch.is_empty();
        self.commit(batch)?;
        // What was taken back is nothing to read.
        if dropped {
            self.recount(id)?;
        }
        self.release_files(files)
    }

    /// Drops the body of an event, if it is of this kind.
    fn drop_body(
        &self,
        batch: &mut Batch,
        place: PlaceRecord,
        kind: Kind,
    ) -> Result<(), StoreError> {
        let PlaceRecord { conversation, device, seq } = place;
        let Some(mut record) = disk::event(&self.store, conversation, device, seq)? else {
            return Ok(());
        };
        let header: anser_proto::Header =
            codec::decode(&record.wire.header).map_err(disk::damaged)?;
        if Kind::from(header.kind) == kind {
            record.wire.body = None;
            disk::put(batch, Table::Events, &key_event(conversation, device, seq), &record);
            if kind == Kind::Message {
                let line = LineRecord { seq, kind: header.kind, bare: true };
                let key = key_line(conversation, header.lamport, device);
                disk::put(batch, Table::Timeline, &key, &line);
            }
        }
        Ok(())
    }

    /// Whether `by` took back what they said with `target`.
    pub(crate) fn is_taken_back(
        &self,
        id: &ConversationId,
        target: &EventId,
        by: AccountId,
    ) -> Result<bool, StoreError> {
        let said = disk::references(&self.store, id, target)?;
        Ok(said.iter().any(|(_, s)| Kind::from(s.kind) == Kind::Delete && s.account == by))
    }

    /// Membership changed: links, wishes for connections and what shows may change with it.
    fn authority_changed(&mut self, id: ConversationId, event: &Event) -> Result<(), StoreError> {
        let own = self.own_account();
        let Some(room) = self.rooms.get_mut(&id) else { return Ok(()) };
        let generation = room.chat.authority().generation();
        room.generation = generation;
        // An event in the middle of history may change what counts; one at the end only adds.
        // A removal hides what its author had not seen of the removed.
        let removes = event
            .body()
            .and_then(|body| Deed::decode(event.kind(), body))
            .is_some_and(|deed| matches!(deed, Deed::Remove { .. }));
        let reordered = removes
            || event.header.lamport < room.chat.lamport()
            || !room.chat.authority().has_effect(&event.position());
        let accounts = event
            .body()
            .and_then(|body| Deed::decode(event.kind(), body))
            .map(|deed| {
                let mut accounts = deed.added().to_vec();
                let author = room.chat.log(&event.header.device).map(|log| log.account);
                accounts.extend(author.and_then(|author| deed.removed(author)));
                accounts.extend(author);
                accounts
            })
            .unwrap_or_default();
        let joined = !room.record.accepted
            && own.is_some_and(|own| room.chat.is_member(&own) && accounts.contains(&own));
        if joined {
            let host = room.chat.log(&event.header.device).map(|log| log.account);
            let welcome = self.settings.accept_requests
                || host.is_some_and(|host| self.relation(&host) == CONTACT || Some(host) == own);
            if welcome {
                self.accept_room(id)?;
            }
        }
        if reordered {
            self.emit(EventBody::MessagesReset { conversation: id.to_string() });
            self.recount(id)?;
        }
        for account in accounts {
            self.review_want(&account);
            self.offer_to_account(id, &account);
        }
        self.joins_done(&id)?;
        self.want_group_picture(&id)
    }

    /// Offers a conversation to the connected devices of an account.
    pub(crate) fn offer_to_account(&mut self, id: ConversationId, account: &AccountId) {
        let devices: Vec<_> = self
            .sessions
            .iter()
            .filter(|(_, s)| s.account == Some(*account))
            .map(|(device, _)| *device)
            .collect();
        for device in devices {
            self.offer(device, &[id]);
        }
    }

    /// After a frame of events: what else its events unlocked.
    pub(crate) fn settle(&mut self, id: ConversationId) -> Result<(), StoreError> {
        if let Some(room) = self.rooms.get_mut(&id) {
            room.generation = room.chat.authority().generation();
        }
        self.pump_all(id)
    }
}
