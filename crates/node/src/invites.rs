//! Invitations: making links, following them, letting in who comes with one.
//!
//! A link that was followed is kept on disk until the inviter let one in or said no: it is shown to
//! every device of the inviter that connects. Who comes with a valid ticket becomes a contact, and is
//! added to the group if the inviter may still do that; the addition is an ordinary membership event.

use std::collections::BTreeMap;

use anser_api::model::{Invite, MaybeConversation, Via};
use anser_api::params::{InviteAccept, InviteCreate};
use anser_api::{ApiError, ErrorCode, EventBody, Reply};
use anser_chat::Deed;
use anser_proto::frame::{Join, Joined};
use anser_proto::invite::{Invitation, Ticket};
use anser_proto::kind::Change;
use anser_proto::minicbor::{self, Decode, Encode};
use anser_proto::{AccountId, Card, ConversationId, DeviceAddresses, DeviceId};
use anser_store::{Batch, Store, StoreError, Table};

use crate::disk;
use crate::linking::revoked;
use crate::node::{Answer, Node, Timer};
use crate::people::CONTACT;
use crate::write::no_account;

/// How long an invitation is valid.
const INVITE_MS: u64 = 7 * 24 * 60 * 60_000;
/// How long `invite.accept` waits for the inviter before it says that it comes later.
const ANSWER_MS: u64 = 5_000;
/// Most invitations that wait for their inviters.
const JOINS: usize = 64;

/// An invitation that was followed.
#[derive(Clone, Copy, Debug, Encode, Decode)]
#[cbor(map)]
struct JoinRecord {
    #[n(0)]
    inviter: AccountId,
    #[n(1)]
    ticket: Ticket,
}

/// Invitations that wait for their inviters, by nonce, with who waits here.
#[derive(Default)]
pub(crate) struct Joins(BTreeMap<[u8; 16], Waiting>);

struct Waiting {
    record: JoinRecord,
    call: Option<u64>,
}

const WELCOME: u8 = 0;
const EXPIRED: u8 = 1;
const NOT_ALLOWED: u8 = 2;
const NOT_OURS: u8 = 3;

impl<S: Store> Node<S> {
    pub(crate) fn load_joins(&mut self) -> Result<(), StoreError> {
        for (_, record) in disk::all::<_, JoinRecord>(&self.store, Table::Joins, &[])? {
            self.joins.0.insert(*record.ticket.nonce, Waiting { record, call: None });
        }
        Ok(())
    }

    pub(crate) fn invite_create(&mut self, params: &InviteCreate) -> Answer {
        let own = self.own_account().ok_or_else(no_account)?;
        let conversation = match &params.conversation {
            None => None,
            Some(text) => {
                let id = self.room_id(text)?;
                let room =
                    self.rooms.get(&id).ok_or_else(|| ApiError::not_found("conversation"))?;
                if room.record.other.is_some() {
                    return Err(ApiError::invalid("Only to a group can people be invited."));
                }
                if !room.chat.membership().permits(&own, &Deed::Add(vec![])) {
                    return Err(ApiError::new(
                        ErrorCode::Forbidden,
                        "Only owners and admins of a group can invite to it.",
                    ));
                }
                Some((id, room.chat.membership().title.clone()))
            }
        };
        let (device, addresses) = (self.device(), self.addresses.clone());
        let nonce = self.random.bytes().first_chunk().copied().unwrap_or_default();
        let profile = self.profile.as_ref().ok_or_else(no_account)?;
        if profile.identity.is_revoked() {
            return Err(revoked());
        }
        let expires_ms = self.now.wall_ms.saturating_add(INVITE_MS);
        let account = profile.identity.account_key();
        let id = conversation.as_ref().map(|(id, _)| *id);
        let invitation = Invitation {
            card: profile.card_with(vec![DeviceAddresses { device, addresses }]),
            ticket: Ticket::issue(account, id, expires_ms, nonce),
            title: conversation.map(|(_, title)| title),
        };
        let invite = Invite { link: invitation.to_link(), expires_ms };
        Ok(Reply::InviteCreate(Box::new(invite)))
    }

    /// Follows a link; the reply comes when one is in, or when it is clear that it takes longer.
    pub(crate) fn invite_accept(
        &mut self,
        call: u64,
        params: &InviteAccept,
    ) -> Result<(), StoreError> {
        match self.follow(call, &params.link) {
            Ok(Some(reply)) => self.reply(call, Ok(reply)),
            Ok(None) => {}
            Err(error) => self.reply(call, Err(error)),
        }
        Ok(())
    }

