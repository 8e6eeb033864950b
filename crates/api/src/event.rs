//! Events: what changed, in order, each with a revision that grows by one.

use serde::{Deserialize, Serialize};

use crate::model::{
    Account, Conversation, Device, LinkStep, Message, Peer, Relay, Settings, Transfer,
};

/// An event. A shell that sees a gap in `revision` takes `state.snapshot` again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct Event {
    /// Grows by one with every event of a running node.
    pub revision: u64,
    /// What happened.
    #[serde(flatten)]
    pub body: EventBody,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, schemars::JsonSchema))]
#[serde(tag = "type")]
pub enum EventBody {
    /// One's own account changed.
    #[serde(rename = "account.changed")]
    AccountChanged {
        /// As it is now.
        account: Account,
    },
    /// A peer appeared, went or changed.
    #[serde(rename = "peer.changed")]
    PeerChanged {
        /// As it is now.
        peer: Peer,
    },
    /// A conversation appeared or changed.
    #[serde(rename = "conversation.changed")]
    ConversationChanged {
        /// As it is now.
        conversation: Box<Conversation>,
    },
    /// A conversation is no longer shown (declined).
    #[serde(rename = "conversation.removed")]
    ConversationRemoved {
        /// Its id.
        conversation: String,
    },
    /// A message is new here.
    #[serde(rename = "message.added")]
    MessageAdded {
        /// The message.
        message: Box<Message>,
    },
    /// A message was edited, deleted or reacted to.
    #[serde(rename = "message.changed")]
    MessageChanged {
        /// As it is now.
        message: Box<Message>,
    },
    /// Messages of a conversation must be read again: some no longer count, or count again.
    #[serde(rename = "messages.reset")]
    MessagesReset {
        /// The conversation.
        conversation: String,
    },
    /// Somebody received or read more.
    #[serde(rename = "receipt.changed")]
    ReceiptChanged {
        /// The conversation.
        conversation: String,
        /// Whose receipt.
        account: String,
        /// Position up to which own messages of this device were delivered to everybody.
        delivered_position: Option<String>,
        /// Position up to which own messages were read by everybody.
        read_position: Option<String>,
    },
    /// Somebody types, or stopped.
    #[serde(rename = "typing.changed")]
    TypingChanged {
        /// The conversation.
        conversation: String,
        /// Who.
        account: String,
        /// Whether they type.
        typing: bool,
    },
    /// A transfer went on, or changed its state.
    #[serde(rename = "file.progress")]
    FileProgress {
        /// As it is now.
        transfer: Transfer,
    },
    /// A picture is here now.
    #[serde(rename = "picture.added")]
    PictureAdded {
        /// Its id.
        picture: String,
    },
    /// One's own devices changed.
    #[serde(rename = "devices.changed")]
    DevicesChanged {
        /// All of them.
        devices: Vec<Device>,
    },
    /// Linking this device went on.
    #[serde(rename = "link.changed")]
    LinkChanged {
        /// How it stands.
        step: LinkStep,
        /// What happened and what to do, where it failed.
        message: String,
    },
    /// A relay's state changed.
    #[serde(rename = "relay.changed")]
    RelayChanged {
        /// As it is now.
        relay: Relay,
    },
    /// A setting changed.
    #[serde(rename = "settings.changed")]
    SettingsChanged {
        /// As they are now.
        settings: Settings,
    },
    /// Something a person should know.
    #[serde(rename = "warning")]
    Warning {
        /// Stable word.
        code: String,
        /// What happened and what to do.
        message: String,
        /// Where it concerns one.
        conversation: Option<String>,
    },
}
