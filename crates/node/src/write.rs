//! Making events of one's own.

use anser_api::{ApiError, ErrorCode};
use anser_proto::{ConversationId, Event, Kind};
use anser_store::Store;

use crate::node::Node;

impl<S: Store> Node<S> {
    /// Writes an event into a conversation: signs, stores, shows and sends it.
    pub(crate) fn write(
        &mut self,
        id: ConversationId,
        kind: Kind,
        body: Vec<u8>,
    ) -> Result<Event, ApiError> {
        let profile = self.profile.as_ref().ok_or_else(no_account)?;
        let device = profile.identity.device();
        let room = self.rooms.get(&id).ok_or_else(|| ApiError::not_found("conversation"))?;
        let certificate = profile.identity.certificate();
        let header = room.chat.next_header(device, certificate, self.now.wall_ms, kind);
        let event = Event::sign(profile.identity.device_key(), header, body)
            .map_err(|e| ApiError::new(ErrorCode::TooLarge, format!("This is too large: {e}.")))?;
        self.admit(id, &event)
            .and_then(|()| self.pump_all(id))
            .map_err(|error| self.fail_command(error))?;
        self.offer_unlinked(id);
        Ok(event)
    }

    /// Founds a group with a genesis; its id becomes the group's.
    pub(crate) fn write_genesis(&mut self, body: Vec<u8>) -> Result<ConversationId, ApiError> {
        let profile = self.profile.as_ref().ok_or_else(no_account)?;
        let identity = &profile.identity;
        let blank =
            anser_chat::Conversation::new(ConversationId([0; 32]), anser_chat::Shape::Group);
        let header = blank.next_header(
            identity.device(),
            identity.certificate(),
            self.now.wall_ms,
            Kind::Genesis,
        );
        let event = Event::sign(identity.device_key(), header, body)
            .map_err(|e| ApiError::new(ErrorCode::TooLarge, format!("This is too large: {e}.")))?;
        let id = event.conversation;
        self.begin(id, None, true)
            .and_then(|()| self.admit(id, &event))
            .map_err(|error| self.fail_command(error))?;
        Ok(id)
    }
}

pub(crate) fn no_account() -> ApiError {
    ApiError::new(ErrorCode::NoAccount, "There is no account yet: call account.create first.")
}
