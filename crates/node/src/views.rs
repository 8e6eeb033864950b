//! What shells show: views made from state and store.

use anser_api::model::{
    self, ConversationKind, DeliveryState, MessageKind, Notice, Quote, Reaction,
};
use anser_api::model::{Peer, WaitCode, WaitReason};
use anser_chat::{Deed, Shape};
use anser_proto::{
    AccountId, Card, Content, ConversationId, Event, EventId, Kind, PictureId, Position, Role,
};
use anser_store::{Order, Store, StoreError, Table};

use crate::disk;
use crate::node::{Node, Room};
use crate::people::BLOCKED;
use crate::records::{LineRecord, ReferenceRecord, after, key_conversation, line_place};

/// A place in a conversation as text that sorts.
pub(crate) fn position_text(at: &Position) -> String {
    format!("{:016x}.{}.{:016x}", at.lamport, hex(&at.device.0), at.seq)
}

/// The place a text names.
pub(crate) fn position_of(text: &str) -> Option<Position> {
    let mut parts = text.split('.');
    let lamport = u64::from_str_radix(parts.next()?, 16).ok()?;
    let digits = parts.next()?.as_bytes();
    let mut device = [0; 32];
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in device.iter_mut().zip(digits.as_chunks::<2>().0) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    let seq = u64::from_str_radix(parts.next()?, 16).ok()?;
    Some(Position { lamport, device: anser_proto::DeviceId(device), seq })
}

fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The id of a person's picture.
pub(crate) fn picture_of(card: &Card) -> Option<String> {
    card.avatar.map(|hash| PictureId(*hash).to_string())
}

fn role_view(role: Role) -> model::Role {
    match role {
        Role::Member => model::Role::Member,
        Role::Admin => model::Role::Admin,
        Role::Owner => model::Role::Owner,
    }
}

impl<S: Store> Node<S> {
    /// The peers to show for an account: one a device.
    pub(crate) fn peers_of(&self, account: &AccountId) -> Vec<Peer> {
        if Some(*account) == self.own_account() {
            return vec![];
        }
        let Some(card) = self.directory.card(account) else { return vec![] };
        let wanted = self.is_wanted(account);
        self.directory
            .devices_of(account)
            .into_iter()
            .map(|device| {
                let known = self.devices.get(&device);
                let connected = self.sessions.contains_key(&device);
                Peer {
                    account: account.to_string(),
                    device: device.to_string(),
                    name: card.name.clone(),
                    status: card.status.clone(),
                    avatar: picture_of(card),
                    online: connected || (!wanted && known.is_some_and(|d| d.on_lan)),
                    presence: self.presence_of(account),
                    via: known.map(|d| d.via.iter().copied().collect()).unwrap_or_default(),
                    addresses: known.map(|d| d.addresses.clone()).unwrap_or_default(),
                    trust: self.trust(account),
                    relation: self.relation_view(account),
                    last_seen_ms: self.people.get(account).and_then(|p| p.last_seen_ms),
                }
            })
            .collect()
    }

    /// All peers: online first, then by name.
    pub(crate) fn peers_view(&self) -> Vec<Peer> {
        let accounts: Vec<_> = self.directory.accounts().copied().collect();
        let mut peers: Vec<_> =
            accounts.iter().flat_map(|account| self.peers_of(account)).collect();
        peers.sort_by_cached_key(|p| (!p.online, p.name.to_lowercase(), p.device.clone()));
        peers
    }

