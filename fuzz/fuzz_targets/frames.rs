//! See `entry::frames`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| anser_fuzz::entry::frames(bytes));
