//! Every bound of the protocol in one place; both ends enforce them.
//!
//! They are part of the protocol: raising one is a change that old versions refuse.

/// Longest text of one message, in bytes of UTF-8.
pub const TEXT_BYTES: usize = 64 * 1024;
/// Longest event: signed header and body together, in bytes.
pub const EVENT_BYTES: usize = 96 * 1024;
/// Longest frame on a connection, in bytes.
pub const FRAME_BYTES: usize = 1024 * 1024;
/// Events travel in pages of about this size, so that one page never fills a frame, in bytes.
pub const PAGE_BYTES: usize = 256 * 1024;
/// Most events in one frame.
pub const PAGE_EVENTS: usize = 1_024;
/// Most members of a conversation.
pub const MEMBERS: usize = 1_000;
/// Most devices of one account.
pub const DEVICES: usize = 16;
/// Most conversations of one account.
pub const CONVERSATIONS: usize = 4_096;
/// Most entries of a version vector: every device of every member.
pub const VECTOR_ENTRIES: usize = MEMBERS * DEVICES;
/// Most entries in the `seen` list of one event (devices that wrote membership events).
pub const SEEN_ENTRIES: usize = 512;
/// Most devices a receipt speaks of; the most recently changed ones are kept.
pub const RECEIPT_ENTRIES: usize = 64;
/// Most receipts in one frame.
pub const RECEIPTS: usize = 512;
/// Longest name of a person, a device or a conversation, in bytes of UTF-8.
pub const NAME_BYTES: usize = 256;
/// Longest status line of a person, in bytes of UTF-8.
pub const STATUS_BYTES: usize = 512;
/// Longest reaction (one emoji with its modifiers), in bytes of UTF-8.
pub const EMOJI_BYTES: usize = 64;
/// Longest network address, in bytes.
pub const ADDRESS_BYTES: usize = 256;
/// Most addresses of one device.
pub const ADDRESSES: usize = 16;
/// Most devices in one address exchange.
pub const EXCHANGE_DEVICES: usize = 256;
/// Most conversations in one digest frame.
pub const DIGESTS: usize = CONVERSATIONS;
/// Longest profile card, in bytes.
pub const CARD_BYTES: usize = 64 * 1024;
/// Largest lamport time, so that adding to one never overflows.
pub const LAMPORT: u64 = 1 << 62;
/// How far a lamport time may run ahead of the highest one seen in its conversation.
pub const LAMPORT_LEAP: u64 = 1 << 32;
/// Most events taken from a conversation before its message request is accepted.
pub const REQUEST_EVENTS: u64 = 1;
/// Most fork proofs carried in one frame.
pub const FORKS: usize = 16;
/// Most files of one message.
pub const ATTACHMENTS: usize = 16;
/// Largest file, in bytes.
pub const FILE_BYTES: u64 = 64 << 30;
/// Longest file name, in bytes of UTF-8.
pub const FILE_NAME_BYTES: usize = 255;
/// Longest media type, in bytes.
pub const MEDIA_TYPE_BYTES: usize = 127;
/// Size of every part of a file but the last, in bytes: 64 BLAKE3 chunks.
pub const PART_BYTES: usize = 64 * 1024;
/// Most parts asked for in one frame.
pub const PARTS_WANTED: usize = 64;
/// Most steps from a part to the root of its file's tree: [`FILE_BYTES`] in parts is 2^20.
pub const PROOF_STEPS: usize = 20;
/// Largest picture of a person or group, in bytes.
pub const PICTURE_BYTES: usize = 64 * 1024;
/// Most records of each sort in one frame between devices of one account.
pub const OWN_RECORDS: usize = 1_024;
