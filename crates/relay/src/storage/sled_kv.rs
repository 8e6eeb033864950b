//! The key space on disk: one sled tree.
//!
//! Owns: the sled handle and the folder's lock. Must always hold: what `sync` has returned for is
//! there after `kill -9`, with `durable` also after the power went.
//!
//! What sled 0.34 does, and what is done about it here: its `flush` does not wait until the disk has
//! the file's new length, so `sync` calls `fdatasync` after it; its timer is off; values are cut into
//! pieces, because a page above 128 KiB moves to a file that sled does not sync; a crash while it
//! opens can leave a half snapshot that the next opening would take for the newest, so that is
//! removed first; its assertions panic on damaged input, so opening catches panics.

use std::fs::{File, OpenOptions, TryLockError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use anyhow::{Context, bail};

use super::StorageError;
use super::kv::{Batch, Kv};

/// The longest piece of a value under one sled key.
const PIECE_BYTES: usize = 5 * 1024;
const CACHE_BYTES: u64 = 32 << 20;
/// First byte of a stored value: all of it is here.
const WHOLE: u8 = 0;
/// First byte: a `u32` follows, the number of further pieces, then the first piece.
const CUT: u8 = 1;
/// First byte of the keys of further pieces; above every table.
const PIECES: u8 = 0xff;

pub(super) struct SledKv {
    sled: sled::Db,
    file: File,
    /// Held as long as this lives.
    _lock: File,
}

impl SledKv {
    /// Opens the database below `folder`, and makes both if they are not there.
    ///
    /// # Errors
    /// When another process has it, or it cannot be read.
    pub(super) fn open(folder: &Path) -> anyhow::Result<Self> {
        make_folder(folder)
            .with_context(|| format!("the data folder {} cannot be made", folder.display()))?;
        let lock = lock(folder)?;
        let path = folder.join("store");
        remove_half_snapshots(&path)?;
        let config = sled::Config::default()
            .path(&path)
            .cache_capacity(CACHE_BYTES)
            .mode(sled::Mode::HighThroughput)
            .flush_every_ms(None);
        let sled = catch_unwind(AssertUnwindSafe(|| config.open()))
            .map_err(|_| anyhow::anyhow!("the store is damaged"))
            .and_then(|opened| Ok(opened?))
            .with_context(|| format!("the store {} cannot be opened", path.display()))?;
        let file = OpenOptions::new().read(true).write(true).open(path.join("db"))?;
        Ok(Self { sled, file, _lock: lock })
    }

    fn value(&self, key: &[u8], stored: &[u8]) -> Result<Vec<u8>, StorageError> {
        let missing = || StorageError("a piece of a value is missing".into());
        match stored.split_first() {
            Some((&WHOLE, value)) => Ok(value.to_vec()),
            Some((&CUT, rest)) => {
                let (count, first) = rest.split_first_chunk::<4>().ok_or_else(missing)?;
                let mut value = first.to_vec();
                for index in 0..u32::from_be_bytes(*count) {
                    let piece = self.sled.get(piece_key(key, index)).map_err(failed)?;
                    value.extend_from_slice(&piece.ok_or_else(missing)?);
                }
                Ok(value)
            }
            _ => Err(StorageError("a value has an unknown form".into())),
        }
    }

    /// How many pieces beyond the first lie under `key` now.
    fn further_pieces(&self, key: &[u8]) -> Result<u32, StorageError> {
        let stored = self.sled.get(key).map_err(failed)?;
        Ok(match stored.as_deref().and_then(<[u8]>::split_first) {
            Some((&CUT, rest)) => {
                rest.split_first_chunk::<4>().map_or(0, |(count, _)| u32::from_be_bytes(*count))
            }
            _ => 0,
        })
    }
}

impl Kv for SledKv {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        match self.sled.get(key).map_err(failed)? {
            Some(stored) => self.value(key, &stored).map(Some),
            None => Ok(None),
        }
    }

    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        each: &mut dyn FnMut(Vec<u8>, Vec<u8>) -> bool,
    ) -> Result<(), StorageError> {
        for pair in self.sled.range::<&[u8], _>(from..to) {
            let (key, stored) = pair.map_err(failed)?;
            let value = self.value(&key, &stored)?;
            if !each(key.to_vec(), value) {
                break;
            }
        }
        Ok(())
    }

    fn apply(&mut self, batch: Batch) -> Result<(), StorageError> {
        let mut writes = sled::Batch::default();
        for (key, value) in batch.writes {
            let stale = self.further_pieces(&key)?;
            let written = match value {
                Some(value) => put(&mut writes, &key, &value)?,
                None => {
                    writes.remove(key.as_slice());
                    0
                }
            };
            for index in written..stale {
                writes.remove(piece_key(&key, index));
            }
        }
        self.sled.apply_batch(writes).map_err(failed)
    }

    fn sync(&mut self, durable: bool) -> Result<(), StorageError> {
        self.sled.flush().map_err(failed)?;
        if durable {
            self.file.sync_data().map_err(|error| StorageError(error.to_string()))?;
        }
        Ok(())
    }

    fn boot(&self) -> Option<String> {
        std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()
    }
}

fn failed(error: sled::Error) -> StorageError {
    StorageError(error.to_string())
}

/// Adds `value` to the batch and returns the number of pieces beyond the first.
fn put(batch: &mut sled::Batch, key: &[u8], value: &[u8]) -> Result<u32, StorageError> {
    let Some((first, rest)) = value.split_at_checked(PIECE_BYTES) else {
        let mut stored = Vec::with_capacity(value.len().saturating_add(1));
        stored.push(WHOLE);
        stored.extend_from_slice(value);
        batch.insert(key, stored);
        return Ok(0);
    };
    let mut count = 0_u32;
    for piece in rest.chunks(PIECE_BYTES) {
        batch.insert(piece_key(key, count), piece);
        count = count.checked_add(1).ok_or_else(|| StorageError("a value is too long".into()))?;
    }
    let mut stored = Vec::with_capacity(first.len().saturating_add(5));
    stored.push(CUT);
    stored.extend_from_slice(&count.to_be_bytes());
    stored.extend_from_slice(first);
    batch.insert(key, stored);
    Ok(count)
}

fn piece_key(key: &[u8], index: u32) -> Vec<u8> {
    let mut piece = Vec::with_capacity(key.len().saturating_add(5));
    piece.push(PIECES);
    piece.extend_from_slice(key);
    piece.extend_from_slice(&index.to_be_bytes());
    piece
}

/// The folder is its owner's alone.
fn make_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn lock(folder: &Path) -> anyhow::Result<File> {
    let path = folder.join("lock");
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            bail!("{} is in use by another relay: stop that first", folder.display())
        }
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

fn remove_half_snapshots(path: &Path) -> std::io::Result<()> {
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
