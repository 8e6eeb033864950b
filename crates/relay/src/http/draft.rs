//! What is published: its type, its body, how long it lives; the same rules for every way in.

use serde_json::Value;

use crate::problem::Problem;
use crate::storage::{Body, Draft, Hash};

/// Words of the relay's own, which no event may pretend to be.
const RESERVED: [&str; 4] = ["hello", "slow", "overload", "bye"];
const KIND_BYTES: usize = 64;
/// Longest time to live, in milliseconds: as long as a topic is remembered.
const TTL_MS: u64 = 14 * 86_400_000;
const ONCE_BYTES: usize = 128;

/// Checks an event's type. Without one it is a `message`, as in an event stream.
///
/// # Errors
/// When it could not stand in every transport, or is a word of the relay's own.
pub(crate) fn kind(text: Option<&str>) -> Result<&str, Problem> {
    let kind = text.unwrap_or("message");
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    if kind.is_empty() || kind.len() > KIND_BYTES || !kind.bytes().all(fits) {
        return Err(Problem::bad("an event's type is 1 to 64 letters, digits and -._"));
    }
    if RESERVED.contains(&kind) {
        return Err(Problem::bad("hello, slow, overload and bye are the relay's own types"));
    }
    Ok(kind)
}

/// JSON as one line.
///
/// # Errors
/// When it is none, too deep, or larger than an event may be.
pub(crate) fn json(bytes: &[u8], most_bytes: usize) -> Result<Body, Problem> {
    if bytes.len() > most_bytes {
        return Err(Problem::too_large(most_bytes));
    }
    // Looked at as a value, so that what is stored can be read by everybody; kept as it was written.
    let checked: Result<Value, _> = serde_json::from_slice(bytes);
    let text = match (checked, std::str::from_utf8(bytes)) {
        (Ok(_), Ok(text)) => text.trim(),
        (Err(error), _) => return Err(Problem::bad(format!("the body is no JSON: {error}"))),
        (_, Err(_)) => return Err(Problem::bad("the body is no UTF-8")),
    };
    // Line ends are never inside a string, so a space says the same and keeps it one line.
    Ok(Body::Json(text.replace(['\n', '\r'], " ").into()))
}

/// An event from its parts.
///
/// # Errors
/// When the type or the time to live is none.
pub(crate) fn draft(
    kind_text: Option<&str>,
    body: Body,
    ttl_ms: u64,
    once: Option<Hash>,
) -> Result<Draft, Problem> {
    if ttl_ms > TTL_MS {
        return Err(Problem::bad("the time to live is at most 14 days"));
    }
    Ok(Draft { kind: kind(kind_text)?.into(), body, ttl_ms, once })
}

/// What a repeated request is known by: who, and their key.
///
/// # Errors
/// When the key is too long.
pub(crate) fn once(who: &[u8], what: &[u8], key: &str) -> Result<Hash, Problem> {
    if key.is_empty() || key.len() > ONCE_BYTES {
        return Err(Problem::bad("a key of a repeated request is 1 to 128 bytes"));
    }
    let mut hash = blake3::Hasher::new_derive_key("anser relay 2026 repeated request v1");
    for part in [who, what, key.as_bytes()] {
        hash.update(&(part.len() as u64).to_be_bytes()).update(part);
    }
    Ok(*hash.finalize().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_fit_every_transport() {
        assert_eq!(kind(None), Ok("message"));
        assert_eq!(kind(Some("price.changed")), Ok("price.changed"));
        for bad in ["", "a b", "a\nb", "ü", "hello", "slow", &"x".repeat(65)] {
            assert!(kind(Some(bad)).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn json_becomes_one_line_and_stays_what_it_was() {
        let text = "{\n  \"a\": 12345678901234567890123,\r\n \"b\": \"x\\ny\"\n}\n";
        let Body::Json(line) = json(text.as_bytes(), 99).unwrap() else { panic!("bytes") };
        assert!(!line.contains(['\n', '\r']));
        assert!(line.contains("12345678901234567890123") && line.contains("x\\ny"));
        for bad in ["", "{", "{} {}", "\u{1}"] {
            assert!(json(bad.as_bytes(), 99).is_err(), "{bad:?}");
        }
        assert!(json(&[b'"', 255, b'"'], 99).is_err());
        assert!(json("[".repeat(500).as_bytes(), 999).is_err());
        assert_eq!(json(b"\"abc\"", 4).unwrap_err().code, "too_large");
    }

    #[test]
    fn a_key_is_somebodys_for_something() {
        let hash = |who: &str, what: &str, key| once(who.as_bytes(), what.as_bytes(), key).unwrap();
        assert_eq!(hash("a", "b", "c"), hash("a", "b", "c"));
        assert_ne!(hash("ab", "", "c"), hash("a", "b", "c"));
        assert_ne!(hash("a", "b", "c"), hash("a", "c", "c"));
        assert!(once(b"a", b"b", "").is_err());
    }
}
