//! Who somebody is: challenges, sessions' tokens, tokens of other systems.
//!
//! Owns the relay's secret. A session's token says by itself who it is for and until when, under a
//! keyed hash: a stranger who opens a million sessions costs no memory and no disk, any node of a
//! cluster knows them all, and nothing of them lies anywhere. A challenge is made the same way; that
//! one was used is remembered until it would be too old anyway.
//!
//! Must always hold: every comparison with a secret takes the same time wherever they differ.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use anser_proto::{AccountId, Certificate, DeviceId, Signed, codec};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use ed25519_dalek::{Signature, VerifyingKey};

use crate::exchange::Caller;
use crate::storage::Hash;

/// What a device's signature over a challenge begins with, before the nonce as it was given.
pub(crate) const LABEL: &[u8] = b"anser relay session v1\0";
/// How long a challenge may be answered.
pub(crate) const CHALLENGE_MS: u64 = 60_000;
/// Challenges answered within that time; more are turned away.
const USED: usize = 100_000;
/// Most certificates that come with a session's request.
const CERTIFICATES: usize = 4;

/// The relay's own keys.
pub(crate) struct Keys {
    session: [u8; 32],
    challenge: [u8; 32],
    used: Mutex<BTreeMap<[u8; 16], u64>>,
}

/// Why a session is not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unproven {
    #[error("the nonce is none of this relay's, or too old: ask for a new one")]
    Nonce,
    #[error("the nonce was used already: ask for a new one")]
    Used,
    #[error("the signature is not this device's over the label and the nonce")]
    Signature,
    #[error("a certificate is malformed, or another device's")]
    Certificate,
    #[error("too many sessions are being opened: try again in a minute")]
    Busy,
}

/// Whose a session is, as counted against limits: the account where it is proven, else the device.
pub(crate) type Identity = [u8; 32];

impl Keys {
    pub(crate) fn new(secret: &[u8; 32]) -> Self {
        Self {
            session: blake3::derive_key("anser relay 2026 session token v1", secret),
            challenge: blake3::derive_key("anser relay 2026 challenge v1", secret),
            used: Mutex::default(),
        }
    }

