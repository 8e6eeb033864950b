//! Commands on files.

use anser_api::model::{Files, SharedFile, TransferKind, TransferState};
use anser_api::params::{
    FileAdd, FileCancel, FileFetch, FileList, FileRead, FileSave, FileSend, FileWrite, MessageSend,
};
use anser_api::{ApiError, ErrorCode, Reply, model};
use anser_files::{media, name};
use anser_proto::{ConversationId, EventId, FileId, FileRef, limits};
use anser_store::{Batch, Order, Store, StoreError, Table};
use data_encoding::BASE64;

use super::io::FileOrder;
use super::records::{self, GONE, HERE, SaveRecord};
use super::transfers::{Given, SendPlan, TRANSFERS, Task, Transfer, transfer_of};
use crate::account::checked_limit;
use crate::disk;
use crate::node::{Answer, Node};
use crate::records::{PlaceRecord, after};
use crate::views::{position_of, position_text};
use crate::write::no_account;

/// Most bytes in one `file.write` or `file.read`.
const PIECE_BYTES: usize = 512 * 1024;
/// Most `file.read` commands that may wait for the disk.
const READS: usize = 64;
/// Most `file.write` commands of one transfer that may wait for the disk.
const WRITES: usize = 8;
/// Most saves that wait for one file.
const SAVES: usize = 8;
/// Longest path, in bytes.
const PATH_BYTES: usize = 4_096;

impl<S: Store> Node<S> {
    pub(crate) fn file_add(&mut self, params: FileAdd) -> Answer {
        self.own_account().ok_or_else(no_account)?;
        let number = match (params.path, params.name, params.size_bytes) {
            (Some(path), None, None) => self.take_path(path, None)?,
            (None, Some(given), Some(size_bytes)) => self.take_pieces(&given, size_bytes)?,
            _ => {
                return Err(ApiError::invalid(
                    "Give `path`, or `name` and `size_bytes` and then the content by file.write.",
                ));
            }
        };
        Ok(Reply::FileAdd(self.transfer_or_missing(number)?))
    }

    pub(crate) fn file_send(&mut self, params: FileSend) -> Answer {
        let conversation = self.writable_room(&params.conversation)?;
        if let Some(reply_to) = &params.reply_to {
            reply_to.parse::<EventId>().map_err(|_| ApiError::not_found("message to reply to"))?;
        }
        let plan = SendPlan {
            conversation: params.conversation,
            text: params.text.unwrap_or_default(),
            reply_to: params.reply_to,
        };
        let number = self.take_path(params.path, Some((conversation, plan)))?;
        Ok(Reply::FileSend(self.transfer_or_missing(number)?))
    }

    fn take_path(
        &mut self,
        path: String,
        send: Option<(ConversationId, SendPlan)>,
    ) -> Result<u64, ApiError> {
        self.check_room_for_transfer()?;
        let path = checked_path(path)?;
        let last = std::path::Path::new(&path).file_name().and_then(|name| name.to_str());
        let mut transfer =
            Transfer::new(TransferKind::Add, name::safe(last.unwrap_or_default()), 0);
        let (conversation, send) = send.unzip();
        transfer.conversation = conversation;
        let rest = self.new_rest();
        transfer.task = Task::Add { rest: rest.clone(), send, given: None };
        let job = self.begin_transfer(transfer);
        self.order(FileOrder::Take { job, rest, path });
        Ok(job)
    }

    fn take_pieces(&mut self, given: &str, size_bytes: u64) -> Result<u64, ApiError> {
        self.check_room_for_transfer()?;
        if size_bytes > limits::FILE_BYTES {
            return Err(too_large());
        }
        let mut transfer = Transfer::new(TransferKind::Add, name::safe(given), size_bytes);
        let rest = self.new_rest();
        transfer.task = Task::Add { rest: rest.clone(), send: None, given: Some(Given::default()) };
        let job = self.begin_transfer(transfer);
        self.order(FileOrder::Begin { job, rest, size_bytes });
        Ok(job)
    }

    /// Answered once the bytes are written; `None` then.
    pub(crate) fn file_write(&mut self, call: u64, params: &FileWrite) -> Option<Answer> {
        match self.append(call, params) {
            Ok(()) => None,
            Err(error) => Some(Err(error)),
        }
    }

