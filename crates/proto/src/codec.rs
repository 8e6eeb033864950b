//! The wire codec: CBOR (RFC 8949) by minicbor, the only place that names it to the outside.
//!
//! Structures are maps with integer keys, so that old versions skip what they do not know.

use minicbor::{Decode, Encode};

/// Bytes that are not what they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not well-formed, or a field of the wrong type or missing.
    #[error("malformed: {0}")]
    Malformed(String),
    /// Bytes after the end of the value.
    #[error("{0} bytes after the end")]
    Trailing(usize),
    /// Well-formed, but outside a limit of the protocol.
    #[error("over the limit: {0}")]
    Limit(&'static str),
}

/// The encoded form of a value.
pub fn encode<T: Encode<()>>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    // Writing to a Vec cannot fail, and our own Encode implementations raise no errors.
    let _ = minicbor::encode(value, &mut bytes);
    bytes
}

/// The value in `bytes`, all of them.
///
/// # Errors
/// [`DecodeError`] when they are malformed or more than one value.
pub fn decode<'b, T: Decode<'b, ()>>(bytes: &'b [u8]) -> Result<T, DecodeError> {
    let mut decoder = minicbor::Decoder::new(bytes);
    let value: T = decoder.decode().map_err(|e| DecodeError::Malformed(e.to_string()))?;
    match bytes.len().saturating_sub(decoder.position()) {
        0 => Ok(value),
        more => Err(DecodeError::Trailing(more)),
    }
}

/// `Ok` when `holds`, else the limit that was broken.
pub(crate) fn within(holds: bool, limit: &'static str) -> Result<(), DecodeError> {
    if holds { Ok(()) } else { Err(DecodeError::Limit(limit)) }
}
