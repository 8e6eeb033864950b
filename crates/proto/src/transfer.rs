//! What two devices say about files and pictures: asking for parts, giving them, not having them.
//!
//! A part is checked against the file's id by itself (`proof` is its way to the root of the tree),
//! so parts may come from several devices, in any order, and a wrong one is noticed at once. Who may
//! have a file is not decided here.

use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};

use crate::id::{FileId, PictureId};

/// Asks for parts of a file. Each is answered by a [`FilePart`], or all by one [`FileLack`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct FileWant {
    /// The file's id.
    #[n(0)]
    pub file: FileId,
    /// Numbers of parts of [`crate::limits::PART_BYTES`] each, from 0; at most
    /// [`crate::limits::PARTS_WANTED`].
    #[n(1)]
    pub parts: Vec<u64>,
}

/// One part of a file.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct FilePart {
    /// The file's id.
    #[n(0)]
    pub file: FileId,
    /// The part's number.
    #[n(1)]
    pub part: u64,
    /// Its bytes; all parts but the last are full.
    #[n(2)]
    pub data: ByteVec,
    /// The chaining values beside its way to the root, from the leaves up; at most
    /// [`crate::limits::PROOF_STEPS`].
    #[n(3)]
    pub proof: Vec<ByteArray<32>>,
}

/// The sender does not have this file whole, or not for the one who asked.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct FileLack {
    /// The file's id.
    #[n(0)]
    pub file: FileId,
}

/// Asks for a picture that a card or a group names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PictureWant {
    /// BLAKE3 of its bytes.
    #[n(0)]
    pub picture: PictureId,
}

/// A picture; its id follows from its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Picture {
    /// At most [`crate::limits::PICTURE_BYTES`].
    #[n(0)]
    pub bytes: ByteVec,
}
