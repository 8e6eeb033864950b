//! One sled database: how it is opened, how sealed values lie in it, how a group of writes is made durable.
//!
//! Owns: the sled handle. Must always hold: `commit` is all or nothing, also over a crash; no page grows so
//! large that sled moves it into a file of its own, since it does not sync those. It does not know of
//! folders, locks or where keys come from.
//!
//! What sled 0.34 does, and what is done about it here:
//! - Its `flush` waits for `sync_file_range` only, which neither empties the disk's cache nor records the
//!   file's new length. `commit` therefore calls `fdatasync` after it.
//! - Its timer would sync twice a second for ever, with nothing to write. It is off.
//! - A crash while it opens can leave `snap.….generating`, which the next opening would take for its newest
//!   snapshot and fail. It is removed first.
//! - It takes a file of garbage for an empty database. The first segment headers are checked first.
//! - Its assertions panic on damaged input. While opening, a panic is an error.
//! - It writes a snapshot of its page table only while it opens, and then reads all of the log written since
//!   the last one. So that opening stays quick after a crash too, the store opens it anew now and then.
//! - Threads of its own, and processes being started, may hold its lock for a moment after it is closed. That
//!   is waited for.
//! - A page holds up to about 20 values and moves to an unsynced file of its own above 128 KiB. Values are
//!   therefore cut into pieces of at most [`PIECE_BYTES`].

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::directory::sync_directory;
use super::error::{from_io, from_sled};
use super::seal::Sealer;
use super::{OpenError, StoreOptions};
use crate::{Entry, Order, StoreError};

/// The longest piece of a sealed value under one sled key.
const PIECE_BYTES: usize = 5 * 1024;
const SEGMENT_BYTES: usize = 512 * 1024;
const SEGMENT_HEADER_BYTES: usize = 20;

/// First byte of a stored value: all of it is here.
const WHOLE: u8 = 0;
/// First byte of a stored value: a `u32` follows, the number of further pieces, then the first piece.
const CUT: u8 = 1;
/// First byte of the keys of further pieces; above every table.
const PIECES: u8 = 0xff;

pub(super) struct Database {
    sled: sled::Db,
    file: File,
}

impl Database {
    /// Opens the database in `path`; with `create` it may be absent.
    pub(super) fn open(
        path: &Path,
        create: bool,
        options: StoreOptions,
    ) -> Result<Self, OpenError> {
        if !create {
            expect_database(path)?;
        }
        remove_half_snapshots(path)?;
        let config = sled::Config::default()
            .path(path)
            .cache_capacity(options.cache_bytes)
            .segment_size(SEGMENT_BYTES)
            .mode(sled::Mode::LowSpace)
            .flush_every_ms(None);
        let open = || {
            catch_unwind(AssertUnwindSafe(|| config.open()))
                .map_err(|_| OpenError::Damaged { reason: "the database cannot be read".into() })
        };
        let sled = match open()? {
            Err(sled::Error::Io(error)) if error.kind() == ErrorKind::Other => {
                wait_for_lock(path)?;
                open()??
            }
            opened => opened?,
        };
        let file = OpenOptions::new().read(true).write(true).open(path.join("db"))?;
        sync_directory(path)?;
        Ok(Self { sled, file })
    }

    pub(super) fn get(&self, sealer: &Sealer, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.sled.get(key).map_err(from_sled)? {
            Some(stored) => self.value(sealer, key, &stored).map(Some),
            None => Ok(None),
        }
    }

