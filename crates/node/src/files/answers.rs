//! What became of orders: transfers and fetches go on, end or wait.

use anser_api::model::{FileData, TransferKind, TransferState};
use anser_api::params::MessageSend;
use anser_api::{ApiError, ErrorCode, Reply};
use anser_files::{Download, media};
use anser_proto::FileId;
use anser_proto::frame::FilePart;
use anser_store::{Batch, Store, StoreError};
use data_encoding::BASE64;

use super::fetch::{RETRY_MS, Stage};
use super::io::{FileAnswer, FileCode, FileFailure, FileOrder, Rest};
use super::records::{self, FETCHING, FileRecord, HERE};
use super::transfers::Task;
use crate::io::Output;
use crate::node::Node;

impl<S: Store> Node<S> {
    /// Takes an answer of whoever keeps files on disk.
    pub(crate) fn file_answer(&mut self, answer: FileAnswer) -> Result<(), StoreError> {
        match answer {
            FileAnswer::Sized { job, size_bytes } => {
                self.change_transfer(job, |transfer| transfer.size_bytes = size_bytes);
            }
            FileAnswer::Progress { job, done_bytes } => {
                self.change_transfer(job, |transfer| transfer.done_bytes = done_bytes);
            }
            FileAnswer::Appended { job } => self.appended(job, None),
            FileAnswer::Taken { job, file, size_bytes } => {
                return self.file_taken(job, file, size_bytes);
            }
            FileAnswer::Found { job, held } => {
                let Some(file) = self.file_of_job(job) else { return Ok(()) };
                if let Some(fetch) = self.files.fetches.get_mut(&file)
                    && matches!(fetch.stage, Stage::Opening)
                {
                    let download = Download::new(file, fetch.resting.size_bytes, held);
                    let done_bytes = download.held_bytes();
                    fetch.stage = Stage::Running(Box::new(download));
                    self.change_transfer(job, |transfer| transfer.done_bytes = done_bytes);
                    self.files.touched.insert(file);
                }
            }
            FileAnswer::Put { job, part } => {
                let Some(file) = self.file_of_job(job) else { return Ok(()) };
                if let Some((_, download)) = self.download(&file) {
                    download.written(part);
                    let done_bytes = download.held_bytes();
                    self.change_transfer(job, |transfer| transfer.done_bytes = done_bytes);
                    self.files.touched.insert(file);
                }
            }
            FileAnswer::Finished { job } => return self.fetch_finished(job),
            FileAnswer::Saved { job, path } => {
                self.change_transfer(job, |transfer| {
                    transfer.state = TransferState::Done;
                    transfer.done_bytes = transfer.size_bytes;
                    transfer.path = Some(path);
                });
            }
            FileAnswer::Failed { job, failure } => return self.job_failed(job, failure),
            FileAnswer::Part { to, file, part, data, proof } => {
                let proof = proof.into_iter().map(Into::into).collect();
                self.part_read(to, FilePart { file, part, data: data.into(), proof });
            }
            FileAnswer::Lost { to, file } => return self.part_lost(to, file),
            FileAnswer::Unread { to, file } => self.part_unread(to, file),
            FileAnswer::Read { call, file, result } => return self.piece_read(call, file, result),
        }
        Ok(())
    }

    fn file_of_job(&self, job: u64) -> Option<FileId> {
        self.files.transfers.get(&job)?.file
    }

    /// Bytes of a `file.write` are on disk, or the whole add failed: the oldest call that waits is
    /// answered.
    fn appended(&mut self, job: u64, failure: Option<ApiError>) {
        let Some(transfer) = self.files.transfers.get_mut(&job) else { return };
        let Task::Add { given: Some(given), .. } = &mut transfer.task else { return };
        let (bytes, call) = (given.bytes, given.calls.pop_front());
        if failure.is_none() && given.calls.is_empty() {
            self.change_transfer(job, |transfer| transfer.done_bytes = bytes);
        }
        let Some(id) = call else { return };
        let result = match (failure, self.transfer_view(job)) {
            (Some(error), _) => Err(error),
            (None, Some(view)) => Ok(Box::new(Reply::FileWrite(Box::new(view)))),
            (None, None) => Err(ApiError::not_found("transfer")),
        };
        self.outputs.push_back(Output::Reply { id, result });
    }

