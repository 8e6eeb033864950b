//! What events say: kinds and their bodies.
//!
//! A kind or a change that is not known here is kept and passed on; nobody refuses it.

use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

use crate::codec::{self, DecodeError, within};
use crate::event::Seen;
use crate::id::{AccountId, EventId, FileId};
use crate::limits;

/// The kind of an event. `Other` needs a newer version to be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Founds a group; body: [`Genesis`].
    Genesis,
    /// Changes who is in a group and what it is called; body: [`Change`].
    Membership,
    /// A message; body: [`Content`].
    Message,
    /// Replaces the text of a message of one's own; body: [`Content`] with `target`.
    Edit,
    /// Takes a message back; body: [`Content`] with `target`.
    Delete,
    /// Sets or takes away a reaction; body: [`Content`] with `target`, `text` and `on`.
    Reaction,
    /// Pins or unpins a message; body: [`Content`] with `target` and `on`.
    Pin,
    /// Marks the start or end of a call.
    Call,
    /// Not known to this version.
    Other(u16),
}

impl From<u16> for Kind {
    fn from(number: u16) -> Self {
        match number {
            1 => Self::Genesis,
            2 => Self::Membership,
            16 => Self::Message,
            17 => Self::Edit,
            18 => Self::Delete,
            19 => Self::Reaction,
            20 => Self::Pin,
            21 => Self::Call,
            other => Self::Other(other),
        }
    }
}

impl From<Kind> for u16 {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Genesis => 1,
            Kind::Membership => 2,
            Kind::Message => 16,
            Kind::Edit => 17,
            Kind::Delete => 18,
            Kind::Reaction => 19,
            Kind::Pin => 20,
            Kind::Call => 21,
            Kind::Other(other) => other,
        }
    }
}

impl Kind {
    /// Whether events of this kind make up the authority of a group.
    pub fn is_authority(self) -> bool {
        matches!(self, Self::Genesis | Self::Membership)
    }
}

/// What a member may do. Ordered: an owner outranks an admin, an admin a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Role {
    /// Reads and writes.
    #[n(0)]
    Member,
    /// Also adds and removes, and renames the group.
    #[n(1)]
    Admin,
    /// Also says who is admin or owner.
    #[n(2)]
    Owner,
}

/// The body of a genesis.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Genesis {
    /// Title, at most [`limits::NAME_BYTES`].
    #[n(0)]
    pub title: String,
    /// Members beside the founder, who is owner; they start as plain members.
    #[n(1)]
    pub members: Vec<AccountId>,
    /// Whether newcomers may read what was said before they came.
    #[n(2)]
    pub history: bool,
    /// Random, so that two groups never have the same id.
    #[n(3)]
    pub nonce: ByteArray<16>,
}

/// One change of a group's membership or looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Takes people in, as plain members.
    Add(Vec<AccountId>),
    /// Puts somebody out. `cuts` says how much of each of their devices' logs the remover holds:
    /// what they write beyond without having seen the removal does not count.
    Remove {
        /// Who.
        account: AccountId,
        /// The last events that count.
        cuts: Vec<Seen>,
    },
    /// The writer goes.
    Leave,
    /// Gives somebody a role.
    Role {
        /// Who.
        account: AccountId,
        /// Which.
        role: Role,
    },
    /// Renames the group.
    Title(String),
    /// Gives the group a picture (BLAKE3 of it), or takes it away.
    Avatar(Option<[u8; 32]>),
    /// A change this version does not know; it has no effect here.
    Unknown(u16),
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct ChangeWire {
    #[n(0)]
    operation: u16,
    #[n(1)]
    accounts: Option<Vec<AccountId>>,
    #[n(2)]
    cuts: Option<Vec<Seen>>,
    #[n(3)]
    role: Option<Role>,
    #[n(4)]
    text: Option<String>,
    #[n(5)]
    hash: Option<ByteArray<32>>,
}

