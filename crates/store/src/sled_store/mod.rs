//! The store on disk: sealed values in a sled database, in a folder that one process may use at a time.
//!
//! ```text
//! DIR/anser.lock     held while the store is open
//! DIR/anser.pid      whose lock it is
//! DIR/anser.key      how the data key is protected, and what that needs
//! DIR/anser.format   the version of everything here; written last, so its presence means "complete"
//! DIR/db/            the sled database
//! ```
//!
//! Owns: the unflushed writes, in memory, and the database. `write` only changes memory; `flush` seals
//! everything written since the last one and commits it as one group. So a batch is never torn, and what
//! could not be written, to a full disk say, is still there when `flush` is called again.
//!
//! Must always hold: opening a folder that is not ours, is newer, is in use or does not open with the key
//! given changes nothing in it.

mod database;
mod directory;
mod error;
mod key;
mod keyring;
mod seal;

use std::path::Path;

pub use error::OpenError;
pub use key::{DataKeySource, KdfCost, Protection};

use crate::overlay::Overlay;
use crate::{Batch, Entry, Order, Store, StoreError, Table};
use database::Database;
use directory::{Content, Directory, Lock};
use key::KeyFile;
use seal::{DataKey, Sealer};

/// The format version this program writes.
pub const FORMAT_VERSION: u32 = 1;

/// `MIGRATIONS[n - 1]` turns a store of version `n` into one of version `n + 1`. It must be able to run
/// again after a crash in its middle: the version on disk changes only once it has returned.
const MIGRATIONS: [Migration; FORMAT_VERSION as usize - 1] = [];
type Migration = fn(&Database, &Sealer) -> Result<(), OpenError>;

/// Unflushed writes above this are flushed by `write` itself, to bound memory. Beyond it memory grows only
/// while flushing fails: whoever owns the store stops writing when a flush tells so.
const UNFLUSHED_BYTES: usize = 16 * 1024 * 1024;

/// A key of no table, under which a complete database holds a value sealed with its own key.
const SENTINEL_KEY: [u8; 2] = [0, 0];
const SENTINEL: &[u8] = b"anser";

/// What may be chosen when opening a store. The default is meant for people's machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreOptions {
    /// About how much memory the database's page cache may take, in bytes.
    pub cache_bytes: u64,
    /// The cost of a passphrase chosen now; an existing one keeps its cost.
    pub kdf_cost: KdfCost,
    /// Bytes put after which a flush opens the database anew, which takes from milliseconds to about a second.
    /// It bounds how much of its log, about four times as much, an opening after a crash must read.
    pub bytes_per_snapshot: usize,
    /// Bytes put after which the same is done when the store may rest.
    pub bytes_before_rest: usize,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 32 * 1024 * 1024,
            kdf_cost: KdfCost::default(),
            bytes_per_snapshot: 64 * 1024 * 1024,
            bytes_before_rest: 8 * 1024 * 1024,
        }
    }
}

/// A store in a folder. Dropping it does not flush.
pub struct SledStore {
    /// `None` after a failed attempt to recover from a failed flush.
    database: Option<Database>,
    unflushed: Overlay,
    flush_failed: bool,
    bytes_since_snapshot: usize,
    data_key: DataKey,
    sealer: Sealer,
    options: StoreOptions,
    directory: Directory,
    // Last, so that the database is closed when others are let in.
    _lock: Lock,
}

/// How the store in `dir` is protected, without opening it: whether a passphrase must be asked for.
///
/// # Errors
/// [`OpenError::TooNew`], [`OpenError::Foreign`], [`OpenError::KeyLost`], or that the folder cannot be read.
pub fn detect(dir: &Path) -> Result<Protection, OpenError> {
    let directory = Directory::new(dir);
    let content = directory.examine(FORMAT_VERSION)?;
    match (directory.read_key()?, content) {
        (Some(key), _) => Ok(key.protection()),
        (None, Content::Unfinished) => Ok(Protection::Absent),
        (None, Content::Store { .. }) => Err(key_file_lost()),
    }
}

impl SledStore {
    /// Opens the store in `dir`, or creates one there if there is nothing.
    ///
    /// # Errors
    /// [`OpenError`]; nothing that was in the folder is lost.
    pub fn open(dir: &Path, key: DataKeySource) -> Result<Self, OpenError> {
        Self::open_with(dir, key, StoreOptions::default())
    }

