//! Receipts: what a device holds and what its person has read, outside the logs.
//!
//! A receipt is a small last-writer-wins state per device and conversation, signed so that any
//! member can pass it on. The higher counter wins.

use minicbor::{Decode, Encode};

use crate::certificate::Certificate;
use crate::codec::{self, DecodeError, within};
use crate::event::{Position, Seen};
use crate::id::{ConversationId, DeviceId};
use crate::limits;
use crate::sign::{Domain, Keypair, Signed};

/// What one device says of one conversation.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Receipt {
    /// The conversation.
    #[n(0)]
    pub conversation: ConversationId,
    /// The device that speaks, and signs.
    #[n(1)]
    pub device: DeviceId,
    /// Grows with every change.
    #[n(2)]
    pub counter: u64,
    /// How much of each device's log is on disk here; the most recently changed
    /// [`limits::RECEIPT_ENTRIES`] of them.
    #[n(3)]
    pub delivered: Vec<Seen>,
    /// How far the person has read.
    #[n(4)]
    pub read: Option<Position>,
    /// The device's certificate.
    #[n(5)]
    pub certificate: Signed,
}

impl Receipt {
    /// Signs the receipt.
    pub fn sign(&self, device: &Keypair) -> Signed {
        Signed::seal(device, Domain::Receipt, self)
    }

    /// The receipt in `signed` and the certificate of its device.
    ///
    /// # Errors
    /// [`DecodeError`] when malformed, over a limit, or not signed by the device it names.
    pub fn open(signed: &Signed) -> Result<(Self, Certificate), DecodeError> {
        let receipt = Self::peek(signed)?;
        within(signed.is_by(receipt.device.as_bytes(), Domain::Receipt), "signature")?;
        let certificate = Certificate::open(&receipt.certificate)?;
        within(certificate.device == receipt.device, "certificate of another device")?;
        Ok((receipt, certificate))
    }

    /// The receipt in `signed` without checking signatures: to see whether it is news, or for one
    /// that was checked before it was stored.
    ///
    /// # Errors
    /// [`DecodeError`] when malformed or over a limit.
    pub fn peek(signed: &Signed) -> Result<Self, DecodeError> {
        within(signed.bytes.len() <= 16 * 1024, "receipt size")?;
        let receipt: Self = codec::decode(&signed.bytes)?;
        within(receipt.delivered.len() <= limits::RECEIPT_ENTRIES, "delivered")?;
        Ok(receipt)
    }
}
