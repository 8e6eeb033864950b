//! Where the program under test is.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The program `anser`: what `ANSER_BIN` names, else what this checkout builds in the same profile
/// as the test that asks.
pub fn anser() -> &'static Path {
    static ANSER: OnceLock<PathBuf> = OnceLock::new();
    ANSER.get_or_init(|| match std::env::var_os("ANSER_BIN") {
        Some(path) => PathBuf::from(path),
        None => build(),
    })
}

fn build() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    // target/PROFILE/deps/test
    let folder = test.ancestors().nth(2).expect("tests lie in target/PROFILE/deps").to_owned();
    let profile = folder.file_name().and_then(|name| name.to_str()).unwrap_or("debug");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--package", "anser-cli"]);
    if profile != "debug" {
        cargo.args(["--profile", profile]);
    }
    let built = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status().expect("cargo runs");
    assert!(built.success(), "the program under test does not build");
    folder.join(format!("anser{}", std::env::consts::EXE_SUFFIX))
}
