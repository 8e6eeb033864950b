//! Commands on conversations.

use anser_api::model::{Conversations, Done};
use anser_api::params::{
    ByAccount, ByConversation, ConversationAdd, ConversationCreate, ConversationRemove,
    ConversationRole, ConversationUpdate, Page, TypingSet,
};
use anser_api::{ApiError, ErrorCode, EventBody, Reply, model};
use anser_chat::{Deed, Shape};
use anser_proto::frame::Typing;
use anser_proto::kind::{Change, Genesis};
use anser_proto::{AccountId, ConversationId, Kind, Role, codec, limits};
use anser_store::{Batch, Store, StoreError, Table};

use crate::account::{checked_name, paged};
use crate::disk;
use crate::node::{Answer, Node, Timer};
use crate::people::{CONTACT, STRANGER};
use crate::pictures;
use crate::records::key_conversation;
use crate::write::no_account;

impl<S: Store> Node<S> {
    /// The conversation a parameter names, if it is shown here.
    pub(crate) fn room_id(&self, text: &str) -> Result<ConversationId, ApiError> {
        let id: ConversationId = text.parse().map_err(|_| ApiError::not_found("conversation"))?;
        match self.rooms.get(&id) {
            Some(room) if !room.record.declined => Ok(id),
            _ => Err(ApiError::not_found("conversation")),
        }
    }

    pub(crate) fn view_or_missing(
        &mut self,
        id: &ConversationId,
    ) -> Result<Box<model::Conversation>, ApiError> {
        self.conversation_view(id)
            .map_err(|e| self.fail_command(e))?
            .map(Box::new)
            .ok_or_else(|| ApiError::not_found("conversation"))
    }

    pub(crate) fn conversation_direct(&mut self, params: ByAccount) -> Answer {
        let own = self.own_account().ok_or_else(no_account)?;
        let account = self.known_account(&params.account)?;
        let id = ConversationId::direct(&own, &account);
        if !self.rooms.contains_key(&id) {
            self.begin(id, Some(account), true)
                .and_then(|()| self.stamp_room(id))
                .map_err(|e| self.fail_command(e))?;
            self.dirty_rooms.insert(id);
        } else if self.rooms.get(&id).is_some_and(|r| r.record.declined) {
            self.revive(id).map_err(|e| self.fail_command(e))?;
        }
        Ok(Reply::ConversationDirect(self.view_or_missing(&id)?))
    }

    fn revive(&mut self, id: ConversationId) -> Result<(), StoreError> {
        if let Some(room) = self.rooms.get_mut(&id) {
            room.record.declined = false;
        }
        self.accept_room(id)
    }

    pub(crate) fn conversation_create(&mut self, params: ConversationCreate) -> Answer {
        let own = self.own_account().ok_or_else(no_account)?;
        let title = checked_name(&params.title)?;
        let mut members = params
            .members
            .iter()
            .map(|text| self.known_account(text))
            .collect::<Result<Vec<_>, _>>()?;
        members.retain(|account| *account != own);
        members.sort_unstable();
        members.dedup();
        if members.len() >= limits::MEMBERS {
            return Err(ApiError::new(ErrorCode::TooLarge, "A group has at most 1,000 members."));
        }
        let nonce: [u8; 16] = self.random.bytes().first_chunk().copied().unwrap_or_default();
        let genesis = Genesis {
            title,
            members: members.clone(),
            history: params.history.unwrap_or(true),
            nonce: nonce.into(),
        };
        let id = self.write_genesis(codec::encode(&genesis))?;
        self.befriend(&members)?;
        for account in &members {
            self.offer_to_account(id, account);
        }
        Ok(Reply::ConversationCreate(self.view_or_missing(&id)?))
    }

    /// Whom one takes into a group one also hears.
    fn befriend(&mut self, accounts: &[AccountId]) -> Result<(), ApiError> {
        for account in accounts {
            if self.relation(account) == STRANGER && Some(*account) != self.own_account() {
                self.set_relation(*account, CONTACT).map_err(|e| self.fail_command(e))?;
            }
            self.want_account(account);
        }
        Ok(())
    }

    pub(crate) fn conversation_list(&mut self, page: Page) -> Answer {
        let all = self.conversations_view().map_err(|e| self.fail_command(e))?;
        let (conversations, more) = paged(all, &page, |c| &c.conversation)?;
        Ok(Reply::ConversationList(Box::new(Conversations { conversations, more })))
    }

