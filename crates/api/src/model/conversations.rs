//! Conversations: who is in them, what was said, where it is on its way.

use serde::{Deserialize, Serialize};

use super::{Attachment, PresenceState, Trust};

word! {
    /// What kind of conversation.
    pub enum ConversationKind {
        /// Two people.
        Direct,
        /// Several, with roles.
        Group,
        /// One's own notes.
        Notes,
    }

    /// What a member may do.
    #[derive(PartialOrd, Ord)]
    pub enum Role {
        /// Reads and writes.
        Member,
        /// Also adds, removes and renames.
        Admin,
        /// Also gives roles.
        Owner,
    }

    /// Where a message is, on its way to one person or to all.
    #[derive(PartialOrd, Ord)]
    pub enum DeliveryState {
        /// On this device's disk; not yet with them.
        Waiting,
        /// In their mailbox on a relay.
        OnRelay,
        /// On a device of theirs.
        Delivered,
        /// They have seen it.
        Read,
    }

    /// Why a message waits.
    pub enum WaitCode {
        /// None of their devices can be reached; they were seen before.
        Offline,
        /// None of their devices was ever seen.
        NeverSeen,
        /// Connected; on its way.
        Sending,
        /// They have not accepted the message request yet.
        RequestPending,
        /// They are no longer in the conversation.
        NotAMember,
        /// We blocked them.
        Blocked,
    }

    /// What a line of a conversation is.
    pub enum MessageKind {
        /// Somebody wrote.
        Text,
        /// Something about the group happened; see [`Notice`].
        Notice,
        /// Needs a newer version of this program.
        Unknown,
    }
}

model! {
    /// A member of a conversation.
    pub struct Member {
        /// Account id.
        pub account: String,
        /// Shown name.
        pub name: String,
        /// Picture id, for `picture.get`; missing where there is none.
        pub avatar: Option<String>,
        /// Role; in a direct conversation everybody is `member`.
        pub role: Role,
        /// Whether a device of theirs can be reached.
        pub online: bool,
        /// How available they say to be.
        pub presence: PresenceState,
        /// How sure we are.
        pub trust: Trust,
    }

    /// A conversation.
    pub struct Conversation {
        /// Conversation id.
        pub conversation: String,
        /// Direct, group or notes.
        pub kind: ConversationKind,
        /// Title: the group's, or the other person's name.
        pub title: String,
        /// Picture id, for `picture.get`; missing where there is none.
        pub avatar: Option<String>,
        /// Who is in it.
        pub members: Vec<Member>,
        /// Messages not read.
        pub unread: u64,
        /// Where one's own reading stands: the last message read.
        pub read_up_to: Option<String>,
        /// The last message.
        pub last: Option<Message>,
        /// No notifications.
        pub muted: bool,
        /// Out of the way.
        pub archived: bool,
        /// Text not yet sent.
        pub draft: String,
        /// A stranger's request: accept or decline it.
        pub request: bool,
        /// Whether one may still write.
        pub writable: bool,
        /// One's own role.
        pub role: Role,
        /// For sorting: when something last happened here.
        pub active_ms: u64,
        /// Devices that wrote two different histories: their events from there on do not count.
        pub forked_devices: Vec<String>,
    }

    /// A reaction and who gave it.
    pub struct Reaction {
        /// The emoji.
        pub emoji: String,
        /// Account ids.
        pub accounts: Vec<String>,
    }

    /// Something that happened to a group.
    pub struct Notice {
        /// `created`, `added`, `removed`, `left`, `role`, `title`, `avatar`, `unknown`.
        pub what: String,
        /// Whom it happened to.
        pub accounts: Vec<String>,
        /// Role or title.
        pub value: Option<String>,
    }

    /// Short form of the message that is answered.
    pub struct Quote {
        /// Message id.
        pub message: String,
        /// Who wrote it; missing when it is not here.
        pub account: Option<String>,
        /// Its beginning; missing when it is not here or was deleted.
        pub text: Option<String>,
    }

    /// The conversation, or nothing while the inviter cannot be reached: then it appears by itself.
    pub struct MaybeConversation(pub Option<Conversation>);

    /// A line of a conversation.
    pub struct Message {
        /// Message id.
        pub message: String,
        /// Its conversation.
        pub conversation: String,
        /// Who wrote it.
        pub account: String,
        /// The writer's name now.
        pub name: String,
        /// On which device.
        pub device: String,
        /// Text, notice or unknown.
        pub kind: MessageKind,
        /// The text; empty when deleted.
        pub text: String,
        /// The writer's clock.
        pub sent_ms: u64,
        /// This device's clock when it came.
        pub received_ms: u64,
        /// Whether it was edited.
        pub edited: bool,
        /// Whether it was taken back.
        pub deleted: bool,
        /// Whether this account wrote it.
        pub own: bool,
        /// The message it answers.
        pub reply_to: Option<Quote>,
        /// Reactions, in order of first use.
        pub reactions: Vec<Reaction>,
        /// Files.
        pub attachments: Vec<Attachment>,
        /// For one's own: the least of all recipients' states. For others': `read` or `delivered`.
        pub state: DeliveryState,
        /// Set when [`MessageKind::Notice`].
        pub notice: Option<Notice>,
        /// Its place in the conversation; sorts as text.
        pub position: String,
    }

    /// Why a message waits.
    pub struct WaitReason {
        /// For programs and translations.
        pub code: WaitCode,
        /// In English.
        pub message: String,
        /// When a device of theirs was last reachable.
        pub last_seen_ms: Option<u64>,
    }

    /// Where a message is on its way to one person.
    pub struct Delivery {
        /// Account id.
        pub account: String,
        /// Shown name.
        pub name: String,
        /// Where it is.
        pub state: DeliveryState,
        /// Why it waits.
        pub reason: Option<WaitReason>,
        /// When this state was learnt; missing while waiting.
        pub at_ms: Option<u64>,
    }

    /// A message with its way to each recipient.
    pub struct MessageDetail {
        /// The message.
        #[serde(flatten)]
        pub view: Message,
        /// One entry a recipient.
        pub delivery: Vec<Delivery>,
    }

    /// A page of messages, oldest first.
    pub struct MessagePage {
        /// The messages.
        pub messages: Vec<Message>,
        /// Whether there are more in the direction asked for.
        pub more: bool,
    }

    /// A page of search hits, newest first.
    pub struct SearchPage {
        /// The messages.
        pub hits: Vec<Message>,
        /// Pass as `before` to go on; missing when everything was searched.
        pub next: Option<String>,
    }

    /// A page of conversations.
    pub struct Conversations {
        /// The conversations, latest first.
        pub conversations: Vec<Conversation>,
        /// Whether there are more.
        pub more: bool,
    }
}
