//! View models: what the shells show.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

macro_rules! model {
    ($($item:item)*) => {
        $(
            #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
            #[cfg_attr(feature = "schema", derive(ts_rs::TS, schemars::JsonSchema))]
            $item
        )*
    };
}

macro_rules! word {
    ($($item:item)*) => {
        $(
            #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
            #[cfg_attr(feature = "schema", derive(ts_rs::TS, schemars::JsonSchema))]
            #[serde(rename_all = "snake_case")]
            $item
        )*
    };
}

word! {
    /// Where a peer is known from.
    #[derive(PartialOrd, Ord)]
    pub enum Via {
        /// Multicast DNS on this network.
        Mdns,
        /// A seed address.
        Seed,
        /// A relay.
        Relay,
        /// An address, link or code that somebody entered.
        Manual,
        /// Members of shared conversations.
        Exchange,
    }

    /// How sure we are that an account is who it says.
    pub enum Trust {
        /// First contact.
        Unverified,
        /// The safety number was compared.
        Verified,
        /// One's own.
        Own,
    }

    /// How one stands to a person.
    pub enum Relation {
        /// Never spoken with.
        Stranger,
        /// They wrote to us; we have not answered.
        Requested,
        /// We talk.
        Contact,
        /// We do not want to hear from them.
        Blocked,
    }

    /// How available a person is.
    pub enum PresenceState {
        /// At the desk.
        Available,
        /// Not at the desk.
        Away,
        /// Not to be disturbed.
        Busy,
        /// No device reachable.
        Offline,
    }

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

    /// How a check of `doctor.run` came out.
    pub enum CheckState {
        /// Fine.
        Ok,
        /// Works, but not as well as it could.
        Warning,
        /// Does not work.
        Failed,
    }

    /// What the program can do just now.
    pub enum AppState {
        /// Everything.
        Ready,
        /// `account.create` first.
        NoAccount,
        /// Another program uses the profile.
        Locked,
        /// The passphrase is needed.
        NeedsPassphrase,
        /// The profile cannot be opened; the message says why.
        Broken,
    }

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

    /// How linking this device to an account stands.
    pub enum LinkStep {
        /// The code is shown; nobody has used it yet.
        Waiting,
        /// The other device has it and hands the account over.
        Receiving,
        /// This device belongs to the account.
        Done,
        /// The code is no longer valid.
        Expired,
        /// It failed; the message says why.
        Failed,
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
    /// One's own account on this device.
    pub struct Account {
        /// Account id.
        pub account: String,
        /// This device's id.
        pub device: String,
        /// Shown name.
        pub name: String,
        /// Status line.
        pub status: Option<String>,
        /// Picture id, for `picture.get`; missing where there is none.
        pub avatar: Option<String>,
        /// How available one says to be.
        pub presence: PresenceState,
        /// Where this device listens.
        pub addresses: Vec<String>,
        /// Relays in use.
        pub relays: Vec<String>,
        /// The `anser:` link that carries one's card.
        pub link: String,
    }

    /// A device of one's own account.
    pub struct Device {
        /// Device id.
        pub device: String,
        /// What the person calls it.
        pub label: String,
        /// When it was certified.
        pub created_ms: u64,
        /// Whether it is this one.
        pub current: bool,
        /// Whether it is connected.
        pub online: bool,
    }

    /// A person on a device, as seen on the network or known from before.
    pub struct Peer {
        /// Account id.
        pub account: String,
        /// Device id.
        pub device: String,
        /// Shown name.
        pub name: String,
        /// Status line.
        pub status: Option<String>,
        /// Picture id, for `picture.get`; missing where there is none.
        pub avatar: Option<String>,
        /// Whether it can be reached now.
        pub online: bool,
        /// How available they say to be.
        pub presence: PresenceState,
        /// How it is known.
        pub via: Vec<Via>,
        /// Where it was reached.
        pub addresses: Vec<String>,
        /// How sure we are.
        pub trust: Trust,
        /// How we stand to them.
        pub relation: Relation,
        /// When it was last reachable; missing when never.
        pub last_seen_ms: Option<u64>,
    }

    /// A person one knows.
    pub struct Contact {
        /// Account id.
        pub account: String,
        /// Shown name.
        pub name: String,
        /// Status line.
        pub status: Option<String>,
        /// Picture id, for `picture.get`; missing where there is none.
        pub avatar: Option<String>,
        /// How sure we are.
        pub trust: Trust,
        /// How we stand to them.
        pub relation: Relation,
        /// Whether a device of theirs can be reached.
        pub online: bool,
        /// How available they say to be.
        pub presence: PresenceState,
        /// Number to compare aloud: 12 groups of 5 digits.
        pub safety_number: String,
        /// When a device of theirs was last reachable.
        pub last_seen_ms: Option<u64>,
    }

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

    /// The code that a new device shows.
    pub struct LinkCode {
        /// To be pasted or scanned on a device that has the account.
        pub code: String,
        /// Until when, by this device's clock.
        pub expires_ms: u64,
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

    /// A link that lets somebody in.
    pub struct Invite {
        /// The `anser:invite/` link.
        pub link: String,
        /// Until when, by this device's clock.
        pub expires_ms: u64,
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

    /// A list of peers.
    pub struct Peers {
        /// The peers, online first, then by name.
        pub peers: Vec<Peer>,
    }

    /// A page of contacts.
    pub struct Contacts {
        /// The contacts, by name.
        pub contacts: Vec<Contact>,
        /// Whether there are more.
        pub more: bool,
    }

    /// A page of conversations.
    pub struct Conversations {
        /// The conversations, latest first.
        pub conversations: Vec<Conversation>,
        /// Whether there are more.
        pub more: bool,
    }

    /// One's own devices.
    pub struct Devices {
        /// The devices.
        pub devices: Vec<Device>,
    }

    /// A link.
    pub struct Link {
        /// The `anser:` link.
        pub link: String,
    }

    /// A relay.
    pub struct Relay {
        /// Its address.
        pub url: String,
        /// Its state.
        pub state: String,
        /// The transport in use.
        pub transport: Option<String>,
        /// Since when.
        pub since_ms: Option<u64>,
    }

    /// Relays.
    pub struct Relays {
        /// The relays.
        pub relays: Vec<Relay>,
    }

    /// What a person can set. `null` values in `settings.set` leave a setting as it is.
    pub struct Settings {
        /// Take message requests from people on this network without asking.
        pub accept_requests: bool,
        /// Tell others how far one has read.
        pub read_receipts: bool,
        /// Tell others that one is typing.
        pub typing: bool,
        /// Show system notifications.
        pub notifications: bool,
        /// Show the text in notifications.
        pub notification_preview: bool,
        /// Closing the window keeps the program in the tray.
        pub close_to_tray: bool,
        /// Start with the session.
        pub autostart: bool,
        /// Files up to this size are fetched by themselves; 0 for none.
        #[serde(default = "fetch_limit_bytes")]
        pub fetch_limit_bytes: u64,
        /// `system`, `light` or `dark`.
        pub theme: String,
        /// `system`, `en` or `zh-CN`.
        pub language: String,
    }

    /// One finding of `doctor.run`.
    pub struct Check {
        /// Stable word.
        pub id: String,
        /// How it came out.
        pub state: CheckState,
        /// Stable word for what was found, within `id`: shells translate by `check.ID.CASE`.
        pub case: String,
        /// What the sentences name, for translations.
        pub values: BTreeMap<String, String>,
        /// What was seen.
        pub what: String,
        /// What to do; empty when fine.
        pub advice: String,
    }

    /// All findings.
    pub struct Checks {
        /// The findings.
        pub checks: Vec<Check>,
    }

    /// What the program can do just now, and why not more.
    pub struct AppStatus {
        /// The state.
        pub state: AppState,
        /// Stable word for why; empty when nothing is wrong or a passphrase is only asked for.
        pub case: String,
        /// What happened.
        pub message: String,
        /// What to do.
        pub advice: String,
        /// Where the profile is.
        pub data_dir: String,
        /// `keyring`, `passphrase`, `file` or `memory`.
        pub protection: String,
        /// Version of the program.
        pub version: String,
    }

    /// Everything a shell shows first.
    pub struct Snapshot {
        /// The revision this is as of.
        pub revision: u64,
        /// The account; missing before `account.create`.
        pub account: Option<Account>,
        /// People on this network and known ones.
        pub peers: Vec<Peer>,
        /// Conversations, latest first; at most 500.
        pub conversations: Vec<Conversation>,
        /// The settings.
        pub settings: Settings,
        /// Relays in use.
        pub relays: Vec<Relay>,
    }

    /// Nothing to tell: it was done.
    pub struct Done {}

    /// The answer to `events.subscribe`.
    pub struct Subscribed {
        /// Events with higher revisions follow.
        pub revision: u64,
    }
}

/// 10 MiB: pictures and documents come by themselves, films on request.
fn fetch_limit_bytes() -> u64 {
    10 * 1024 * 1024
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            accept_requests: false,
            read_receipts: true,
            typing: true,
            notifications: true,
            notification_preview: true,
            close_to_tray: true,
            autostart: false,
            fetch_limit_bytes: fetch_limit_bytes(),
            theme: "system".into(),
            language: "system".into(),
        }
    }
}