    /// Writes a change of a group after checking that one's role allows it.
    pub(crate) fn change(
        &mut self,
        text: &str,
        change: Change,
    ) -> Result<ConversationId, ApiError> {
        let own = self.own_account().ok_or_else(no_account)?;
        let id = self.room_id(text)?;
        let device = self.device();
        let Some(room) = self.rooms.get(&id) else {
            return Err(ApiError::not_found("conversation"));
        };
        if room.chat.shape() != Shape::Group {
            return Err(ApiError::invalid("This is no group."));
        }
        if !room.chat.may_write(&own, &device) {
            return Err(not_a_member());
        }
        let body = change.encode();
        let deed = Deed::decode(Kind::Membership, &body)
            .ok_or_else(|| ApiError::invalid("This change is over a limit."))?;
        if !room.chat.membership().permits(&own, &deed) {
            return Err(ApiError::new(
                ErrorCode::Forbidden,
                "Your role in this group does not allow that: ask an owner or admin.",
            ));
        }
        self.write(id, Kind::Membership, body)?;
        Ok(id)
    }

    pub(crate) fn conversation_add(&mut self, params: ConversationAdd) -> Answer {
        let accounts = params
            .accounts
            .iter()
            .map(|text| self.known_account(text))
            .collect::<Result<Vec<_>, _>>()?;
        if accounts.is_empty() {
            return Err(ApiError::invalid("Name at least one account."));
        }
        let id = self.change(&params.conversation, Change::Add(accounts.clone()))?;
        self.befriend(&accounts)?;
        for account in &accounts {
            self.offer_to_account(id, account);
        }
        Ok(Reply::ConversationAdd(self.view_or_missing(&id)?))
    }

    pub(crate) fn conversation_remove(&mut self, params: ConversationRemove) -> Answer {
        let account: AccountId =
            params.account.parse().map_err(|_| ApiError::not_found("member"))?;
        let id = self.room_id(&params.conversation)?;
        let member = |room: &crate::node::Room| {
            room.chat.is_member(&account).then(|| room.chat.cuts(&account))
        };
        let cuts = self.rooms.get(&id).and_then(member);
        let cuts = cuts.ok_or_else(|| ApiError::not_found("member"))?;
        self.change(&params.conversation, Change::Remove { account, cuts })?;
        Ok(Reply::ConversationRemove(self.view_or_missing(&id)?))
    }

    pub(crate) fn conversation_role(&mut self, params: ConversationRole) -> Answer {
        let account: AccountId =
            params.account.parse().map_err(|_| ApiError::not_found("member"))?;
        let role = match params.role {
            model::Role::Member => Role::Member,
            model::Role::Admin => Role::Admin,
            model::Role::Owner => Role::Owner,
        };
        let id = self.change(&params.conversation, Change::Role { account, role })?;
        Ok(Reply::ConversationRole(self.view_or_missing(&id)?))
    }

    pub(crate) fn conversation_leave(&mut self, params: ByConversation) -> Answer {
        let id = self.change(&params.conversation, Change::Leave)?;
        Ok(Reply::ConversationLeave(self.view_or_missing(&id)?))
    }

    pub(crate) fn conversation_update(&mut self, params: ConversationUpdate) -> Answer {
        let id = self.room_id(&params.conversation)?;
        if params.draft.as_ref().is_some_and(|d| d.len() > limits::TEXT_BYTES) {
            return Err(ApiError::new(ErrorCode::TooLarge, "A draft is at most 64 KiB."));
        }
        if let Some(title) = &params.title {
            let title = checked_name(title)?;
            self.change(&params.conversation, Change::Title(title))?;
        }
        if let Some(base64) = &params.avatar {
            let picture = match pictures::given(base64)? {
                Some(bytes) => Some(self.keep_picture(&bytes).map_err(|e| self.fail_command(e))?.0),
                None => None,
            };
            self.change(&params.conversation, Change::Avatar(picture))?;
        }
        let mut batch = Batch::new();
        if let Some(room) = self.rooms.get_mut(&id) {
            room.record.muted = params.muted.unwrap_or(room.record.muted);
            room.record.archived = params.archived.unwrap_or(room.record.archived);
            let key = key_conversation(room.number);
            disk::put(&mut batch, Table::Conversations, &key, &room.record);
            match params.draft {
                Some(draft) if draft.is_empty() => batch.delete(Table::Drafts, key),
                Some(draft) => batch.put(Table::Drafts, key, draft.into_bytes()),
                None => {}
            }
        }
        self.commit(batch).map_err(|e| self.fail_command(e))?;
        if params.muted.is_some() || params.archived.is_some() {
            self.stamp_room(id).map_err(|e| self.fail_command(e))?;
        }
        self.dirty_rooms.insert(id);
        Ok(Reply::ConversationUpdate(self.view_or_missing(&id)?))
    }

