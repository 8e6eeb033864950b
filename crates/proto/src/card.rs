//! Profile cards: what a person shows of themselves, signed by their account.
//!
//! LAN discovery, invite links and codes carry them. The highest version wins.

use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

use crate::certificate::{Certificate, DeviceList};
use crate::codec::{self, DecodeError, within};
use crate::id::{AccountId, DeviceId, from_base32, to_base32};
use crate::limits;
use crate::sign::{Domain, Keypair, Signed};

const LINK: &str = "anser:card/";

/// Where a device was last reachable.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct DeviceAddresses {
    /// The device.
    #[n(0)]
    pub device: DeviceId,
    /// Multiaddrs in text, at most [`limits::ADDRESSES`].
    #[n(1)]
    pub addresses: Vec<String>,
}

impl DeviceAddresses {
    /// Whether numbers and lengths are within the limits.
    pub fn is_bounded(&self) -> bool {
        self.addresses.len() <= limits::ADDRESSES
            && self.addresses.iter().all(|a| a.len() <= limits::ADDRESS_BYTES)
    }
}

/// A person's card.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Card {
    /// The account.
    #[n(0)]
    pub account: AccountId,
    /// Grows with every change; the highest wins.
    #[n(1)]
    pub version: u64,
    /// Shown name, at most [`limits::NAME_BYTES`].
    #[n(2)]
    pub name: String,
    /// Status line, at most [`limits::STATUS_BYTES`].
    #[n(3)]
    pub status: Option<String>,
    /// BLAKE3 of the picture.
    #[n(4)]
    pub avatar: Option<ByteArray<32>>,
    /// The signed [`DeviceList`].
    #[n(5)]
    pub devices: Signed,
    /// Where the devices can be reached; only in cards that travel by link or code.
    #[n(6)]
    pub addresses: Vec<DeviceAddresses>,
    /// Relay addresses.
    #[n(7)]
    pub relays: Option<Vec<String>>,
}

/// A card whose signatures and limits were checked, with its devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenCard {
    /// The card.
    pub card: Card,
    /// Its device list.
    pub devices: DeviceList,
    /// The certificates of the list.
    pub certificates: Vec<Certificate>,
}

impl Card {
    /// Signs the card.
    pub fn sign(&self, account: &Keypair) -> Signed {
        Signed::seal(account, Domain::Card, self)
    }

    /// The card in `signed` with its device list.
    ///
    /// # Errors
    /// [`DecodeError`] when malformed, over a limit, or not signed by the account it names.
    pub fn open(signed: &Signed) -> Result<OpenCard, DecodeError> {
        within(signed.bytes.len() <= limits::CARD_BYTES, "card size")?;
        let card: Self = codec::decode(&signed.bytes)?;
        within(!card.name.trim().is_empty() && card.name.len() <= limits::NAME_BYTES, "name")?;
        within(card.status.as_ref().is_none_or(|s| s.len() <= limits::STATUS_BYTES), "status")?;
        within(card.addresses.len() <= limits::DEVICES, "addresses")?;
        within(card.addresses.iter().all(DeviceAddresses::is_bounded), "addresses")?;
        within(card.relays.as_ref().is_none_or(|r| r.len() <= limits::ADDRESSES), "relays")?;
        within(signed.is_by(card.account.as_bytes(), Domain::Card), "signature")?;
        let (devices, certificates) = DeviceList::open(&card.devices)?;
        within(devices.account == card.account, "foreign device list")?;
        Ok(OpenCard { card, devices, certificates })
    }
}

/// The `anser:` link that carries a signed card.
pub fn to_link(card: &Signed) -> String {
    format!("{LINK}{}", to_base32(&codec::encode(card)))
}

/// The signed card in an `anser:` link.
///
/// # Errors
/// [`DecodeError`] when it is no such link; signatures are checked by [`Card::open`].
pub fn from_link(link: &str) -> Result<Signed, DecodeError> {
    let text = link.trim().strip_prefix(LINK).ok_or(DecodeError::Limit("not an anser: link"))?;
    within(text.len() <= 2 * limits::CARD_BYTES, "link size")?;
    let bytes = from_base32(text).map_err(|e| DecodeError::Malformed(e.to_string()))?;
    codec::decode(&bytes)
}
