//! What can go wrong while opening a store on disk, each with what to do about it.

use std::io;

use super::Protection;
use crate::StoreError;

/// Why a store could not be opened. Whatever it is, nothing in the folder was lost or overwritten.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Another process has the store open.
    #[error("Another Anser{} is using this folder: close it, then start again.", process(*.pid))]
    Locked {
        /// The process that holds it, where that is known.
        pid: Option<u32>,
    },
    /// A newer program has written this store.
    #[error(
        "This folder was written by a newer Anser (format {found}, this program knows up to {supported}): install the newer version."
    )]
    TooNew {
        /// The version found on disk.
        found: u32,
        /// The newest version this program reads.
        supported: u32,
    },
    /// There is something else where the store should be.
    #[error(
        "This folder does not hold Anser's messages ({reason}): choose an empty folder or the right one."
    )]
    Foreign {
        /// What was found instead.
        reason: String,
    },
    /// The folder cannot be created or written.
    #[error(
        "This folder cannot be written ({reason}): change its permissions or choose another one."
    )]
    Unwritable {
        /// What the operating system said.
        reason: String,
    },
    /// The disk, or the quota of the user on it, is full.
    #[error("The disk is full: free some space, then start again.")]
    Full,
    /// The passphrase does not open this store.
    #[error("The passphrase is wrong: type the one that was chosen for this folder.")]
    WrongPassphrase,
    /// The store is protected in another way than the one asked for.
    #[error("This folder is protected {}: open it that way.", found.how())]
    OtherProtection {
        /// How it is protected.
        found: Protection,
    },
    /// The operating system's keyring is absent, locked or refuses.
    #[error(
        "The system's keyring cannot be used ({reason}): unlock it or start its service, or protect this folder with a passphrase instead."
    )]
    NoKeyring {
        /// What the keyring, or the attempt to reach it, said.
        reason: String,
    },
    /// The messages are there, but their key is not.
    #[error(
        "The key of this folder is missing ({reason}): bring it back from a copy; without it the messages stay sealed."
    )]
    KeyLost {
        /// Where it was looked for.
        reason: String,
    },
    /// The store is there but damaged.
    #[error("The messages in this folder are damaged ({reason}): restore the folder from a copy.")]
    Damaged {
        /// What was found to be wrong, without any content.
        reason: String,
    },
    /// The operating system failed in a way that has no better name.
    #[error("This folder cannot be read ({reason}): check the disk, then start again.")]
    Io {
        /// What the operating system said.
        reason: String,
    },
}

fn process(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" (process {pid})"))
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind as Kind;
        match error.kind() {
            Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge => Self::Full,
            Kind::PermissionDenied | Kind::ReadOnlyFilesystem | Kind::NotADirectory => {
                Self::Unwritable { reason: error.to_string() }
            }
            _ => Self::Io { reason: error.to_string() },
        }
    }
}

impl From<sled::Error> for OpenError {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(error) => error.into(),
            other => Self::Damaged { reason: other.to_string() },
        }
    }
}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full => Self::Full,
            StoreError::Io { reason } => Self::Io { reason },
            StoreError::Corrupt { reason } => Self::Damaged { reason },
            StoreError::Sealed => Self::Damaged { reason: "its key does not fit".into() },
        }
    }
}

impl From<OpenError> for StoreError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Full => Self::Full,
            OpenError::Damaged { reason } | OpenError::Foreign { reason } => {
                Self::Corrupt { reason }
            }
            other => Self::Io { reason: other.to_string() },
        }
    }
}

/// An error of the database while the store is open.
pub(super) fn from_sled(error: sled::Error) -> StoreError {
    match error {
        sled::Error::Io(error) => from_io(&error),
        sled::Error::Corruption { .. } | sled::Error::ReportableBug(_) => {
            StoreError::Corrupt { reason: error.to_string() }
        }
        other => StoreError::Io { reason: other.to_string() },
    }
}

/// An error of the file system while the store is open.
pub(super) fn from_io(error: &io::Error) -> StoreError {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge => StoreError::Full,
        _ => StoreError::Io { reason: error.to_string() },
    }
}