    pub(crate) fn conversation_accept(&mut self, params: ByConversation) -> Answer {
        let id = self.room_id(&params.conversation)?;
        self.accept_room(id).map_err(|e| self.fail_command(e))?;
        Ok(Reply::ConversationAccept(self.view_or_missing(&id)?))
    }

    /// Agrees to be in a conversation; what was held back is asked for.
    pub(crate) fn accept_room(&mut self, id: ConversationId) -> Result<(), StoreError> {
        let Some(room) = self.rooms.get_mut(&id) else { return Ok(()) };
        room.record.accepted = true;
        self.stamp_room(id)?;
        self.enter_room(id)
    }

    /// Writes what one's own devices share of a conversation, as changed here and now.
    fn stamp_room(&mut self, id: ConversationId) -> Result<(), StoreError> {
        let stamp = self.next_stamp();
        let Some(room) = self.rooms.get_mut(&id) else { return Ok(()) };
        room.record.stamp = Some(stamp);
        let mut batch = Batch::new();
        disk::put(&mut batch, Table::Conversations, &key_conversation(room.number), &room.record);
        self.commit(batch)?;
        self.tell_own_room(&id);
        Ok(())
    }

    /// What follows from being in a conversation, whichever of one's devices agreed to it.
    pub(crate) fn enter_room(&mut self, id: ConversationId) -> Result<(), StoreError> {
        let Some(room) = self.rooms.get(&id) else { return Ok(()) };
        let (other, members) = (room.record.other, room.chat.members());
        let stranger = |other: &AccountId| {
            Some(*other) != self.own_account() && self.relation(other) != CONTACT
        };
        if let Some(other) = other.filter(stranger) {
            self.set_relation(other, CONTACT)?;
        }
        for account in members {
            self.want_account(&account);
            for device in self.directory.devices_of(&account) {
                if self.session_account(&device).is_some() {
                    self.link(device, id).asked_ms = None;
                    self.ask(id, device, true);
                }
            }
        }
        self.after(0, Timer::Receipt(id));
        self.dirty_rooms.insert(id);
        self.files_accepted(id)
    }

    pub(crate) fn conversation_decline(&mut self, params: ByConversation) -> Answer {
        let id = self.room_id(&params.conversation)?;
        let mut batch = Batch::new();
        if let Some(room) = self.rooms.get_mut(&id) {
            if room.record.accepted {
                return Err(ApiError::invalid(
                    "This conversation was accepted already: leave or archive it.",
                ));
            }
            room.record.declined = true;
            let key = key_conversation(room.number);
            disk::put(&mut batch, Table::Conversations, &key, &room.record);
        }
        self.commit(batch).and_then(|()| self.stamp_room(id)).map_err(|e| self.fail_command(e))?;
        self.emit(EventBody::ConversationRemoved { conversation: id.to_string() });
        Ok(Reply::ConversationDecline(Box::new(Done {})))
    }

    pub(crate) fn typing_set(&mut self, params: TypingSet) -> Answer {
        let id = self.room_id(&params.conversation)?;
        let Some(room) = self.rooms.get(&id).filter(|_| self.settings.typing) else {
            return Ok(Reply::TypingSet(Self::done()));
        };
        let own = self.own_account();
        let devices: Vec<_> = self
            .sessions
            .iter()
            .filter(|(_, s)| s.account.is_some_and(|a| Some(a) != own && room.chat.is_member(&a)))
            .map(|(device, _)| *device)
            .collect();
        for device in devices {
            self.send(device, Typing { conversation: id, on: params.typing });
        }
        Ok(Reply::TypingSet(Self::done()))
    }
}

/// The error of one who is not, or no longer, in a conversation.
pub(crate) fn not_a_member() -> ApiError {
    ApiError::new(ErrorCode::NotAMember, "You are not in this conversation any more.")
}
