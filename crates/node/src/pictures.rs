//! Pictures of people and groups: taken from the person, kept, asked for, given.
//!
//! A picture is a small PNG, JPEG or WebP, known by the BLAKE3 of its bytes. Those of contacts, of
//! members of shared conversations and of groups are asked for; strangers' are not. Whatever comes is
//! checked as one's own is: format, size in bytes and in pixels.

use anser_api::model::Picture as PictureView;
use anser_api::params::PictureGet;
use anser_api::{ApiError, ErrorCode, EventBody, Reply};
use anser_proto::frame::{Picture, PictureWant};
use anser_proto::{AccountId, ConversationId, DeviceId, PictureId, limits};
use anser_store::{Batch, Store, StoreError, Table};
use data_encoding::BASE64;
use imagesize::ImageType;

use crate::node::{Answer, Node};
use crate::people::BLOCKED;

/// Most pixels of a side: a small file may hold a picture that fills memory.
const SIDE_PIXELS: usize = 1_024;

/// The media type of bytes that are a picture as this program takes them.
fn media_type(bytes: &[u8]) -> Option<&'static str> {
    if bytes.len() > limits::PICTURE_BYTES {
        return None;
    }
    let media_type = match imagesize::image_type(bytes).ok()? {
        ImageType::Png => "image/png",
        ImageType::Jpeg => "image/jpeg",
        ImageType::Webp => "image/webp",
        _ => return None,
    };
    let size = imagesize::blob_size(bytes).ok()?;
    let fits = |side: usize| (1..=SIDE_PIXELS).contains(&side);
    (fits(size.width) && fits(size.height)).then_some(media_type)
}

/// The bytes in a parameter; `None` takes the picture away.
pub(crate) fn given(base64: &str) -> Result<Option<Vec<u8>>, ApiError> {
    if base64.is_empty() {
        return Ok(None);
    }
    let too_large = || ApiError::new(ErrorCode::TooLarge, "A picture is at most 64 KiB.");
    if base64.len() > limits::PICTURE_BYTES.saturating_mul(2) {
        return Err(too_large());
    }
    let bytes = BASE64
        .decode(base64.as_bytes())
        .map_err(|_| ApiError::invalid("A picture is given in base64."))?;
    if bytes.len() > limits::PICTURE_BYTES {
        return Err(too_large());
    }
    if media_type(&bytes).is_none() {
        return Err(ApiError::invalid(
            "A picture is a PNG, JPEG or WebP of at most 1,024 pixels a side.",
        ));
    }
    Ok(Some(bytes))
}

