//! How files come to be known, by the messages that bring them, and forgotten with them.

use anser_api::model::TransferState;
use anser_proto::{
    AccountId, Content, ConversationId, DeviceId, Event, EventId, FileId, Kind, Position,
};
use anser_store::{Batch, Order, Store, StoreError, Table};
use std::collections::{BTreeMap, BTreeSet};

use super::io::FileOrder;
use super::records::{self, FilePlace, GONE, HERE, PlaceEntry};
use crate::disk;
use crate::node::Node;
use crate::people::BLOCKED;
use crate::records::{PlaceRecord, after};

/// Most files that are fetched or wait for it without anybody having asked.
const BY_THEMSELVES: usize = 4_096;
/// Most messages with files that are looked at when a conversation is accepted.
const ACCEPTED_MESSAGES: usize = 1_024;

/// Notes in `batch` which files a message brings. One that was taken back before it came brings
/// none. Whether it brings any.
pub(crate) fn index<S: Store>(
    store: &S,
    batch: &mut Batch,
    event: &Event,
    (account, content): (AccountId, Option<&Content>),
    (conversation, device): (u32, u32),
) -> Result<bool, StoreError> {
    let files = content.map(Content::files).unwrap_or_default();
    if event.kind() != Kind::Message || files.is_empty() {
        return Ok(false);
    }
    let said = disk::references(store, &event.conversation, &event.id)?;
    if said.iter().any(|(_, s)| Kind::from(s.kind) == Kind::Delete && s.account == account) {
        return Ok(false);
    }
    for file in files {
        let entry = PlaceEntry { seq: event.header.seq, size_bytes: file.size_bytes };
        let lamport = event.header.lamport;
        let place = FilePlace { conversation, lamport, device, entry };
        records::put_place(store, batch, &file.file, &place);
    }
    Ok(true)
}

impl<S: Store> Node<S> {
    /// A message that brings files was taken in: small ones are fetched by themselves.
    pub(crate) fn files_arrived(
        &mut self,
        id: ConversationId,
        event: &Event,
        content: &Content,
    ) -> Result<(), StoreError> {
        let device = event.header.device;
        let Some(room) = self.rooms.get(&id) else { return Ok(()) };
        let Some(author) = room.chat.log(&device).map(|log| log.account) else { return Ok(()) };
        let welcome = room.record.accepted
            && device != self.device()
            && room.chat.shows(&event.position(), Kind::Message)
            && self.relation(&author) != BLOCKED;
        for file in content.files() {
            if self.files.fetches.contains_key(&file.file) {
                self.refresh_fetch(&file.file)?;
                continue;
            }
            let small = file.size_bytes <= self.settings.fetch_limit_bytes
                && self.settings.fetch_limit_bytes > 0;
            if !welcome || !small || self.files.fetches.len() >= BY_THEMSELVES {
                continue;
            }
            let known = records::record(&self.store, &file.file)?.map(|record| record.state);
            if !matches!(known, Some(HERE | GONE)) {
                self.start_fetch(file, event.id, id, false)?;
            }
        }
        Ok(())
    }

    /// A conversation was accepted: what its messages bring may be fetched now.
    pub(crate) fn files_accepted(&mut self, id: ConversationId) -> Result<(), StoreError> {
        let Some(room) = self.rooms.get(&id) else { return Ok(()) };
        let number = room.number;
        let prefix = records::prefix_of_conversation(number);
        let upper = after(&prefix);
        let lines = self.store.scan(
            Table::FilePlaces,
            &prefix,
            upper.as_deref(),
            Order::Descending,
            ACCEPTED_MESSAGES,
        )?;
        for (key, bytes) in lines {
            let Some((_, device)) = records::place_in_conversation(&key) else { continue };
            let seq = anser_proto::codec::decode(&bytes).map_err(disk::damaged)?;
            let place = PlaceRecord { conversation: number, device, seq };
            if let Some((event, content)) = self.message_at(place)? {
                self.files_arrived(id, &event, &content)?;
            }
        }
        Ok(())
    }

