//! Writes what other languages need to know of the API: TypeScript types for the app and an
//! OpenRPC document for everybody else.
//!
//! What is written is committed, so that neither the app's build nor a reader needs Rust; `--check`
//! is how the tests notice that it went stale.

use std::fs;
use std::path::Path;

use anser_api::schema;
use anyhow::{Context, bail};

use crate::workspace::Workspace;

/// Writes the bindings, or with `check` only compares them with what is there.
///
/// # Errors
/// When a file cannot be written, or with `check` when one is stale.
pub fn run(workspace: &Workspace, check: bool) -> anyhow::Result<()> {
    let mut stale = Vec::new();
    for (path, content) in bindings()? {
        if check {
            if fs::read_to_string(workspace.path(path)).ok().as_deref() != Some(&content) {
                stale.push(path);
            }
        } else {
            write(&workspace.path(path), &content)?;
            println!("wrote {path}");
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    bail!("stale: {}; run `make bindings` and commit the result", stale.join(", "))
}

fn bindings() -> anyhow::Result<[(&'static str, String); 2]> {
    let mut document = serde_json::to_string_pretty(&schema::openrpc())?;
    document.push('\n');
    Ok([
        ("ui/src/lib/api/generated/types.ts", schema::typescript()),
        ("docs/api/openrpc.json", document),
    ])
}

fn write(path: &Path, content: &str) -> anyhow::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)
            .with_context(|| format!("creating {}", directory.display()))?;
    }
    fs::write(path, content).with_context(|| format!("writing {}", path.display()))
}
