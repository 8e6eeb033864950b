//! How a new device comes into an account, and what the devices of one account tell each other.
//!
//! Linking: the new device N shows a code with its id, where it listens and a secret; a device O that
//! has the account connects to N. Both prove that they know the secret, each proof bound to both
//! devices and to its direction, over a connection that the device keys authenticate. Only then O
//! certifies N and hands over the account ([`LinkGrant`]). Contacts and conversations follow as
//! [`Own`] records, history by ordinary sync.
//!
//! Own records are last-writer-wins registers: the higher [`Stamp`] wins, whatever the clocks say.

use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};
use subtle::ConstantTimeEq;

use crate::codec::{self, DecodeError, within};
use crate::event::Position;
use crate::id::{AccountId, ConversationId, DeviceId, PictureId, from_base32, to_base32};
use crate::limits;
use crate::sign::Signed;

const CODE: &str = "anser:link/";

/// What a new device shows.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct LinkCode {
    /// The new device.
    #[n(0)]
    pub device: DeviceId,
    /// Known to whoever has seen the code.
    #[n(1)]
    pub secret: ByteArray<32>,
    /// Where the new device listens.
    #[n(2)]
    pub addresses: Vec<String>,
}

impl std::fmt::Debug for LinkCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LinkCode").field("device", &self.device).finish_non_exhaustive()
    }
}

impl LinkCode {
    /// The text to show, paste or scan.
    pub fn to_text(&self) -> String {
        format!("{CODE}{}", to_base32(&codec::encode(self)))
    }

    /// The code in a text that somebody pasted.
    ///
    /// # Errors
    /// [`DecodeError`] when it is no such code, or over a limit.
    pub fn from_text(text: &str) -> Result<Self, DecodeError> {
        let code = text.trim().strip_prefix(CODE).ok_or(DecodeError::Limit("not a link code"))?;
        within(code.len() <= 16 * 1024, "code size")?;
        let bytes = from_base32(code).map_err(|e| DecodeError::Malformed(e.to_string()))?;
        let code: Self = codec::decode(&bytes)?;
        within(code.addresses.len() <= limits::ADDRESSES, "addresses")?;
        within(code.addresses.iter().all(|a| a.len() <= limits::ADDRESS_BYTES), "address")?;
        Ok(code)
    }
}

/// Who proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The device that has the account.
    Giver,
    /// The new device.
    Taker,
}

/// The proof that `side` knows `secret`, for one giver and one taker: BLAKE3 keyed by the secret.
pub fn link_proof(
    secret: &[u8; 32],
    side: Side,
    giver: &DeviceId,
    taker: &DeviceId,
) -> ByteArray<32> {
    let label: &[u8] = match side {
        Side::Giver => b"anser link v1 giver",
        Side::Taker => b"anser link v1 taker",
    };
    let mut hash = blake3::Hasher::new_keyed(secret);
    hash.update(label).update(&giver.0).update(&taker.0);
    (*hash.finalize().as_bytes()).into()
}

/// Whether two proofs or tokens are the same, in constant time.
pub fn same_secret(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// Giver to taker: "I have seen your code."
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct LinkOffer {
    /// See [`link_proof`].
    #[n(0)]
    pub proof: ByteArray<32>,
}

/// Taker to giver: "it is mine."
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct LinkReady {
    /// See [`link_proof`].
    #[n(0)]
    pub proof: ByteArray<32>,
    /// What the person calls the new device, at most [`limits::NAME_BYTES`].
    #[n(1)]
    pub label: String,
}

/// Giver to taker: the account.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct LinkGrant {
    /// Secret of the account key.
    #[n(0)]
    pub secret: ByteArray<32>,
    /// The device list, with the taker in it.
    #[n(1)]
    pub list: Signed,
    /// The shown name.
    #[n(2)]
    pub name: String,
    /// The status line.
    #[n(3)]
    pub status: Option<String>,
    /// The picture.
    #[n(4)]
    pub avatar: Option<PictureId>,
    /// Version of the card.
    #[n(5)]
    pub version: u64,
}

