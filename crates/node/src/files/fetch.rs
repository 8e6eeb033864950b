//! Fetching files from other members' devices.
//!
//! A few files are fetched at a time, in the order in which they were wanted; the others wait. A
//! fetch stands in the store from its beginning to its end, so it goes on after a restart with what
//! is on disk. Who is asked: connected devices of members of an accepted conversation in which a
//! message that counts brings the file, its author's and one's own first.

use std::collections::{BTreeMap, BTreeSet};

use anser_api::model::{TransferKind, TransferState};
use anser_files::{Download, Received, name, tree};
use anser_proto::frame::{FileLack, FilePart, FileWant};
use anser_proto::{AccountId, ConversationId, DeviceId, EventId, FileId, FileRef};
use anser_store::{Batch, Store, StoreError};

use super::io::{FileOrder, Resting};
use super::records::{self, FETCHING, FileRecord};
use super::transfers::{Task, Transfer};
use crate::node::Node;

/// Most files fetched at the same time.
const ACTIVE: usize = 4;
/// Most parts under way from one device, over all files.
const PER_DEVICE: usize = 16;

/// A file on its way here.
pub(crate) struct Fetch {
    pub(crate) transfer: u64,
    order: u64,
    pub(crate) resting: Resting,
    /// Where messages bring it, and who wrote them.
    rooms: BTreeMap<ConversationId, BTreeSet<AccountId>>,
    pub(crate) stage: Stage,
    /// Not before this, after something went wrong here.
    pub(crate) retry_ms: Option<u64>,
}

/// How far a fetch is.
pub(crate) enum Stage {
    /// It waits for its turn, or for somebody who has it.
    Waiting,
    /// It is being looked up what is here of it.
    Opening,
    /// Parts come.
    Running(Box<Download>),
    /// All parts are here; the whole is being checked.
    Finishing,
}

/// What a transfer waits for, as word and sentence.
type Reason = Option<(&'static str, &'static str)>;

const OFFLINE: Reason =
    Some(("offline", "No device that may have this file is connected: it comes when one is."));
const NOBODY: Reason = Some((
    "nobody_has_it",
    "None of the connected devices has this file whole: they are asked again from time to time.",
));

impl<S: Store> Node<S> {
    /// Begins to fetch a file, or finds the fetch that goes on; gives its transfer.
    pub(crate) fn start_fetch(
        &mut self,
        given: &FileRef,
        message: EventId,
        conversation: ConversationId,
        asked: bool,
    ) -> Result<u64, StoreError> {
        if let Some(fetch) = self.files.fetches.get(&given.file) {
            if fetch.resting.size_bytes == given.size_bytes || !asked {
                return Ok(fetch.transfer);
            }
            // One of the two messages lies about the size; the one that was chosen is believed.
            self.drop_file(&given.file)?;
        }
        let rest = self.new_rest();
        let name = name::safe(&given.name);
        let record = FileRecord {
            file: given.file,
            size_bytes: given.size_bytes,
            media_type: given.media_type.clone().unwrap_or_default(),
            name,
            rest: rest.name.into(),
            key: (*rest.key).into(),
            state: FETCHING,
            transfer: Some(self.random.number()),
            message: Some(message),
            conversation: Some(conversation),
            saves: None,
        };
        let mut batch = Batch::new();
        records::put_record(&self.store, &mut batch, &record);
        self.commit(batch)?;
        self.resume_fetch(record)
    }

    /// Puts a fetch that stands in the store into memory; gives its transfer.
    pub(crate) fn resume_fetch(&mut self, record: FileRecord) -> Result<u64, StoreError> {
        let number = record.transfer.unwrap_or_else(|| self.random.number());
        let rooms = self.rooms_of_file(&record.file)?;
        let resting = record.resting();
        for save in record.saves.iter().flatten() {
            let name = save.name.clone();
            let mut transfer = Transfer::new(TransferKind::Save, name, record.size_bytes);
            transfer.state = TransferState::Waiting;
            transfer.file = Some(record.file);
            transfer.message = Some(save.message);
            transfer.conversation = Some(save.conversation);
            transfer.path = Some(save.path.clone());
            transfer.task = Task::Save { overwrite: save.overwrite, alone: save.alone };
            self.put_transfer(save.transfer, transfer);
        }
        let mut transfer = Transfer::new(TransferKind::Fetch, record.name, record.size_bytes);
        transfer.state = TransferState::Waiting;
        transfer.file = Some(record.file);
        transfer.message = record.message;
        transfer.conversation = record.conversation;
        let order = self.files.next_order;
        self.files.next_order = order.saturating_add(1);
        let (transfer_number, stage, retry_ms) = (number, Stage::Waiting, None);
        let fetch = Fetch { transfer: transfer_number, order, resting, rooms, stage, retry_ms };
        self.files.fetches.insert(record.file, fetch);
        self.put_transfer(number, transfer);
        self.files.stir = true;
        Ok(number)
    }

