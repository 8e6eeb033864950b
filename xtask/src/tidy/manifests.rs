//! Rules about a package's manifest: the workspace's lints, version and licence apply to it.
//!
//! A package that forgets `[lints] workspace = true` compiles without a warning and without the
//! rules of the house, so forgetting has to be noticed.

use std::fs;

use anyhow::Context;
use cargo_metadata::Metadata;

use crate::workspace::Workspace;

/// What each manifest says, and where it belongs.
const INHERITED: [(&str, &str); 4] = [
    ("[lints]", "workspace = true"),
    ("[package]", "edition.workspace = true"),
    ("[package]", "license.workspace = true"),
    ("[package]", "rust-version.workspace = true"),
];

/// Violations in the manifests of all packages.
///
/// # Errors
/// When a manifest cannot be read.
pub fn check(workspace: &Workspace, metadata: &Metadata) -> anyhow::Result<Vec<String>> {
    let mut violations = Vec::new();
    for package in metadata.workspace_packages() {
        let path = package.manifest_path.as_std_path();
        let text =
            fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        let shown = path.strip_prefix(workspace.root()).unwrap_or(path);
        violations.extend(inherits(&shown.display().to_string(), &text));
    }
    Ok(violations)
}

fn inherits(path: &str, manifest: &str) -> Vec<String> {
    INHERITED
        .iter()
        .filter(|(section, line)| !section_has(manifest, section, line))
        .map(|(section, line)| format!("{path}: lacks `{line}` under {section}."))
        .collect()
}

fn section_has(manifest: &str, section: &str, wanted: &str) -> bool {
    manifest
        .lines()
        .map(str::trim)
        .skip_while(|line| *line != section)
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .any(|line| line == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPLETE: &str = "[package]\nname = \"a\"\nedition.workspace = true\n\
        license.workspace = true\nrust-version.workspace = true\n\n[lints]\nworkspace = true\n";

    #[test]
    fn a_complete_manifest_passes() {
        assert_eq!(inherits("a/Cargo.toml", COMPLETE), Vec::<String>::new());
    }

    #[test]
    fn each_missing_line_is_named() {
        for (section, line) in INHERITED {
            let manifest = COMPLETE.replacen(&format!("\n{line}"), "", 1);
            assert_ne!(manifest, COMPLETE);
            assert_eq!(
                inherits("a/Cargo.toml", &manifest),
                [format!("a/Cargo.toml: lacks `{line}` under {section}.")]
            );
        }
    }

    #[test]
    fn the_line_counts_only_in_its_section() {
        let manifest = COMPLETE.replace("[lints]", "[dependencies]");
        assert_eq!(inherits("a/Cargo.toml", &manifest).len(), 1);
    }
}