impl std::fmt::Debug for LinkGrant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LinkGrant").field("version", &self.version).finish_non_exhaustive()
    }
}

/// Taker to giver: the account is on disk here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct LinkTaken {}

/// Orders what the devices of one account write of the same thing; the higher wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(map)]
pub struct Stamp {
    /// One more than the highest the writer had seen; at most [`limits::LAMPORT`].
    #[n(0)]
    pub counter: u64,
    /// The writer.
    #[n(1)]
    pub device: DeviceId,
}

/// How one stands to a person.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct OwnPerson {
    /// Who.
    #[n(0)]
    pub account: AccountId,
    /// 0 stranger, 1 requested, 2 contact, 3 blocked.
    #[n(1)]
    pub relation: u8,
    /// Whether the safety number was compared.
    #[n(2)]
    pub verified: bool,
    /// Their card.
    #[n(3)]
    pub card: Option<Signed>,
    /// Which is newer.
    #[n(4)]
    pub stamp: Option<Stamp>,
}

/// How one stands to a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct OwnRoom {
    /// Which.
    #[n(0)]
    pub conversation: ConversationId,
    /// The other account of a direct conversation.
    #[n(1)]
    pub other: Option<AccountId>,
    /// No notifications.
    #[n(2)]
    pub muted: bool,
    /// Out of the way.
    #[n(3)]
    pub archived: bool,
    /// Whether one agreed to be in it.
    #[n(4)]
    pub accepted: bool,
    /// Whether one declined to.
    #[n(5)]
    pub declined: bool,
    /// How far one has read; the furthest counts, whatever the stamp.
    #[n(6)]
    pub read: Option<Position>,
    /// Which is newer.
    #[n(7)]
    pub stamp: Option<Stamp>,
}

/// The state of all own records in 32 bytes; where it differs, both send theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct OwnDigest {
    /// Hash over all records.
    #[n(0)]
    pub hash: ByteArray<32>,
}

/// Own records, from one device of an account to another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Own {
    /// At most [`limits::OWN_RECORDS`].
    #[n(0)]
    pub people: Vec<OwnPerson>,
    /// At most [`limits::OWN_RECORDS`].
    #[n(1)]
    pub rooms: Vec<OwnRoom>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_survives_pasting_and_nothing_else_passes() {
        let code = LinkCode {
            device: DeviceId([1; 32]),
            secret: [2; 32].into(),
            addresses: vec!["/ip4/10.0.0.1/tcp/4001".into()],
        };
        let text = code.to_text();
        assert_eq!(LinkCode::from_text(&format!("  {text}\n")), Ok(code.clone()));
        assert!(LinkCode::from_text(&text[..text.len() - 3]).is_err());
        assert!(LinkCode::from_text("anser:card/aaaa").is_err());
        assert!(LinkCode::from_text("").is_err());
        assert!(!format!("{code:?}").contains('2'), "the secret is not shown");
        let many = LinkCode { addresses: vec![String::new(); limits::ADDRESSES + 1], ..code };
        assert!(LinkCode::from_text(&many.to_text()).is_err());
    }

    #[test]
    fn a_proof_is_for_one_side_one_giver_one_taker_and_one_secret() {
        let (a, b) = (DeviceId([1; 32]), DeviceId([2; 32]));
        let proof = |secret, side, giver, taker| link_proof(&[secret; 32], side, giver, taker);
        let first = proof(7, Side::Giver, &a, &b);
        for other in [
            proof(8, Side::Giver, &a, &b),
            proof(7, Side::Taker, &a, &b),
            proof(7, Side::Giver, &b, &a),
            proof(7, Side::Giver, &a, &a),
        ] {
            assert!(!same_secret(&*first, &*other));
        }
        assert!(same_secret(&*first, &*proof(7, Side::Giver, &a, &b)));
    }
}