    /// A nonce to sign.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub(crate) fn challenge(&self, now_ms: u64) -> Result<String, getrandom::Error> {
        let mut random = [0; 16];
        getrandom::fill(&mut random)?;
        let mut nonce = random.to_vec();
        nonce.extend_from_slice(&now_ms.to_be_bytes());
        nonce.extend_from_slice(blake3::keyed_hash(&self.challenge, &nonce).as_bytes());
        Ok(BASE64URL_NOPAD.encode(&nonce))
    }

    /// Whether `device` signed this relay's fresh nonce; a nonce counts once. Returns the account
    /// that a certificate proves.
    ///
    /// # Errors
    /// [`Unproven`].
    pub(crate) fn prove(
        &self,
        device: &DeviceId,
        certificates: &[String],
        (nonce, signature): (&str, &str),
        now_ms: u64,
    ) -> Result<Option<AccountId>, Unproven> {
        let random = self.fresh(nonce, now_ms)?;
        let signature = BASE64
            .decode(signature.as_bytes())
            .ok()
            .and_then(|bytes| Signature::from_slice(&bytes).ok())
            .ok_or(Unproven::Signature)?;
        let key = VerifyingKey::from_bytes(device.as_bytes()).map_err(|_| Unproven::Signature)?;
        let message = [LABEL, nonce.as_bytes()].concat();
        key.verify_strict(&message, &signature).map_err(|_| Unproven::Signature)?;
        let account = account(device, certificates)?;
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() >= USED {
            used.retain(|_, until_ms| *until_ms > now_ms);
            if used.len() >= USED {
                return Err(Unproven::Busy);
            }
        }
        match used.insert(random, now_ms.saturating_add(CHALLENGE_MS)) {
            None => Ok(account),
            Some(_) => Err(Unproven::Used),
        }
    }

    /// The random part of a nonce that this relay made a short time ago.
    fn fresh(&self, nonce: &str, now_ms: u64) -> Result<[u8; 16], Unproven> {
        let bytes = BASE64URL_NOPAD.decode(nonce.as_bytes()).map_err(|_| Unproven::Nonce)?;
        let (signed, mac) = bytes.split_at_checked(24).ok_or(Unproven::Nonce)?;
        let made = blake3::keyed_hash(&self.challenge, signed);
        // Compared in constant time.
        if !blake3::Hash::from_slice(mac).is_ok_and(|mac| mac == made) {
            return Err(Unproven::Nonce);
        }
        let (random, at) = signed.split_first_chunk::<16>().ok_or(Unproven::Nonce)?;
        let at_ms = at.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        // A clock that was stepped back makes no nonce live longer.
        if now_ms.abs_diff(at_ms) < CHALLENGE_MS { Ok(*random) } else { Err(Unproven::Nonce) }
    }

    /// The token of a session.
    pub(crate) fn token(&self, caller: &Caller, identity: &Identity) -> String {
        let mut bytes = vec![u8::from(caller.device.is_some())];
        bytes.extend_from_slice(&caller.session);
        bytes.extend_from_slice(&caller.expires_ms.to_be_bytes());
        bytes.extend_from_slice(&caller.device.unwrap_or_default());
        bytes.extend_from_slice(identity);
        bytes.extend_from_slice(blake3::keyed_hash(&self.session, &bytes).as_bytes());
        BASE64URL_NOPAD.encode(&bytes)
    }

    /// Whose a token is, if this relay made it and it has not run out.
    pub(crate) fn caller(&self, token: &str, now_ms: u64) -> Option<(Caller, Identity)> {
        let bytes = BASE64URL_NOPAD.decode(token.as_bytes()).ok()?;
        let (signed, mac) = bytes.split_at_checked(89)?;
        let made = blake3::keyed_hash(&self.session, signed);
        if !blake3::Hash::from_slice(mac).is_ok_and(|mac| mac == made) {
            return None;
        }
        let (kind, rest) = signed.split_first()?;
        let (session, rest) = rest.split_first_chunk::<16>()?;
        let (expires, rest) = rest.split_first_chunk::<8>()?;
        let (device, identity) = rest.split_first_chunk::<32>()?;
        let expires_ms = u64::from_be_bytes(*expires);
        let caller =
            Caller { session: *session, expires_ms, device: (*kind == 1).then_some(*device) };
        (expires_ms > now_ms).then_some((caller, identity.try_into().ok()?))
    }
}

fn account(device: &DeviceId, certificates: &[String]) -> Result<Option<AccountId>, Unproven> {
    if certificates.len() > CERTIFICATES {
        return Err(Unproven::Certificate);
    }
    let mut account = None;
    for text in certificates {
        let certificate = BASE64
            .decode(text.as_bytes())
            .ok()
            .and_then(|bytes| codec::decode::<Signed>(&bytes).ok())
            .and_then(|signed| Certificate::open(&signed).ok())
            .filter(|certificate| certificate.device == *device)
            .ok_or(Unproven::Certificate)?;
        account = Some(certificate.account);
    }
    Ok(account)
}

/// What is kept of a secret that others present.
pub(crate) fn hash(secret: &str) -> Hash {
    *blake3::hash(secret.as_bytes()).as_bytes()
}