    /// A conversation as shown; `None` when it is none of ours to see.
    pub(crate) fn conversation_view(
        &self,
        id: &ConversationId,
    ) -> Result<Option<model::Conversation>, StoreError> {
        let Some(own) = self.own_account() else { return Ok(None) };
        let Some(room) = self.rooms.get(id) else { return Ok(None) };
        if room.record.declined || !room.chat.was_member(&own) {
            return Ok(None);
        }
        let group = room.chat.shape() == Shape::Group;
        let membership = room.chat.membership();
        let members: Vec<_> = room
            .chat
            .members()
            .into_iter()
            .map(|account| model::Member {
                account: account.to_string(),
                name: self.name_of(&account),
                avatar: self.directory.card(&account).and_then(picture_of),
                role: role_view(membership.role(&account).unwrap_or(Role::Member)),
                online: self.is_online(&account),
                presence: self.presence_of(&account),
                trust: self.trust(&account),
            })
            .collect();
        let kind = match room.record.other {
            None => ConversationKind::Group,
            Some(other) if other == own => ConversationKind::Notes,
            Some(_) => ConversationKind::Direct,
        };
        let title = match room.record.other {
            None => membership.title.clone(),
            Some(other) => self.name_of(&other),
        };
        let avatar = match room.record.other {
            None => membership.avatar.map(|hash| PictureId(hash).to_string()),
            Some(other) => self.directory.card(&other).and_then(picture_of),
        };
        let blocked = room.record.other.is_some_and(|other| self.relation(&other) == BLOCKED);
        let draft = self.store.get(Table::Drafts, &key_conversation(room.number))?;
        Ok(Some(model::Conversation {
            conversation: id.to_string(),
            kind,
            title,
            avatar,
            members,
            unread: room.record.unread,
            read_up_to: room.record.read.map(|at| position_text(&at)),
            last: self.last_line(room)?,
            muted: room.record.muted,
            archived: room.record.archived,
            draft: draft.map(|d| String::from_utf8_lossy(&d).into_owned()).unwrap_or_default(),
            request: !room.record.accepted,
            writable: room.chat.may_write(&own, &self.device()) && !blocked && !self.is_revoked(),
            role: role_view(if group {
                membership.role(&own).unwrap_or(Role::Member)
            } else {
                Role::Member
            }),
            active_ms: room.record.active_ms,
            forked_devices: room.chat.forks().iter().map(|f| f.device.to_string()).collect(),
        }))
    }

    /// All conversations: latest first.
    pub(crate) fn conversations_view(&self) -> Result<Vec<model::Conversation>, StoreError> {
        let mut all = Vec::new();
        for id in self.rooms.keys() {
            all.extend(self.conversation_view(id)?);
        }
        all.sort_by(|a, b| (b.active_ms, &b.conversation).cmp(&(a.active_ms, &a.conversation)));
        Ok(all)
    }

    fn last_line(&self, room: &Room) -> Result<Option<model::Message>, StoreError> {
        let prefix = key_conversation(room.number);
        let upper = after(&prefix);
        let lines =
            self.store.scan(Table::Timeline, &prefix, upper.as_deref(), Order::Descending, 16)?;
        let mut best: Option<model::Message> = None;
        for (key, bytes) in lines {
            let line: LineRecord = anser_proto::codec::decode(&bytes).map_err(disk::damaged)?;
            if let Some(message) = self.line_view(room, &key, &line)? {
                if best.as_ref().is_some_and(|b| b.position > message.position) {
                    break;
                }
                best = Some(message);
            }
        }
        Ok(best)
    }

    /// The line at a timeline key, if it shows.
    pub(crate) fn line_view(
        &self,
        room: &Room,
        key: &[u8],
        line: &LineRecord,
    ) -> Result<Option<model::Message>, StoreError> {
        let Some((lamport, number)) = line_place(key) else { return Ok(None) };
        let Some(device) = self.numbers.by_number.get(number as usize).copied() else {
            return Ok(None);
        };
        let at = Position { lamport, device, seq: line.seq };
        if !room.chat.shows(&at, Kind::from(line.kind)) {
            return Ok(None);
        }
        let Some(stored) = disk::event(&self.store, room.number, number, line.seq)? else {
            return Ok(None);
        };
        let received_ms = stored.received_ms;
        let event = Event::reopen(stored.wire)
            .map_err(|_| StoreError::Corrupt { reason: "an event cannot be decoded".into() })?;
        self.event_view(room, &event, received_ms)
    }

    /// A message by its id, if it shows.
    pub(crate) fn message_view(&self, id: &EventId) -> Result<Option<model::Message>, StoreError> {
        let Some(place) = disk::place(&self.store, id)? else { return Ok(None) };
        let Some(room) = self.room_by_number(place.conversation) else {
            return Ok(None);
        };
        let Some(stored) = disk::event(&self.store, place.conversation, place.device, place.seq)?
        else {
            return Ok(None);
        };
        let received_ms = stored.received_ms;
        let event = Event::reopen(stored.wire)
            .map_err(|_| StoreError::Corrupt { reason: "an event cannot be decoded".into() })?;
        if !room.chat.shows(&event.position(), event.kind()) {
            return Ok(None);
        }
        self.event_view(room, &event, received_ms)
    }

