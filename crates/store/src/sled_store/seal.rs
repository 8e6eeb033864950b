//! The data key and what is made of it: sealed values, tags, and the check that a key is the right one.
//!
//! Owns: the data key in memory, wiped when dropped. Must always hold: no nonce is used twice under one key;
//! a value opens only under the key and at the place it was sealed for.
//!
//! The nonce of XChaCha20-Poly1305 has 24 bytes, so each value gets a random one: after 2^64 values the
//! chance of any repeat is below 2^-64, and nothing need be remembered. A counter would cost less, but a
//! folder copied back from a backup, or a virtual machine resumed twice, would repeat it.

use chacha20poly1305::aead::{AeadInPlace, KeyInit};
use chacha20poly1305::{Tag, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::{StoreError, tag};

/// Bytes a sealed value is longer than its content: nonce in front, authenticator behind.
pub(super) const OVERHEAD_BYTES: usize = NONCE_BYTES + TAG_BYTES;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;

/// The 32 random bytes everything in one store is sealed under.
pub(super) struct DataKey(Zeroizing<[u8; 32]>);

impl DataKey {
    /// A new key from the operating system's randomness.
    pub(super) fn generate() -> std::io::Result<Self> {
        let mut key = Zeroizing::new([0; 32]);
        random(key.as_mut_slice())?;
        Ok(Self(key))
    }

    /// `None` unless there are exactly 32 bytes.
    pub(super) fn from_slice(bytes: &[u8]) -> Option<Self> {
        Some(Self(Zeroizing::new(bytes.try_into().ok()?)))
    }

    pub(super) fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// What tells the right key from a wrong one without showing it.
    pub(super) fn check(&self) -> [u8; 16] {
        let mut check = [0; 16];
        let mut hasher = blake3::Hasher::new_derive_key("anser 2026 store key check");
        hasher.update(self.expose());
        hasher.finalize_xof().fill(&mut check);
        check
    }
}

/// Seals and opens values, and makes tags.
pub(super) struct Sealer {
    cipher: XChaCha20Poly1305,
    tag_key: Zeroizing<[u8; 32]>,
}

impl Sealer {
    pub(super) fn new(key: &DataKey) -> Self {
        let derive = |context| Zeroizing::new(blake3::derive_key(context, key.expose()));
        let value_key = derive("anser 2026 store values");
        Self {
            cipher: XChaCha20Poly1305::new(value_key.as_slice().into()),
            tag_key: derive("anser 2026 store tags"),
        }
    }

    /// `plain` sealed for the place `full_key`: nonce, ciphertext, authenticator.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the operating system has no randomness.
    pub(super) fn seal(&self, full_key: &[u8], plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        let mut nonce = [0; NONCE_BYTES];
        random(&mut nonce).map_err(|error| StoreError::Io { reason: error.to_string() })?;
        seal_with(&self.cipher, &nonce, full_key, plain)
    }

    /// The content of `sealed`, which must have been sealed for `full_key`.
    ///
    /// # Errors
    /// [`StoreError::Sealed`].
    pub(super) fn open(&self, full_key: &[u8], sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        open_with(&self.cipher, full_key, sealed)
    }

    pub(super) fn tag(&self, domain: &str, bytes: &[u8]) -> [u8; 16] {
        tag::tag(&self.tag_key, domain, bytes)
    }
}

/// Seals the data key under a key made of a passphrase, for the place `place`.
pub(super) fn wrap(
    wrapping: &[u8; 32],
    place: &[u8],
    key: &DataKey,
) -> Result<Vec<u8>, StoreError> {
    let mut nonce = [0; NONCE_BYTES];
    random(&mut nonce).map_err(|error| StoreError::Io { reason: error.to_string() })?;
    seal_with(&XChaCha20Poly1305::new(wrapping.into()), &nonce, place, key.expose())
}

/// The data key that [`wrap`] sealed; `None` when the wrapping key or the place is another.
pub(super) fn unwrap(wrapping: &[u8; 32], place: &[u8], wrapped: &[u8]) -> Option<DataKey> {
    let plain = open_with(&XChaCha20Poly1305::new(wrapping.into()), place, wrapped).ok()?;
    DataKey::from_slice(&Zeroizing::new(plain))
}

/// Fills `bytes` from the operating system's randomness.
pub(super) fn random(bytes: &mut [u8]) -> std::io::Result<()> {
    getrandom::fill(bytes).map_err(|error| std::io::Error::other(error.to_string()))
}

fn seal_with(
    cipher: &XChaCha20Poly1305,
    nonce: &[u8; NONCE_BYTES],
    place: &[u8],
    plain: &[u8],
) -> Result<Vec<u8>, StoreError> {
    let mut sealed = Vec::with_capacity(plain.len().saturating_add(OVERHEAD_BYTES));
    sealed.extend_from_slice(nonce);
    sealed.extend_from_slice(plain);
    let content = sealed.get_mut(NONCE_BYTES..).unwrap_or_default();
    let tag = cipher
        .encrypt_in_place_detached(XNonce::from_slice(nonce), place, content)
        .map_err(|_| StoreError::Sealed)?;
    sealed.extend_from_slice(&tag);
    Ok(sealed)
}

fn open_with(
    cipher: &XChaCha20Poly1305,
    place: &[u8],
    sealed: &[u8],
) -> Result<Vec<u8>, StoreError> {
    let (nonce, rest) = sealed.split_at_checked(NONCE_BYTES).ok_or(StoreError::Sealed)?;
    let content_bytes = rest.len().checked_sub(TAG_BYTES).ok_or(StoreError::Sealed)?;
    let (content, tag) = rest.split_at_checked(content_bytes).ok_or(StoreError::Sealed)?;
    let mut plain = content.to_vec();
    cipher
        .decrypt_in_place_detached(
            XNonce::from_slice(nonce),
            place,
            &mut plain,
            Tag::from_slice(tag),
        )
        .map_err(|_| StoreError::Sealed)?;
    Ok(plain)
}
