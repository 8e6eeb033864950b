//! Invitations: a link that lets whoever has it become a contact and, if it names a group, a member.
//!
//! The token is made from the inviter's account key, so any device of the inviter can check it and
//! none has to remember it. It is valid until `expires_ms` by the inviter's clock, for any number of
//! people. Whether the inviter may still add somebody is decided when it is used.

use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

use crate::codec::{self, DecodeError, within};
use crate::id::{ConversationId, from_base32, to_base32};
use crate::limits;
use crate::linking::same_secret;
use crate::sign::{Keypair, Signed};

const LINK: &str = "anser:invite/";

/// What an invitation allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Ticket {
    /// The group; `None`: only to become a contact.
    #[n(0)]
    pub conversation: Option<ConversationId>,
    /// Until when, by the inviter's clock.
    #[n(1)]
    pub expires_ms: u64,
    /// Random: two invitations are never the same.
    #[n(2)]
    pub nonce: ByteArray<16>,
    /// Proves that the inviter made it.
    #[n(3)]
    pub token: ByteArray<32>,
}

impl Ticket {
    /// A ticket that `account` vouches for.
    pub fn issue(
        account: &Keypair,
        conversation: Option<ConversationId>,
        expires_ms: u64,
        nonce: [u8; 16],
    ) -> Self {
        let token = token(account, conversation.as_ref(), expires_ms, &nonce).into();
        Self { conversation, expires_ms, nonce: nonce.into(), token }
    }

    /// Whether `account` made it.
    pub fn is_by(&self, account: &Keypair) -> bool {
        let expected = token(account, self.conversation.as_ref(), self.expires_ms, &self.nonce);
        same_secret(&expected, &*self.token)
    }
}

fn token(
    account: &Keypair,
    conversation: Option<&ConversationId>,
    expires_ms: u64,
    nonce: &[u8; 16],
) -> [u8; 32] {
    let key = blake3::derive_key("anser 2026 invitation v1", account.secret().as_slice());
    let mut hash = blake3::Hasher::new_keyed(&key);
    hash.update(&[u8::from(conversation.is_some())]);
    hash.update(conversation.map_or(&[0; 32], |c| c.as_bytes()));
    hash.update(&expires_ms.to_be_bytes()).update(nonce);
    *hash.finalize().as_bytes()
}

/// An invitation as its link carries it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Invitation {
    /// The inviter's card, with addresses.
    #[n(0)]
    pub card: Signed,
    /// What it allows.
    #[n(1)]
    pub ticket: Ticket,
    /// The group's title when the link was made; only shown.
    #[n(2)]
    pub title: Option<String>,
}

impl Invitation {
    /// The `anser:` link.
    pub fn to_link(&self) -> String {
        format!("{LINK}{}", to_base32(&codec::encode(self)))
    }

    /// The invitation in a link; the card is checked by [`crate::Card::open`].
    ///
    /// # Errors
    /// [`DecodeError`] when it is no such link, or over a limit.
    pub fn from_link(link: &str) -> Result<Self, DecodeError> {
        let text = link.trim().strip_prefix(LINK).ok_or(DecodeError::Limit("not an invitation"))?;
        within(text.len() <= 2 * limits::CARD_BYTES, "link size")?;
        let bytes = from_base32(text).map_err(|e| DecodeError::Malformed(e.to_string()))?;
        let invitation: Self = codec::decode(&bytes)?;
        within(invitation.title.as_ref().is_none_or(|t| t.len() <= limits::NAME_BYTES), "title")?;
        Ok(invitation)
    }
}

/// To a device of the inviter: "let me in."
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Join {
    /// The ticket.
    #[n(0)]
    pub ticket: Ticket,
}

/// The answer to [`Join`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Joined {
    /// The ticket's nonce.
    #[n(0)]
    pub nonce: ByteArray<16>,
    /// 0 welcome; 1 expired; 2 the inviter may no longer add anybody; 3 not theirs; others: no.
    #[n(1)]
    pub answer: u8,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_its_issuers_and_for_what_it_says() {
        let (alice, bob) = (Keypair::from_secret(&[1; 32]), Keypair::from_secret(&[2; 32]));
        let group = Some(ConversationId([3; 32]));
        let ticket = Ticket::issue(&alice, group, 1_000, [4; 16]);
        assert!(ticket.is_by(&alice));
        assert!(!ticket.is_by(&bob));
        assert!(!Ticket { conversation: None, ..ticket }.is_by(&alice));
        assert!(!Ticket { conversation: Some(ConversationId([5; 32])), ..ticket }.is_by(&alice));
        assert!(!Ticket { expires_ms: 1_001, ..ticket }.is_by(&alice));
        assert!(!Ticket { nonce: [5; 16].into(), ..ticket }.is_by(&alice));
        assert!(!Ticket { token: [0; 32].into(), ..ticket }.is_by(&alice));
    }
}