impl<S: Store> Node<S> {
    fn picture(&self, id: &PictureId) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.get(Table::Pictures, &self.store.tag("picture", &id.0))
    }

    /// Puts a picture on disk; its id.
    pub(crate) fn keep_picture(&mut self, bytes: &[u8]) -> Result<PictureId, StoreError> {
        let id = PictureId(*blake3::hash(bytes).as_bytes());
        let key = self.store.tag("picture", &id.0).to_vec();
        let mut batch = Batch::new();
        batch.put(Table::Pictures, key, bytes.to_vec());
        self.commit(batch)?;
        Ok(id)
    }

    pub(crate) fn picture_get(&mut self, params: &PictureGet) -> Answer {
        let missing = || ApiError::not_found("picture here yet");
        let id: PictureId = params.picture.parse().map_err(|_| missing())?;
        let bytes = self.picture(&id).map_err(|e| self.fail_command(e))?.ok_or_else(missing)?;
        let media_type = media_type(&bytes).unwrap_or("application/octet-stream");
        Ok(Reply::PictureGet(Box::new(PictureView {
            picture: id.to_string(),
            media_type: media_type.to_owned(),
            data: BASE64.encode(&bytes),
        })))
    }

    /// Pictures worth having that a device of `account` may give: its person's and those of the
    /// groups it is in; one's own devices have them all.
    fn pictures_with(&self, account: &AccountId) -> Vec<PictureId> {
        let own = Some(*account) == self.own_account();
        let mut wanted: Vec<PictureId> = Vec::new();
        let people = self.directory.accounts().filter(|person| own || *person == account);
        for person in people.filter(|person| self.is_wanted(person)) {
            let hash = self.directory.card(person).and_then(|card| card.avatar);
            wanted.extend(hash.map(|hash| PictureId(*hash)));
        }
        if own {
            wanted.extend(self.profile.as_ref().and_then(|profile| profile.about.avatar));
        }
        let rooms = self.rooms.values().filter(|room| room.record.accepted);
        for room in rooms.filter(|room| room.chat.is_member(account)) {
            wanted.extend(room.chat.membership().avatar.map(PictureId));
        }
        wanted.sort_unstable();
        wanted.dedup();
        wanted
    }

    /// Asks a connected device for what pictures it may have and we lack.
    pub(crate) fn want_pictures(&mut self, device: DeviceId) -> Result<(), StoreError> {
        let Some(account) = self.session_account(&device) else { return Ok(()) };
        for picture in self.pictures_with(&account) {
            if self.picture(&picture)?.is_none() {
                self.send(device, PictureWant { picture });
            }
        }
        Ok(())
    }

    /// The picture of a group may have changed: asks who is connected.
    pub(crate) fn want_group_picture(&mut self, id: &ConversationId) -> Result<(), StoreError> {
        let Some(room) = self.rooms.get(id) else { return Ok(()) };
        let Some(picture) = room.chat.membership().avatar.map(PictureId) else { return Ok(()) };
        if !room.record.accepted || self.picture(&picture)?.is_some() {
            return Ok(());
        }
        let members: Vec<_> = self
            .sessions
            .iter()
            .filter(|(_, s)| s.account.is_some_and(|account| room.chat.is_member(&account)))
            .map(|(device, _)| *device)
            .collect();
        for device in members {
            self.send(device, PictureWant { picture });
        }
        Ok(())
    }

    pub(crate) fn picture_wanted(
        &mut self,
        device: DeviceId,
        account: AccountId,
        want: PictureWant,
    ) -> Result<(), StoreError> {
        let own = self.own_account();
        let is_ours = self.profile.as_ref().is_some_and(|p| p.about.avatar == Some(want.picture));
        let of_group = || {
            self.rooms.values().any(|room| {
                room.chat.is_member(&account)
                    && room.chat.membership().avatar == Some(want.picture.0)
            })
        };
        let allowed =
            Some(account) == own || (self.relation(&account) != BLOCKED && is_ours) || of_group();
        if !allowed {
            self.uninvited();
            return Ok(());
        }
        if let Some(bytes) = self.picture(&want.picture)? {
            self.send(device, Picture { bytes: bytes.into() });
        }
        Ok(())
    }

    pub(crate) fn picture_came(
        &mut self,
        device: DeviceId,
        account: AccountId,
        picture: &Picture,
    ) -> Result<(), StoreError> {
        let id = PictureId(*blake3::hash(&picture.bytes).as_bytes());
        if !self.pictures_with(&account).contains(&id) {
            self.uninvited();
            return Ok(());
        }
        if media_type(&picture.bytes).is_none() {
            self.mischief(device);
            return Ok(());
        }
        if self.picture(&id)?.is_none() {
            self.keep_picture(&picture.bytes)?;
            self.emit(EventBody::PictureAdded { picture: id.to_string() });
        }
        Ok(())
    }

    /// Drops pictures that nobody shows any more.
    pub(crate) fn sweep_pictures(&mut self) -> Result<(), StoreError> {
        let mut shown: Vec<[u8; 32]> = self
            .directory
            .accounts()
            .filter_map(|account| self.directory.card(account)?.avatar.map(|hash| *hash))
            .collect();
        shown.extend(self.rooms.values().filter_map(|room| room.chat.membership().avatar));
        shown.extend(self.profile.as_ref().and_then(|p| p.about.avatar).map(|id| id.0));
        let keys: std::collections::BTreeSet<Vec<u8>> =
            shown.iter().map(|id| self.store.tag("picture", id).to_vec()).collect();
        let mut batch = Batch::new();
        let order = anser_store::Order::Ascending;
        for (key, _) in self.store.scan(Table::Pictures, &[], None, order, 65_536)? {
            if !keys.contains(&key) {
                batch.delete(Table::Pictures, key);
            }
        }
        self.commit(batch)
    }
}
