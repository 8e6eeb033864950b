//! Lines to the terminal. A reader that went away is no reason to fail, and none to panic.

use std::io::{self, Write};

/// A line on standard output.
///
/// # Errors
/// When nobody reads it any more, or the disk behind it is full.
pub(crate) fn line(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.write_all(b"\n")?;
    out.flush()
}

/// A line on standard error; lost when nobody reads it.
pub(crate) fn error_line(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