    fn append(&mut self, call: u64, params: &FileWrite) -> Result<(), ApiError> {
        let job = transfer_of(&params.transfer).ok_or_else(|| ApiError::not_found("transfer"))?;
        let bytes = BASE64
            .decode(params.data.as_bytes())
            .map_err(|_| ApiError::invalid("`data` is base64 with padding (RFC 4648)."))?;
        if bytes.is_empty() || bytes.len() > PIECE_BYTES {
            return Err(ApiError::invalid("Give from 1 byte to 512 KiB a call."));
        }
        let transfer = self.files.transfers.get_mut(&job);
        let transfer = transfer.ok_or_else(|| ApiError::not_found("transfer"))?;
        let size_bytes = transfer.size_bytes;
        let Task::Add { given: Some(given), .. } = &mut transfer.task else {
            return Err(ApiError::invalid(
                "This transfer takes no content: it has ended, or was begun with a path.",
            ));
        };
        let sum = given.bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if sum > size_bytes {
            return Err(ApiError::invalid(format!(
                "This is more than the {size_bytes} bytes that were announced."
            )));
        }
        if given.calls.len() >= WRITES {
            return Err(rate_limited("Wait for the answers of earlier file.write calls."));
        }
        given.bytes = sum;
        given.calls.push_back(call);
        self.order(FileOrder::Append { job, bytes });
        Ok(())
    }

    /// Answered once the bytes are read; `None` then.
    pub(crate) fn file_read(&mut self, call: u64, params: &FileRead) -> Option<Answer> {
        match self.read_piece(call, params) {
            Ok(()) => None,
            Err(error) => Some(Err(error)),
        }
    }

    fn read_piece(&mut self, call: u64, params: &FileRead) -> Result<(), ApiError> {
        let file: FileId = params.file.parse().map_err(|_| not_here())?;
        let fits = usize::try_from(params.limit).is_ok_and(|n| (1..=PIECE_BYTES).contains(&n));
        if !fits {
            return Err(ApiError::invalid("A limit is from 1 to 524,288 bytes."));
        }
        let record = records::record(&self.store, &file).map_err(|e| self.fail_command(e))?;
        let record = record.filter(|record| record.state == HERE).ok_or_else(not_here)?;
        if params.offset > record.size_bytes {
            return Err(ApiError::invalid(format!("It has {} bytes.", record.size_bytes)));
        }
        if self.files.reads.len() >= READS {
            return Err(rate_limited("Wait for the answers of earlier file.read calls."));
        }
        self.files.reads.insert(call);
        let (resting, offset, limit) = (record.resting(), params.offset, params.limit);
        self.order(FileOrder::Read { call, resting, offset, limit });
        Ok(())
    }

    pub(crate) fn file_fetch(&mut self, params: FileFetch) -> Answer {
        let (message, conversation, file) =
            self.file_named(&params.message, params.file.as_deref())?;
        let number = self
            .fetch_by_hand(message, conversation, &file)
            .map_err(|error| self.fail_command(error))?;
        Ok(Reply::FileFetch(self.transfer_or_missing(number)?))
    }

    fn fetch_by_hand(
        &mut self,
        message: EventId,
        conversation: ConversationId,
        file: &FileRef,
    ) -> Result<u64, StoreError> {
        let here = records::record(&self.store, &file.file)?.filter(|r| r.state == HERE);
        if here.is_none() && !Self::is_impossible(file) {
            return self.start_fetch(file, message, conversation, true);
        }
        let mut transfer =
            Transfer::new(TransferKind::Fetch, name::safe(&file.name), file.size_bytes);
        transfer.file = Some(file.file);
        (transfer.message, transfer.conversation) = (Some(message), Some(conversation));
        let number = self.begin_transfer(transfer);
        match here {
            Some(record) => self.change_transfer(number, |transfer| {
                transfer.size_bytes = record.size_bytes;
                transfer.done_bytes = record.size_bytes;
                transfer.state = TransferState::Done;
            }),
            None => {
                let reason = "The message names a file that there cannot be.".to_owned();
                self.fail_transfer(number, "not_found", reason);
            }
        }
        Ok(number)
    }

