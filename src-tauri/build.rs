//! Embeds the app's pages, icons and permissions; says what to do when the pages were not built.
//!
//! Without this look the missing folder shows as an error inside a macro's expansion.

use std::path::Path;
use std::process::ExitCode;

/// Relative to this package, as in tauri.conf.json.
const PAGES: &str = "../ui/dist";

/// What the page may be allowed to ask; the permission of each is named after it.
const COMMANDS: &[&str] =
    &["rpc", "set_unread", "set_active", "open_external", "opening", "app_quit", "painted"];

fn main() -> ExitCode {
    println!("cargo:rerun-if-changed={PAGES}");
    if !Path::new(PAGES).join("index.html").is_file() {
        eprintln!(
            "error: the app's pages are not built: there is no ui/dist/index.html.\n\
             Run `npm ci && npm run build` in ui, then build again."
        );
        return ExitCode::FAILURE;
    }
    let manifest = tauri_build::AppManifest::new().commands(COMMANDS);
    match tauri_build::try_build(tauri_build::Attributes::new().app_manifest(manifest)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
