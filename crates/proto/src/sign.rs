//! Ed25519 (RFC 8032) with domain separation: what was signed as one thing never passes as another.

use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

/// What a signature is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// A device certificate, by the account.
    Certificate,
    /// A device list, by the account.
    DeviceList,
    /// A profile card, by the account.
    Card,
    /// An event's header, by the device.
    Event,
    /// A receipt, by the device.
    Receipt,
}

impl Domain {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Certificate => b"anser certificate v1\0",
            Self::DeviceList => b"anser device list v1\0",
            Self::Card => b"anser card v1\0",
            Self::Event => b"anser event v1\0",
            Self::Receipt => b"anser receipt v1\0",
        }
    }

    fn message(self, bytes: &[u8]) -> Vec<u8> {
        let mut message = Vec::with_capacity(self.label().len().saturating_add(bytes.len()));
        message.extend_from_slice(self.label());
        message.extend_from_slice(bytes);
        message
    }
}

/// A signature, 64 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub [u8; 64]);

impl std::fmt::Debug for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signature")
    }
}

impl<C> Encode<C> for Signature {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Signature {
    fn decode(d: &mut minicbor::Decoder<'b>, ctx: &mut C) -> Result<Self, minicbor::decode::Error> {
        let bytes: ByteArray<64> = Decode::decode(d, ctx)?;
        Ok(Self(*bytes))
    }
}

/// A secret key and what is signed with it. The secret is wiped when this is dropped.
#[derive(Clone)]
pub struct Keypair {
    key: SigningKey,
}

impl std::fmt::Debug for Keypair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keypair(…)")
    }
}

impl Keypair {
    /// The key with this 32-byte secret (RFC 8032 seed).
    pub fn from_secret(secret: &[u8; 32]) -> Self {
        Self { key: SigningKey::from_bytes(secret) }
    }

    /// The 32-byte secret, to be sealed at rest.
    pub fn secret(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.key.to_bytes())
    }

    /// The public key.
    pub fn public(&self) -> [u8; 32] {
        self.key.verifying_key().to_bytes()
    }

    /// Signs `bytes` as `domain`.
    pub fn sign(&self, domain: Domain, bytes: &[u8]) -> Signature {
        Signature(self.key.sign(&domain.message(bytes)).to_bytes())
    }
}

/// Whether `signature` is `public`'s over `bytes` as `domain`. Strict: keys and points of small
/// order are refused, so that every implementation agrees.
pub fn verify(public: &[u8; 32], domain: Domain, bytes: &[u8], signature: &Signature) -> bool {
    let Ok(key) = VerifyingKey::from_bytes(public) else { return false };
    let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
    key.verify_strict(&domain.message(bytes), &signature).is_ok()
}

/// Signed bytes as they came, with their signature. Who signed is said inside.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Signed {
    /// The signed bytes.
    #[n(0)]
    pub bytes: ByteVec,
    /// The signature over them.
    #[n(1)]
    pub signature: Signature,
}

impl Signed {
    /// Encodes `value` and signs it.
    pub fn seal<T: Encode<()>>(key: &Keypair, domain: Domain, value: &T) -> Self {
        let bytes = crate::codec::encode(value);
        let signature = key.sign(domain, &bytes);
        Self { bytes: bytes.into(), signature }
    }

    /// Whether `public` signed this as `domain`.
    pub fn is_by(&self, public: &[u8; 32], domain: Domain) -> bool {
        verify(public, domain, &self.bytes, &self.signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_key_domain_and_bytes_only() {
        let key = Keypair::from_secret(&[3; 32]);
        let other = Keypair::from_secret(&[4; 32]);
        let signature = key.sign(Domain::Event, b"hello");
        assert!(verify(&key.public(), Domain::Event, b"hello", &signature));
        assert!(!verify(&key.public(), Domain::Receipt, b"hello", &signature));
        assert!(!verify(&key.public(), Domain::Event, b"hellp", &signature));
        assert!(!verify(&other.public(), Domain::Event, b"hello", &signature));
        let mut bad = signature;
        bad.0[10] ^= 1;
        assert!(!verify(&key.public(), Domain::Event, b"hello", &bad));
        assert!(!verify(&[0; 32], Domain::Event, b"hello", &Signature([0; 64])));
    }
}