    pub(crate) fn file_save(&mut self, params: FileSave) -> Answer {
        let (message, conversation, file) =
            self.file_named(&params.message, params.file.as_deref())?;
        let path = checked_path(params.path)?;
        self.check_room_for_transfer()?;
        let overwrite = params.overwrite.unwrap_or(false);
        let name = name::safe(&file.name);
        let record = records::record(&self.store, &file.file).map_err(|e| self.fail_command(e))?;
        let mut transfer = Transfer::new(TransferKind::Save, name.clone(), file.size_bytes);
        transfer.file = Some(file.file);
        (transfer.message, transfer.conversation) = (Some(message), Some(conversation));
        transfer.path = Some(path.clone());
        let alone = !self.files.fetches.contains_key(&file.file);
        transfer.task = Task::Save { overwrite, alone };
        let here = record.filter(|record| record.state == HERE);
        if here.is_none() {
            transfer.state = TransferState::Waiting;
        }
        let number = self.begin_transfer(transfer);
        match here {
            Some(record) => self.begin_save(number, &record),
            None => {
                let save = SaveRecord {
                    transfer: number,
                    path,
                    overwrite,
                    name,
                    message,
                    conversation,
                    alone,
                };
                self.save_later(&file, save)?;
            }
        }
        Ok(Reply::FileSave(self.transfer_or_missing(number)?))
    }

    /// Fetches a file, and notes that it is to be saved then.
    fn save_later(&mut self, file: &FileRef, save: SaveRecord) -> Result<(), ApiError> {
        let (message, conversation, number) = (save.message, save.conversation, save.transfer);
        self.fetch_by_hand(message, conversation, file).map_err(|e| self.fail_command(e))?;
        let record = records::record(&self.store, &file.file).map_err(|e| self.fail_command(e))?;
        let Some(mut record) = record else {
            let reason = "The message names a file that there cannot be.".to_owned();
            self.fail_transfer(number, "not_found", reason);
            return Ok(());
        };
        let saves = record.saves.get_or_insert_default();
        if saves.len() >= SAVES {
            self.files.transfers.remove(&number);
            return Err(rate_limited("Wait until earlier saves of this file are done."));
        }
        saves.push(save);
        let mut batch = Batch::new();
        records::put_record(&self.store, &mut batch, &record);
        self.commit(batch).map_err(|e| self.fail_command(e))
    }

    pub(crate) fn file_cancel(&mut self, params: FileCancel) -> Answer {
        let number = transfer_of(&params.transfer);
        let number = number.ok_or_else(|| ApiError::not_found("transfer"))?;
        let transfer = self.files.transfers.get(&number);
        let transfer = transfer.ok_or_else(|| ApiError::not_found("transfer"))?;
        let (kind, ended, file) = (transfer.kind, transfer.has_ended(), transfer.file);
        let alone = matches!(transfer.task, Task::Save { alone: true, .. });
        let done = match (kind, ended, file) {
            (TransferKind::Add, true, Some(file)) => self.unkeep(&file),
            (_, true, _) => Ok(()),
            (TransferKind::Add, false, _) => {
                self.cancel_add(number);
                Ok(())
            }
            (TransferKind::Fetch, false, Some(file)) => self.cancel_fetch(&file),
            (TransferKind::Save, false, Some(file)) => self.cancel_save(number, &file, alone),
            (_, false, _) => Ok(()),
        };
        done.map_err(|error| self.fail_command(error))?;
        Ok(Reply::FileCancel(self.transfer_or_missing(number)?))
    }

    fn cancel_add(&mut self, number: u64) {
        self.order(FileOrder::Cancel { job: number });
        let transfer = self.files.transfers.get_mut(&number);
        if let Some(Task::Add { given: Some(given), .. }) = transfer.map(|t| &mut t.task) {
            for id in std::mem::take(&mut given.calls) {
                let error = ApiError::new(ErrorCode::Refused, "The transfer was cancelled.");
                self.outputs.push_back(crate::io::Output::Reply { id, result: Err(error) });
            }
        }
        self.change_transfer(number, |transfer| transfer.state = TransferState::Cancelled);
    }