    /// The entries from `from` up to, not including, `to`.
    pub(super) fn range<'a>(
        &'a self,
        sealer: &'a Sealer,
        (from, to): (&[u8], &[u8]),
        order: Order,
    ) -> Box<dyn Iterator<Item = Result<Entry, StoreError>> + 'a> {
        let range = self.sled.range::<&[u8], _>(from..to);
        let open = move |found: sled::Result<(sled::IVec, sled::IVec)>| {
            let (key, stored) = found.map_err(from_sled)?;
            let value = self.value(sealer, &key, &stored)?;
            Ok((key.to_vec(), value))
        };
        match order {
            Order::Ascending => Box::new(range.map(open)),
            Order::Descending => Box::new(range.rev().map(open)),
        }
    }

    /// Writes all of `writes` durably, or none of them; returns how many bytes were put.
    pub(super) fn commit<'a>(
        &self,
        sealer: &Sealer,
        writes: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
    ) -> Result<usize, StoreError> {
        let mut batch = sled::Batch::default();
        let mut bytes = 0_usize;
        for (key, value) in writes {
            let stale = self.further_pieces(key)?;
            let mut written = 0;
            if let Some(value) = value {
                let sealed = sealer.seal(key, value)?;
                bytes = bytes.saturating_add(key.len()).saturating_add(sealed.len());
                written = put_sealed(&mut batch, key, &sealed)?;
            } else {
                batch.remove(key);
            }
            for index in written..stale {
                batch.remove(piece_key(key, index));
            }
        }
        self.sled.apply_batch(batch).map_err(from_sled)?;
        self.sled.flush().map_err(from_sled)?;
        if cfg!(target_os = "linux") {
            self.file.sync_data().map_err(|error| from_io(&error))?;
        }
        Ok(bytes)
    }

    /// The content of what is stored under `key`.
    fn value(&self, sealer: &Sealer, key: &[u8], stored: &[u8]) -> Result<Vec<u8>, StoreError> {
        match stored.split_first() {
            Some((&WHOLE, sealed)) => sealer.open(key, sealed),
            Some((&CUT, rest)) => {
                let (count, first) = rest.split_first_chunk::<4>().ok_or_else(piece_missing)?;
                let mut sealed = first.to_vec();
                for index in 0..u32::from_be_bytes(*count) {
                    let piece = self.sled.get(piece_key(key, index)).map_err(from_sled)?;
                    sealed.extend_from_slice(&piece.ok_or_else(piece_missing)?);
                }
                sealer.open(key, &sealed)
            }
            _ => Err(StoreError::Corrupt { reason: "a value has an unknown form".into() }),
        }
    }

    /// How many pieces beyond the first lie under `key` now.
    fn further_pieces(&self, key: &[u8]) -> Result<u32, StoreError> {
        let stored = self.sled.get(key).map_err(from_sled)?;
        Ok(match stored.as_deref().and_then(<[u8]>::split_first) {
            Some((&CUT, rest)) => {
                rest.split_first_chunk::<4>().map_or(0, |(count, _)| u32::from_be_bytes(*count))
            }
            _ => 0,
        })
    }
}

/// Adds `sealed` to the batch and returns the number of pieces beyond the first.
fn put_sealed(batch: &mut sled::Batch, key: &[u8], sealed: &[u8]) -> Result<u32, StoreError> {
    let Some((first, rest)) = sealed.split_at_checked(PIECE_BYTES) else {
        let mut stored = Vec::with_capacity(sealed.len().saturating_add(1));
        stored.push(WHOLE);
        stored.extend_from_slice(sealed);
        batch.insert(key, stored);
        return Ok(0);
    };
    let mut count = 0_u32;
    for piece in rest.chunks(PIECE_BYTES) {
        batch.insert(piece_key(key, count), piece);
        count = count.checked_add(1).ok_or_else(|| StoreError::Io {
            reason: "a value is longer than the store can hold".into(),
        })?;
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

fn piece_missing() -> StoreError {
    StoreError::Corrupt { reason: "a piece of a value is missing".into() }
}

/// Fails unless there is a sled database in `path`: sled would make a new one in its place.
fn expect_database(path: &Path) -> Result<(), OpenError> {
    let foreign = |reason: &str| OpenError::Foreign { reason: reason.to_owned() };
    let mut file = match File::open(path.join("db")) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(OpenError::Damaged { reason: "the database is missing".into() });
        }
        Err(error) => return Err(error.into()),
    };
    let mut segment = vec![0; SEGMENT_BYTES];
    loop {
        let read = read_up_to(&mut file, &mut segment)?;
        let Some(header) = segment.get(..read).and_then(<[u8]>::first_chunk) else {
            return Err(foreign("the database file is none"));
        };
        if is_segment_header(header) {
            return Ok(());
        }
    }
}

fn read_up_to(file: &mut File, buffer: &mut [u8]) -> Result<usize, OpenError> {
    let mut filled = 0_usize;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(read) => filled = filled.saturating_add(read),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(filled)
}

/// A segment of sled's log begins with the inverted CRC-32 of the 16 bytes that follow.
fn is_segment_header(header: &[u8; SEGMENT_HEADER_BYTES]) -> bool {
    header
        .split_first_chunk::<4>()
        .is_some_and(|(crc, rest)| u32::from_le_bytes(*crc) == crc32fast::hash(rest) ^ u32::MAX)
}

/// Returns once nobody holds sled's own lock. No other process can: they are kept out of the whole folder.
fn wait_for_lock(path: &Path) -> Result<(), OpenError> {
    let file = OpenOptions::new().read(true).write(true).open(path.join("db"))?;
    file.lock()?;
    // Not by closing: a process that is being started may hold a copy of the file for a moment.
    Ok(file.unlock()?)
}

fn remove_half_snapshots(path: &Path) -> Result<(), OpenError> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
