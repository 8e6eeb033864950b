//! The keyed hash that stands for an id inside a key.

/// BLAKE3 keyed by `tag_key` over the domain, its length in front, and the bytes; the first 16 bytes of it.
///
/// The length keeps (`"ab"`, `"c"`) and (`"a"`, `"bc"`) apart. Sixteen bytes: two of 2^40 ids collide with a
/// probability of about 2^-49.
pub(crate) fn tag(tag_key: &[u8; 32], domain: &str, bytes: &[u8]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new_keyed(tag_key);
    let domain_length = u64::try_from(domain.len()).unwrap_or(u64::MAX);
    hasher.update(&domain_length.to_le_bytes());
    hasher.update(domain.as_bytes());
    hasher.update(bytes);
    let mut out = [0; 16];
    hasher.finalize_xof().fill(&mut out);
    out
}