    /// A file that was taken in is not to be sent after all.
    fn unkeep(&mut self, file: &FileId) -> Result<(), StoreError> {
        self.files.kept.remove(file);
        self.release_files(vec![*file])
    }

    /// A file is not wanted here: what came of it is removed, and it does not come by itself again.
    fn cancel_fetch(&mut self, file: &FileId) -> Result<(), StoreError> {
        let Some(mut record) = records::record(&self.store, file)? else { return Ok(()) };
        self.drop_file(file)?;
        (record.state, record.transfer, record.saves) = (GONE, None, None);
        let mut batch = Batch::new();
        records::put_record(&self.store, &mut batch, &record);
        self.commit(batch)?;
        self.tell_file(file)
    }

    fn cancel_save(&mut self, number: u64, file: &FileId, alone: bool) -> Result<(), StoreError> {
        let fetching = self.files.fetches.contains_key(file);
        if !fetching {
            self.order(FileOrder::Cancel { job: number });
            self.change_transfer(number, |transfer| transfer.state = TransferState::Cancelled);
            return Ok(());
        }
        let Some(mut record) = records::record(&self.store, file)? else { return Ok(()) };
        let saves = record.saves.get_or_insert_default();
        saves.retain(|save| save.transfer != number);
        let last = saves.is_empty();
        let mut batch = Batch::new();
        records::put_record(&self.store, &mut batch, &record);
        self.commit(batch)?;
        self.change_transfer(number, |transfer| transfer.state = TransferState::Cancelled);
        if alone && last { self.cancel_fetch(file) } else { Ok(()) }
    }

    pub(crate) fn file_list(&mut self, params: FileList) -> Answer {
        let limit = checked_limit(params.limit)?;
        self.forget_transfers();
        let transfers = self.files.transfers.iter().map(|(n, t)| t.view(*n)).collect();
        let (mut files, mut more) = (vec![], false);
        if let Some(conversation) = &params.conversation {
            let id = self.room_id(conversation)?;
            let before = match &params.before {
                None => None,
                Some(text) => Some(position_of(text).ok_or_else(|| {
                    ApiError::invalid("`before` is the position of a file in the page before.")
                })?),
            };
            (files, more) =
                self.shared_files(&id, before, limit).map_err(|e| self.fail_command(e))?;
        }
        Ok(Reply::FileList(Box::new(Files { transfers, files, more })))
    }

