//! `account.export` and `account.import`: a backup from the node into a file, and back.
//!
//! The node gives and takes pieces between its other work, so it goes on talking meanwhile; a thread
//! of its own stretches the passphrase, seals, reads and writes. Must always hold: an export replaces
//! nothing unless told to and appears whole or not at all; an import opens the whole file before it
//! changes anything, and whatever ends it early leaves a profile without an account.

mod sealed;

use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anser_api::model::{Exported, Transfer, TransferKind, TransferState};
use anser_api::params::{AccountExport, AccountImport};
use anser_api::{ApiError, ErrorCode, EventBody, Reply};
use anser_node::BackupCursor;
use tokio::sync::{oneshot, watch};
use zeroize::Zeroizing;

use crate::actor::Order;
use crate::handle::Handle;
use sealed::{SealedError, SealedReader, SealedWriter};

/// Shortest passphrase of a backup, in characters.
const PASSPHRASE: usize = 8;
/// After this many bytes progress is told again.
const STEP_BYTES: u64 = 1024 * 1024;
/// What ids of these transfers begin with.
const ID: &str = "backup-";

/// The one backup that may be under way.
#[derive(Debug)]
pub(crate) struct Slot {
    busy: AtomicBool,
    number: AtomicU64,
    cancelled: AtomicBool,
    /// The one under way or the last one, as it is shown.
    view: watch::Sender<Option<Transfer>>,
}

impl Default for Slot {
    fn default() -> Self {
        let view = watch::channel(None).0;
        Self { busy: false.into(), number: 0.into(), cancelled: false.into(), view }
    }
}

/// Holds the slot while a backup is under way.
struct Turn {
    handle: Handle,
    view: Transfer,
    told_bytes: u64,
}

impl Turn {
    fn take(handle: &Handle, kind: TransferKind, path: &Path) -> Result<Self, ApiError> {
        let slot = &handle.backup;
        if slot.busy.swap(true, Ordering::AcqRel) {
            return Err(ApiError::new(
                ErrorCode::Refused,
                "Another backup is being made or read in: wait until it is done, or cancel it.",
            ));
        }
        slot.cancelled.store(false, Ordering::Release);
        let number = slot.number.fetch_add(1, Ordering::AcqRel);
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let view = Transfer {
            transfer: format!("{ID}{number}"),
            kind,
            state: TransferState::Running,
            file: None,
            name: name.unwrap_or_default(),
            size_bytes: 0,
            done_bytes: 0,
            conversation: None,
            message: None,
            sources: 0,
            code: None,
            reason: None,
            path: Some(path.display().to_string()),
        };
        let turn = Self { handle: handle.clone(), view, told_bytes: 0 };
        turn.tell();
        Ok(turn)
    }

    /// Tells how far it is; an error when it was cancelled.
    fn progress(&mut self, done_bytes: u64, size_bytes: u64) -> Result<(), ApiError> {
        if self.handle.backup.cancelled.load(Ordering::Acquire) {
            return Err(cancelled());
        }
        (self.view.done_bytes, self.view.size_bytes) = (done_bytes, size_bytes.max(done_bytes));
        if done_bytes.saturating_sub(self.told_bytes) >= STEP_BYTES {
            self.told_bytes = done_bytes;
            self.tell();
        }
        Ok(())
    }

    fn tell(&self) {
        self.handle.backup.view.send_replace(Some(self.view.clone()));
        let body = EventBody::FileProgress { transfer: self.view.clone() };
        // Progress that finds no room in the queue is not worth waiting for.
        let _ = self.handle.orders.try_send(Order::Tell(Box::new(body)));
    }

    fn ended<T>(mut self, result: &Result<T, ApiError>) {
        match result {
            Ok(_) => {
                self.view.state = TransferState::Done;
                self.view.done_bytes = self.view.size_bytes;
            }
            Err(error) if is_cancelled(error) => self.view.state = TransferState::Cancelled,
            Err(error) => {
                self.view.state = TransferState::Failed;
                self.view.reason = Some(error.message.clone());
            }
        }
        self.tell();
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.handle.backup.busy.store(false, Ordering::Release);
    }
}

fn cancelled() -> ApiError {
    ApiError::new(ErrorCode::Cancelled, "It was cancelled; nothing was changed.")
}

fn is_cancelled(error: &ApiError) -> bool {
    error.code == ErrorCode::Cancelled
}

