//! Giving files to others: who may ask, and how much at a time.
//!
//! Whoever may not have a file is told the same as if it were not here.

use anser_files::tree;
use anser_proto::frame::{FileLack, FilePart, FileWant};
use anser_proto::{AccountId, DeviceId, FileId};
use anser_store::{Batch, Store, StoreError, Table};

use super::io::FileOrder;
use super::records::{self, FilePlace, HERE};
use crate::node::Node;

/// Most parts that are read for one device at a time, and for all.
const PER_DEVICE: usize = 24;
const PARTS: usize = 512;

impl<S: Store> Node<S> {
    /// A device of `account` asks for parts.
    pub(crate) fn file_want(
        &mut self,
        device: DeviceId,
        account: AccountId,
        want: FileWant,
    ) -> Result<(), StoreError> {
        let file = want.file;
        let record = records::record(&self.store, &file)?.filter(|record| record.state == HERE);
        let Some(record) = record else {
            self.send(device, FileLack { file });
            return Ok(());
        };
        if !self.may_have(&account, &file)? {
            self.counters.refused_files = self.counters.refused_files.saturating_add(1);
            self.send(device, FileLack { file });
            return Ok(());
        }
        let count = tree::part_count(record.size_bytes);
        for part in want.parts {
            if part >= count {
                self.counters.bad_frames = self.counters.bad_frames.saturating_add(1);
                self.mischief(device);
                return Ok(());
            }
            let all: usize = self.files.serving.values().sum();
            let own = self.files.serving.entry(device).or_default();
            if *own >= PER_DEVICE || all >= PARTS {
                // It asks again when the answer does not come.
                self.counters.unserved_parts = self.counters.unserved_parts.saturating_add(1);
                continue;
            }
            *own = own.saturating_add(1);
            self.order(FileOrder::Part { to: device, resting: record.resting(), part });
        }
        Ok(())
    }

    /// Whether an account may have a file: it is a member of an accepted conversation in which a
    /// message that counts, and that it may read, brings it.
    fn may_have(&self, account: &AccountId, file: &FileId) -> Result<bool, StoreError> {
        let places = records::places(&self.store, file)?;
        Ok(places.iter().any(|place| self.is_open_to(account, place)))
    }

    fn is_open_to(&self, account: &AccountId, place: &FilePlace) -> bool {
        let Some((id, _)) = self.author_at(place) else { return false };
        let Some(room) = self.rooms.get(&id) else { return false };
        let (from, until) = room.chat.window(account).unwrap_or((u64::MAX, 0));
        room.record.accepted
            && room.chat.is_member(account)
            && self.may_talk(&id, account)
            && (from..=until).contains(&place.lamport)
    }

    /// A part was read: it goes to who asked.
    pub(crate) fn part_read(&mut self, to: DeviceId, part: FilePart) {
        self.served(&to);
        self.send(to, part);
    }

    fn served(&mut self, to: &DeviceId) {
        if let Some(own) = self.files.serving.get_mut(to) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                self.files.serving.remove(to);
            }
        }
    }

    /// A file that was to be here is not: it counts as absent, and can be fetched again.
    pub(crate) fn part_lost(&mut self, to: DeviceId, file: FileId) -> Result<(), StoreError> {
        self.part_unread(to, file);
        self.lose_file(&file)
    }

    /// A part cannot be read: whoever asked looks elsewhere for a while.
    pub(crate) fn part_unread(&mut self, to: DeviceId, file: FileId) {
        self.served(&to);
        self.send(to, FileLack { file });
    }

    /// The content of a file is damaged or was taken away from outside.
    pub(crate) fn lose_file(&mut self, file: &FileId) -> Result<(), StoreError> {
        let record = records::record(&self.store, file)?.filter(|record| record.state == HERE);
        let Some(record) = record else { return Ok(()) };
        self.counters.lost_files = self.counters.lost_files.saturating_add(1);
        let mut batch = Batch::new();
        batch.delete(Table::Files, records::file_key(&self.store, file).to_vec());
        self.commit(batch)?;
        self.files.kept.remove(file);
        self.order(FileOrder::Remove { name: *record.rest });
        self.tell_file(file)
    }
}