    /// `None`: the reply comes later.
    fn follow(&mut self, call: u64, link: &str) -> Result<Option<Reply>, ApiError> {
        let own = self.own_account().ok_or_else(no_account)?;
        let invitation = Invitation::from_link(link)
            .map_err(|_| ApiError::invalid("This is no invitation, or only a part of one."))?;
        let open = Card::open(&invitation.card).map_err(|_| {
            ApiError::invalid("This link was altered on its way: ask for it again.")
        })?;
        let (inviter, ticket) = (open.card.account, invitation.ticket);
        if inviter == own {
            return Err(ApiError::invalid("This is your own invitation."));
        }
        if self.relation(&inviter) == crate::people::BLOCKED {
            return Err(ApiError::new(
                ErrorCode::Refused,
                "You blocked the person who invites: unblock them first.",
            ));
        }
        if let Some(id) = ticket.conversation
            && self.rooms.get(&id).is_some_and(|room| room.chat.is_member(&own))
        {
            self.accept_room(id).map_err(|e| self.fail_command(e))?;
            return Ok(Some(self.let_in(Some(id))?));
        }
        let again = self.joins.0.contains_key(&*ticket.nonce);
        if !again && self.joins.0.len() >= JOINS {
            return Err(ApiError::new(
                ErrorCode::TooLarge,
                "Too many invitations wait for their inviters.",
            ));
        }
        let addresses = open.card.addresses.clone();
        let devices: Vec<_> = open.certificates.iter().map(|c| c.device).collect();
        let record = JoinRecord { inviter, ticket };
        let mut batch = Batch::new();
        let key = self.store.tag("join", &*ticket.nonce);
        disk::put(&mut batch, Table::Joins, &key, &record);
        let done = self
            .commit(batch)
            .and_then(|()| self.learn_card(open, invitation.card))
            .and_then(|()| self.set_relation(inviter, CONTACT))
            .and_then(|()| self.learn_manual(addresses));
        done.map_err(|e| self.fail_command(e))?;
        let waiting = Waiting { record, call: Some(call) };
        if let Some(call) = self.joins.0.insert(*ticket.nonce, waiting).and_then(|w| w.call) {
            self.reply(call, Ok(Reply::InviteAccept(Box::new(MaybeConversation(None)))));
        }
        self.timers.retain(|(_, timer)| *timer != Timer::Join(*ticket.nonce));
        self.after(ANSWER_MS, Timer::Join(*ticket.nonce));
        self.want_account(&inviter);
        for device in devices {
            self.ask_in(device);
        }
        Ok(None)
    }

    /// Learns addresses that a link brought.
    pub(crate) fn learn_manual(
        &mut self,
        addresses: Vec<DeviceAddresses>,
    ) -> Result<(), StoreError> {
        for entry in addresses {
            self.learn_addresses(entry.device, entry.addresses.clone())?;
            self.devices.entry(entry.device).or_default().via.insert(Via::Manual);
            if self.wanted.contains(&entry.device) && !self.sessions.contains_key(&entry.device) {
                self.want(entry.device, entry.addresses);
            }
        }
        Ok(())
    }

    /// Shows a connected device the tickets that its account gave.
    pub(crate) fn ask_in(&mut self, device: DeviceId) {
        let Some(account) = self.session_account(&device) else { return };
        let tickets: Vec<_> = self.joins.0.values().map(|waiting| waiting.record).collect();
        for record in tickets.into_iter().filter(|record| record.inviter == account) {
            self.send(device, Join { ticket: record.ticket });
        }
    }

    /// Nobody let us in yet: whoever waits hears that it comes later.
    pub(crate) fn join_waits(&mut self, nonce: [u8; 16]) {
        let call = self.joins.0.get_mut(&nonce).and_then(|waiting| waiting.call.take());
        if let Some(call) = call {
            self.reply(call, Ok(Reply::InviteAccept(Box::new(MaybeConversation(None)))));
        }
    }

