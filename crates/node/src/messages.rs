//! Commands on messages.

use anser_api::model::{Delivery, DeliveryState, MessageDetail, MessagePage, SearchPage};
use anser_api::params::{
    ByMessage, MessageEdit, MessageList, MessageReact, MessageRead, MessageSearch, MessageSend,
};
use anser_api::{ApiError, ErrorCode, Reply, model};
use anser_proto::{Content, ConversationId, EventId, Kind, Position, codec, limits};
use anser_store::{Batch, Order, Store, StoreError, Table};

use crate::account::checked_limit;
use crate::disk;
use crate::node::{Answer, Node, Timer};
use crate::people::BLOCKED;
use crate::records::{DeliveredRecord, LineRecord, after, key_conversation, key_line, key_pair};
use crate::rooms::not_a_member;
use crate::views::position_of;
use crate::write::no_account;

/// Most lines one search call looks at; the page then says where to go on.
const SEARCH_LINES: usize = 20_000;
/// Most unread messages counted one by one.
const COUNT_LINES: usize = 10_000;

impl<S: Store> Node<S> {
    pub(crate) fn message_send(&mut self, params: MessageSend) -> Answer {
        Ok(Reply::MessageSend(Box::new(self.send_message(params)?)))
    }

    pub(crate) fn send_message(&mut self, params: MessageSend) -> Result<model::Message, ApiError> {
        let id = self.writable_room(&params.conversation)?;
        let files = self.attachments_of(&params)?;
        let text = match params.text.trim() {
            "" if !files.is_empty() => None,
            _ => Some(checked_text(&params.text)?),
        };
        let reply_to = params
            .reply_to
            .as_deref()
            .map(str::parse::<EventId>)
            .transpose()
            .map_err(|_| ApiError::not_found("message to reply to"))?;
        let attachments = (!files.is_empty()).then_some(files);
        let body = Content { text, reply_to, attachments, ..Content::default() };
        let event = self.write(id, Kind::Message, codec::encode(&body))?;
        let room = self.rooms.get(&id).ok_or_else(|| ApiError::not_found("conversation"))?;
        let view = self.event_view(room, &event, self.now.wall_ms);
        let view = view.map_err(|error| self.fail_command(error))?;
        view.ok_or_else(|| ApiError::not_found("message"))
    }

    /// A conversation one may write to now. Writing to a request accepts it.
    pub(crate) fn writable_room(&mut self, text: &str) -> Result<ConversationId, ApiError> {
        let own = self.own_account().ok_or_else(no_account)?;
        let device = self.device();
        let id = self.room_id(text)?;
        if self.is_revoked() {
            return Err(crate::linking::revoked());
        }
        let Some(room) = self.rooms.get(&id) else {
            return Err(ApiError::not_found("conversation"));
        };
        if room.chat.forks().iter().any(|fork| fork.device == device) {
            return Err(ApiError::new(
                ErrorCode::Refused,
                "This device's history was put back to an earlier state, so what it writes here no \
                 longer counts: take it out of the account and link it anew.",
            ));
        }
        if !room.chat.may_write(&own, &device) {
            return Err(not_a_member());
        }
        let (accepted, other) = (room.record.accepted, room.record.other);
        if other.is_some_and(|other| self.relation(&other) == BLOCKED) {
            return Err(ApiError::new(
                ErrorCode::Refused,
                "You blocked this person: unblock them to write.",
            ));
        }
        let is_contact = other.is_none_or(|o| self.relation(&o) == crate::people::CONTACT);
        if !accepted || !is_contact {
            self.accept_room(id).map_err(|e| self.fail_command(e))?;
            if let Some(other) = other {
                self.offer_to_account(id, &other);
            }
        }
        Ok(id)
    }

    pub(crate) fn message_or_missing(
        &mut self,
        id: &EventId,
    ) -> Result<Box<model::Message>, ApiError> {
        self.message_view(id)
            .map_err(|e| self.fail_command(e))?
            .map(Box::new)
            .ok_or_else(|| ApiError::not_found("message"))
    }

    /// A message that a parameter names, with its conversation.
    fn message_id(&mut self, text: &str) -> Result<(EventId, Box<model::Message>), ApiError> {
        let id: EventId = text.parse().map_err(|_| ApiError::not_found("message"))?;
        Ok((id, self.message_or_missing(&id)?))
    }

