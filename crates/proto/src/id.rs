//! Ids: 32 bytes each, shown as RFC 4648 base32 in lower case without padding (52 characters).

use std::fmt;
use std::str::FromStr;

use data_encoding::{Encoding, Specification};
use minicbor::bytes::ByteArray;

use std::sync::LazyLock;

static BASE32: LazyLock<Encoding> = LazyLock::new(|| {
    let mut specification = Specification::new();
    specification.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
    specification.encoding().unwrap_or(data_encoding::BASE32_NOPAD)
});

/// A text that is no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id is 52 characters of a-z and 2-7")]
pub struct IdError;

/// Bytes in the text form that ids and codes use.
pub fn to_base32(bytes: &[u8]) -> String {
    BASE32.encode(bytes)
}

/// The bytes behind a text made by [`to_base32`].
///
/// # Errors
/// [`IdError`] when a character is outside the alphabet or the length is impossible.
pub fn from_base32(text: &str) -> Result<Vec<u8>, IdError> {
    BASE32.decode(text.as_bytes()).map_err(|_| IdError)
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// The 32 bytes.
            pub fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// An id from its 32 bytes.
            pub fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&to_base32(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let text = to_base32(&self.0);
                write!(f, concat!(stringify!($name), "({})"), text.get(..8).unwrap_or_default())
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let bytes = from_base32(text)?;
                Ok(Self(bytes.try_into().map_err(|_| IdError)?))
            }
        }

        impl<C> minicbor::Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                e: &mut minicbor::Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                e.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> minicbor::Decode<'b, C> for $name {
            fn decode(
                d: &mut minicbor::Decoder<'b>,
                ctx: &mut C,
            ) -> Result<Self, minicbor::decode::Error> {
                let bytes: ByteArray<32> = minicbor::Decode::decode(d, ctx)?;
                Ok(Self(*bytes))
            }
        }
    };
}

id! {
    /// A file: the root of the BLAKE3 tree of its content, which is its BLAKE3 hash.
    FileId
}

id! {
    /// A picture of a person or group: BLAKE3 of its bytes.
    PictureId
}

id! {
    /// A device: its Ed25519 public key, which is also its libp2p identity.
    DeviceId
}
id! {
    /// An account (a person): the Ed25519 public key that signs its devices' certificates.
    AccountId
}
id! {
    /// A conversation: derived from both accounts (direct) or the hash of its genesis (group).
    ConversationId
}
id! {
    /// An event: BLAKE3 of its signed header.
    EventId
}

impl ConversationId {
    /// The direct conversation of two accounts; the same whichever is named first. With the same
    /// account twice it is that person's notes to self.
    pub fn direct(a: &AccountId, b: &AccountId) -> Self {
        let (low, high) = if a <= b { (a, b) } else { (b, a) };
        let mut hash = blake3::Hasher::new_derive_key("anser 2026 direct conversation v1");
        hash.update(&low.0).update(&high.0);
        Self(*hash.finalize().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_round_trips_and_refuses_other_texts() {
        let id = DeviceId([7; 32]);
        let text = id.to_string();
        assert_eq!(text.len(), 52);
        assert_eq!(text.parse(), Ok(id));
        for bad in ["", "abc", &text.to_uppercase(), &text[1..], &format!("{text}a"), "ü"] {
            assert_eq!(bad.parse::<DeviceId>(), Err(IdError), "{bad}");
        }
    }

    #[test]
    fn direct_conversation_is_the_same_from_both_ends() {
        let (a, b) = (AccountId([1; 32]), AccountId([2; 32]));
        assert_eq!(ConversationId::direct(&a, &b), ConversationId::direct(&b, &a));
        assert_ne!(ConversationId::direct(&a, &b), ConversationId::direct(&a, &a));
    }
}