    /// Somebody comes with a ticket.
    pub(crate) fn join_frame(
        &mut self,
        device: DeviceId,
        account: AccountId,
        join: Join,
    ) -> Result<(), StoreError> {
        let ticket = join.ticket;
        let Some(profile) = &self.profile else { return Ok(()) };
        let ours = ticket.is_by(profile.identity.account_key());
        let blocked = self.relation(&account) == crate::people::BLOCKED;
        let answer = if !ours {
            self.mischief(device);
            NOT_OURS
        } else if self.is_revoked() || blocked || Some(account) == self.own_account() {
            NOT_ALLOWED
        } else if ticket.expires_ms < self.now.wall_ms {
            EXPIRED
        } else {
            self.admit_guest(account, ticket.conversation)?
        };
        self.send(device, Joined { nonce: ticket.nonce, answer });
        Ok(())
    }

    fn admit_guest(
        &mut self,
        account: AccountId,
        conversation: Option<ConversationId>,
    ) -> Result<u8, StoreError> {
        let Some(id) = conversation else {
            self.set_relation(account, CONTACT)?;
            return Ok(WELCOME);
        };
        let Some(room) = self.rooms.get(&id) else { return Ok(NOT_OURS) };
        if !room.chat.is_member(&account) {
            let added = self.change(&id.to_string(), Change::Add(vec![account]));
            if added.is_err() {
                return Ok(NOT_ALLOWED);
            }
        }
        if self.relation(&account) != CONTACT {
            self.set_relation(account, CONTACT)?;
        }
        self.want_account(&account);
        self.offer_to_account(id, &account);
        Ok(WELCOME)
    }

    /// The inviter's answer.
    pub(crate) fn joined_frame(
        &mut self,
        account: AccountId,
        joined: Joined,
    ) -> Result<(), StoreError> {
        let Some(waiting) = self.joins.0.get(&*joined.nonce) else { return Ok(()) };
        let (record, call) = (waiting.record, waiting.call);
        if record.inviter != account {
            self.uninvited();
            return Ok(());
        }
        let Some(refusal) = refusal(joined.answer, &self.name_of(&account)) else {
            if record.ticket.conversation.is_none() {
                self.forget_join(&joined.nonce)?;
                let reply = self.let_in(None);
                if let Some(call) = call {
                    self.reply(call, reply);
                }
            }
            // The group itself comes by sync; `joins_done` notices.
            return Ok(());
        };
        self.forget_join(&joined.nonce)?;
        match call {
            Some(call) => self.reply(call, Err(refusal)),
            None => self.emit(EventBody::Warning {
                code: "invitation_refused".into(),
                message: refusal.message,
                conversation: record.ticket.conversation.map(|id| id.to_string()),
            }),
        }
        Ok(())
    }

    /// Whether the groups that were waited for are here.
    pub(crate) fn joins_done(&mut self, id: &ConversationId) -> Result<(), StoreError> {
        if self.joins.0.is_empty() {
            return Ok(());
        }
        let Some(own) = self.own_account() else { return Ok(()) };
        let is_in = self.rooms.get(id).is_some_and(|room| room.chat.is_member(&own));
        let waiting = self.joins.0.iter().find(|(_, w)| w.record.ticket.conversation == Some(*id));
        let Some((nonce, call)) = waiting.map(|(nonce, w)| (*nonce, w.call)) else {
            return Ok(());
        };
        if is_in {
            self.forget_join(&nonce)?;
            self.accept_room(*id)?;
            let reply = self.let_in(Some(*id));
            if let Some(call) = call {
                self.reply(call, reply);
            }
        }
        Ok(())
    }

    fn let_in(&mut self, id: Option<ConversationId>) -> Answer {
        let conversation = match id {
            Some(id) => Some(*self.view_or_missing(&id)?),
            None => None,
        };
        Ok(Reply::InviteAccept(Box::new(MaybeConversation(conversation))))
    }

    fn forget_join(&mut self, nonce: &[u8; 16]) -> Result<(), StoreError> {
        self.joins.0.remove(nonce);
        self.timers.retain(|(_, timer)| *timer != Timer::Join(*nonce));
        let mut batch = Batch::new();
        batch.delete(Table::Joins, self.store.tag("join", nonce).to_vec());
        self.commit(batch)
    }
}

/// Why one is not let in; `None` when one is.
fn refusal(answer: u8, inviter: &str) -> Option<ApiError> {
    let message = match answer {
        WELCOME => return None,
        EXPIRED => format!("This invitation is no longer valid: ask {inviter} for a new one."),
        NOT_ALLOWED => format!("{inviter} can no longer let anybody in: ask another admin."),
        _ => format!("{inviter} does not know this invitation: ask for it again."),
    };
    Some(ApiError::new(ErrorCode::Refused, message))
}