/// A new secret to hand out once.
///
/// # Errors
/// When the system gives no randomness.
pub(crate) fn new_secret(prefix: &str) -> Result<String, getrandom::Error> {
    let mut random = [0; 32];
    getrandom::fill(&mut random)?;
    Ok(format!("{prefix}{}", BASE64URL_NOPAD.encode(&random)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use anser_proto::Keypair;
    use ed25519_dalek::{Signer, SigningKey};

    const NOW_MS: u64 = 1_000_000_000;

    fn sign(key: &SigningKey, label: &[u8], nonce: &str) -> String {
        BASE64.encode(&key.sign(&[label, nonce.as_bytes()].concat()).to_bytes())
    }

    #[test]
    fn a_fresh_nonce_signed_by_the_device_counts_once() {
        let keys = Keys::new(&[1; 32]);
        let key = SigningKey::from_bytes(&[2; 32]);
        let device = DeviceId(key.verifying_key().to_bytes());
        let nonce = keys.challenge(NOW_MS).unwrap();
        let good = sign(&key, LABEL, &nonce);
        let prove = |nonce: &str, signature: &str, now_ms| {
            keys.prove(&device, &[], (nonce, signature), now_ms)
        };
        assert_eq!(prove(&nonce, &sign(&key, b"", &nonce), NOW_MS), Err(Unproven::Signature));
        assert_eq!(prove(&nonce, "AAAA", NOW_MS), Err(Unproven::Signature));
        assert_eq!(prove(&nonce, &good, NOW_MS + CHALLENGE_MS), Err(Unproven::Nonce));
        assert_eq!(prove("", &good, NOW_MS), Err(Unproven::Nonce));
        let foreign = Keys::new(&[3; 32]).challenge(NOW_MS).unwrap();
        let signed = sign(&key, LABEL, &foreign);
        assert_eq!(prove(&foreign, &signed, NOW_MS), Err(Unproven::Nonce));
        assert_eq!(prove(&nonce, &good, NOW_MS + 10), Ok(None));
        assert_eq!(prove(&nonce, &good, NOW_MS + 11), Err(Unproven::Used));
    }

    #[test]
    fn a_certificate_names_the_account() {
        let keys = Keys::new(&[1; 32]);
        let key = SigningKey::from_bytes(&[2; 32]);
        let device = DeviceId(key.verifying_key().to_bytes());
        let person = Keypair::from_secret(&[5; 32]);
        let certificate = |device| {
            let account = AccountId(person.public());
            let label = "laptop".into();
            let made = Certificate { account, device, sealing: None, label, created_ms: 1 };
            BASE64.encode(&codec::encode(&made.sign(&person)))
        };
        let prove = |certificate: String| {
            let nonce = keys.challenge(NOW_MS).unwrap();
            let signature = sign(&key, LABEL, &nonce);
            keys.prove(&device, &[certificate], (&nonce, &signature), NOW_MS)
        };
        assert_eq!(prove(certificate(device)), Ok(Some(AccountId(person.public()))));
        assert_eq!(prove(certificate(DeviceId([9; 32]))), Err(Unproven::Certificate));
        assert_eq!(prove("AAAA".into()), Err(Unproven::Certificate));
    }

    #[test]
    fn a_token_says_whose_it_is_until_it_runs_out() {
        let keys = Keys::new(&[1; 32]);
        let caller = Caller { session: [4; 16], expires_ms: NOW_MS + 5, device: Some([6; 32]) };
        let token = keys.token(&caller, &[7; 32]);
        assert_eq!(keys.caller(&token, NOW_MS), Some((caller, [7; 32])));
        assert_eq!(keys.caller(&token, NOW_MS + 5), None);
        assert_eq!(Keys::new(&[2; 32]).caller(&token, NOW_MS), None);
        // Another kind under the same hash is none.
        let mut bytes = BASE64URL_NOPAD.decode(token.as_bytes()).unwrap();
        for place in [0, 1, 20, 30, 60, 100] {
            bytes[place] ^= 1;
            assert_eq!(keys.caller(&BASE64URL_NOPAD.encode(&bytes), NOW_MS), None, "{place}");
            bytes[place] ^= 1;
        }
        let nobody = Caller { device: None, ..caller };
        assert_eq!(keys.caller(&keys.token(&nobody, &[0; 32]), NOW_MS).unwrap().0, nobody);
    }
}
