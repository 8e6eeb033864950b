//! Files: which messages bring them, who may have them, fetching and serving them, taking them in
//! and writing them out.
//!
//! Owns the list of transfers and the fetches. Must always hold: a part is checked against the file's
//! id before it is written or counted; a file is "here" only once it is durable and checked whole;
//! only members of an accepted conversation in which a message that counts brings a file may ask for
//! it; what nothing refers to is removed; what waits for the disk is bounded. Nothing here touches a
//! disk: [`io::FileOrder`] says what is to be done there, [`io::FileAnswer`] what became of it.
//!
//! Reading order: `io.rs` and `records.rs`, `fetch.rs` (from others), `serve.rs` (to others),
//! `intake.rs` (how files come to be known and forgotten), `commands.rs`.

mod answers;
mod commands;
mod fetch;
mod intake;
pub(crate) mod io;
mod records;
mod serve;
mod transfers;

use std::collections::{BTreeMap, BTreeSet};

use anser_api::EventBody;
use anser_api::model::{Attachment, FileState};
use anser_files::{media, name};
use anser_proto::{Content, DeviceId, Event, FileId, FileRef};
use anser_store::{Batch, Store, StoreError, Table};

pub(crate) use intake::index;

use crate::disk;
use crate::io::Output;
use crate::node::{Node, Timer};
use fetch::Fetch;
use io::{FileOrder, Rest};
use records::{FETCHING, FileRecord, GONE, HERE};
use transfers::{Transfer, transfer_text};

/// Most messages that are told anew when the state of their file changes.
const TOLD_MESSAGES: usize = 16;

/// What a node keeps of files while it runs.
#[derive(Default)]
pub(crate) struct Files {
    pub(crate) transfers: BTreeMap<u64, Transfer>,
    pub(crate) fetches: BTreeMap<FileId, Fetch>,
    /// Files taken in since the start: they stay although no message brings them yet.
    kept: BTreeSet<FileId>,
    /// Parts that are being read, by the device that asked.
    serving: BTreeMap<DeviceId, usize>,
    /// Ids of `file.read` commands that are not answered yet.
    reads: BTreeSet<u64>,
    next_order: u64,
    /// Fetches that do not just wait.
    active: BTreeSet<FileId>,
    /// When the first of those is due that wait after something went wrong.
    retry_due: Option<u64>,
    /// Whether something changed that may let any fetch go on.
    stir: bool,
    /// Fetches to which something happened.
    touched: BTreeSet<FileId>,
    /// Transfers whose progress is told later: (when, which).
    untold: BTreeSet<(u64, u64)>,
    timer_ms: Option<u64>,
}

impl<S: Store> Node<S> {
    /// Goes on with fetches after something happened, and notes when to look again.
    pub(crate) fn settle_files(&mut self) {
        if std::mem::take(&mut self.files.stir) {
            self.files.touched.clear();
            self.pump_fetches();
        }
        for file in std::mem::take(&mut self.files.touched) {
            self.pump_fetch(&file);
        }
        let due = [self.fetches_due(), self.progress_due()].into_iter().flatten().min();
        if due != self.files.timer_ms {
            if let Some(before) = self.files.timer_ms {
                self.timers.remove(&(before, Timer::Files));
            }
            self.timers.extend(due.map(|at_ms| (at_ms, Timer::Files)));
            self.files.timer_ms = due;
        }
    }

    /// The time has come that [`Node::settle_files`] noted.
    pub(crate) fn files_due(&mut self) {
        self.files.timer_ms = None;
        self.files.stir = true;
        self.tell_progress();
        self.forget_transfers();
    }

    fn order(&mut self, order: FileOrder) {
        self.outputs.push_back(Output::File(order));
    }

    /// A new place for a file, under a new key.
    fn new_rest(&mut self) -> Rest {
        let name = self.random.bytes().first_chunk().copied().unwrap_or_default();
        Rest { name, key: self.random.bytes().into() }
    }

    /// Reads from the store what was under way, and has everything removed from disk that nothing
    /// refers to.
    pub(crate) fn load_files(&mut self) -> Result<(), StoreError> {
        let (mut names, mut batch) = (Vec::new(), Batch::new());
        for (key, record) in disk::all::<_, FileRecord>(&self.store, Table::Files, &[])? {
            if records::places(&self.store, &record.file)?.is_empty() {
                batch.delete(Table::Files, key);
                continue;
            }
            if record.state != GONE {
                names.push(*record.rest);
            }
            if record.state == FETCHING {
                self.resume_fetch(record)?;
            }
        }
        self.commit(batch)?;
        self.order(FileOrder::Keep { names });
        Ok(())
    }

    /// The files of a message as shown.
    pub(crate) fn attachments_view(
        &self,
        content: &Content,
    ) -> Result<Vec<Attachment>, StoreError> {
        content.files().iter().map(|file| self.attachment_view(file)).collect()
    }

    fn attachment_view(&self, given: &FileRef) -> Result<Attachment, StoreError> {
        let record = records::record(&self.store, &given.file)?;
        let (mut size_bytes, mut received_bytes, mut transfer) = (given.size_bytes, 0, None);
        let state = match record.as_ref().map(|record| record.state) {
            Some(HERE) => {
                size_bytes = record.map_or(size_bytes, |record| record.size_bytes);
                received_bytes = size_bytes;
                FileState::Here
            }
            Some(FETCHING) => {
                let number = self.files.fetches.get(&given.file).map(|fetch| fetch.transfer);
                let shown = number.and_then(|number| self.files.transfers.get(&number));
                received_bytes = shown.map_or(0, |shown| shown.done_bytes).min(size_bytes);
                transfer = number.map(transfer_text);
                FileState::Fetching
            }
            Some(GONE) => FileState::Gone,
            _ => FileState::Absent,
        };
        let name = name::safe(&given.name);
        let guessed = media::of(&name);
        Ok(Attachment {
            file: given.file.to_string(),
            media_type: given.media_type.clone().unwrap_or_else(|| guessed.into()),
            name,
            size_bytes,
            state,
            received_bytes,
            transfer,
        })
    }

    /// Tells of the messages that bring a file: it is here now, or no more.
    fn tell_file(&mut self, file: &FileId) -> Result<(), StoreError> {
        let places = records::places(&self.store, file)?;
        for place in places.into_iter().take(TOLD_MESSAGES) {
            let stored =
                disk::event(&self.store, place.conversation, place.device, place.entry.seq)?;
            let Some(event) = stored.and_then(|stored| Event::reopen(stored.wire).ok()) else {
                continue;
            };
            if let Some(message) = self.message_view(&event.id)? {
                self.emit(EventBody::MessageChanged { message: Box::new(message) });
            }
        }
        Ok(())
    }
}