    /// A file of this computer was taken in.
    fn file_taken(&mut self, job: u64, file: FileId, size_bytes: u64) -> Result<(), StoreError> {
        let task = self.files.transfers.get(&job).map(|t| (t.name.clone(), t.task.clone()));
        let Some((name, Task::Add { rest, send, .. })) = task else {
            // Cancelled meanwhile; what was taken in is removed with everything that nothing needs.
            return Ok(());
        };
        self.keep_taken(file, size_bytes, &name, rest)?;
        self.change_transfer(job, |transfer| {
            transfer.file = Some(file);
            transfer.size_bytes = size_bytes;
            transfer.done_bytes = size_bytes;
        });
        let sent = send.map(|plan| {
            self.send_message(MessageSend {
                conversation: plan.conversation,
                text: plan.text,
                reply_to: plan.reply_to,
                attachments: Some(vec![file.to_string()]),
            })
        });
        match sent {
            Some(Err(error)) => self.fail_transfer(job, "refused", error.message),
            Some(Ok(message)) => self.change_transfer(job, |transfer| {
                transfer.message = message.message.parse().ok();
                transfer.state = TransferState::Done;
            }),
            None => self.change_transfer(job, |transfer| transfer.state = TransferState::Done),
        }
        Ok(())
    }

    /// Notes that a content is here. Where it was already, the new copy is not needed; where it is
    /// being fetched, the rest of it is not.
    fn keep_taken(
        &mut self,
        file: FileId,
        size_bytes: u64,
        name: &str,
        rest: Rest,
    ) -> Result<(), StoreError> {
        let known = records::record(&self.store, &file)?;
        let here = known.as_ref().filter(|record| record.state == HERE);
        let kept = match here {
            Some(record) => {
                self.order(FileOrder::Remove { name: rest.name });
                record.rest()
            }
            None => rest,
        };
        let fetching = known.filter(|record| record.state == FETCHING);
        let record = FileRecord {
            file,
            size_bytes,
            name: name.to_owned(),
            media_type: media::of(name).to_owned(),
            rest: kept.name.into(),
            key: (*kept.key).into(),
            state: HERE,
            transfer: None,
            message: None,
            conversation: None,
            saves: fetching.and_then(|record| record.saves),
        };
        self.files.kept.insert(file);
        if let Some(fetch) = self.files.fetches.remove(&file) {
            self.files.active.remove(&file);
            self.order(FileOrder::Cancel { job: fetch.transfer });
            self.change_transfer(fetch.transfer, |transfer| {
                transfer.done_bytes = transfer.size_bytes;
                transfer.state = TransferState::Done;
            });
        }
        self.file_is_here(record)
    }

    /// A fetched file is here, whole and checked.
    fn fetch_finished(&mut self, job: u64) -> Result<(), StoreError> {
        let Some(file) = self.file_of_job(job) else { return Ok(()) };
        let is_it = self.files.fetches.get(&file).is_some_and(|fetch| fetch.transfer == job);
        let Some(mut record) = records::record(&self.store, &file)?.filter(|_| is_it) else {
            return Ok(());
        };
        self.files.fetches.remove(&file);
        self.files.active.remove(&file);
        (record.state, record.transfer) = (HERE, None);
        self.change_transfer(job, |transfer| {
            transfer.done_bytes = transfer.size_bytes;
            (transfer.state, transfer.code, transfer.reason) = (TransferState::Done, None, None);
        });
        self.file_is_here(record)
    }

