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
        /// The text, at most 64 KiB.
        pub text: String,
        /// Message id that this answers.
        pub reply_to: Option<String>,
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