impl Change {
    /// The body bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut wire = ChangeWire {
            operation: 0,
            accounts: None,
            cuts: None,
            role: None,
            text: None,
            hash: None,
        };
        match self {
            Self::Add(accounts) => {
                wire.operation = 1;
                wire.accounts = Some(accounts.clone());
            }
            Self::Remove { account, cuts } => {
                wire.operation = 2;
                wire.accounts = Some(vec![*account]);
                wire.cuts = Some(cuts.clone());
            }
            Self::Leave => wire.operation = 3,
            Self::Role { account, role } => {
                wire.operation = 4;
                wire.accounts = Some(vec![*account]);
                wire.role = Some(*role);
            }
            Self::Title(title) => {
                wire.operation = 5;
                wire.text = Some(title.clone());
            }
            Self::Avatar(hash) => {
                wire.operation = 6;
                wire.hash = hash.map(Into::into);
            }
            Self::Unknown(operation) => wire.operation = *operation,
        }
        codec::encode(&wire)
    }

    /// The change in body bytes.
    ///
    /// # Errors
    /// [`DecodeError`] when malformed or over a limit.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let wire: ChangeWire = codec::decode(bytes)?;
        let accounts = wire.accounts.unwrap_or_default();
        let one = || match accounts.as_slice() {
            [account] => Ok(*account),
            _ => Err(DecodeError::Limit("one account")),
        };
        Ok(match wire.operation {
            1 => {
                within(!accounts.is_empty() && accounts.len() <= limits::MEMBERS, "accounts")?;
                Self::Add(accounts)
            }
            2 => {
                let cuts = wire.cuts.unwrap_or_default();
                within(cuts.len() <= 4 * limits::DEVICES, "cuts")?;
                Self::Remove { account: one()?, cuts }
            }
            3 => Self::Leave,
            4 => {
                Self::Role { account: one()?, role: wire.role.ok_or(DecodeError::Limit("a role"))? }
            }
            5 => {
                let title = wire.text.unwrap_or_default();
                within(title.len() <= limits::NAME_BYTES, "title")?;
                Self::Title(title)
            }
            6 => Self::Avatar(wire.hash.map(|h| *h)),
            other => Self::Unknown(other),
        })
    }
}

impl Genesis {
    /// The genesis in body bytes.
    ///
    /// # Errors
    /// [`DecodeError`] when malformed or over a limit.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let genesis: Self = codec::decode(bytes)?;
        within(genesis.title.len() <= limits::NAME_BYTES, "title")?;
        within(genesis.members.len() < limits::MEMBERS, "members")?;
        Ok(genesis)
    }
}

/// A file that a message brings.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct FileRef {
    /// Root of the BLAKE3 tree of its content.
    #[n(0)]
    pub file: FileId,
    /// Its size, at most [`limits::FILE_BYTES`].
    #[n(1)]
    pub size_bytes: u64,
    /// Its name as the sender has it, at most [`limits::FILE_NAME_BYTES`]; not to be trusted.
    #[n(2)]
    pub name: String,
    /// Media type, a hint; at most [`limits::MEDIA_TYPE_BYTES`].
    #[n(3)]
    pub media_type: Option<String>,
}

impl FileRef {
    fn is_bounded(&self) -> bool {
        self.size_bytes <= limits::FILE_BYTES
            && !self.name.is_empty()
            && self.name.len() <= limits::FILE_NAME_BYTES
            && self.media_type.as_ref().is_none_or(|m| m.len() <= limits::MEDIA_TYPE_BYTES)
    }
}

/// The body of a message and of what refers to one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Content {
    /// Text of a message or edit (at most [`limits::TEXT_BYTES`]), or the emoji of a reaction.
    #[n(0)]
    pub text: Option<String>,
    /// The message that is edited, deleted, reacted to or pinned.
    #[n(1)]
    pub target: Option<EventId>,
    /// The message this one answers.
    #[n(2)]
    pub reply_to: Option<EventId>,
    /// Whether a reaction or pin is set or taken away.
    #[n(3)]
    pub on: Option<bool>,
    /// Files of a message, at most [`limits::ATTACHMENTS`].
    #[n(4)]
    pub attachments: Option<Vec<FileRef>>,
}

impl Content {
    /// The files of a message.
    pub fn files(&self) -> &[FileRef] {
        self.attachments.as_deref().unwrap_or_default()
    }

    /// The content in body bytes of an event of `kind`.
    ///
    /// # Errors
    /// [`DecodeError`] when malformed, over a limit or without what its kind needs.
    pub fn decode(kind: Kind, bytes: &[u8]) -> Result<Self, DecodeError> {
        let content: Self = codec::decode(bytes)?;
        let text = content.text.as_deref().unwrap_or_default();
        match kind {
            Kind::Message => {
                within(!text.is_empty() || !content.files().is_empty(), "empty message")?;
                within(content.files().len() <= limits::ATTACHMENTS, "attachments")?;
                within(content.files().iter().all(FileRef::is_bounded), "attachment")?;
            }
            Kind::Edit => within(!text.is_empty() && content.target.is_some(), "edit")?,
            Kind::Delete => within(content.target.is_some(), "delete")?,
            Kind::Reaction => within(
                content.target.is_some()
                    && content.on.is_some()
                    && !text.is_empty()
                    && text.len() <= limits::EMOJI_BYTES,
                "reaction",
            )?,
            Kind::Pin => within(content.target.is_some() && content.on.is_some(), "pin")?,
            Kind::Genesis | Kind::Membership | Kind::Call | Kind::Other(_) => {}
        }
        within(text.len() <= limits::TEXT_BYTES, "text")?;
        Ok(content)
    }
}