    /// An event as shown, whether or not it is stored yet; it must show.
    pub(crate) fn event_view(
        &self,
        room: &Room,
        event: &Event,
        received_ms: u64,
    ) -> Result<Option<model::Message>, StoreError> {
        let device = event.header.device;
        let Some(log) = room.chat.log(&device) else { return Ok(None) };
        let account = log.account;
        let own = Some(account) == self.own_account();
        let kind = event.kind();
        let mut view = model::Message {
            message: event.id.to_string(),
            conversation: room.record.id.to_string(),
            account: account.to_string(),
            name: self.name_of(&account),
            device: device.to_string(),
            kind: MessageKind::Unknown,
            text: String::new(),
            sent_ms: event.header.wall_ms,
            received_ms,
            edited: false,
            deleted: false,
            own,
            reply_to: None,
            reactions: vec![],
            attachments: vec![],
            state: self.state_of(room, event, own),
            notice: None,
            position: position_text(&event.position()),
        };
        match kind {
            Kind::Genesis | Kind::Membership => {
                view.kind = MessageKind::Notice;
                let deed = event.body().and_then(|body| Deed::decode(kind, body));
                view.notice = Some(notice(deed));
            }
            Kind::Message => {
                view.kind = MessageKind::Text;
                let content = event.body().and_then(|body| Content::decode(kind, body).ok());
                self.fill_text(room, event, account, content.as_ref(), &mut view)?;
                if content.is_none() && !view.deleted {
                    // Withheld: said before this account came.
                    return Ok(None);
                }
            }
            _ => {}
        }
        Ok(Some(view))
    }

    fn fill_text(
        &self,
        room: &Room,
        event: &Event,
        author: AccountId,
        content: Option<&Content>,
        view: &mut model::Message,
    ) -> Result<(), StoreError> {
        view.text = content.and_then(|c| c.text.clone()).unwrap_or_default();
        let mut reactions: Vec<(String, Vec<AccountId>)> = Vec::new();
        for (_, said) in disk::references(&self.store, &room.record.id, &event.id)? {
            let (device, seq) = (&said.at.device, said.at.seq);
            let kind = Kind::from(said.kind);
            // One may take back one's words even when nothing else one says counts any more: the
            // text is gone from disks that hold the taking back, so it must be gone everywhere.
            let taken_back =
                kind == Kind::Delete && said.account == author && seq <= room.chat.held(device);
            if !taken_back && !room.chat.counts(device, seq) {
                continue;
            }
            match kind {
                Kind::Edit if said.account == author => {
                    view.edited = true;
                    view.text = said.text.unwrap_or_default();
                }
                Kind::Delete if said.account == author => view.deleted = true,
                Kind::Reaction => react(&mut reactions, said),
                _ => {}
            }
        }
        if view.deleted {
            view.text = String::new();
            view.edited = false;
            return Ok(());
        }
        view.reactions = reactions
            .into_iter()
            .filter(|(_, accounts)| !accounts.is_empty())
            .map(|(emoji, accounts)| Reaction {
                emoji,
                accounts: accounts.iter().map(ToString::to_string).collect(),
            })
            .collect();
        if let Some(content) = content {
            view.attachments = self.attachments_view(content)?;
        }
        if let Some(reply_to) = content.and_then(|c| c.reply_to) {
            view.reply_to = Some(self.quote(room, &reply_to)?);
        }
        Ok(())
    }

    fn quote(&self, room: &Room, id: &EventId) -> Result<Quote, StoreError> {
        let mut quote = Quote { message: id.to_string(), account: None, text: None };
        let Some(place) = disk::place(&self.store, id)? else { return Ok(quote) };
        if place.conversation != room.number {
            return Ok(quote);
        }
        let Some(stored) = disk::event(&self.store, place.conversation, place.device, place.seq)?
        else {
            return Ok(quote);
        };
        let Ok(event) = Event::reopen(stored.wire) else { return Ok(quote) };
        let log = room.chat.log(&event.header.device);
        if !room.chat.shows(&event.position(), event.kind()) {
            return Ok(quote);
        }
        quote.account = log.map(|log| log.account.to_string());
        let content = event.body().and_then(|body| Content::decode(event.kind(), body).ok());
        quote.text =
            content.and_then(|c| c.text).map(|text| text.chars().take(200).collect::<String>());
        Ok(quote)
    }

    /// The other members, to whom a message goes.
    pub(crate) fn recipients(&self, room: &Room) -> Vec<AccountId> {
        let own = self.own_account();
        room.chat.members().into_iter().filter(|account| Some(*account) != own).collect()
    }

