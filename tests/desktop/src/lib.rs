//! What the desktop tests need from this machine, and a clear sentence where it is missing.
//!
//! The tests themselves are in tests/it: the real program on a display of its own.

use std::path::{Path, PathBuf};

/// The path of a system program.
///
/// # Errors
/// A sentence that names the Debian package to install.
pub fn tool(name: &str, package: &str) -> Result<PathBuf, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
        .ok_or_else(|| {
            format!(
                "{name} is missing; the desktop tests need it. Install it: \
                 apt-get install {package}, or run scripts/setup.sh test."
            )
        })
}

/// A program of this workspace, built in the same profile as this test.
///
/// # Errors
/// A sentence that says how to build it.
pub fn program(name: &str, package: &str) -> Result<PathBuf, String> {
    let test = std::env::current_exe().map_err(|error| error.to_string())?;
    let built = test.ancestors().find(|path| path.ends_with("deps")).and_then(Path::parent);
    built.map(|folder| folder.join(name)).filter(|file| file.is_file()).ok_or_else(|| {
        format!("The program {name} is not built; build it first: cargo build --package {package}")
    })
}
