//! What files between devices are made of, without any file: the tree that proves a part by itself
//! ([`tree`]), the state of one fetch from several devices ([`Download`]), and what becomes of a
//! stranger's file name ([`name`]).
//!
//! It owns no bytes of a file for longer than a call. What must always hold: no byte counts as
//! received that the file's id does not vouch for; everything is bounded; time comes in with each
//! call, and the same calls give the same answers. It knows neither who may have a file nor where
//! it rests.
//!
//! # Dependencies beside the workspace's
//! `blake3`'s `hazmat` module gives the chaining values of parts of a tree.

mod download;
pub mod media;
pub mod name;
mod parts;
pub mod tree;

pub use download::{Download, Received};
pub use parts::Parts;
pub use tree::{Tree, TreeBuilder};