    /// Files of a conversation, newest first; a message's files stay together.
    fn shared_files(
        &self,
        id: &ConversationId,
        before: Option<anser_proto::Position>,
        limit: usize,
    ) -> Result<(Vec<SharedFile>, bool), StoreError> {
        let Some(room) = self.rooms.get(id) else { return Ok((vec![], false)) };
        let prefix = records::prefix_of_conversation(room.number);
        let mut upper = match before {
            None => after(&prefix),
            Some(at) => {
                let next = at.lamport.saturating_add(1);
                Some(records::key_in_conversation(room.number, next, 0))
            }
        };
        let before = before.map(|at| position_text(&at));
        let mut found: Vec<model::Message> = Vec::new();
        let (mut count, mut last) = (0_usize, None);
        'lines: loop {
            let order = Order::Descending;
            let lines = self.store.scan(Table::FilePlaces, &prefix, upper.as_deref(), order, 64)?;
            let Some((lowest, _)) = lines.last() else { break };
            upper = Some(lowest.clone());
            for (key, bytes) in &lines {
                let Some((lamport, device)) = records::place_in_conversation(key) else { continue };
                // Those of one lamport time are put in order together.
                if count > limit && last != Some(lamport) {
                    break 'lines;
                }
                let seq = anser_proto::codec::decode(bytes).map_err(disk::damaged)?;
                let place = PlaceRecord { conversation: room.number, device, seq };
                let Some((event, _)) = self.message_at(place)? else { continue };
                let message = self.message_view(&event.id)?;
                let earlier = |m: &model::Message| before.as_ref().is_none_or(|b| m.position < *b);
                if let Some(message) = message.filter(earlier) {
                    count = count.saturating_add(message.attachments.len());
                    last = Some(lamport);
                    found.push(message);
                }
            }
        }
        found.sort_by(|a, b| b.position.cmp(&a.position));
        let mut files = Vec::new();
        for message in found {
            if !files.is_empty() && files.len().saturating_add(message.attachments.len()) > limit {
                return Ok((files, true));
            }
            let shared = |attachment| SharedFile {
                message: message.message.clone(),
                account: message.account.clone(),
                name: message.name.clone(),
                sent_ms: message.sent_ms,
                position: message.position.clone(),
                attachment,
            };
            files.extend(message.attachments.iter().cloned().map(shared));
        }
        Ok((files, false))
    }

    /// Sends a message: text, files that are here whole, or both.
    pub(crate) fn attachments_of(
        &mut self,
        params: &MessageSend,
    ) -> Result<Vec<FileRef>, ApiError> {
        let ids = params.attachments.as_deref().unwrap_or_default();
        if ids.len() > limits::ATTACHMENTS {
            let message = "A message brings at most 16 files: send several messages.";
            return Err(ApiError::new(ErrorCode::TooLarge, message));
        }
        let mut files: Vec<FileRef> = Vec::new();
        for id in ids {
            let file: FileId = id.parse().map_err(|_| not_here())?;
            let record = records::record(&self.store, &file).map_err(|e| self.fail_command(e))?;
            let record = record.filter(|record| record.state == HERE).ok_or_else(not_here)?;
            if files.iter().any(|known| known.file == file) {
                continue;
            }
            let given = Some(record.media_type).filter(|media_type| !media_type.is_empty());
            let guessed = media::of(&record.name);
            files.push(FileRef {
                file,
                size_bytes: record.size_bytes,
                media_type: Some(given.unwrap_or_else(|| guessed.to_owned())),
                name: record.name,
            });
        }
        Ok(files)
    }

    /// The file that a command names by a message, which must show here.
    fn file_named(
        &mut self,
        message: &str,
        file: Option<&str>,
    ) -> Result<(EventId, ConversationId, FileRef), ApiError> {
        let id: EventId = message.parse().map_err(|_| ApiError::not_found("message"))?;
        let view = self.message_or_missing(&id)?;
        if view.attachments.is_empty() {
            return Err(ApiError::new(ErrorCode::NotFound, "This message brings no file."));
        }
        let found = self.file_of_message(&id, file).map_err(|e| self.fail_command(e))?;
        let (conversation, file) = found.ok_or_else(|| ApiError::not_found("file"))?;
        let room = self.rooms.get(&conversation);
        if room.is_none_or(|room| !room.record.accepted) {
            return Err(ApiError::new(
                ErrorCode::Refused,
                "Accept the message request first: then its files can be fetched.",
            ));
        }
        Ok((id, conversation, file))
    }

    fn transfer_or_missing(&self, number: u64) -> Result<Box<model::Transfer>, ApiError> {
        let view = self.transfer_view(number);
        view.map(Box::new).ok_or_else(|| ApiError::not_found("transfer"))
    }

    fn check_room_for_transfer(&self) -> Result<(), ApiError> {
        let busy = |t: &&Transfer| !t.has_ended() && t.kind != TransferKind::Fetch;
        match self.files.transfers.values().filter(busy).count() {
            TRANSFERS.. => Err(rate_limited("Too many transfers are under way: wait for some.")),
            _ => Ok(()),
        }
    }
}

fn checked_path(path: String) -> Result<String, ApiError> {
    let fits = !path.is_empty() && path.len() <= PATH_BYTES && !path.contains('\0');
    fits.then_some(path).ok_or_else(|| ApiError::invalid("A path is from 1 to 4,096 bytes."))
}

fn rate_limited(sentence: &str) -> ApiError {
    ApiError::new(ErrorCode::RateLimited, sentence)
}

fn too_large() -> ApiError {
    ApiError::new(ErrorCode::TooLarge, "A file is at most 64 GiB.")
}

fn not_here() -> ApiError {
    ApiError::new(
        ErrorCode::NotFound,
        "There is no such file on this device: add it, or fetch it first.",
    )
}