    fn own_message(&mut self, text: &str) -> Result<(EventId, ConversationId), ApiError> {
        let (id, message) = self.message_id(text)?;
        if !message.own || message.kind != model::MessageKind::Text || message.deleted {
            return Err(ApiError::new(
                ErrorCode::Forbidden,
                "Only one's own messages can be changed, and only until they are deleted.",
            ));
        }
        Ok((id, self.writable_room(&message.conversation)?))
    }

    pub(crate) fn message_edit(&mut self, params: MessageEdit) -> Answer {
        let (target, id) = self.own_message(&params.message)?;
        let text = checked_text(&params.text)?;
        let body = Content { text: Some(text), target: Some(target), ..Content::default() };
        self.write(id, Kind::Edit, codec::encode(&body))?;
        Ok(Reply::MessageEdit(self.message_or_missing(&target)?))
    }

    pub(crate) fn message_delete(&mut self, params: ByMessage) -> Answer {
        let (target, id) = self.own_message(&params.message)?;
        let body = Content { target: Some(target), ..Content::default() };
        self.write(id, Kind::Delete, codec::encode(&body))?;
        Ok(Reply::MessageDelete(self.message_or_missing(&target)?))
    }

    pub(crate) fn message_react(&mut self, params: MessageReact) -> Answer {
        let (target, message) = self.message_id(&params.message)?;
        let emoji = params.emoji.trim();
        if emoji.is_empty() || emoji.len() > limits::EMOJI_BYTES {
            return Err(ApiError::invalid("A reaction is one emoji, at most 64 bytes."));
        }
        let id = self.writable_room(&message.conversation)?;
        let body = Content {
            text: Some(emoji.to_owned()),
            target: Some(target),
            on: Some(params.on),
            ..Content::default()
        };
        self.write(id, Kind::Reaction, codec::encode(&body))?;
        Ok(Reply::MessageReact(self.message_or_missing(&target)?))
    }

    pub(crate) fn message_get(&mut self, params: ByMessage) -> Answer {
        let (id, view) = self.message_id(&params.message)?;
        let delivery = match view.own {
            true => self.delivery_of(&id).map_err(|e| self.fail_command(e))?,
            false => vec![],
        };
        Ok(Reply::MessageGet(Box::new(MessageDetail { view: *view, delivery })))
    }

    fn delivery_of(&self, id: &EventId) -> Result<Vec<Delivery>, StoreError> {
        let Some(place) = disk::place(&self.store, id)? else { return Ok(vec![]) };
        let Some(room) = self.room_by_number(place.conversation) else {
            return Ok(vec![]);
        };
        let Some(stored) = disk::event(&self.store, place.conversation, place.device, place.seq)?
        else {
            return Ok(vec![]);
        };
        let header: anser_proto::Header =
            codec::decode(&stored.wire.header).map_err(disk::damaged)?;
        let at = Position { lamport: header.lamport, device: header.device, seq: header.seq };
        let mut all = Vec::new();
        for account in self.recipients(room) {
            let state = self.state_for(room, &at, &account);
            let mut key = key_pair(room.number, place.device);
            key.extend_from_slice(&self.store.tag("account", &account.0));
            let known: Option<DeliveredRecord> = disk::read(&self.store, Table::Pending, &key)?;
            let waits = state == DeliveryState::Waiting;
            all.push(Delivery {
                account: account.to_string(),
                name: self.name_of(&account),
                state,
                reason: waits.then(|| self.wait_reason(room, &account)),
                at_ms: known.filter(|_| !waits).map(|known| known.at_ms),
            });
        }
        Ok(all)
    }

    /// The place that a parameter names: a position, or a message id.
    fn place_named(&mut self, text: &str) -> Result<Position, ApiError> {
        if let Some(position) = position_of(text) {
            return Ok(position);
        }
        let (_, message) = self.message_id(text)?;
        position_of(&message.position).ok_or_else(|| ApiError::not_found("message"))
    }