/// Cancels the backup with this transfer id; `None` when the id is none of a backup.
pub(crate) fn cancel(slot: &Slot, transfer: &str) -> Option<Result<Reply, ApiError>> {
    transfer.strip_prefix(ID)?;
    let view = slot.view.borrow().clone().filter(|view| view.transfer == transfer);
    let Some(view) = view.filter(|_| slot.busy.load(Ordering::Acquire)) else {
        return Some(Err(ApiError::not_found("transfer under way")));
    };
    slot.cancelled.store(true, Ordering::Release);
    Some(Ok(Reply::FileCancel(Box::new(view))))
}

pub(crate) async fn export(handle: &Handle, params: AccountExport) -> Result<Reply, ApiError> {
    if params.passphrase.chars().count() < PASSPHRASE {
        return Err(ApiError::invalid("The passphrase of a backup has at least 8 characters."));
    }
    let path = PathBuf::from(&params.path);
    if path.file_name().is_none() {
        return Err(ApiError::invalid("Give the path of a file, not of a folder."));
    }
    let (passphrase, overwrite) =
        (Zeroizing::new(params.passphrase), params.overwrite.unwrap_or(false));
    let turn = Turn::take(handle, TransferKind::Export, &path)?;
    let exported = on_thread(move || {
        let mut turn = turn;
        let result = write(&mut turn, &path, &passphrase, overwrite);
        turn.ended(&result);
        result
    });
    exported.await.map(|exported| Reply::AccountExport(Box::new(exported)))
}

pub(crate) async fn import(handle: &Handle, params: AccountImport) -> Result<Reply, ApiError> {
    let path = PathBuf::from(&params.path);
    let passphrase = Zeroizing::new(params.passphrase);
    let label = params.device_label.unwrap_or_else(|| handle.device_label());
    let turn = Turn::take(handle, TransferKind::Import, &path)?;
    on_thread(move || {
        let mut turn = turn;
        let result = read(&mut turn, &path, &passphrase, &label);
        turn.ended(&result);
        result
    })
    .await
}

/// Runs `work` on a thread of its own, which may wait for disks and for the node.
async fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| {
        Err(ApiError::new(ErrorCode::Internal, "The backup was interrupted: try again."))
    })
}

/// Asks the node's thread and waits for it.
fn ask<T>(
    handle: &Handle,
    order: impl FnOnce(oneshot::Sender<Result<T, ApiError>>) -> Order,
) -> Result<T, ApiError> {
    let (answer, pending) = oneshot::channel();
    let ended = || ApiError::new(ErrorCode::Internal, "The node has ended: start it again.");
    handle.orders.blocking_send(order(answer)).map_err(|_| ended())?;
    pending.blocking_recv().map_err(|_| ended())?
}

fn write(
    turn: &mut Turn,
    path: &Path,
    passphrase: &str,
    overwrite: bool,
) -> Result<Exported, ApiError> {
    if !overwrite && path.exists() {
        return Err(ApiError::new(
            ErrorCode::AlreadyExists,
            format!("{} is there already: choose another name.", path.display()),
        ));
    }
    // Fails now rather than after minutes, when there is no account.
    let mut next = piece(turn, BackupCursor::default())?;
    let beside = beside(path);
    let result = write_beside(turn, path, &beside, passphrase, &mut next);
    if result.is_err() {
        // What is left of it is no use to anybody; if it cannot be removed, it is at least unreadable.
        let _ = std::fs::remove_file(&beside);
    }
    result
}

type Piece = (BackupCursor, Option<Vec<u8>>);

fn piece(turn: &Turn, cursor: BackupCursor) -> Result<Piece, ApiError> {
    ask(&turn.handle, |answer| Order::BackupNext { cursor: Box::new(cursor), answer })
}

