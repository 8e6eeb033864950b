//! Commands and their replies: every method of the API, once.

use serde::Serialize;
use serde_json::Value;

use crate::error::{ApiError, ErrorCode};
use crate::model::*;
use crate::params::*;

macro_rules! methods {
    ($($(#[doc = $doc:literal])* $method:literal $name:ident($params:ident) -> $reply:ident;)*) => {
        /// A command or query with its parameters.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Command {
            $($(#[doc = $doc])* $name($params),)*
        }

        /// The answer to the [`Command`] of the same name.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
        #[serde(untagged)]
        pub enum Reply {
            $(#[doc = concat!("The answer to `", $method, "`.")] $name(Box<$reply>),)*
        }

        impl Command {
            /// Every method's name.
            pub const METHODS: &'static [&'static str] = &[$($method),*];

            /// The command for a method name and its JSON parameters (`null` counts as `{}`).
            ///
            /// # Errors
            /// `unknown_method` or `invalid_argument`, saying what is wrong.
            pub fn parse(method: &str, params: Value) -> Result<Self, ApiError> {
                let params = if params.is_null() { Value::Object(Default::default()) } else { params };
                match method {
                    $($method => serde_json::from_value(params)
                        .map(Self::$name)
                        .map_err(|e| ApiError::invalid(format!("{method}: {e}."))),)*
                    _ => Err(ApiError::new(
                        ErrorCode::UnknownMethod,
                        format!("There is no method {:?}.", method.chars().take(80).collect::<String>()),
                    )),
                }
            }

            /// The method's name.
            pub fn method(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => $method,)*
                }
            }
        }

        #[cfg(feature = "schema")]
        pub(crate) fn visit(visitor: &mut impl crate::schema::Visitor) {
            $(visitor.method::<$params, $reply>($method, concat!($($doc),*));)*
        }
    };
}

methods! {
    /// What the program can do just now.
    "app.status" AppStatus(Empty) -> AppStatus;
    /// Opens a store that is sealed with a passphrase.
    "app.unlock" AppUnlock(AppUnlock) -> AppStatus;
    /// Tries again to open a store that could not be opened.
    "app.retry" AppRetry(Empty) -> AppStatus;
    /// Makes the account of this profile.
    "account.create" AccountCreate(AccountCreate) -> Account;
    /// One's own account.
    "account.get" AccountGet(Empty) -> Account;
    /// Changes name, status line or picture.
    "account.update" AccountUpdate(AccountUpdate) -> Account;
    /// Writes a sealed backup of the account with its conversations; progress comes as
    /// `file.progress`.
    "account.export" AccountExport(AccountExport) -> Exported;
    /// Makes this profile a further device of the account in a backup; progress comes as
    /// `file.progress`.
    "account.import" AccountImport(AccountImport) -> Account;
    /// One's own devices.
    "device.list" DeviceList(Empty) -> Devices;
    /// Shows a code with which a device that has an account takes this one in.
    "device.link_start" DeviceLinkStart(DeviceLinkStart) -> LinkCode;
    /// Takes the device that shows this code into one's account.
    "device.link_accept" DeviceLinkAccept(DeviceLinkAccept) -> Device;
    /// Makes the code that was shown invalid.
    "device.link_cancel" DeviceLinkCancel(Empty) -> Done;
    /// Takes a device out of the account.
    "device.revoke" DeviceRevoke(DeviceRevoke) -> Devices;
    /// People on this network and known ones.
    "peer.list" PeerList(Empty) -> Peers;
    /// Connects to an address.
    "peer.dial" PeerDial(PeerDial) -> Peer;
    /// Takes in somebody's card.
    "contact.add" ContactAdd(ContactAdd) -> Contact;
    /// People one knows.
    "contact.list" ContactList(Page) -> Contacts;
    /// One person.
    "contact.get" ContactGet(ByAccount) -> Contact;
    /// Blocks or unblocks somebody.
    "contact.block" ContactBlock(ContactBlock) -> Contact;
    /// Marks somebody as verified, if the number is theirs and ours.
    "contact.verify" ContactVerify(ContactVerify) -> Contact;
    /// Makes a link that lets whoever has it become a contact and, with `conversation`, a member.
    "invite.create" InviteCreate(InviteCreate) -> Invite;
    /// Follows such a link; `null` while the inviter cannot be reached.
    "invite.accept" InviteAccept(InviteAccept) -> MaybeConversation;
    /// A picture of a person or group.
    "picture.get" PictureGet(PictureGet) -> Picture;
    /// The direct conversation with somebody.
    "conversation.direct" ConversationDirect(ByAccount) -> Conversation;
    /// Founds a group.
    "conversation.create" ConversationCreate(ConversationCreate) -> Conversation;
    /// Conversations, latest first.
    "conversation.list" ConversationList(Page) -> Conversations;
    /// One conversation.
    "conversation.get" ConversationGet(ByConversation) -> Conversation;
    /// Takes people into a group.
    "conversation.add" ConversationAdd(ConversationAdd) -> Conversation;
    /// Puts somebody out of a group.
    "conversation.remove" ConversationRemove(ConversationRemove) -> Conversation;
    /// Gives somebody a role.
    "conversation.role" ConversationRole(ConversationRole) -> Conversation;
    /// Leaves a group.
    "conversation.leave" ConversationLeave(ByConversation) -> Conversation;
    /// Changes title, muting, archiving or draft.
    "conversation.update" ConversationUpdate(ConversationUpdate) -> Conversation;
    /// Accepts a message request.
    "conversation.accept" ConversationAccept(ByConversation) -> Conversation;
    /// Declines a message request.
    "conversation.decline" ConversationDecline(ByConversation) -> Done;
    /// Sends a message.
    "message.send" MessageSend(MessageSend) -> Message;
    /// Replaces the text of one's own message.
    "message.edit" MessageEdit(MessageEdit) -> Message;
    /// Takes a message back.
    "message.delete" MessageDelete(ByMessage) -> Message;
    /// Sets or takes away a reaction.
    "message.react" MessageReact(MessageReact) -> Message;
    /// A page of a conversation.
    "message.list" MessageList(MessageList) -> MessagePage;
    /// One message with its way to each recipient.
    "message.get" MessageGet(ByMessage) -> MessageDetail;
    /// Says how far one has read.
    "message.read" MessageRead(MessageRead) -> Conversation;
    /// Finds messages.
    "message.search" MessageSearch(MessageSearch) -> SearchPage;
    /// Takes a file in, to be sent with `message.send`.
    "file.add" FileAdd(FileAdd) -> Transfer;
    /// Gives the next bytes of a file that was added without a path.
    "file.write" FileWrite(FileWrite) -> Transfer;
    /// Sends a file of this computer.
    "file.send" FileSend(FileSend) -> Transfer;
    /// Fetches a file of a message into this device.
    "file.fetch" FileFetch(FileFetch) -> Transfer;
    /// Writes a file of a message to this computer; fetches it first where needed.
    "file.save" FileSave(FileSave) -> Transfer;
    /// A piece of the content of a file that is here.
    "file.read" FileRead(FileRead) -> FileData;
    /// Ends a transfer.
    "file.cancel" FileCancel(FileCancel) -> Transfer;
    /// Transfers, and the files of a conversation.
    "file.list" FileList(FileList) -> Files;
    /// Says that one types.
    "typing.set" TypingSet(TypingSet) -> Done;
    /// Says how available one is.
    "presence.set" PresenceSet(PresenceSet) -> Account;
    /// Relays in use.
    "relay.list" RelayList(Empty) -> Relays;
    /// The settings.
    "settings.get" SettingsGet(Empty) -> Settings;
    /// Changes settings.
    "settings.set" SettingsSet(SettingsSet) -> Settings;
    /// What is reachable, what is not, and what to do about it.
    "doctor.run" DoctorRun(Empty) -> Checks;
    /// Everything a shell shows first.
    "state.snapshot" StateSnapshot(Empty) -> Snapshot;
    /// Events follow as notifications.
    "events.subscribe" EventsSubscribe(Empty) -> Subscribed;
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn parses_known_methods_and_says_what_is_wrong_with_others() {
        let command = Command::parse("account.create", json!({"name": "Alice"})).unwrap();
        assert_eq!(command.method(), "account.create");
        assert!(Command::parse("account.get", Value::Null).is_ok());
        let wrong = [
            ("nothing.here", json!({}), ErrorCode::UnknownMethod),
            ("account.create", json!({}), ErrorCode::InvalidArgument),
            ("account.create", json!({"name": 5}), ErrorCode::InvalidArgument),
            ("account.create", json!({"name": "A", "nmae": "B"}), ErrorCode::InvalidArgument),
            ("account.create", json!([]), ErrorCode::InvalidArgument),
            ("account.get", json!("text"), ErrorCode::InvalidArgument),
        ];
        for (method, params, code) in wrong {
            assert_eq!(
                Command::parse(method, params.clone()).unwrap_err().code,
                code,
                "{method} {params}"
            );
        }
    }
}