    /// Writes the record of a file that is here now, begins the saves that waited for it, and tells
    /// of it.
    fn file_is_here(&mut self, mut record: FileRecord) -> Result<(), StoreError> {
        let saves = record.saves.take().unwrap_or_default();
        let mut batch = Batch::new();
        records::put_record(&self.store, &mut batch, &record);
        self.commit(batch)?;
        for save in saves {
            self.begin_save(save.transfer, &record);
        }
        self.files.stir = true;
        self.tell_file(&record.file)
    }

    /// Orders that a file that is here be written out.
    pub(crate) fn begin_save(&mut self, number: u64, record: &FileRecord) {
        let Some(transfer) = self.files.transfers.get(&number) else { return };
        let Task::Save { overwrite, .. } = transfer.task else { return };
        let (path, name) = (transfer.path.clone().unwrap_or_default(), transfer.name.clone());
        let resting = record.resting();
        self.order(FileOrder::Save { job: number, resting, path, name, overwrite });
        let size_bytes = record.size_bytes;
        self.change_transfer(number, |transfer| {
            transfer.size_bytes = size_bytes;
            (transfer.state, transfer.code, transfer.reason) = (TransferState::Running, None, None);
        });
    }

    fn job_failed(&mut self, job: u64, failure: FileFailure) -> Result<(), StoreError> {
        let Some(transfer) = self.files.transfers.get(&job) else { return Ok(()) };
        let (kind, file) = (transfer.kind, transfer.file);
        let word = failure.code.word();
        if kind != TransferKind::Fetch {
            while self.has_waiting_call(job) {
                self.appended(job, Some(failed(&failure)));
            }
            self.fail_transfer(job, word, failure.reason);
            if let Some(file) = file.filter(|_| failure.code == FileCode::Damaged) {
                self.lose_file(&file)?;
            }
            return Ok(());
        }
        // The wish to have it stays: it goes on when there is room again.
        let retry_ms = self.now.mono_ms.saturating_add(RETRY_MS);
        if let Some(fetch) = file.and_then(|file| self.files.fetches.get_mut(&file)) {
            fetch.stage = Stage::Waiting;
            fetch.retry_ms = Some(retry_ms);
            self.files.active.remove(&fetch.resting.file);
            self.files.stir = true;
            self.change_transfer(job, |transfer| {
                transfer.state = TransferState::Waiting;
                transfer.code = Some(word);
                transfer.reason = Some(failure.reason);
            });
        }
        Ok(())
    }

    fn has_waiting_call(&self, job: u64) -> bool {
        let task = self.files.transfers.get(&job).map(|transfer| &transfer.task);
        matches!(task, Some(Task::Add { given: Some(given), .. }) if !given.calls.is_empty())
    }

    /// A piece for `file.read` was read.
    fn piece_read(
        &mut self,
        call: u64,
        file: FileId,
        result: Result<Vec<u8>, FileFailure>,
    ) -> Result<(), StoreError> {
        if !self.files.reads.remove(&call) {
            return Ok(());
        }
        let size_bytes = records::record(&self.store, &file)?.map_or(0, |r| r.size_bytes);
        let damaged = matches!(&result, Err(failure) if failure.code == FileCode::Damaged);
        let result = match result {
            Ok(bytes) => {
                let data = BASE64.encode(&bytes);
                Ok(Box::new(Reply::FileRead(Box::new(FileData { data, size_bytes }))))
            }
            Err(failure) => Err(failed(&failure)),
        };
        self.outputs.push_back(Output::Reply { id: call, result });
        if damaged { self.lose_file(&file) } else { Ok(()) }
    }
}

/// A failure as a command's error.
fn failed(failure: &FileFailure) -> ApiError {
    let code = match failure.code {
        FileCode::NotFound | FileCode::Damaged => ErrorCode::NotFound,
        FileCode::DiskFull => ErrorCode::StoreFull,
        FileCode::TooLarge => ErrorCode::TooLarge,
        FileCode::Unwritable => ErrorCode::StoreBroken,
        FileCode::Unreadable | FileCode::Changed | FileCode::Exists => ErrorCode::Refused,
    };
    ApiError::new(code, failure.reason.clone())
}
