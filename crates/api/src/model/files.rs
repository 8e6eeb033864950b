//! Files, pictures and backups: what is where, and what is on its way.

use serde::{Deserialize, Serialize};

word! {
    /// Where the content of a file is.
    pub enum FileState {
        /// Not on this device.
        Absent,
        /// On its way here.
        Fetching,
        /// On this device, whole and verified.
        Here,
        /// Taken off this device by `file.cancel` or because nothing refers to it any more.
        Gone,
    }

    /// What a transfer does.
    pub enum TransferKind {
        /// Takes a file of this computer in, to send it.
        Add,
        /// Fetches a file from other members.
        Fetch,
        /// Writes a file out to where the person wants it; fetches it first where it is not here.
        Save,
        /// Writes a backup of the account.
        Export,
        /// Reads a backup of an account.
        Import,
    }

    /// How a transfer stands.
    pub enum TransferState {
        /// It waits; `reason` says what for.
        Waiting,
        /// It goes on.
        Running,
        /// It is done.
        Done,
        /// It failed; `reason` says why.
        Failed,
        /// It was cancelled.
        Cancelled,
    }
}

model! {
    /// A file of a message.
    pub struct Attachment {
        /// File id: the root of its content's BLAKE3 tree.
        pub file: String,
        /// File name, fit to be a name on any system; never a path.
        pub name: String,
        /// Size.
        pub size_bytes: u64,
        /// Media type that the sender gave, such as `image/png`; a hint, not to be trusted.
        pub media_type: String,
        /// Where the content is.
        pub state: FileState,
        /// How much of it is here.
        pub received_bytes: u64,
        /// The transfer that fetches it now.
        pub transfer: Option<String>,
    }

    /// A file on its way into, out of or through this device.
    pub struct Transfer {
        /// Transfer id.
        pub transfer: String,
        /// What it does.
        pub kind: TransferKind,
        /// How it stands.
        pub state: TransferState,
        /// File id, once known.
        pub file: Option<String>,
        /// File name.
        pub name: String,
        /// Whole size.
        pub size_bytes: u64,
        /// How much is done.
        pub done_bytes: u64,
        /// The conversation it belongs to.
        pub conversation: Option<String>,
        /// The message it belongs to; for `file.send` once it is sent.
        pub message: Option<String>,
        /// From how many devices it comes just now.
        pub sources: u32,
        /// For programs and translations, why it waits or failed: `offline`, `nobody_has_it`,
        /// `not_found`, `unreadable`, `changed`, `exists`, `unwritable`, `disk_full`, `too_large`,
        /// `damaged`; `refused` where the message could not be sent.
        pub code: Option<String>,
        /// In English, what happened and what to do.
        pub reason: Option<String>,
        /// Where it was saved or exported to.
        pub path: Option<String>,
    }

    /// A file that was shared in a conversation.
    pub struct SharedFile {
        /// Message id.
        pub message: String,
        /// Who sent it.
        pub account: String,
        /// The sender's name now.
        pub name: String,
        /// The sender's clock.
        pub sent_ms: u64,
        /// The message's position.
        pub position: String,
        /// The file.
        pub attachment: Attachment,
    }

    /// The answer to `file.list`.
    pub struct Files {
        /// Transfers under way, and those that ended in the last minutes.
        pub transfers: Vec<Transfer>,
        /// Files of the conversation, newest first.
        pub files: Vec<SharedFile>,
        /// Whether there are more.
        pub more: bool,
    }

    /// A piece of a file's content.
    pub struct FileData {
        /// The bytes, in base64.
        pub data: String,
        /// Size of the whole file.
        pub size_bytes: u64,
    }

    /// A picture of a person or group.
    pub struct Picture {
        /// Picture id: BLAKE3 of its bytes.
        pub picture: String,
        /// `image/png`, `image/jpeg` or `image/webp`.
        pub media_type: String,
        /// The bytes, in base64.
        pub data: String,
    }

    /// A backup that was written.
    pub struct Exported {
        /// Where it is.
        pub path: String,
        /// Its size.
        pub size_bytes: u64,
        /// How many conversations are in it.
        pub conversations: u64,
        /// How many events are in it.
        pub events: u64,
    }
}