    /// [`SledStore::open`] with other than the default options.
    ///
    /// # Errors
    /// As [`SledStore::open`].
    pub fn open_with(
        dir: &Path,
        key: DataKeySource,
        options: StoreOptions,
    ) -> Result<Self, OpenError> {
        let directory = Directory::new(dir);
        directory.examine(FORMAT_VERSION)?;
        directory.create()?;
        let lock = directory.lock()?;
        // Only now can no other process change it.
        let content = directory.examine(FORMAT_VERSION)?;
        let data_key = match (directory.read_key()?, content) {
            (Some(file), _) => file.unlock(&key)?,
            (None, Content::Store { .. }) => return Err(key_file_lost()),
            (None, Content::Unfinished) => {
                let data_key = DataKey::generate()?;
                let file = KeyFile::keep(&data_key, &key, options.kdf_cost)?;
                directory.write_key(&file)?;
                data_key
            }
        };
        let sealer = Sealer::new(&data_key);
        let create = content == Content::Unfinished;
        let database = Database::open(&directory.database(), create, options)?;
        match (database.get(&sealer, &SENTINEL_KEY)?, content) {
            (Some(_), Content::Store { version }) => {
                migrate(&directory, &database, &sealer, version)?;
            }
            (None, Content::Store { .. }) => {
                return Err(OpenError::Foreign { reason: "the database is another's".into() });
            }
            (_, Content::Unfinished) => {
                database.commit(&sealer, [(&SENTINEL_KEY[..], Some(SENTINEL))].into_iter())?;
                directory.write_format(FORMAT_VERSION)?;
            }
        }
        Ok(Self {
            database: Some(database),
            unflushed: Overlay::default(),
            flush_failed: false,
            bytes_since_snapshot: 0,
            data_key,
            sealer,
            options,
            directory,
            _lock: lock,
        })
    }

    /// Protects the data key in another way from now on. The values stay as they are.
    ///
    /// # Errors
    /// [`OpenError`]; the store is then protected as before, except that after
    /// [`OpenError::NoKeyring`] the change is made and only the old entry may remain in the keyring.
    pub fn change_protection(&mut self, to: &DataKeySource) -> Result<(), OpenError> {
        let old = self.directory.read_key()?.ok_or_else(key_file_lost)?;
        let new = KeyFile::keep(&self.data_key, to, self.options.kdf_cost)?;
        if let Err(error) = self.directory.write_key(&new) {
            // The entry just made is of no use; that it may stay behind is no harm.
            let _ = new.forget();
            return Err(error);
        }
        old.forget()
    }

    fn database(&self) -> Result<&Database, StoreError> {
        self.database.as_ref().ok_or_else(|| StoreError::Io {
            reason: "it could not be opened again after a failed write".into(),
        })
    }

    /// Opens the database anew: after an error of its file sled refuses all work until then, and it writes
    /// its snapshots only then.
    fn reopen(&mut self) -> Result<(), StoreError> {
        self.database = None;
        let database = Database::open(&self.directory.database(), false, self.options)?;
        self.database = Some(database);
        self.bytes_since_snapshot = 0;
        Ok(())
    }
}

impl Store for SledStore {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let key = table.full_key(key);
        match self.unflushed.get(&key) {
            Some(value) => Ok(value.map(<[u8]>::to_vec)),
            None => self.database()?.get(&self.sealer, &key),
        }
    }

    fn scan(
        &self,
        table: Table,
        lower: &[u8],
        upper: Option<&[u8]>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let Some((from, to)) = table.full_range(lower, upper) else {
            return Ok(Vec::new());
        };
        let below = self.database()?.range(&self.sealer, (&from, &to), order);
        self.unflushed.scan_over((&from, &to), order, limit, below)
    }

    fn write(&mut self, batch: Batch) -> Result<(), StoreError> {
        self.unflushed.apply(batch);
        if self.unflushed.bytes() > UNFLUSHED_BYTES && !self.flush_failed {
            // The batch is taken whatever happens here; what stands in the way, the next flush says.
            let _ = self.flush();
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        if self.unflushed.is_empty() {
            return Ok(());
        }
        if self.flush_failed || self.database.is_none() {
            self.reopen()?;
        }
        let committed = self.database()?.commit(&self.sealer, self.unflushed.iter());
        self.flush_failed = committed.is_err();
        self.bytes_since_snapshot = self.bytes_since_snapshot.saturating_add(committed?);
        self.unflushed.clear();
        if self.bytes_since_snapshot > self.options.bytes_per_snapshot {
            self.reopen()?;
        }
        Ok(())
    }

    fn wants_rest(&self) -> bool {
        self.bytes_since_snapshot > self.options.bytes_before_rest
    }

    fn rest(&mut self) -> Result<(), StoreError> {
        self.flush()?;
        if self.wants_rest() { self.reopen() } else { Ok(()) }
    }

    fn tag(&self, domain: &'static str, bytes: &[u8]) -> [u8; 16] {
        self.sealer.tag(domain, bytes)
    }
}

impl std::fmt::Debug for SledStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SledStore").field("directory", &self.directory).finish_non_exhaustive()
    }
}

fn migrate(
    directory: &Directory,
    database: &Database,
    sealer: &Sealer,
    found: u32,
) -> Result<(), OpenError> {
    let done = usize::try_from(found.saturating_sub(1)).unwrap_or(usize::MAX);
    for (migration, version) in MIGRATIONS.iter().skip(done).zip(found.saturating_add(1)..) {
        migration(database, sealer)?;
        directory.write_format(version)?;
    }
    Ok(())
}

fn key_file_lost() -> OpenError {
    OpenError::KeyLost { reason: "there is no anser.key".into() }
}
