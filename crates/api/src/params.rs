//! Parameters of the methods. Unknown fields are refused, so that a typing error is seen.

use serde::{Deserialize, Serialize};

use crate::model::{PresenceState, Role};

macro_rules! params {
    ($($item:item)*) => {
        $(
            #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
            #[cfg_attr(feature = "schema", derive(ts_rs::TS, schemars::JsonSchema))]
            #[cfg_attr(feature = "schema", ts(optional_fields))]
            #[serde(deny_unknown_fields)]
            $item
        )*
    };
}

params! {
    /// No parameters.
    pub struct Empty {}

    /// `account.create`.
    pub struct AccountCreate {
        /// Shown name, at most 256 bytes.
        pub name: String,
        /// What to call this device; the host's name where it is missing.
        pub device_label: Option<String>,
    }

    /// `account.update`: what is missing stays.
    pub struct AccountUpdate {
        /// Shown name.
        pub name: Option<String>,
        /// Status line; empty takes it away.
        pub status: Option<String>,
        /// Picture: base64 of a PNG, JPEG or WebP of at most 64 KiB and 1,024 pixels a side; empty
        /// takes it away.
        pub avatar: Option<String>,
    }

    /// `account.export`.
    pub struct AccountExport {
        /// Where the backup goes.
        pub path: String,
        /// What it is sealed with, at least 8 characters.
        pub passphrase: String,
        /// Whether to replace a file that is there; default no.
        pub overwrite: Option<bool>,
    }

    /// `account.import`.
    pub struct AccountImport {
        /// A file that `account.export` wrote.
        pub path: String,
        /// What it was sealed with.
        pub passphrase: String,
        /// What to call this device; the host's name where it is missing.
        pub device_label: Option<String>,
    }

    /// `device.link_start`.
    pub struct DeviceLinkStart {
        /// What to call this device; the host's name where it is missing.
        pub device_label: Option<String>,
    }

    /// `device.link_accept`.
    pub struct DeviceLinkAccept {
        /// The code that the new device shows.
        pub code: String,
    }

    /// `invite.create`.
    pub struct InviteCreate {
        /// A group to let people into; without it the link only makes a contact.
        pub conversation: Option<String>,
    }

    /// `invite.accept`.
    pub struct InviteAccept {
        /// An `anser:invite/` link.
        pub link: String,
    }

    /// `picture.get`.
    pub struct PictureGet {
        /// Picture id, as `avatar` gives it.
        pub picture: String,
    }

    /// `file.add`: by `path`, or by `name` and `size_bytes` with the content to follow by `file.write`.
    pub struct FileAdd {
        /// A file on this computer.
        pub path: Option<String>,
        /// The name, where no path is given.
        pub name: Option<String>,
        /// The size of the content to follow, where no path is given.
        pub size_bytes: Option<u64>,
    }

    /// `file.write`.
    pub struct FileWrite {
        /// Transfer id.
        pub transfer: String,
        /// The next bytes, in base64; at most 512 KiB a call.
        pub data: String,
    }

    /// `file.send`.
    pub struct FileSend {
        /// Conversation id.
        pub conversation: String,
        /// A file on this computer.
        pub path: String,
        /// Text beside it.
        pub text: Option<String>,
        /// Message id that this answers.
        pub reply_to: Option<String>,
    }

    /// `file.save`.
    pub struct FileSave {
        /// Message id.
        pub message: String,
        /// Where it goes: a file, or a folder that is there, in which it gets its own name.
        pub path: String,
        /// Which of the message's files; the first where it is missing.
        pub file: Option<String>,
        /// Whether to replace a file that is there; default no.
        pub overwrite: Option<bool>,
    }

    /// `file.fetch`.
    pub struct FileFetch {
        /// Message id.
        pub message: String,
        /// Which of the message's files; the first where it is missing.
        pub file: Option<String>,
    }

    /// `file.read`.
    pub struct FileRead {
        /// File id.
        pub file: String,
        /// From which byte.
        pub offset: u64,
        /// At most 524,288 bytes.
        pub limit: u32,
    }

    /// `file.cancel`.
    pub struct FileCancel {
        /// Transfer id.
        pub transfer: String,
    }

    /// `file.list`.
    pub struct FileList {
        /// Files of this conversation; without it only the transfers under way are given.
        pub conversation: Option<String>,
        /// At most 500; default 50.
        pub limit: Option<u32>,
        /// The position of the message after which, going back, to go on.
        pub before: Option<String>,
    }

    /// `peer.dial`.
    pub struct PeerDial {
        /// A multiaddr, or an `anser:` link.
        pub address: String,
    }

    /// `contact.add`.
    pub struct ContactAdd {
        /// An `anser:` link.
        pub card: String,
    }

    /// `contact.block`.
    pub struct ContactBlock {
        /// Account id.
        pub account: String,
        /// Whether to block (default) or to unblock.
        pub blocked: Option<bool>,
    }

    /// `contact.verify`.
    pub struct ContactVerify {
        /// Account id.
        pub account: String,
        /// The number as shown on the other side; spaces do not matter.
        pub safety_number: String,
    }

    /// Names an account.
    pub struct ByAccount {
        /// Account id.
        pub account: String,
    }

    /// Names a conversation.
    pub struct ByConversation {
        /// Conversation id.
        pub conversation: String,
    }

    /// Names a message.
    pub struct ByMessage {
        /// Message id.
        pub message: String,
    }

    /// A page of a list.
    pub struct Page {
        /// At most 500; default 50.
        pub limit: Option<u32>,
        /// The id after which to go on.
        pub after: Option<String>,
    }

    /// `conversation.create`.
    pub struct ConversationCreate {
        /// Title.
        pub title: String,
        /// Account ids of the others.
        pub members: Vec<String>,
        /// Whether newcomers may read what was said before; default yes.
        pub history: Option<bool>,
    }

    /// `conversation.add`.
    pub struct ConversationAdd {
        /// Conversation id.
        pub conversation: String,
        /// Account ids.
        pub accounts: Vec<String>,
    }

    /// `conversation.remove`.
    pub struct ConversationRemove {
        /// Conversation id.
        pub conversation: String,
        /// Account id.
        pub account: String,
    }

    /// `conversation.update`: what is missing stays.
    pub struct ConversationUpdate {
        /// Conversation id.
        pub conversation: String,
        /// The group's title, for everybody.
        pub title: Option<String>,
        /// The group's picture, for everybody; as in `account.update`.
        pub avatar: Option<String>,
        /// No notifications, here only.
        pub muted: Option<bool>,
        /// Out of the way, here only.
        pub archived: Option<bool>,
        /// Text not yet sent, here only.
        pub draft: Option<String>,
    }

    /// `message.send`.
    pub struct MessageSend {
        /// Conversation id.
        pub conversation: String,
        /// The text, at most 64 KiB; may be empty where there are attachments.
        pub text: String,
        /// Message id that this answers.
        pub reply_to: Option<String>,
        /// Ids of files that are here whole (see `file.add`), at most 16.
        pub attachments: Option<Vec<String>>,
    }

    /// `message.edit`.
    pub struct MessageEdit {
        /// Message id.
        pub message: String,
        /// The new text.
        pub text: String,
    }

    /// `message.react`.
    pub struct MessageReact {
        /// Message id.
        pub message: String,
        /// One emoji.
        pub emoji: String,
        /// Whether to set or take away.
        pub on: bool,
    }

    /// `message.list`.
    pub struct MessageList {
        /// Conversation id.
        pub conversation: String,
        /// A position or message id: the page ends before it. Without `before` and `after` the
        /// latest page is given.
        pub before: Option<String>,
        /// A position or message id: the page starts after it.
        pub after: Option<String>,
        /// At most 500; default 50.
        pub limit: Option<u32>,
    }

    /// `message.read`.
    pub struct MessageRead {
        /// Conversation id.
        pub conversation: String,
        /// Message id: it and everything before it was read.
        pub up_to: String,
    }

    /// `message.search`.
    pub struct MessageSearch {
        /// Words that must all occur, in any case.
        pub query: String,
        /// Only here.
        pub conversation: Option<String>,
        /// At most 500; default 50.
        pub limit: Option<u32>,
        /// `next` of the page before.
        pub before: Option<String>,
    }

    /// `typing.set`.
    pub struct TypingSet {
        /// Conversation id.
        pub conversation: String,
        /// Whether one types.
        pub typing: bool,
    }

    /// `device.revoke`.
    pub struct DeviceRevoke {
        /// Device id.
        pub device: String,
    }

    /// `settings.set`: what is missing stays.
    pub struct SettingsSet {
        /// See [`crate::model::Settings`].
        pub accept_requests: Option<bool>,
        /// See [`crate::model::Settings`].
        pub read_receipts: Option<bool>,
        /// See [`crate::model::Settings`].
        pub typing: Option<bool>,
        /// See [`crate::model::Settings`].
        pub notifications: Option<bool>,
        /// See [`crate::model::Settings`].
        pub notification_preview: Option<bool>,
        /// See [`crate::model::Settings`].
        pub close_to_tray: Option<bool>,
        /// See [`crate::model::Settings`].
        pub autostart: Option<bool>,
        /// See [`crate::model::Settings`].
        pub fetch_limit_bytes: Option<u64>,
        /// See [`crate::model::Settings`].
        pub theme: Option<String>,
        /// See [`crate::model::Settings`].
        pub language: Option<String>,
    }

    /// `app.unlock`.
    pub struct AppUnlock {
        /// The passphrase of the store.
        pub passphrase: String,
    }
}

/// `conversation.role`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ConversationRole {
    /// Conversation id.
    pub conversation: String,
    /// Account id.
    pub account: String,
    /// The new role.
    pub role: Role,
}

/// `presence.set`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PresenceSet {
    /// `available`, `away` or `busy`.
    pub status: PresenceState,
}
