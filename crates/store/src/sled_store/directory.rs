//! The folder of a store: who may use it, what is in it, which format it has.
//!
//! Owns: `anser.lock` (held while open), `anser.pid` (whose it is, for the message), `anser.format` (the
//! version; its presence says that creation was finished), the replacing of small files. Must always hold:
//! a folder that is not ours, or newer than us, is left byte for byte as it was.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::OpenError;
use super::key::KeyFile;

const LOCK: &str = "anser.lock";
const PID: &str = "anser.pid";
const FORMAT: &str = "anser.format";
const KEY: &str = "anser.key";
const DATABASE: &str = "db";
const NEW: &str = ".new";

/// Longer files are none of ours.
const SMALL_FILE_BYTES: u64 = 16 * 1024;

/// A folder that holds a store, or may.
#[derive(Clone, Debug)]
pub(super) struct Directory {
    root: PathBuf,
}

/// What a folder turned out to be, before anything was written to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Nothing, or a creation that did not come to its end.
    Unfinished,
    /// A store of this format version.
    Store { version: u32 },
}

/// Keeps other processes out while it lives.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    pid: PathBuf,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A pid left behind misleads nobody: it is read only while the lock is held by another.
        let _ = fs::remove_file(&self.pid);
        // Closing alone would leave the lock to a process that is being started at this moment and has not
        // yet dropped its copy of the file.
        let _ = self.file.unlock();
    }
}

impl Directory {
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    pub(super) fn database(&self) -> PathBuf {
        self.root.join(DATABASE)
    }

    /// Looks without touching. `supported` is the newest version that can be read.
    pub(super) fn examine(&self, supported: u32) -> Result<Content, OpenError> {
        if let Some(text) = self.read(FORMAT)? {
            let version = text
                .strip_prefix("anser-store ")
                .and_then(|rest| rest.trim_end().parse::<u32>().ok())
                .filter(|version| *version > 0)
                .ok_or_else(|| foreign("anser.format is not a format file"))?;
            if version > supported {
                return Err(OpenError::TooNew { found: version, supported });
            }
            return Ok(Content::Store { version });
        }
        let names = match fs::read_dir(&self.root) {
            Ok(entries) => entries
                .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
                .collect::<Result<Vec<_>, io::Error>>()?,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Content::Unfinished),
            Err(error) if error.kind() == ErrorKind::NotADirectory && self.root.exists() => {
                return Err(foreign("it is not a folder"));
            }
            Err(error) => return Err(error.into()),
        };
        let ours = |name: &str| {
            let name = name.strip_suffix(NEW).unwrap_or(name);
            [LOCK, PID, FORMAT, KEY, DATABASE].contains(&name)
        };
        if let Some(other) = names.iter().find(|name| !ours(name)) {
            return Err(foreign(&format!("it contains {other:?}")));
        }
        if names.iter().any(|name| name == DATABASE) && !names.iter().any(|name| name == KEY) {
            return Err(foreign("it contains a database without anser.key"));
        }
        Ok(Content::Unfinished)
    }

    /// Makes the folder, for this user only, if it is not there yet.
    pub(super) fn create(&self) -> Result<(), OpenError> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.root).map_err(|error| match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => OpenError::Full,
            _ => OpenError::Unwritable { reason: error.to_string() },
        })
    }

    /// Keeps other processes out, or says which one is in.
    pub(super) fn lock(&self) -> Result<Lock, OpenError> {
        let file = private().create(true).truncate(false).write(true).open(self.root.join(LOCK))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let pid = self.read(PID).ok().flatten().and_then(|pid| pid.trim().parse().ok());
                return Err(OpenError::Locked { pid });
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let pid = self.root.join(PID);
        let lock = Lock { file, pid };
        // The pid lies in a file of its own because Windows lets nobody read a locked one.
        private()
            .create(true)
            .truncate(true)
            .write(true)
            .open(&lock.pid)?
            .write_all(std::process::id().to_string().as_bytes())?;
        Ok(lock)
    }

    pub(super) fn read_key(&self) -> Result<Option<KeyFile>, OpenError> {
        self.read(KEY)?.map(|text| KeyFile::from_text(&text)).transpose()
    }

    pub(super) fn write_key(&self, key: &KeyFile) -> Result<(), OpenError> {
        self.replace(KEY, key.to_text().as_bytes())
    }

    pub(super) fn write_format(&self, version: u32) -> Result<(), OpenError> {
        self.replace(FORMAT, format!("anser-store {version}\n").as_bytes())
    }

    fn read(&self, name: &str) -> Result<Option<Zeroizing<String>>, OpenError> {
        let file = match File::open(self.root.join(name)) {
            Ok(file) => file,
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
        file.take(SMALL_FILE_BYTES).read_to_end(&mut bytes)?;
        let text = str::from_utf8(&bytes).map_err(|_| foreign(&format!("{name} is not text")))?;
        Ok(Some(Zeroizing::new(text.to_owned())))
    }

    /// Puts `bytes` under `name` so that a crash leaves either the old file or the new one.
    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), OpenError> {
        let new = self.root.join(format!("{name}{NEW}"));
        let mut file = private().create(true).truncate(true).write(true).open(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        drop(file);
        fs::rename(&new, self.root.join(name))?;
        sync_directory(&self.root)?;
        Ok(())
    }
}

/// Makes names that were added to or removed from `path` durable.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    // Windows neither needs nor allows it.
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

fn private() -> OpenOptions {
    #[cfg(unix)]
    {
        let mut options = OpenOptions::new();
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options
    }
    #[cfg(not(unix))]
    OpenOptions::new()
}

fn foreign(reason: &str) -> OpenError {
    OpenError::Foreign { reason: reason.to_owned() }
}