    /// Where a message is on its way to one account.
    pub(crate) fn state_for(
        &self,
        room: &Room,
        at: &Position,
        account: &AccountId,
    ) -> DeliveryState {
        if room.chat.receipts.read(account).is_some_and(|read| read >= *at) {
            DeliveryState::Read
        } else if room.chat.receipts.delivered(account, &at.device) >= at.seq {
            DeliveryState::Delivered
        } else {
            DeliveryState::Waiting
        }
    }

    fn state_of(&self, room: &Room, event: &Event, own: bool) -> DeliveryState {
        let at = event.position();
        if !own {
            let read = room.record.read.is_some_and(|read| read >= at);
            return if read { DeliveryState::Read } else { DeliveryState::Delivered };
        }
        self.recipients(room)
            .iter()
            .map(|account| self.state_for(room, &at, account))
            .min()
            .unwrap_or(DeliveryState::Read)
    }

    /// Why a message waits for an account.
    pub(crate) fn wait_reason(&self, room: &Room, account: &AccountId) -> WaitReason {
        let name = self.name_of(account);
        let last_seen_ms = self.people.get(account).and_then(|p| p.last_seen_ms);
        let sessions: Vec<_> =
            self.sessions.values().filter(|s| s.account == Some(*account)).collect();
        let held_back = sessions
            .iter()
            .filter_map(|s| s.links.get(&room.record.id))
            .any(|link| link.stalled.contains(&self.device()));
        let (code, message) = if !room.chat.is_member(account) {
            (WaitCode::NotAMember, format!("{name} is no longer in this conversation."))
        } else if self.relation(account) == BLOCKED {
            (WaitCode::Blocked, format!("You blocked {name}."))
        } else if held_back {
            (WaitCode::RequestPending, format!("{name} has not accepted your message request yet."))
        } else if !sessions.is_empty() {
            (WaitCode::Sending, format!("On its way to {name}."))
        } else if last_seen_ms.is_some() {
            (
                WaitCode::Offline,
                format!("No device of {name} can be reached now, and no relay is set."),
            )
        } else {
            (
                WaitCode::NeverSeen,
                format!("No device of {name} was ever reached, and no relay is set."),
            )
        };
        WaitReason { code, message, last_seen_ms }
    }

    /// Up to where one's own messages of this device were delivered to, and read by, everybody.
    pub(crate) fn least_positions(
        &self,
        room: &Room,
    ) -> Result<(Option<String>, Option<String>), StoreError> {
        let device = self.device();
        let recipients = self.recipients(room);
        let delivered =
            recipients.iter().map(|a| room.chat.receipts.delivered(a, &device)).min().unwrap_or(0);
        let read = recipients.iter().map(|a| room.chat.receipts.read(a)).min().flatten();
        let Some(number) = self.numbers.devices.get(&device) else { return Ok((None, None)) };
        let stored = disk::event(&self.store, room.number, *number, delivered)?;
        let delivered = stored
            .and_then(|stored| Event::reopen(stored.wire).ok())
            .map(|event| position_text(&event.position()));
        Ok((delivered, read.map(|at| position_text(&at))))
    }
}

fn react(reactions: &mut Vec<(String, Vec<AccountId>)>, said: ReferenceRecord) {
    let Some(emoji) = said.text else { return };
    let on = said.on.unwrap_or(true);
    match reactions.iter_mut().find(|(known, _)| *known == emoji) {
        Some((_, accounts)) => {
            accounts.retain(|account| *account != said.account);
            if on {
                accounts.push(said.account);
            }
        }
        None if on => reactions.push((emoji, vec![said.account])),
        None => {}
    }
}

fn notice(deed: Option<Deed>) -> Notice {
    let accounts = |accounts: &[AccountId]| accounts.iter().map(ToString::to_string).collect();
    let (what, accounts, value) = match &deed {
        Some(Deed::Found { title, members, .. }) => {
            ("created", accounts(members), Some(title.clone()))
        }
        Some(Deed::Add(added)) => ("added", accounts(added), None),
        Some(Deed::Remove { account, .. }) => ("removed", vec![account.to_string()], None),
        Some(Deed::Leave) => ("left", vec![], None),
        Some(Deed::Role { account, role }) => {
            let role = match role {
                Role::Member => "member",
                Role::Admin => "admin",
                Role::Owner => "owner",
            };
            ("role", vec![account.to_string()], Some(role.to_owned()))
        }
        Some(Deed::Title(title)) => ("title", vec![], Some(title.clone())),
        Some(Deed::Avatar(_)) => ("avatar", vec![], None),
        Some(Deed::Unknown) | None => ("unknown", vec![], None),
    };
    Notice { what: what.to_owned(), accounts, value }
}