    /// Other messages bring a file that is being fetched.
    pub(crate) fn refresh_fetch(&mut self, file: &FileId) -> Result<(), StoreError> {
        if self.files.fetches.contains_key(file) {
            let rooms = self.rooms_of_file(file)?;
            if let Some(fetch) = self.files.fetches.get_mut(file) {
                fetch.rooms = rooms;
            }
            self.files.stir = true;
        }
        Ok(())
    }

    /// The connected devices that may have a file, with their rank.
    fn sources(&self, fetch: &Fetch) -> Vec<(DeviceId, u8)> {
        let Some(own) = self.own_account() else { return Vec::new() };
        let may = |account: &AccountId| {
            let ranks = fetch.rooms.iter().filter_map(|(id, authors)| {
                let room = self.rooms.get(id).filter(|room| room.record.accepted)?;
                let among = room.chat.is_member(account) && room.chat.is_member(&own);
                let first = authors.contains(account) || *account == own;
                (among && self.may_talk(id, account)).then_some(u8::from(!first))
            });
            ranks.min()
        };
        self.sessions
            .iter()
            .filter_map(|(device, session)| Some((*device, may(&session.account?)?)))
            .filter(|(device, _)| *device != self.device())
            .collect()
    }

    /// Lets every fetch go on as far as it can.
    pub(crate) fn pump_fetches(&mut self) {
        let mut queue: Vec<_> = self.files.fetches.iter().map(|(f, s)| (s.order, *f)).collect();
        queue.sort_unstable();
        for (_, file) in queue {
            self.pump_fetch(&file);
        }
        let waiting = self.files.fetches.values();
        let waiting = waiting.filter(|fetch| matches!(fetch.stage, Stage::Waiting));
        self.files.retry_due = waiting.filter_map(|fetch| fetch.retry_ms).min();
    }

    /// Lets one fetch go on as far as it can.
    pub(crate) fn pump_fetch(&mut self, file: &FileId) {
        let Some(mut fetch) = self.files.fetches.remove(file) else { return };
        match fetch.stage {
            Stage::Waiting => self.pump_waiting(&mut fetch),
            Stage::Running(_) => self.pump_running(&mut fetch),
            Stage::Opening | Stage::Finishing => {}
        }
        if matches!(fetch.stage, Stage::Waiting) {
            self.files.active.remove(file);
        } else {
            self.files.active.insert(*file);
        }
        self.files.fetches.insert(*file, fetch);
    }

    fn pump_waiting(&mut self, fetch: &mut Fetch) {
        if fetch.retry_ms.is_some_and(|at_ms| self.now.mono_ms < at_ms) {
            return;
        }
        fetch.retry_ms = None;
        let reachable = fetch.resting.size_bytes == 0 || !self.sources(fetch).is_empty();
        if !reachable {
            self.show_fetch(fetch, TransferState::Waiting, OFFLINE);
        } else if self.files.active.len() >= ACTIVE {
            self.show_fetch(fetch, TransferState::Waiting, None);
        } else {
            fetch.stage = Stage::Opening;
            let resting = fetch.resting.clone();
            self.order(FileOrder::Fetch { job: fetch.transfer, resting });
        }
    }

    fn pump_running(&mut self, fetch: &mut Fetch) {
        let now_ms = self.now.mono_ms;
        let sources = self.sources(fetch);
        let under_way = self.under_way();
        let (file, job) = (fetch.resting.file, fetch.transfer);
        let Stage::Running(download) = &mut fetch.stage else { return };
        download.only(|device| sources.iter().any(|(source, _)| source == device));
        for (device, rank) in &sources {
            download.offer(*device, *rank);
        }
        if download.is_complete() {
            fetch.stage = Stage::Finishing;
            self.order(FileOrder::Finish { job });
            self.show_fetch(fetch, TransferState::Running, None);
            return;
        }
        let elsewhere = |device: &DeviceId| under_way.get(device).copied().unwrap_or(0);
        let own: BTreeMap<_, _> =
            sources.iter().map(|(d, _)| (*d, download.under_way(d))).collect();
        let wants = download.wants(now_ms, |device| {
            let here = own.get(device).copied().unwrap_or(0);
            PER_DEVICE.saturating_sub(elsewhere(device).saturating_add(here))
        });
        let busy = download.sources();
        let idle = busy == 0 && !download.has_providers(now_ms);
        for (device, parts) in wants {
            self.send(device, FileWant { file, parts });
        }
        let honest = |d: &DeviceId| match &fetch.stage {
            Stage::Running(download) => !download.is_liar(d),
            _ => false,
        };
        let reason = match idle {
            true if sources.iter().any(|(device, _)| honest(device)) => NOBODY,
            true => OFFLINE,
            false => None,
        };
        let sources = u32::try_from(busy).unwrap_or(u32::MAX);
        if let Some(transfer) = self.files.transfers.get_mut(&job) {
            transfer.sources = sources;
        }
        let state = if idle { TransferState::Waiting } else { TransferState::Running };
        self.show_fetch(fetch, state, reason);
        if idle && self.files.active.len() >= ACTIVE && self.files.fetches.len() >= ACTIVE {
            // Its place is for one that can go on; it is looked at again later, behind the others.
            fetch.stage = Stage::Waiting;
            fetch.retry_ms = Some(now_ms.saturating_add(RETRY_MS));
            fetch.order = self.files.next_order;
            self.files.next_order = fetch.order.saturating_add(1);
            self.files.stir = true;
            self.order(FileOrder::Pause { job });
        }
    }

