//! Device certificates and device lists: which devices speak for an account.
//!
//! A certificate is signed by the account key. The device list carries all of them and the
//! revocations under one version; the highest version wins everywhere (of two with the same
//! version the one whose bytes hash lower, so that all choose alike).

use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

use crate::codec::{self, DecodeError, within};
use crate::event::Seen;
use crate::id::{AccountId, ConversationId, DeviceId};
use crate::limits;
use crate::sign::{Domain, Keypair, Signed};

/// "This device speaks for this account", signed by the account.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Certificate {
    /// The account.
    #[n(0)]
    pub account: AccountId,
    /// The device.
    #[n(1)]
    pub device: DeviceId,
    /// Curve25519 identity key for sealing, once the device has one.
    #[n(2)]
    pub sealing: Option<ByteArray<32>>,
    /// What the person calls the device; at most [`limits::NAME_BYTES`].
    #[n(3)]
    pub label: String,
    /// When it was made, milliseconds since 1970 by the maker's clock; shown, never trusted.
    #[n(4)]
    pub created_ms: u64,
}

impl Certificate {
    /// Signs the certificate.
    pub fn sign(&self, account: &Keypair) -> Signed {
        Signed::seal(account, Domain::Certificate, self)
    }

    /// The certificate in `signed`, if the account it names signed it.
    ///
    /// # Errors
    /// [`DecodeError`] when malformed, over a limit or not signed by that account.
    pub fn open(signed: &Signed) -> Result<Self, DecodeError> {
        within(signed.bytes.len() <= 1_024, "certificate size")?;
        let certificate: Self = codec::decode(&signed.bytes)?;
        within(certificate.label.len() <= limits::NAME_BYTES, "label")?;
        within(signed.is_by(certificate.account.as_bytes(), Domain::Certificate), "signature")?;
        Ok(certificate)
    }
}

/// A device that no longer speaks for its account, and what of it still counts.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Revocation {
    /// The device.
    #[n(0)]
    pub device: DeviceId,
    /// The last accepted sequence number per conversation; none where it is not named.
    #[n(1)]
    pub cuts: Vec<Cut>,
}

/// The last event of a device that counts in one conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Cut {
    /// The conversation.
    #[n(0)]
    pub conversation: ConversationId,
    /// The last sequence number that counts.
    #[n(1)]
    pub seq: u64,
}

/// All devices of an account under one version, signed by the account.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct DeviceList {
    /// The account.
    #[n(0)]
    pub account: AccountId,
    /// Grows by one with every change.
    #[n(1)]
    pub version: u64,
    /// Certificates of the devices in use; at most [`limits::DEVICES`].
    #[n(2)]
    pub certificates: Vec<Signed>,
    /// Devices no longer in use.
    #[n(3)]
    pub revoked: Vec<Revocation>,
}

impl DeviceList {
    /// Signs the list.
    pub fn sign(&self, account: &Keypair) -> Signed {
        Signed::seal(account, Domain::DeviceList, self)
    }

    /// The list in `signed` with its certificates opened.
    ///
    /// # Errors
    /// [`DecodeError`] when malformed, over a limit, not signed by the account it names, or with a
    /// certificate of another account.
    pub fn open(signed: &Signed) -> Result<(Self, Vec<Certificate>), DecodeError> {
        within(signed.bytes.len() <= limits::CARD_BYTES, "device list size")?;
        let list: Self = codec::decode(&signed.bytes)?;
        within(list.certificates.len() <= limits::DEVICES, "devices")?;
        within(list.revoked.len() <= 4 * limits::DEVICES, "revocations")?;
        within(
            list.revoked.iter().all(|r| r.cuts.len() <= limits::CONVERSATIONS),
            "revocation cuts",
        )?;
        within(signed.is_by(list.account.as_bytes(), Domain::DeviceList), "signature")?;
        let certificates: Vec<_> =
            list.certificates.iter().map(Certificate::open).collect::<Result<_, _>>()?;
        within(certificates.iter().all(|c| c.account == list.account), "foreign certificate")?;
        Ok((list, certificates))
    }

    /// How far the events of `device` count in `conversation`: `None` when it is not revoked.
    pub fn cut(&self, device: &DeviceId, conversation: &ConversationId) -> Option<Seen> {
        let revocation = self.revoked.iter().find(|r| r.device == *device)?;
        let seq =
            revocation.cuts.iter().find(|c| c.conversation == *conversation).map_or(0, |c| c.seq);
        Some(Seen { device: *device, seq })
    }
}