fn write_beside(
    turn: &mut Turn,
    path: &Path,
    beside: &Path,
    passphrase: &str,
    next: &mut Piece,
) -> Result<Exported, ApiError> {
    let unwritable = |error: std::io::Error| unwritable(path, &error);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(beside).map_err(unwritable)?;
    let mut random = [0; 35];
    getrandom::fill(&mut random)
        .map_err(|_| ApiError::new(ErrorCode::Internal, "The system gives no random numbers."))?;
    let sealing = |error: SealedError| match error {
        SealedError::Io(error) => unwritable(error),
        other => ApiError::new(ErrorCode::Internal, format!("Sealing failed: {other}.")),
    };
    let mut writer =
        SealedWriter::new(BufWriter::with_capacity(1 << 20, file), passphrase, &random)
            .map_err(sealing)?;
    while let Some(bytes) = next.1.take().map(Zeroizing::new) {
        writer.piece(&bytes).map_err(sealing)?;
        let cursor = std::mem::take(&mut next.0);
        let (done, total) = (cursor.events.max(1), cursor.total_events.max(1));
        let size_bytes = writer.written_bytes.saturating_mul(total).checked_div(done);
        turn.progress(writer.written_bytes, size_bytes.unwrap_or_default())?;
        *next = piece(turn, cursor)?;
    }
    let (file, size_bytes) = writer.finish().map_err(sealing)?;
    let file = file.into_inner().map_err(|error| unwritable(error.into_error()))?;
    file.sync_all().map_err(unwritable)?;
    std::fs::rename(beside, path).map_err(unwritable)?;
    sync_folder(path);
    turn.view.size_bytes = size_bytes;
    Ok(Exported {
        path: path.display().to_string(),
        size_bytes,
        conversations: next.0.conversations,
        events: next.0.events,
    })
}

/// The name under which a file is written before it is whole.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    path.with_file_name(name)
}

/// Makes the new name last; a file system that cannot is no reason to fail.
fn sync_folder(path: &Path) {
    if let Some(folder) = path.parent()
        && let Ok(folder) = File::open(folder)
    {
        let _ = folder.sync_all();
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> ApiError {
    let path = path.display();
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => ApiError::new(
            ErrorCode::StoreFull,
            format!("There is no room for {path}: free some, or choose another disk."),
        ),
        _ => ApiError::new(
            ErrorCode::Unwritable,
            format!("{path} cannot be written ({error}): choose another place."),
        ),
    }
}

fn read(turn: &mut Turn, path: &Path, passphrase: &str, label: &str) -> Result<Reply, ApiError> {
    let opening = |error: SealedError| unopened(path, &error);
    let open = || -> Result<(SealedReader<BufReader<File>>, u64), SealedError> {
        let file = File::open(path)?;
        let size_bytes = file.metadata()?.len();
        Ok((SealedReader::new(BufReader::with_capacity(1 << 20, file), passphrase)?, size_bytes))
    };
    // Once through without touching the profile: is it whole, is the passphrase right?
    let (mut reader, size_bytes) = open().map_err(opening)?;
    let size_bytes = size_bytes.saturating_mul(2);
    while reader.piece().map_err(opening)?.is_some() {
        turn.progress(reader.read_bytes, size_bytes)?;
    }
    let looked_bytes = reader.read_bytes;
    let handle = turn.handle.clone();
    ask(&handle, |answer| Order::RestoreBegin { answer })?;
    let result = (|| {
        let (mut reader, _) = open().map_err(opening)?;
        while let Some(bytes) = reader.piece().map_err(opening)? {
            let label = label.to_owned();
            ask(&handle, |answer| Order::Restore { bytes, label, answer })?;
            turn.progress(looked_bytes.saturating_add(reader.read_bytes), size_bytes)?;
        }
        ask(&handle, |answer| Order::RestoreEnd { answer })
    })();
    if result.is_err() {
        // The error that is told is the one that ended it; an emptied profile is checked at its opening.
        let _ = ask(&handle, |answer| Order::RestoreAbort { answer });
    }
    result
}

fn unopened(path: &Path, error: &SealedError) -> ApiError {
    let path = path.display();
    match error {
        SealedError::Io(error) if error.kind() == std::io::ErrorKind::NotFound => {
            ApiError::new(ErrorCode::NotFound, format!("There is no file {path}."))
        }
        SealedError::Io(error) => {
            ApiError::new(ErrorCode::Unreadable, format!("{path} cannot be read ({error})."))
        }
        SealedError::Foreign => {
            ApiError::invalid(format!("{path} is no backup of Anser: choose another file."))
        }
        SealedError::TooNew => ApiError::new(
            ErrorCode::Unsupported,
            format!(
                "{path} was written by a newer version, or is damaged: update, then try again."
            ),
        ),
        SealedError::Passphrase => ApiError::new(
            ErrorCode::Passphrase,
            "The passphrase is not the one this backup was made with.",
        ),
        SealedError::Damaged => ApiError::new(
            ErrorCode::Unreadable,
            format!("{path} is damaged or not whole: take another copy. Nothing was changed."),
        ),
    }
}
