//! The functions that are fuzzed; see `entry.rs`. The workspace's tests use the same ones.

pub mod entry;