    /// Parts under way from each device, over all fetches in the list.
    fn under_way(&self) -> BTreeMap<DeviceId, usize> {
        let mut sum: BTreeMap<_, usize> = BTreeMap::new();
        for file in &self.files.active {
            let Some(fetch) = self.files.fetches.get(file) else { continue };
            let Stage::Running(download) = &fetch.stage else { continue };
            for device in self.sessions.keys() {
                let parts = download.under_way(device);
                if parts > 0 {
                    let known = sum.entry(*device).or_default();
                    *known = known.saturating_add(parts);
                }
            }
        }
        sum
    }

    fn show_fetch(&mut self, fetch: &Fetch, state: TransferState, reason: Reason) {
        let number = fetch.transfer;
        let Some(transfer) = self.files.transfers.get(&number) else { return };
        let code = reason.map(|(code, _)| code);
        if (transfer.state, transfer.code) == (state, code) {
            return;
        }
        self.change_transfer(number, |transfer| {
            transfer.state = state;
            transfer.code = code;
            transfer.reason = reason.map(|(_, sentence)| sentence.to_owned());
        });
    }

    /// When a fetch is to be looked at again.
    pub(crate) fn fetches_due(&self) -> Option<u64> {
        let running = self.files.active.iter().filter_map(|file| self.files.fetches.get(file));
        let due = running.filter_map(|fetch| match &fetch.stage {
            Stage::Running(download) => download.deadline(),
            _ => None,
        });
        due.chain(self.files.retry_due).min()
    }

    /// The running fetch of a file.
    pub(crate) fn download(&mut self, file: &FileId) -> Option<(u64, &mut Download)> {
        let fetch = self.files.fetches.get_mut(file)?;
        match &mut fetch.stage {
            Stage::Running(download) => Some((fetch.transfer, download)),
            _ => None,
        }
    }

    /// A part came.
    pub(crate) fn file_part(&mut self, device: DeviceId, part: FilePart) {
        let now_ms = self.now.mono_ms;
        let proof: Vec<[u8; 32]> = part.proof.iter().map(|step| **step).collect();
        let received = self.download(&part.file).map(|(job, download)| {
            (job, download.part(&device, part.part, &part.data, &proof, now_ms))
        });
        match received {
            Some((job, Received::Write)) => {
                let data = part.data.into();
                self.order(FileOrder::Put { job, part: part.part, data });
            }
            Some((_, Received::Known)) => {}
            Some((_, Received::Wrong)) => {
                self.counters.wrong_parts = self.counters.wrong_parts.saturating_add(1);
            }
            Some((_, Received::Unasked)) | None => {
                self.counters.unasked_parts = self.counters.unasked_parts.saturating_add(1);
            }
        }
        self.files.touched.insert(part.file);
    }

    /// A device lacks a file.
    pub(crate) fn file_lack(&mut self, device: DeviceId, lack: FileLack) {
        let now_ms = self.now.mono_ms;
        if let Some((_, download)) = self.download(&lack.file) {
            download.lack(&device, now_ms);
            self.files.touched.insert(lack.file);
        }
    }

    /// A device said hello: it may have files.
    pub(crate) fn files_peer_came(&mut self, device: DeviceId) {
        self.files_peer_went(device);
    }

    /// Who is a member changed, and with it who may be asked.
    pub(crate) fn files_members_changed(&mut self) {
        self.files.stir |= !self.files.fetches.is_empty();
    }

    /// A device went, with all that was asked of it.
    pub(crate) fn files_peer_went(&mut self, device: DeviceId) {
        self.files.serving.remove(&device);
        let now_ms = self.now.mono_ms;
        for file in &self.files.active {
            let Some(fetch) = self.files.fetches.get_mut(file) else { continue };
            if let Stage::Running(download) = &mut fetch.stage {
                download.gone(&device);
                if !download.has_providers(now_ms) {
                    // Who lacked the file a while ago may have it now.
                    download.wake();
                }
            }
        }
        self.files.stir |= !self.files.fetches.is_empty();
    }

    /// Whether the content of a fetch needs nobody: it is empty, and is what its id says.
    pub(crate) fn is_impossible(given: &FileRef) -> bool {
        given.size_bytes == 0 && given.file != tree::id_of(&[])
    }
}

/// How long to wait after something went wrong here, or while nobody has a file.
pub(crate) const RETRY_MS: u64 = 60_000;