    pub(crate) fn message_list(&mut self, params: MessageList) -> Answer {
        let limit = checked_limit(params.limit)?;
        let id = self.room_id(&params.conversation)?;
        if params.before.is_some() && params.after.is_some() {
            return Err(ApiError::invalid("Give `before` or `after`, not both."));
        }
        let (order, from) = match (&params.before, &params.after) {
            (_, Some(after)) => (Order::Ascending, Some(self.place_named(after)?)),
            (Some(before), None) => (Order::Descending, Some(self.place_named(before)?)),
            (None, None) => (Order::Descending, None),
        };
        let page = self.page(&id, order, from, limit).map_err(|e| self.fail_command(e))?;
        Ok(Reply::MessageList(Box::new(page)))
    }

    /// A page of what shows. Lines of one lamport time are read together, since their keys sort by
    /// local numbers, and are put in order by device.
    fn page(
        &self,
        id: &ConversationId,
        order: Order,
        from: Option<Position>,
        limit: usize,
    ) -> Result<MessagePage, StoreError> {
        let Some(room) = self.rooms.get(id) else {
            return Ok(MessagePage { messages: vec![], more: false });
        };
        let prefix = key_conversation(room.number);
        let end = after(&prefix);
        let (mut lower, mut upper) = (prefix, end);
        match (from, order) {
            (Some(at), Order::Ascending) => lower = key_line(room.number, at.lamport, 0),
            (Some(at), Order::Descending) => {
                upper = Some(key_line(room.number, at.lamport.saturating_add(1), 0));
            }
            (None, _) => {}
        }
        let chunk = limit.saturating_add(16);
        let mut found: Vec<(u64, String, model::Message)> = Vec::new();
        let mut more = false;
        'chunks: loop {
            let lines = self.store.scan(Table::Timeline, &lower, upper.as_deref(), order, chunk)?;
            let full = lines.len() == chunk;
            for (key, bytes) in &lines {
                let line: LineRecord = codec::decode(bytes).map_err(disk::damaged)?;
                let Some(message) = self.line_view(room, key, &line)? else { continue };
                let Some(at) = position_of(&message.position) else { continue };
                let outside = from.is_some_and(|from| match order {
                    Order::Ascending => at <= from,
                    Order::Descending => at >= from,
                });
                if outside {
                    continue;
                }
                let group_ended = found.last().is_some_and(|(last, ..)| *last != at.lamport);
                if found.len() >= limit && group_ended {
                    more = true;
                    break 'chunks;
                }
                found.push((at.lamport, message.position.clone(), message));
            }
            let Some((last, _)) = lines.last().filter(|_| full) else { break };
            match order {
                Order::Ascending => {
                    lower.clone_from(last);
                    lower.push(0);
                }
                Order::Descending => upper = Some(last.clone()),
            }
        }
        found.sort_by(|a, b| a.1.cmp(&b.1));
        let excess = found.len().saturating_sub(limit);
        more |= excess > 0;
        let messages = found.into_iter().map(|(_, _, message)| message);
        let messages = match order {
            Order::Ascending => messages.take(limit).collect(),
            Order::Descending => messages.skip(excess).collect(),
        };
        Ok(MessagePage { messages, more })
    }

    pub(crate) fn message_read(&mut self, params: MessageRead) -> Answer {
        let id = self.room_id(&params.conversation)?;
        let up_to = self.place_named(&params.up_to)?;
        let Some(room) = self.rooms.get(&id) else {
            return Err(ApiError::not_found("conversation"));
        };
        if room.record.read.is_none_or(|read| read < up_to) {
            self.read_elsewhere(id, Some(up_to)).map_err(|e| self.fail_command(e))?;
            self.tell_own_room(&id);
            self.timers.retain(|(_, timer)| *timer != Timer::Receipt(id));
            self.after(0, Timer::Receipt(id));
        }
        Ok(Reply::MessageRead(self.view_or_missing(&id)?))
    }

    /// Moves the reading mark of this account on.
    pub(crate) fn read_elsewhere(
        &mut self,
        id: ConversationId,
        read: Option<Position>,
    ) -> Result<(), StoreError> {
        let Some(room) = self.rooms.get_mut(&id) else { return Ok(()) };
        if read <= room.record.read {
            return Ok(());
        }
        room.record.read = read;
        self.recount(id)
    }

    /// Counts unread messages anew.
    pub(crate) fn recount(&mut self, id: ConversationId) -> Result<(), StoreError> {
        let own = self.own_account();
        let Some(room) = self.rooms.get(&id) else { return Ok(()) };
        let from = room.record.read.map_or(0, |read| read.lamport);
        let lower = key_line(room.number, from, 0);
        let upper = after(&key_conversation(room.number));
        let lines = self.store.scan(
            Table::Timeline,
            &lower,
            upper.as_deref(),
            Order::Ascending,
            COUNT_LINES,
        )?;
        let mut unread = 0_u64;
        for (key, bytes) in lines {
            let line: LineRecord = codec::decode(&bytes).map_err(disk::damaged)?;
            let Some((lamport, number)) = crate::records::line_place(&key) else { continue };
            let Some(device) = self.numbers.by_number.get(number as usize).copied() else {
                continue;
            };
            let at = Position { lamport, device, seq: line.seq };
            let foreign = room.chat.log(&device).is_some_and(|log| Some(log.account) != own);
            let kind = Kind::from(line.kind);
            if kind == Kind::Message
                && foreign
                && !line.bare
                && room.record.read.is_none_or(|read| at > read)
                && room.chat.shows(&at, kind)
            {
                unread = unread.saturating_add(1);
            }
        }
        let mut batch = Batch::new();
        if let Some(room) = self.rooms.get_mut(&id) {
            room.record.unread = unread;
            let key = key_conversation(room.number);
            disk::put(&mut batch, Table::Conversations, &key, &room.record);
        }
        self.dirty_rooms.insert(id);
        self.commit(batch)
    }

    pub(crate) fn message_search(&mut self, params: MessageSearch) -> Answer {
        let limit = checked_limit(params.limit)?;
        let words: Vec<String> =
            params.query.to_lowercase().split_whitespace().map(str::to_owned).collect();
        if words.is_empty() {
            return Err(ApiError::invalid("Give at least one word to search for."));
        }
        let mut rooms: Vec<ConversationId> = match &params.conversation {
            Some(text) => vec![self.room_id(text)?],
            None => self.rooms.keys().copied().collect(),
        };
        rooms.sort_by_key(|id| {
            std::cmp::Reverse(self.rooms.get(id).map_or(0, |r| r.record.active_ms))
        });
        // Where the page before ended: "conversation/position".
        let mut start = None;
        if let Some(before) = &params.before {
            let (room, position) = before
                .split_once('/')
                .ok_or_else(|| ApiError::invalid("`before` is `next` of the page before."))?;
            let room = self.room_id(room)?;
            start = Some(
                position_of(position)
                    .ok_or_else(|| ApiError::invalid("`before` is `next` of the page before."))?,
            );
            let skip = rooms.iter().position(|id| *id == room).unwrap_or(0);
            rooms.drain(..skip);
        }
        let page = self.search(&rooms, start, &words, limit).map_err(|e| self.fail_command(e))?;
        Ok(Reply::MessageSearch(Box::new(page)))
    }

    fn search(
        &self,
        rooms: &[ConversationId],
        start: Option<Position>,
        words: &[String],
        limit: usize,
    ) -> Result<SearchPage, StoreError> {
        let mut hits = Vec::new();
        let mut looked = 0_usize;
        let mut from = start;
        for id in rooms {
            loop {
                let page = self.page(id, Order::Descending, from, 200)?;
                let oldest = page.messages.first().and_then(|m| position_of(&m.position));
                looked = looked.saturating_add(page.messages.len());
                for message in page.messages.into_iter().rev() {
                    let text = message.text.to_lowercase();
                    if words.iter().all(|word| text.contains(word)) {
                        let next = format!("{id}/{}", message.position);
                        hits.push(message);
                        if hits.len() >= limit {
                            return Ok(SearchPage { hits, next: Some(next) });
                        }
                    }
                }
                from = oldest;
                if !page.more {
                    break;
                }
                if let Some(oldest) = oldest.filter(|_| looked >= SEARCH_LINES) {
                    let next = format!("{id}/{}", crate::views::position_text(&oldest));
                    return Ok(SearchPage { hits, next: Some(next) });
                }
            }
            from = None;
        }
        Ok(SearchPage { hits, next: None })
    }
}

fn checked_text(text: &str) -> Result<String, ApiError> {
    if text.trim().is_empty() {
        return Err(ApiError::invalid("A message cannot be empty."));
    }
    if text.len() > limits::TEXT_BYTES {
        return Err(ApiError::new(
            ErrorCode::TooLarge,
            format!("A message is at most 64 KiB; this one is {} bytes.", text.len()),
        ));
    }
    Ok(text.to_owned())
}