    /// The message at a place, with its content.
    pub(crate) fn message_at(
        &self,
        place: PlaceRecord,
    ) -> Result<Option<(Event, Content)>, StoreError> {
        let PlaceRecord { conversation, device, seq } = place;
        let stored = disk::event(&self.store, conversation, device, seq)?;
        let Some(event) = stored.and_then(|stored| Event::reopen(stored.wire).ok()) else {
            return Ok(None);
        };
        let content = event.body().and_then(|body| Content::decode(event.kind(), body).ok());
        Ok(content.filter(|_| event.kind() == Kind::Message).map(|content| (event, content)))
    }

    /// Removes from the index, in `batch`, what a message brings that is taken back; gives the files,
    /// to be released once the batch is written.
    pub(crate) fn unindex_files(
        &self,
        batch: &mut Batch,
        place: PlaceRecord,
    ) -> Result<Vec<FileId>, StoreError> {
        let Some((event, content)) = self.message_at(place)? else { return Ok(vec![]) };
        let at = (place.conversation, event.header.lamport, place.device);
        let files: Vec<_> = content.files().iter().map(|file| file.file).collect();
        for file in &files {
            records::delete_place(&self.store, batch, file, at);
        }
        Ok(files)
    }

    /// Removes files from this device that no message brings any more.
    pub(crate) fn release_files(&mut self, files: Vec<FileId>) -> Result<(), StoreError> {
        for file in files {
            let places = records::places(&self.store, &file)?;
            if !places.is_empty() {
                self.refresh_fetch(&file)?;
                continue;
            }
            if self.files.kept.contains(&file) {
                continue;
            }
            self.drop_file(&file)?;
        }
        Ok(())
    }

    /// Removes a file from this device, ending what is under way with it.
    pub(crate) fn drop_file(&mut self, file: &FileId) -> Result<(), StoreError> {
        let Some(record) = records::record(&self.store, file)? else { return Ok(()) };
        let mut batch = Batch::new();
        batch.delete(Table::Files, records::file_key(&self.store, file).to_vec());
        self.commit(batch)?;
        match self.files.fetches.remove(file) {
            Some(fetch) => {
                self.files.active.remove(file);
                self.files.stir = true;
                self.order(FileOrder::Cancel { job: fetch.transfer });
                let ended = record.saves.unwrap_or_default().into_iter().map(|save| save.transfer);
                for number in ended.chain([fetch.transfer]) {
                    self.change_transfer(number, |t| t.state = TransferState::Cancelled);
                }
            }
            None if record.state == HERE => self.order(FileOrder::Remove { name: *record.rest }),
            None => {}
        }
        Ok(())
    }

    /// Which messages that count bring a file: their conversations, and who wrote them.
    pub(crate) fn rooms_of_file(
        &self,
        file: &FileId,
    ) -> Result<BTreeMap<ConversationId, BTreeSet<AccountId>>, StoreError> {
        let mut rooms: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for place in records::places(&self.store, file)? {
            if let Some((id, author)) = self.author_at(&place) {
                rooms.entry(id).or_default().insert(author);
            }
        }
        Ok(rooms)
    }

    /// Who wrote the message at a place, and where, if it counts.
    pub(crate) fn author_at(&self, place: &FilePlace) -> Option<(ConversationId, AccountId)> {
        let room = self.room_by_number(place.conversation)?;
        let device = self.device_by_number(place.device)?;
        let at = Position { lamport: place.lamport, device, seq: place.entry.seq };
        let author = room.chat.log(&device)?.account;
        room.chat.shows(&at, Kind::Message).then_some((room.record.id, author))
    }

    pub(crate) fn device_by_number(&self, number: u32) -> Option<DeviceId> {
        self.numbers.by_number.get(usize::try_from(number).ok()?).copied()
    }

    /// Which of a message's files a command means: the one it names, else the first.
    pub(crate) fn file_of_message(
        &self,
        message: &EventId,
        file: Option<&str>,
    ) -> Result<Option<(ConversationId, anser_proto::FileRef)>, StoreError> {
        let Some(place) = disk::place(&self.store, message)? else { return Ok(None) };
        let Some((event, content)) = self.message_at(place)? else { return Ok(None) };
        let mut files = content.files().iter();
        let found = match file {
            None => files.next(),
            Some(named) => files.find(|f| f.file.to_string() == named),
        };
        Ok(found.map(|found| (event.conversation, found.clone())))
    }
}
