//! What can go wrong while reading or writing an open store.

/// Why a read or a write of an open store failed.
///
/// After an error of `write` or `flush` nothing that an earlier `flush` acknowledged is lost.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The disk, or the quota of the user on it, is full. What was not flushed is kept in memory; `flush` may
    /// be called again once there is room.
    #[error("The disk is full: free some space, then try again.")]
    Full,
    /// The operating system refused to read or write.
    #[error("The messages on disk cannot be reached ({reason}): check the disk, then start again.")]
    Io {
        /// What the operating system said.
        reason: String,
    },
    /// What is on disk is not what was written.
    #[error("The messages on disk are damaged ({reason}): restore the folder from a copy.")]
    Corrupt {
        /// What was found to be wrong, without any content.
        reason: String,
    },
    /// A value does not open under the key of this store: it was altered, moved to another key, or sealed by
    /// another store.
    #[error(
        "A stored value does not open with this store's key: it was altered on disk; restore the folder from a copy."
    )]
    Sealed,
}
